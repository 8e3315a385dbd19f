-- How grave it is after each push that raises or renews the alarm of an open deal; and when a closed deal is opened
-- again while its last alarm is still running.
WITH latest AS (
    SELECT state.deal, state.at_us, state.is_open,
           lag(state.is_open) OVER (PARTITION BY state.deal ORDER BY state.n) AS before,
           alarm.n = state.n AS pushed_now, alarm.at_us AS pushed_us, alarm.severity
    FROM state ASOF JOIN alarm ON alarm.deal = state.deal AND alarm.n <= state.n
)
SELECT deal, at_us, severity FROM latest
WHERE is_open AND (pushed_now OR (NOT before AND at_us - pushed_us <= getvariable('push_life')))
