-- The day of the close date is over in New York.
WITH promised AS (
    SELECT state.deal, state.n, state.at_us, state.next_us, is_open, close, day.start_us AS over
    FROM state JOIN promise USING (deal, n) LEFT JOIN day ON day.day = close + 1
), judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated, CASE WHEN is_open AND at_us > over THEN close END AS anchor
    FROM promised
    UNION ALL
    SELECT deal, deal, n, 1, over, CASE WHEN is_open THEN close END FROM promised WHERE at_us <= over AND over < next_us
)
FROM episodes('judgements')
