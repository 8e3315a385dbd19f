-- The stages and forecast categories that stand on any deal and in neither list, each from when it first stood there.
WITH stood AS (
    SELECT 'stage' AS field, body ->> 'StageName' AS value, at_us, covered, 'StageName' AS name FROM change
    WHERE entity = 'Opportunity' AND kind <> 'DELETE'
    UNION ALL
    SELECT 'forecast_category', body ->> 'ForecastCategoryName', at_us, covered, 'ForecastCategoryName' FROM change
    WHERE entity = 'Opportunity' AND kind <> 'DELETE'
)
SELECT field, value, min(at_us) FROM stood
WHERE value IS NOT NULL AND (covered IS NULL OR list_contains(covered, name))
  AND NOT list_contains(CASE field WHEN 'stage' THEN getvariable('known_stages') ELSE getvariable('known_categories') END, value)
GROUP BY field, value
