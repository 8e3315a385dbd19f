-- Nobody spoke for longer than the stage allows, and nobody is going to within the next days.
WITH spoken AS (
    SELECT j.deal, j.n, j.k, coalesce(max(c.instant), any_value(j.created)) AS start
    FROM judged j LEFT JOIN contact c
      ON c.deal = j.deal AND c.from_n <= j.n AND (c.to_n IS NULL OR c.to_n > j.n) AND c.instant <= j.dated
    GROUP BY j.deal, j.n, j.k
), planned AS (
    SELECT DISTINCT j.deal, j.n, j.k
    FROM judged j JOIN plan p
      ON p.deal = j.deal AND p.from_n <= j.n AND (p.to_n IS NULL OR p.to_n > j.n)
     AND p.instant > j.dated AND p.instant - getvariable('plan') <= j.dated
), judgements AS (
    SELECT j.deal AS subject, j.deal, j.n, j.k, j.dated,
           CASE WHEN j.is_open AND planned.deal IS NULL
                 AND (j.dated > start + j.silence OR (j.after AND j.dated = start + j.silence)) THEN start END AS anchor
    FROM judged j JOIN spoken USING (deal, n, k) LEFT JOIN planned USING (deal, n, k)
)
FROM episodes('judgements')
