-- Was an SQL once; now back before it, or a box that was ticked has been taken back by a later change and not ticked again.
WITH reached AS (
    SELECT deal, min(n) AS n FROM state WHERE is_sql GROUP BY deal
), compared AS (
    SELECT deal, n, field, value, lag(value) OVER (PARTITION BY deal, field ORDER BY n) AS before
    FROM said WHERE field LIKE '%\_Confirmed\_\_c' ESCAPE '\'
), taken AS (
    SELECT deal, field, n,
           (SELECT min(again.n) FROM said again
            WHERE again.deal = c.deal AND again.field = c.field AND again.n > c.n AND again.value = 'true') AS back_n
    FROM compared c WHERE before = 'true' AND coalesce(value, '') <> 'true'
), judgements AS (
    SELECT s.deal AS subject, s.deal, s.n, 0 AS k, s.at_us AS dated,
           CASE WHEN s.is_open AND s.n >= r.n AND (NOT s.is_sql OR EXISTS (
               FROM taken t
               WHERE t.deal = s.deal AND t.n > r.n AND t.n <= s.n AND (t.back_n IS NULL OR t.back_n > s.n)
           )) THEN 'inconsistent' END AS anchor
    FROM state s LEFT JOIN reached r USING (deal)
)
FROM episodes('judgements')
