-- Who spoke to whom: contacts and plans once more, with their direction and the people; who owns a deal, and what it promises.
--
-- in: change, activity_state, engagement, moment, state, entry, day, stage_silence(name, silent)
-- out: talk(deal, instant, from_n, to_n, meets, way, person, owner), ahead(deal, instant, from_n, to_n, meets),
--      promise(deal, n, close, category, owner), turn(deal, n, at_us, owner, turns), due_meeting, due_handoff and
--      due_answer(since_us, due), pulse(deal, n, k, dated, after, is_open, ...)

-- A meeting is mutual. A call says which way it went; an e-mail went out unless its subject begins with an arrow.
CREATE TABLE nature AS
SELECT record AS activity, any_value(body ->> 'WhoId') AS person, any_value(body ->> 'OwnerId') AS owner,
       any_value(CASE WHEN entity = 'Event' THEN 'both'
                      WHEN body ->> 'TaskSubtype' = 'Call' THEN CASE body ->> 'CallType' WHEN 'Inbound' THEN 'in' ELSE 'out' END
                      WHEN body ->> 'TaskSubtype' = 'Email' THEN CASE WHEN (body ->> 'Subject') LIKE '←%' THEN 'in' ELSE 'out' END
                 END) AS way
FROM change WHERE entity IN ('Task', 'Event') AND kind = 'CREATE' GROUP BY record;

CREATE TABLE talk AS
SELECT deal, instant, n AS from_n, to_n, meets, way, person, owner
FROM activity_state JOIN nature USING (activity)
WHERE deal IS NOT NULL AND NOT removed AND (done OR meets) AND instant IS NOT NULL;

CREATE TABLE ahead AS
SELECT deal, instant, n AS from_n, to_n, meets FROM activity_state
WHERE deal IS NOT NULL AND NOT removed AND NOT done AND instant IS NOT NULL;

-- What a deal promises, and whose it is, after each of its own changes.
CREATE TABLE promised AS
SELECT record AS deal, n, name AS field, nullif(body ->> name, '') AS value
FROM change, (VALUES ('CloseDate'), ('ForecastCategoryName'), ('OwnerId')) field(name)
WHERE entity = 'Opportunity' AND kind IN ('CREATE', 'UPDATE') AND (covered IS NULL OR list_contains(covered, name));

CREATE TABLE promise AS
SELECT s.deal, s.n,
       day_of((max_by({v: p.value}, p.n) FILTER (p.field = 'CloseDate')).v) AS close,
       (max_by({v: p.value}, p.n) FILTER (p.field = 'ForecastCategoryName')).v AS category,
       (max_by({v: p.value}, p.n) FILTER (p.field = 'OwnerId')).v AS owner
FROM state s JOIN promised p ON p.deal = s.deal AND p.n <= s.n
GROUP BY s.deal, s.n;

-- The changes of the owner (NULL: nobody any more); `turns` where somebody of another team has taken over from somebody.
CREATE TABLE turn AS
WITH team AS (
    SELECT record AS owner, any_value(body ->> 'Department') AS team FROM change WHERE entity = 'User' AND kind = 'CREATE' GROUP BY record
), compared AS (
    SELECT deal, n, state.at_us, promise.owner, lag(promise.owner) OVER w AS before, row_number() OVER w AS place
    FROM promise JOIN state USING (deal, n) WINDOW w AS (PARTITION BY deal ORDER BY n)
)
SELECT deal, n, at_us, compared.owner, coalesce(a.team <> b.team, FALSE) AS turns
FROM compared LEFT JOIN team b ON b.owner = compared.before LEFT JOIN team a ON a.owner = compared.owner
WHERE place > 1 AND compared.owner IS DISTINCT FROM before;

-- Instants that limits count from, and when they are over in working time.
CREATE TABLE begun AS
SELECT instant AS since_us FROM talk WHERE meets UNION SELECT at_us FROM entry UNION SELECT at_us FROM turn;
CREATE TABLE asked AS SELECT DISTINCT at_us AS since_us FROM engagement;
CREATE TABLE due_meeting AS FROM days_later('begun', getvariable('meeting'));
CREATE TABLE due_handoff AS FROM days_later('begun', getvariable('handoff'));
CREATE TABLE due_answer AS FROM hours_later('asked', getvariable('unanswered'));

-- After each change of a deal and around it, how it stands.
CREATE TABLE scene AS
SELECT moment.deal, moment.n, moment.at_us, moment.next_us, state.n AS state_n, state.is_open, state.is_sql, state.place,
       state.created, state.amount, stage_silence.silent, promise.owner, entry.n AS entry_n, entry.at_us AS entered
FROM moment
ASOF JOIN state ON moment.deal = state.deal AND moment.n >= state.n
ASOF JOIN entry ON moment.deal = entry.deal AND moment.n >= entry.n
JOIN promise ON promise.deal = state.deal AND promise.n = state.n
LEFT JOIN stage_silence ON stage_silence.name = state.stage;

-- Instants at which something may change by time alone, and from which change to which they are known: more than any
-- kind needs.
CREATE TABLE mark AS
SELECT deal, from_n, to_n, unnest([instant, instant + getvariable('threads')]) AS instant FROM talk
UNION SELECT deal, from_n, to_n, instant + silent FROM talk, (SELECT DISTINCT silent FROM stage_silence)
UNION SELECT deal, from_n, to_n, due FROM talk JOIN due_meeting ON since_us = instant WHERE meets
UNION SELECT deal, from_n, to_n, unnest([instant, instant - getvariable('silent_plan'), instant - getvariable('plan')]) FROM ahead
UNION SELECT deal, n, NULL, due FROM entry JOIN due_meeting ON since_us = at_us
UNION SELECT deal, n, NULL, due FROM turn JOIN due_handoff ON since_us = at_us
UNION SELECT deal, n, NULL, due FROM engagement JOIN due_answer ON since_us = at_us
UNION SELECT deal, 0, NULL, created + getvariable('threads_age') FROM state
UNION SELECT deal, 0, NULL, created + silent FROM state, (SELECT DISTINCT silent FROM stage_silence);

CREATE TABLE pulse AS
SELECT *, at_us AS dated, FALSE AS after, at_us * 2 AS k FROM scene
UNION ALL
SELECT DISTINCT s.*, m.instant, TRUE, m.instant * 2 + 1
FROM scene s JOIN mark m ON m.deal = s.deal AND m.from_n <= s.n AND (m.to_n IS NULL OR m.to_n > s.n)
 AND s.at_us <= m.instant AND m.instant < s.next_us;

-- Whether T is beyond a limit: strictly, and after the limit's own instant.
CREATE MACRO beyond(dated, after, limit_us) AS dated > limit_us OR (after AND dated = limit_us);

-- Whether a next step says something. NULL: there is none.
CREATE MACRO said_something(step) AS
    length(trim(step)) >= getvariable('step_least')
    AND NOT list_contains(getvariable('fillers'), lower(rtrim(trim(step), '.!?…,;:- ')));
