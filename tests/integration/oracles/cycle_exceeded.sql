-- Open for longer than the corridor of the segment that the deal is in, by its amount at that time.
WITH cornered AS (
    SELECT *, created + (SELECT corridor FROM segment WHERE coalesce(amount, 0) >= least ORDER BY least DESC LIMIT 1) AS due
    FROM state
), judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated, CASE WHEN is_open AND at_us > due THEN 'over' END AS anchor
    FROM cornered
    UNION ALL
    SELECT deal, deal, n, 1, due, CASE WHEN is_open THEN 'over' END FROM cornered WHERE at_us <= due AND due < next_us
)
FROM episodes('judgements')
