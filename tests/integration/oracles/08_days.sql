-- The calendar of this playbook, written out: New York, Monday to Friday, nine to five, without public holidays.
--
-- in: nothing
-- out: day(day, start_us, works, number, open_us, worked), and the macros days_later, hours_later
--
-- `start_us` is when the day begins there: 5 hours after midnight in UTC, 4 from 10 March to 2 November, as the clock goes
-- forward in the night to Sunday, 9 March. `number` counts working days before it, `worked` working microseconds.

CREATE TABLE day AS
WITH dates AS (
    SELECT unnest(generate_series(DATE '2024-01-01', DATE '2027-12-31', INTERVAL 1 DAY))::DATE AS day
), known AS (
    SELECT day,
           epoch_us(day::TIMESTAMP) + 3600000000
               * CASE WHEN day BETWEEN DATE '2024-03-11' AND DATE '2024-11-03' OR day BETWEEN DATE '2025-03-10' AND DATE '2025-11-02'
                        OR day BETWEEN DATE '2026-03-09' AND DATE '2026-11-01' OR day BETWEEN DATE '2027-03-15' AND DATE '2027-11-07'
                      THEN 4 ELSE 5 END AS start_us,
           isodow(day) <= 5 AND day NOT IN (
               DATE '2025-01-01', DATE '2025-01-20', DATE '2025-02-17', DATE '2025-05-26', DATE '2025-06-19', DATE '2025-07-04',
               DATE '2025-09-01'
           ) AS works
    FROM dates
)
SELECT *, start_us + 9 * 3600000000 AS open_us,
       coalesce(sum(works::BIGINT) OVER (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS number,
       number * 8 * 3600000000 AS worked
FROM known;

-- Working days as people count them: each has 24 hours of its clock. None of the days whose clock changes is one.
-- in: instants(since_us); out: (since_us, due), the last instant by which no more than the span has passed
CREATE MACRO days_later(instants, span) AS TABLE
    WITH placed AS (
        SELECT since_us, number * 86400000000 + CASE WHEN works THEN since_us - start_us ELSE 0 END + span AS target
        FROM (SELECT DISTINCT since_us FROM query_table(instants)) i ASOF JOIN day ON i.since_us >= day.start_us
    )
    SELECT since_us, day.start_us + target % 86400000000 AS due FROM placed JOIN day ON works AND number = target // 86400000000;

-- Working hours as they pass: what ends with a day ends with the beginning of the next.
CREATE MACRO hours_later(instants, span) AS TABLE
    WITH placed AS (
        SELECT since_us, worked + CASE WHEN works THEN least(greatest(since_us - open_us, 0), 28800000000) ELSE 0 END + span AS target
        FROM (SELECT DISTINCT since_us FROM query_table(instants)) i ASOF JOIN day ON i.since_us >= day.start_us
    )
    SELECT since_us, day.open_us + target % 28800000000 AS due FROM placed JOIN day ON works AND number = target // 28800000000;
