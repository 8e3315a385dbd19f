-- The seller has tried twice since the buyer last took part (else at all), which is too long ago, and nothing is planned.
WITH heard AS (
    SELECT p.deal, p.n, p.k, max(c.instant) AS last
    FROM pulse p LEFT JOIN talk c
      ON c.deal = p.deal AND c.from_n <= p.n AND (c.to_n IS NULL OR c.to_n > p.n) AND c.instant <= p.dated AND c.way IN ('in', 'both')
    GROUP BY p.deal, p.n, p.k
), tried AS (
    SELECT h.deal, h.n, h.k, count(*) AS times
    FROM heard h JOIN pulse p USING (deal, n, k) JOIN talk c
      ON c.deal = p.deal AND c.from_n <= p.n AND (c.to_n IS NULL OR c.to_n > p.n) AND c.instant <= p.dated AND c.way = 'out'
     AND (h.last IS NULL OR c.instant > h.last)
    GROUP BY h.deal, h.n, h.k
), planned AS (
    SELECT DISTINCT p.deal, p.n, p.k
    FROM pulse p JOIN ahead a ON a.deal = p.deal AND a.from_n <= p.n AND (a.to_n IS NULL OR a.to_n > p.n)
     AND a.instant > p.dated AND a.instant - getvariable('silent_plan') <= p.dated
), judgements AS (
    SELECT p.deal AS subject, p.deal, p.n, p.k, p.dated,
           CASE WHEN p.is_open AND planned.deal IS NULL AND times >= getvariable('silent_tries')
                 AND beyond(p.dated, p.after, coalesce(last, created) + silent) THEN coalesce(last, created) END AS anchor
    FROM pulse p JOIN heard USING (deal, n, k) LEFT JOIN tried USING (deal, n, k) LEFT JOIN planned USING (deal, n, k)
)
FROM episodes('judgements')
