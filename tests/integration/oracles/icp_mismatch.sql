-- Too small, or from a bought list; all of it is known from the creation on, and what is empty is not met.
WITH judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated,
           CASE WHEN is_open AND (coalesce(amount, 0) < 6000 OR coalesce(lead_source.v, '') = 'Purchased List')
                THEN 'not ideal' END AS anchor
    FROM state
)
FROM episodes('judgements')
