-- When a deal can look different by what people do around it, or by the mere passing of time.
--
-- in: state, touch, engagement, contact, plan
-- out: judged(deal, n, k, dated, after, is_open, created, silence)
--
-- After each change `n` comes one judgement at its instant (`after` false), and one for each stretch of time up to the
-- next change in which nothing can change (`after` true): the stretch begins at `dated`, itself not included.

CREATE TABLE moment AS
SELECT deal, n, at_us, coalesce(lead(at_us) OVER (PARTITION BY deal ORDER BY n), getvariable('horizon')) AS next_us
FROM (
    SELECT deal, n, at_us FROM state UNION SELECT deal, n, at_us FROM touch UNION SELECT deal, n, at_us FROM engagement
);

CREATE TABLE situated AS
SELECT moment.deal, moment.n, moment.at_us, moment.next_us, state.is_open, state.created, state.silence
FROM moment ASOF JOIN state ON moment.deal = state.deal AND moment.n >= state.n;

CREATE TABLE break AS
SELECT s.deal, s.n, t.instant
FROM situated s, LATERAL (
    SELECT s.at_us AS instant
    UNION SELECT s.created + s.silence
    UNION SELECT unnest([c.instant, c.instant + s.silence]) FROM contact c
          WHERE c.deal = s.deal AND c.from_n <= s.n AND (c.to_n IS NULL OR c.to_n > s.n)
    UNION SELECT unnest([p.instant, p.instant - getvariable('plan')]) FROM plan p
          WHERE p.deal = s.deal AND p.from_n <= s.n AND (p.to_n IS NULL OR p.to_n > s.n)
) t
WHERE s.at_us <= t.instant AND t.instant < s.next_us;

CREATE TABLE judged AS
SELECT deal, n, 0 AS k, at_us AS dated, FALSE AS after, is_open, created, silence FROM situated
UNION ALL
SELECT deal, n, row_number() OVER (PARTITION BY deal, n ORDER BY instant), instant, TRUE, is_open, created, silence
FROM break JOIN situated USING (deal, n);
