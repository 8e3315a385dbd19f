-- Each time that a deal is in a stage once more: how grave that makes it.
SELECT b.deal, b.at_us,
       CASE WHEN max(b.entries) OVER (PARTITION BY b.deal, b.chain ORDER BY b.n) >= getvariable('bounce_critical')
            THEN 'critical' ELSE 'warning' END AS severity
FROM bounce b JOIN state s ON s.deal = b.deal AND s.n = b.n WHERE s.is_open
