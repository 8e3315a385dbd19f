-- Further on, though no buyer took part in anything since the step before; until one does.
WITH step AS (
    SELECT *, last_us + getvariable('grace') AS due FROM advance WHERE place + 1 >= getvariable('parked_from')
), moments AS (
    SELECT deal, n, at_us, next_us, is_open FROM situated
), turn AS (
    SELECT m.deal, m.n, t.instant
    FROM moments m, LATERAL (
        SELECT s.due AS instant FROM step s WHERE s.deal = m.deal
        UNION SELECT i.instant FROM inbound i WHERE i.deal = m.deal AND i.from_n <= m.n AND (i.to_n IS NULL OR i.to_n > m.n)
    ) t
    WHERE m.at_us <= t.instant AND t.instant < m.next_us
), asked AS (
    SELECT deal, n, 0 AS k, at_us AS dated, FALSE AS after, is_open FROM moments
    UNION ALL
    SELECT deal, n, row_number() OVER (PARTITION BY deal, n ORDER BY instant), instant, TRUE, is_open
    FROM turn JOIN moments USING (deal, n)
), judgements AS (
    SELECT a.deal AS subject, a.deal, a.n, a.k, a.dated,
           min(s.n) FILTER (
               a.is_open AND s.n <= a.n AND (s.due < a.dated OR (a.after AND s.due = a.dated))
               AND NOT EXISTS (
                   FROM inbound i WHERE i.deal = a.deal AND i.from_n <= a.n AND (i.to_n IS NULL OR i.to_n > a.n)
                    AND i.instant > s.since_us AND i.instant <= a.dated
               )
           ) AS anchor
    FROM asked a LEFT JOIN step s ON s.deal = a.deal GROUP BY ALL
)
FROM episodes('judgements')
