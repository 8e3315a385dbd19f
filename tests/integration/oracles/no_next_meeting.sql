-- From the third stage on, no meeting is ahead two working days after the last one, or after the stage was entered.
WITH met AS (
    SELECT p.deal, p.n, p.k, greatest(any_value(p.entered), coalesce(max(c.instant), any_value(p.entered))) AS start
    FROM pulse p LEFT JOIN talk c
      ON c.deal = p.deal AND c.from_n <= p.n AND (c.to_n IS NULL OR c.to_n > p.n) AND c.instant <= p.dated AND c.meets
    GROUP BY p.deal, p.n, p.k
), planned AS (
    SELECT DISTINCT p.deal, p.n, p.k
    FROM pulse p JOIN ahead a ON a.deal = p.deal AND a.from_n <= p.n AND (a.to_n IS NULL OR a.to_n > p.n) AND a.meets
     AND a.instant > p.dated AND a.instant - getvariable('plan') <= p.dated
), judgements AS (
    SELECT p.deal AS subject, p.deal, p.n, p.k, p.dated,
           CASE WHEN p.is_open AND p.place + 1 >= getvariable('meeting_from') AND planned.deal IS NULL
                 AND beyond(p.dated, p.after, due) THEN start END AS anchor
    FROM pulse p JOIN met USING (deal, n, k) JOIN due_meeting ON since_us = start LEFT JOIN planned USING (deal, n, k)
)
FROM episodes('judgements')
