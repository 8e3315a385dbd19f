-- Fewer than two people at the buyer's in the window, on a large deal that is an SQL or old enough.
WITH spoken AS (
    SELECT p.deal, p.n, p.k, count(DISTINCT c.person) AS people
    FROM pulse p LEFT JOIN talk c
      ON c.deal = p.deal AND c.from_n <= p.n AND (c.to_n IS NULL OR c.to_n > p.n) AND c.instant <= p.dated
     AND NOT beyond(p.dated, p.after, c.instant + getvariable('threads'))
    GROUP BY p.deal, p.n, p.k
), judgements AS (
    SELECT p.deal AS subject, p.deal, p.n, p.k, p.dated,
           CASE WHEN p.is_open AND p.amount >= getvariable('threads_amount') AND people < getvariable('threads_people')
                 AND (p.is_sql OR beyond(p.dated, p.after, p.created + getvariable('threads_age'))) THEN 'alone' END AS anchor
    FROM pulse p JOIN spoken USING (deal, n, k)
)
FROM episodes('judgements')
