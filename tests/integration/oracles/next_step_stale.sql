-- From SQL on, the next step is empty, too short, or one of the phrases that say nothing.
WITH judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated,
           CASE WHEN is_sql AND next_step IS NOT NULL AND NOT coalesce(said_something(next_step.v), FALSE) THEN 'stale' END AS anchor
    FROM state
)
FROM episodes('judgements')
