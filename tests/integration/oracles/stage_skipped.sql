-- Past a required stage that the deal was never in, by the first step past it; until it is entered, at most for its life.
WITH jump AS (
    SELECT e.deal, e.n, e.at_us, s.name AS missed, s.place
    FROM entry e JOIN stage s ON e.left_place < s.place AND s.place < e.place
    WHERE e.is_open AND e.left_open AND s.outcome = 'open' AND s.required
), first_jump AS (
    SELECT deal, missed, min(n) AS n, arg_min(at_us, n) AS at_us FROM jump GROUP BY deal, missed
), filled AS (
    SELECT f.*, (SELECT min(e.n) FROM entry e WHERE e.deal = f.deal AND e.stage = f.missed) AS fill_n FROM first_jump f
), asked AS (
    SELECT j.n AS jump, j.at_us + getvariable('skip_life') AS ends, s.deal, s.n, s.at_us, s.next_us, s.is_open,
           bool_or(j.fill_n IS NULL OR (j.fill_n > j.n AND j.fill_n > s.n)) AS missed
    FROM filled j JOIN state s ON s.deal = j.deal AND s.n >= j.n GROUP BY ALL
), judgements AS (
    SELECT jump AS subject, deal, n, 0 AS k, at_us AS dated,
           CASE WHEN is_open AND missed AND at_us <= ends THEN jump END AS anchor
    FROM asked
    UNION ALL
    SELECT jump, deal, n, 1, ends, NULL FROM asked WHERE at_us <= ends AND ends < next_us
)
FROM episodes('judgements')
