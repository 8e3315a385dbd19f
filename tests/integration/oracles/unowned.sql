-- Nobody owns it, or somebody who is no longer with us: from when that was so, or the deal was given to them.
WITH user_said AS (
    SELECT record AS owner, n, at_us, (body ->> 'IsActive')::BOOLEAN AS active FROM change
    WHERE entity = 'User' AND json_exists(body, 'IsActive') AND body ->> 'IsActive' IS NOT NULL
      AND (covered IS NULL OR list_contains(covered, 'IsActive'))
), user_turn AS (
    SELECT * FROM (SELECT *, lag(active) OVER (PARTITION BY owner ORDER BY n) AS before FROM user_said)
    WHERE active IS DISTINCT FROM before
), owner_turn AS (
    SELECT deal, n, at_us, owner, lead(n) OVER (PARTITION BY deal ORDER BY n) AS to_n
    FROM (SELECT *, lag({o: owner}) OVER (PARTITION BY deal ORDER BY n) AS before FROM state)
    WHERE before IS NULL OR before.o IS DISTINCT FROM owner
), moments AS (
    SELECT deal, n, at_us FROM state
    UNION
    SELECT o.deal, u.n, u.at_us FROM owner_turn o JOIN user_turn u USING (owner)
    WHERE u.n > o.n AND (o.to_n IS NULL OR u.n < o.to_n)
), situated_owner AS (
    SELECT m.deal, m.n, m.at_us, coalesce(lead(m.at_us) OVER (PARTITION BY m.deal ORDER BY m.n), getvariable('horizon')) AS next_us,
           o.owner, o.at_us AS owned_us, s.is_open,
           (SELECT arg_max({active: u.active, at_us: u.at_us}, u.n) FROM user_turn u WHERE u.owner = o.owner AND u.n <= m.n) AS known
    FROM moments m
    ASOF JOIN owner_turn o ON o.deal = m.deal AND m.n >= o.n
    ASOF JOIN state s ON s.deal = m.deal AND m.n >= s.n
), since AS (
    SELECT *, CASE WHEN NOT is_open THEN NULL
                   WHEN owner IS NULL THEN owned_us
                   WHEN NOT known.active THEN greatest(owned_us, known.at_us) END AS since_us
    FROM situated_owner
), judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated,
           CASE WHEN at_us > since_us + getvariable('unowned') THEN since_us END AS anchor
    FROM since
    UNION ALL
    SELECT deal, deal, n, 1, since_us + getvariable('unowned'), since_us FROM since
    WHERE at_us <= since_us + getvariable('unowned') AND since_us + getvariable('unowned') < next_us
)
FROM episodes('judgements')
