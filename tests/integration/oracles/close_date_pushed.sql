-- An alarm runs until its last push is old; the deal must be open to be alarmed about.
WITH numbered AS (
    SELECT *, sum(begins::INT) OVER (PARTITION BY deal ORDER BY n) AS alarm_no FROM alarm
), running AS (
    SELECT deal, min(n) AS n, min(at_us) AS starts, max(at_us) + getvariable('push_life') AS ends FROM numbered
    GROUP BY deal, alarm_no
), seen AS (
    -- each alarm against each state of the deal, from the push that began it
    SELECT r.deal, r.n AS alarm_n, r.ends, s.n, s.at_us, s.next_us, s.is_open
    FROM running r JOIN state s ON s.deal = r.deal AND s.n >= r.n
), judgements AS (
    SELECT deal || alarm_n AS subject, deal, n, 0 AS k, at_us AS dated,
           CASE WHEN is_open AND at_us <= ends THEN 'pushed' END AS anchor
    FROM seen
    UNION ALL
    SELECT deal || alarm_n, deal, n, 1, ends, NULL FROM seen WHERE at_us <= ends AND ends < next_us
)
FROM episodes('judgements')
