-- The stages entered: the changes after which the deal stands in another stage than before.
--
-- in: state
-- out: entry(deal, n, at_us, stage, place, is_open, is_sql, stay, left_place, left_open, until_n, until_us)
--
-- `until_us` is when the stage was left, or the deal removed; NULL while neither has happened.

CREATE TABLE entry AS
WITH compared AS (
    SELECT *, lag(stage) OVER w AS before, lag(place) OVER w AS left_place, lag(is_open) OVER w AS left_open
    FROM state WINDOW w AS (PARTITION BY deal ORDER BY n)
), entered AS (
    SELECT * FROM compared WHERE stage IS DISTINCT FROM before
), followed AS (
    SELECT *, lead(n) OVER w AS next_n, lead(at_us) OVER w AS left_us FROM entered WINDOW w AS (PARTITION BY deal ORDER BY n)
)
SELECT followed.deal, followed.n, followed.at_us, stage, place, is_open, is_sql, stay, left_place, left_open,
       coalesce(next_n, removal.n) AS until_n, coalesce(left_us, removal.at_us) AS until_us
FROM followed LEFT JOIN removal ON removal.deal = followed.deal;
