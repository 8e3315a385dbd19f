-- The close date leaves less time from the stage's entry, its own day included, than a quarter of won deals took.
WITH promised AS (
    SELECT state.deal, state.n, state.at_us, state.is_open, day.start_us - entry.at_us AS left_us, needed
    FROM state JOIN promise USING (deal, n)
    ASOF JOIN entry ON entry.deal = state.deal AND state.n >= entry.n
    LEFT JOIN day ON day.day = promise.close + 1
    LEFT JOIN way ON way.name = state.stage
), judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated, CASE WHEN is_open AND left_us < needed THEN 'hoped' END AS anchor
    FROM promised
)
FROM episodes('judgements')
