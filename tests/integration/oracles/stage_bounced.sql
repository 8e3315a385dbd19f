-- In a stage once more, for its life after the last time; times that come before its end are one episode.
WITH situated AS (
    SELECT s.deal, s.n, s.at_us, s.next_us, s.is_open, b.chain, b.ends
    FROM state s ASOF JOIN bounce b ON s.deal = b.deal AND s.n >= b.n
), judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated, CASE WHEN is_open AND at_us <= ends THEN chain END AS anchor
    FROM situated
    UNION ALL
    SELECT deal, deal, n, 1, ends, NULL FROM situated WHERE at_us <= ends AND ends < next_us
)
FROM episodes('judgements')
