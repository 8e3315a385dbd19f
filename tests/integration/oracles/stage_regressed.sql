-- In an open stage before the furthest open one that the deal was ever in.
WITH judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated,
           CASE WHEN is_open AND place < max(place) FILTER (is_open)
                OVER (PARTITION BY deal ORDER BY n) THEN 'back' END AS anchor
    FROM state
)
FROM episodes('judgements')
