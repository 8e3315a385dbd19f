-- Who spoke with whom, and who plans to: contacts and plans of each deal, and from which change to which they are known.
--
-- in: change
-- out: contact(deal, instant, from_n, to_n), plan(deal, instant, from_n, to_n), touch(deal, n, at_us)
--
-- A contact or a plan is known after the change `from_n` and no longer after `to_n` (NULL: still). `touch` are the
-- changes of activities that concern a deal: linked to it before or after.

-- Each change says something, or nothing, of four things: the deal, whether done, when, whether removed.
CREATE TABLE activity_said AS
SELECT record AS activity, n, at_us, entity = 'Event' AS meets, kind = 'DELETE' AS removed,
       kind <> 'DELETE' AND (covered IS NULL OR list_contains(covered, 'WhatId')) AS says_deal,
       CASE WHEN body ->> 'WhatId' LIKE '006%' THEN body ->> 'WhatId' END AS deal,
       kind <> 'DELETE' AND entity = 'Task'
           AND (covered IS NULL OR list_has_any(covered, ['Status', 'IsClosed'])) AS says_done,
       coalesce(body ->> 'Status', '') = 'Completed' OR coalesce(body ->> 'IsClosed', '') = 'true' AS done,
       CASE WHEN kind = 'DELETE' THEN NULL
            WHEN body ->> 'CompletedDateTime' IS NOT NULL THEN instant_of(body ->> 'CompletedDateTime')
            WHEN says_done AND done THEN at_us
            WHEN body ->> 'ActivityDate' IS NOT NULL THEN epoch_us((day_of(body ->> 'ActivityDate') + 1)::TIMESTAMP)
            WHEN body ->> 'EndDateTime' IS NOT NULL THEN instant_of(body ->> 'EndDateTime')
       END AS instant
FROM change WHERE entity IN ('Task', 'Event');

CREATE TABLE activity_state AS
SELECT *,
       lead(n) OVER w AS to_n,
       lag(deal) OVER w AS deal_before
FROM (
    SELECT here.activity, here.n, here.at_us, here.meets,
           (max_by({v: past.deal}, past.n) FILTER (past.says_deal)).v AS deal,
           coalesce(max_by(past.done, past.n) FILTER (past.says_done), FALSE) AS done,
           max_by(past.instant, past.n) FILTER (past.instant IS NOT NULL) AS instant,
           bool_or(past.removed) AS removed
    FROM activity_said here JOIN activity_said past ON past.activity = here.activity AND past.n <= here.n
    GROUP BY ALL
)
WINDOW w AS (PARTITION BY activity ORDER BY n);

CREATE TABLE contact AS
SELECT deal, instant, n AS from_n, to_n FROM activity_state
WHERE deal IS NOT NULL AND NOT removed AND (done OR meets) AND instant IS NOT NULL;

CREATE TABLE plan AS
SELECT deal, instant, n AS from_n, to_n FROM activity_state
WHERE deal IS NOT NULL AND NOT removed AND NOT done AND instant IS NOT NULL;

CREATE TABLE touch AS
SELECT DISTINCT deal, n, at_us FROM (
    SELECT deal, n, at_us FROM activity_state UNION ALL SELECT deal_before, n, at_us FROM activity_state
) WHERE deal IS NOT NULL;
