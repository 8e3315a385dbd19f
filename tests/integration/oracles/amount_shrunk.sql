-- The amount is too far below the highest since the deal first was an SQL; two weeks long, from the change that took it there.
WITH reached AS (
    SELECT deal, min(n) AS n FROM state WHERE is_sql GROUP BY deal
), since AS (
    SELECT state.*, max(amount) OVER (PARTITION BY deal ORDER BY state.n) AS highest
    FROM state JOIN reached USING (deal) WHERE state.n >= reached.n
), compared AS (
    SELECT this.*, (
        SELECT max(past.n) FROM since past WHERE past.deal = this.deal AND past.n <= this.n
           AND (this.highest - past.amount) * 100 <= getvariable('shrunk') * this.highest
    ) AS last_n
    FROM since this
), fallen AS (
    SELECT c.*, f.n AS fall_n, f.at_us + getvariable('shrunk_life') AS ends
    FROM compared c LEFT JOIN since f ON f.deal = c.deal AND f.n = (
        SELECT min(next.n) FROM since next WHERE next.deal = c.deal AND next.n > c.last_n
    )
), judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated,
           CASE WHEN is_open AND (highest - amount) * 100 > getvariable('shrunk') * highest AND at_us <= ends THEN fall_n END AS anchor
    FROM fallen
    UNION ALL
    SELECT deal, deal, n, 1, ends, NULL FROM fallen WHERE at_us <= ends AND ends < next_us
)
FROM episodes('judgements')
