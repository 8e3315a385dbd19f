-- When a deal left the open stages: closed, or removed.
SELECT deal, at_us FROM (
    SELECT deal, n, at_us, is_open, lag(is_open) OVER (PARTITION BY deal ORDER BY n) AS before FROM state
) WHERE before AND NOT is_open
