-- What is known of each deal after each of its own changes.
--
-- in: change, stage(name, place, outcome, is_sql, stay, silence), the variable `horizon` (the end, in microseconds)
-- out: said(deal, n, at_us, field, value), state(deal, n, at_us, next_us, ...)
--
-- `next_us` is when the deal's next change comes; after the last one, the end. A state may last for no time at all.

CREATE TABLE field (name VARCHAR, standard BOOLEAN);
INSERT INTO field VALUES
    ('StageName', TRUE), ('Amount', TRUE), ('CloseDate', TRUE), ('CreatedDate', TRUE), ('NextStep', TRUE),
    ('LeadSource', TRUE), ('OwnerId', TRUE),
    ('Budget_Confirmed__c', FALSE), ('Authority_Confirmed__c', FALSE),
    ('Need_Confirmed__c', FALSE), ('Timeline_Confirmed__c', FALSE);

-- A creation is a full record: standard fields that it does not mention are empty, custom ones not known.
CREATE TABLE said AS
SELECT record AS deal, n, at_us, name AS field, nullif(body ->> name, '') AS value
FROM change, field
WHERE entity = 'Opportunity' AND kind IN ('CREATE', 'UPDATE')
  AND CASE WHEN covered IS NULL THEN standard OR json_exists(body, name) ELSE list_contains(covered, name) END;

-- ISO text in one shape, milliseconds in the other.
CREATE MACRO instant_of(said) AS coalesce(try_cast(said AS BIGINT) * 1000, epoch_us(try_cast(said AS TIMESTAMP)));
CREATE MACRO day_of(said) AS coalesce(epoch_ms(try_cast(said AS BIGINT))::DATE, try_cast(said AS DATE));

-- NULL: never said; {v: NULL}: empty.
CREATE TABLE known AS
SELECT c.record AS deal, c.n, c.at_us,
       max_by({v: s.value}, s.n) FILTER (s.field = 'StageName') AS stage,
       max_by({v: s.value}, s.n) FILTER (s.field = 'Amount') AS amount,
       max_by({v: s.value}, s.n) FILTER (s.field = 'CreatedDate') AS created,
       max_by({v: s.value}, s.n) FILTER (s.field = 'NextStep') AS next_step,
       max_by({v: s.value}, s.n) FILTER (s.field = 'LeadSource') AS lead_source,
       max_by({v: s.value}, s.n) FILTER (s.field = 'OwnerId') AS owner,
       max_by({v: s.value}, s.n) FILTER (s.field = 'Budget_Confirmed__c') AS budget,
       max_by({v: s.value}, s.n) FILTER (s.field = 'Authority_Confirmed__c') AS authority,
       max_by({v: s.value}, s.n) FILTER (s.field = 'Need_Confirmed__c') AS need,
       max_by({v: s.value}, s.n) FILTER (s.field = 'Timeline_Confirmed__c') AS timeline
FROM change c JOIN said s ON s.deal = c.record AND s.n <= c.n
WHERE c.entity = 'Opportunity'
GROUP BY c.record, c.n, c.at_us;

CREATE TABLE removal AS
SELECT record AS deal, min(n) AS n, min(at_us) AS at_us FROM change WHERE entity = 'Opportunity' AND kind = 'DELETE' GROUP BY record;

CREATE TABLE state AS
SELECT known.deal, known.n, known.at_us,
       coalesce(lead(known.at_us) OVER (PARTITION BY known.deal ORDER BY known.n), getvariable('horizon')) AS next_us,
       stage.name AS stage, stage.place, stage.stay, stage.silence,
       stage.outcome = 'open' AND (removal.n IS NULL OR known.n < removal.n) AS is_open,
       stage.is_sql AND is_open AS is_sql,
       instant_of(created.v) AS created,
       amount.v::DOUBLE AS amount,
       known.next_step, known.lead_source, owner.v AS owner, known.budget, known.authority, known.need, known.timeline
FROM known
LEFT JOIN stage ON stage.name = known.stage.v
LEFT JOIN removal USING (deal);

-- Runs of one anchor in a sequence of judgements (NULL: does not hold) are the episodes.
-- judgements(subject, deal, n, k, dated, anchor), to be read in the order of (n, k).
CREATE MACRO episodes(judgements) AS TABLE
    WITH compared AS (
        SELECT *, lag(anchor) OVER (PARTITION BY subject ORDER BY n, k) AS before FROM query_table(judgements)
    ), turns AS (
        SELECT *, lead(dated) OVER (PARTITION BY subject ORDER BY n, k) AS ends FROM compared
        WHERE anchor IS DISTINCT FROM before
    )
    SELECT deal, dated AS opened, ends AS resolved FROM turns WHERE anchor IS NOT NULL;
