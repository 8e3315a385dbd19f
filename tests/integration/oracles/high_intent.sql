-- An intent that nobody has answered; of the same intent within a day of one that counted, none counts.
WITH RECURSIVE named AS (
    SELECT deal, n, at_us,
           CASE WHEN kind = 'web.demo_requested' THEN 'demo'
                WHEN kind = 'web.page_viewed' AND page = '/pricing' THEN 'pricing'
                WHEN kind = 'document.opened' THEN 'proposal' END AS intent
    FROM engagement
), counted AS (
    SELECT deal, intent, min(n) AS n FROM named WHERE intent IS NOT NULL GROUP BY deal, intent
    UNION ALL
    SELECT c.deal, c.intent, (
        SELECT min(later.n) FROM named later, named this
        WHERE this.n = c.n AND later.deal = c.deal AND later.intent = c.intent
          AND later.at_us - this.at_us > getvariable('intent_window') AND later.n > c.n
    ) FROM counted c WHERE c.n IS NOT NULL
), mark AS (
    SELECT c.deal, c.intent, c.n, named.at_us FROM counted c JOIN named ON named.n = c.n
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
