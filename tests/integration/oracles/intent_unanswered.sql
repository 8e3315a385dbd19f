-- An intent that nobody has answered when the working hours for it are over.
WITH answered AS (
    SELECT DISTINCT m.n AS mark, p.deal, p.n, p.k
    FROM intent_mark m JOIN pulse p ON p.deal = m.deal AND p.n >= m.n
    JOIN talk c ON c.deal = m.deal AND c.from_n <= p.n AND (c.to_n IS NULL OR c.to_n > p.n)
     AND c.instant >= m.at_us AND c.instant <= p.dated
), judgements AS (
    SELECT m.n AS subject, p.deal, p.n, p.k, p.dated,
           CASE WHEN p.is_open AND answered.mark IS NULL AND beyond(p.dated, p.after, due) THEN m.n END AS anchor
    FROM intent_mark m JOIN due_answer ON since_us = m.at_us JOIN pulse p ON p.deal = m.deal AND p.n >= m.n
    LEFT JOIN answered ON answered.mark = m.n AND answered.deal = p.deal AND answered.n = p.n AND answered.k = p.k
)
FROM episodes('judgements')
