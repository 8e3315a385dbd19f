-- Open again after it was closed: for its life, whatever becomes of it but a removal.
WITH back AS (
    SELECT e.deal, e.n, e.at_us, e.at_us + getvariable('reopened_life') AS ends, removal.at_us AS removed_us
    FROM entry e LEFT JOIN removal ON removal.deal = e.deal
    WHERE e.is_open AND NOT e.left_open AND e.left_place IS NOT NULL AND (removal.n IS NULL OR e.n < removal.n)
)
SELECT deal, at_us AS opened,
       CASE WHEN removed_us <= ends THEN removed_us WHEN ends < getvariable('horizon') THEN ends END AS resolved
FROM back
