-- Nobody spoke, and nothing was done that people do on a deal: each contact or change of these fields begins anew.
-- The two shapes of the records write days and numbers differently.
WITH alike AS (
    SELECT deal, n, at_us, field,
           CASE field WHEN 'CloseDate' THEN day_of(value)::VARCHAR WHEN 'Amount' THEN value::DOUBLE::VARCHAR ELSE value END AS value
    FROM said WHERE field IN ('StageName', 'Amount', 'CloseDate', 'NextStep', 'OwnerId')
), told AS (
    SELECT *, lag({v: value}) OVER (PARTITION BY deal, field ORDER BY n) AS before FROM alike
), work AS (
    SELECT deal, n, at_us FROM told JOIN change USING (n, at_us)
    WHERE change.record = told.deal AND (kind = 'CREATE' OR before IS NULL OR before.v IS DISTINCT FROM value)
    GROUP BY ALL
), worked AS (
    SELECT s.deal, s.n, s.at_us, s.next_us, s.is_open,
           (SELECT max(w.at_us) FROM work w WHERE w.deal = s.deal AND w.n <= s.n) AS worked_us
    FROM situated s
), turn AS (
    SELECT m.deal, m.n, t.instant
    FROM worked m, LATERAL (
        SELECT m.worked_us + getvariable('stale') AS instant
        UNION SELECT unnest([c.instant, c.instant + getvariable('stale')]) FROM contact c
              WHERE c.deal = m.deal AND c.from_n <= m.n AND (c.to_n IS NULL OR c.to_n > m.n)
    ) t
    WHERE m.at_us <= t.instant AND t.instant < m.next_us
), asked AS (
    SELECT deal, n, 0 AS k, at_us AS dated, FALSE AS after, is_open, worked_us FROM worked
    UNION ALL
    SELECT deal, n, row_number() OVER (PARTITION BY deal, n ORDER BY instant), instant, TRUE, is_open, worked_us
    FROM turn JOIN worked USING (deal, n)
), last AS (
    SELECT a.*, greatest(a.worked_us, (
        SELECT max(c.instant) FROM contact c
        WHERE c.deal = a.deal AND c.from_n <= a.n AND (c.to_n IS NULL OR c.to_n > a.n) AND c.instant <= a.dated
    )) AS since FROM asked a
), judgements AS (
    SELECT deal AS subject, deal, n, k, dated,
           CASE WHEN is_open AND (dated > since + getvariable('stale') OR (after AND dated = since + getvariable('stale')))
                THEN since END AS anchor
    FROM last
)
FROM episodes('judgements')
