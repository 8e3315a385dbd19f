-- An intent that nobody has answered.
WITH mark AS (
    FROM intent_mark
), answered AS (
    SELECT DISTINCT m.n AS mark, j.deal, j.n, j.k
    FROM mark m JOIN judged j ON j.deal = m.deal AND j.n >= m.n
    JOIN contact c ON c.deal = m.deal AND c.from_n <= j.n AND (c.to_n IS NULL OR c.to_n > j.n)
     AND c.instant >= m.at_us AND c.instant <= j.dated
), judgements AS (
    SELECT m.n AS subject, j.deal, j.n, j.k, j.dated,
           CASE WHEN j.is_open AND answered.mark IS NULL THEN m.n END AS anchor
    FROM mark m JOIN judged j ON j.deal = m.deal AND j.n >= m.n
    LEFT JOIN answered ON answered.mark = m.n AND answered.deal = j.deal AND answered.n = j.n AND answered.k = j.k
)
FROM episodes('judgements')
