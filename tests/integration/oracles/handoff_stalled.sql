-- Another team has the deal, and none of those who had it since has spoken within two working days.
WITH turned AS (
    SELECT p.deal, p.n, p.k, max(t.n) AS turn_n FROM pulse p JOIN turn t ON t.deal = p.deal AND t.n <= p.n AND t.turns
    GROUP BY p.deal, p.n, p.k
), answered AS (
    SELECT DISTINCT x.deal, x.n, x.k
    FROM turned x JOIN pulse p USING (deal, n, k)
    JOIN turn t ON t.deal = x.deal AND t.n = x.turn_n
    JOIN turn mine ON mine.deal = x.deal AND mine.n >= x.turn_n AND mine.n <= x.n
    JOIN talk c ON c.deal = x.deal AND c.from_n <= x.n AND (c.to_n IS NULL OR c.to_n > x.n)
     AND c.instant >= t.at_us AND c.instant <= p.dated AND c.owner = mine.owner
), judgements AS (
    SELECT p.deal AS subject, p.deal, p.n, p.k, p.dated,
           CASE WHEN p.is_open AND p.owner IS NOT NULL AND answered.deal IS NULL AND beyond(p.dated, p.after, due) THEN t.at_us END AS anchor
    FROM pulse p LEFT JOIN turned x USING (deal, n, k) LEFT JOIN turn t ON t.deal = x.deal AND t.n = x.turn_n
    LEFT JOIN due_handoff ON since_us = t.at_us LEFT JOIN answered USING (deal, n, k)
)
FROM episodes('judgements')
