-- Without a next step: won, or in the hands of another team than before.
WITH team AS (
    SELECT record AS owner, arg_max(body ->> 'Department', n) AS team FROM change
    WHERE entity = 'User' AND body ->> 'Department' IS NOT NULL GROUP BY record
), owned AS (
    SELECT *, lag(owner) OVER (PARTITION BY deal ORDER BY n) AS before, lag(stage) OVER (PARTITION BY deal ORDER BY n) AS left_stage
    FROM state
), handed AS (
    SELECT o.*,
           o.before IS NOT NULL AND old.team <> new.team AS handed,
           o.stage = 'Closed Won' AND o.left_stage IS DISTINCT FROM o.stage AS won_now
    FROM owned o LEFT JOIN team old ON old.owner = o.before LEFT JOIN team new ON new.owner = o.owner
), latest AS (
    SELECT *,
           max(n) FILTER (handed) OVER w AS handed_n,
           max(n) FILTER (won_now) OVER w AS won_n
    FROM handed WINDOW w AS (PARTITION BY deal ORDER BY n)
), judgements AS (
    SELECT l.deal AS subject, l.deal, l.n, 0 AS k, l.at_us AS dated,
           CASE WHEN l.next_step.v IS NOT NULL OR removal.n <= l.n THEN NULL
                WHEN l.stage = 'Closed Won' THEN l.won_n
                WHEN l.is_open THEN l.handed_n END AS anchor
    FROM latest l LEFT JOIN removal USING (deal)
)
FROM episodes('judgements')
