-- A forecast category stronger than the stage's strongest, or a commitment whose next step says nothing.
WITH ranked AS (
    SELECT state.*, promise.category, list_position(getvariable('categories'), promise.category) AS strength, strongest
    FROM state JOIN promise USING (deal, n) LEFT JOIN stage_category ON stage_category.name = stage
), judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated,
           CASE WHEN is_open AND (strength > strongest OR (
               list_contains(getvariable('commits'), category)
               AND next_step IS NOT NULL AND NOT coalesce(said_something(next_step.v), FALSE)
           )) THEN 'doubtful' END AS anchor
    FROM ranked
)
FROM episodes('judgements')
