-- The bytes on the two raw topics, one JSON document per line.
--
-- in: the variables `crm_file` and `web_file`
-- out: raw_crm(value JSON), raw_web(value JSON)

CREATE TABLE raw_crm AS SELECT json AS value FROM read_ndjson_objects(getvariable('crm_file'));
CREATE TABLE raw_web AS SELECT json AS value FROM read_ndjson_objects(getvariable('web_file'));
