-- What the gates of this playbook ask for, written out; judged once, on the values when the entry has settled.
WITH verdicts AS (
    -- TRUE: holds, FALSE: does not, NULL: not known. An empty value is known, and holds nothing.
    SELECT deal, n, at_us,
           CASE WHEN need IS NULL THEN NULL ELSE coalesce(need.v, '') = 'true' END AS need_ok,
           CASE WHEN authority IS NULL THEN NULL ELSE coalesce(authority.v, '') = 'true' END AS authority_ok,
           CASE WHEN budget IS NULL THEN NULL ELSE coalesce(budget.v, '') = 'true' END AS budget_ok,
           CASE WHEN coalesce(timeline.v, '') = 'true' OR amount < 20000 THEN TRUE
                WHEN timeline IS NULL THEN NULL ELSE FALSE END AS timeline_ok,
           next_step.v IS NOT NULL AS next_step_ok,
           amount IS NOT NULL AS amount_ok
    FROM state
), asked AS (
    SELECT e.deal, e.n, e.at_us + getvariable('settle') AS gate, e.until_n, e.until_us, v.n AS seen_n, v.at_us AS seen_us,
           -- of the stage left, when moving forward
           (CASE WHEN left_open AND left_place < place THEN CASE left_place
               WHEN 1 THEN [need_ok] WHEN 2 THEN [timeline_ok] END END) AS left_ok,
           -- of the stage entered
           (CASE stage WHEN 'Needs Analysis' THEN [authority_ok]
                       WHEN 'Proposal/Price Quote' THEN [budget_ok, next_step_ok, amount_ok] END) AS entered_ok
    FROM entry e JOIN verdicts v ON v.deal = e.deal AND v.n >= e.n AND (e.until_n IS NULL OR v.n < e.until_n)
    WHERE e.is_open AND coalesce(e.until_us, getvariable('horizon')) > gate
), seen AS (
    SELECT *, list_concat(coalesce(left_ok, []), coalesce(entered_ok, [])) AS ok FROM asked
), judged_once AS (
    SELECT deal, n, gate, until_us, max_by(ok, seen_n) AS then_ok FROM seen WHERE seen_us <= gate GROUP BY ALL
), failed AS (
    SELECT * FROM judged_once WHERE list_contains(then_ok, FALSE)
)
SELECT f.deal, f.gate AS opened, coalesce(min(s.seen_us) FILTER (
           s.seen_us > f.gate AND list_bool_and([
               f.then_ok[i] IS DISTINCT FROM FALSE OR s.ok[i] IS NOT DISTINCT FROM TRUE FOR i IN range(1, len(f.then_ok) + 1)
           ])), f.until_us) AS resolved
FROM failed f JOIN seen s USING (deal, n)
GROUP BY f.deal, f.n, f.gate, f.until_us
