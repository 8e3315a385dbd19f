-- How grave it is after each push that keeps an open deal's alarm running.
SELECT alarm.deal, alarm.at_us, alarm.severity
FROM alarm JOIN state ON state.deal = alarm.deal AND state.n = alarm.n
WHERE state.is_open
