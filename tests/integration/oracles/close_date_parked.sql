-- More days ahead than the limit, and than one and a half corridors of the segment; until the day in New York on which it no
-- longer is.
WITH cornered AS (
    SELECT state.*, close, greatest(getvariable('parked'), floor(1.5 * (
        SELECT corridor FROM segment WHERE coalesce(amount, 0) >= least ORDER BY least DESC LIMIT 1
    ) / 86400000000))::INT AS days
    FROM state JOIN promise USING (deal, n)
), promised AS (
    SELECT cornered.*, day.start_us AS near FROM cornered LEFT JOIN day ON day.day = close - days
), judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated, CASE WHEN is_open AND at_us < near THEN 'far' END AS anchor
    FROM promised
    UNION ALL
    SELECT deal, deal, n, 1, near, NULL FROM promised WHERE at_us < near AND near < next_us
)
FROM episodes('judgements')
