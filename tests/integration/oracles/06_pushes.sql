-- The close dates moved to a later day, those that count, and those after which an alarm is due.
--
-- in: said, state
-- out: push(deal, n, at_us, days), alarm(deal, n, at_us, severity, begins)
--
-- `begins`: no earlier alarm is still running then.

CREATE TABLE moved AS
SELECT deal, n, at_us, before, date_diff('day', before, day) AS days
FROM (
    SELECT deal, n, at_us, day_of(value) AS day, lag(day_of(value)) OVER (PARTITION BY deal ORDER BY n) AS before
    FROM said WHERE field = 'CloseDate'
)
WHERE days >= getvariable('push_min');

-- The first push off the last day of the month of creation is the CRM's own guess, corrected.
CREATE TABLE push AS
WITH birth AS (SELECT deal, last_day(make_timestamp(any_value(created))::DATE) AS month_end FROM state GROUP BY deal)
SELECT deal, n, at_us, days
FROM moved JOIN birth USING (deal)
QUALIFY NOT (before = month_end AND row_number() OVER (PARTITION BY deal, before = month_end ORDER BY n) = 1);

CREATE TABLE alarm AS
WITH summed AS (
    SELECT this.deal, this.n, this.at_us, this.days, count(*) AS pushes, sum(past.days) AS total
    FROM push this JOIN push past
      ON past.deal = this.deal AND past.n <= this.n AND this.at_us - past.at_us <= getvariable('push_window')
    GROUP BY ALL
), grave AS (
    SELECT deal, n, at_us,
           CASE WHEN pushes >= getvariable('push_critical') THEN 'critical'
                WHEN pushes >= getvariable('push_warning') OR days >= getvariable('push_single')
                     OR total >= getvariable('push_sum') THEN 'warning' END AS severity
    FROM summed
)
SELECT *, coalesce(at_us - lag(at_us) OVER (PARTITION BY deal ORDER BY n) > getvariable('push_life'), TRUE) AS begins
FROM grave WHERE severity IS NOT NULL;
