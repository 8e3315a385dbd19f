-- Deals on their way: advances, slips of the hand, and who of the buyers took part in what.
--
-- in: entry, change, activity_state, stage, the variables `grace`, `edit`
-- out: advance(deal, n, at_us, last_us, since_us, place), bounce(deal, n, at_us, entries, chain, ends),
--      inbound(deal, instant, from_n, to_n)

-- Meetings are mutual; of calls, the CRM says who called; e-mails of these records do not say it.
CREATE TABLE inbound AS
SELECT deal, instant, n AS from_n, to_n FROM activity_state
WHERE deal IS NOT NULL AND NOT removed AND instant IS NOT NULL
  AND (meets OR (done AND activity IN (SELECT record FROM change WHERE entity = 'Task' AND body ->> 'CallType' = 'Inbound')));

-- Steps forward, those within the grace of the one before in one run.
CREATE TABLE advance AS
WITH forward AS (
    SELECT *, at_us - lag(at_us) OVER (PARTITION BY deal ORDER BY n) <= getvariable('grace') AS goes_on
    FROM entry WHERE is_open AND left_open AND place > left_place
), numbered AS (
    SELECT *, count(*) FILTER (goes_on IS NOT TRUE) OVER (PARTITION BY deal ORDER BY n) AS run FROM forward
), runs AS (
    SELECT deal, min(n) AS n, min(at_us) AS at_us, max(n) AS last_n, max(at_us) AS last_us,
           arg_min(left_place, n) AS from_place
    FROM numbered GROUP BY deal, run
), settled AS (
    SELECT runs.*, (
        SELECT arg_max({place: e.place, is_open: e.is_open}, e.n) FROM entry e
        WHERE e.deal = runs.deal AND e.n >= runs.last_n AND e.at_us <= runs.last_us + getvariable('grace')
    ) AS stands FROM runs
), kept AS (
    SELECT * FROM settled WHERE stands.is_open AND stands.place > from_place
)
SELECT deal, n, at_us, last_us, stands.place AS place,
       coalesce(lag(last_us) OVER (PARTITION BY deal ORDER BY n),
                (SELECT min(e.at_us) FROM entry e WHERE e.deal = kept.deal)) AS since_us
FROM kept;

-- The stages of each deal one after the other; one that was left again within minutes for the one before was a slip.
CREATE TABLE bounce AS
WITH RECURSIVE numbered AS (
    SELECT deal, n, at_us, stage, row_number() OVER (PARTITION BY deal ORDER BY n) AS i FROM entry
), walk AS (
    SELECT deal, n, at_us, stage, i, [{stage: stage, at_us: at_us}] AS path, 1 AS entries FROM numbered WHERE i = 1
    UNION ALL
    SELECT deal, n, at_us, stage, i, path,
           CASE WHEN slipped THEN 0 ELSE len(list_filter(path, lambda one: one.stage = stage)) END
    FROM (
        SELECT here.deal, here.n, here.at_us, here.stage, here.i,
               len(walk.path) > 1 AND walk.path[-2].stage = here.stage
                   AND here.at_us - walk.path[-1].at_us <= getvariable('edit') AS slipped,
               CASE WHEN slipped THEN walk.path[:-2]
                    ELSE list_append(walk.path, {stage: here.stage, at_us: here.at_us}) END AS path
        FROM walk JOIN numbered here ON here.deal = walk.deal AND here.i = walk.i + 1
    )
), bounces AS (
    SELECT deal, n, at_us, entries, lag(at_us) OVER (PARTITION BY deal ORDER BY n) AS before_us
    FROM walk WHERE entries >= getvariable('bounce_warning')
), chained AS (
    SELECT *, count(*) FILTER (before_us IS NULL OR at_us > before_us + getvariable('bounce_life'))
              OVER (PARTITION BY deal ORDER BY n) AS number
    FROM bounces
)
SELECT deal, n, at_us, entries, min(n) OVER (PARTITION BY deal, number) AS chain,
       at_us + getvariable('bounce_life') AS ends
FROM chained;
