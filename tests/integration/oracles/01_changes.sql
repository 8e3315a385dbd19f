-- The raw records as sent, read once more from nothing: every change of every record, each once, in the CRM's order.
--
-- in: raw_crm(value JSON), raw_web(value JSON)
-- out: change(n, at_us, entity, record, kind, body, covered), engagement(n, at_us, deal, kind, data)
--
-- `n` is the place in (commitTimestamp, commitNumber, sequenceNumber); `at_us` is in microseconds. `covered` are the names
-- of the fields that the change says something about; NULL means all that the record mentions, as creations do.

CREATE TABLE bodies AS
SELECT coalesce(value -> '$.data.payload', value) AS body,
       coalesce(value -> '$.data.payload', value) -> 'ChangeEventHeader' AS header
FROM raw_crm;

CREATE TABLE commits AS
SELECT DISTINCT ON (transaction, sequence, record) *
FROM (
    SELECT header ->> 'entityName' AS entity,
           unnest(from_json(header -> 'recordIds', '["VARCHAR"]')) AS record,
           header ->> 'changeType' AS kind,
           (header ->> 'commitTimestamp')::BIGINT * 1000 AS at_us,
           (header ->> 'commitNumber')::BIGINT AS number,
           (header ->> 'sequenceNumber')::BIGINT AS sequence,
           header ->> 'transactionKey' AS transaction,
           body,
           CASE WHEN header ->> 'changeType' = 'UPDATE'
                THEN list_concat(from_json(coalesce(header -> 'changedFields', '[]'), '["VARCHAR"]'),
                                 from_json(coalesce(header -> 'nulledFields', '[]'), '["VARCHAR"]'))
           END AS covered
    FROM bodies
);

CREATE TABLE engagements AS
SELECT DISTINCT value ->> 'source' AS origin,
       value ->> 'id' AS id,
       epoch_us((value ->> 'time')::TIMESTAMP) AS at_us,
       value ->> '$.data.deal_id' AS deal,
       value ->> 'type' AS kind,
       value ->> '$.data.page' AS page
FROM raw_web;

CREATE TABLE ordered AS
SELECT row_number() OVER (ORDER BY at_us, number, sequence, id) AS n, *
FROM (
    SELECT at_us, number, sequence, record AS id, transaction AS origin FROM commits
    UNION ALL
    SELECT at_us, 0, 0, id, origin FROM engagements
);

CREATE TABLE change AS
SELECT n, at_us, entity, record, kind, body, covered
FROM commits JOIN ordered USING (at_us, number, sequence)
WHERE ordered.id = record AND ordered.origin = transaction;

CREATE TABLE engagement AS
SELECT n, at_us, deal, kind, page FROM engagements JOIN ordered USING (at_us, id, origin);
