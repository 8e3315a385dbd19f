-- Intents by this playbook's words; of the same one within a day of one that counted, none counts.
--
-- in: engagement, the variable `intent_window`
-- out: intent_mark(deal, intent, n, at_us)

CREATE TABLE intent_mark AS
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
)
SELECT c.deal, c.intent, c.n, named.at_us FROM counted c JOIN named ON named.n = c.n;
