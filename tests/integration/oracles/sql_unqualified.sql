-- At or past SQL in an open stage, and a box is known and not ticked.
WITH judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated,
           CASE WHEN is_sql AND list_bool_or([
               f IS NOT NULL AND coalesce(f.v, '') <> 'true' FOR f IN [budget, authority, need, timeline]
           ]) THEN 'unticked' END AS anchor
    FROM state
)
FROM episodes('judgements')
