-- A placeholder in the next step, or the same next step on several open deals of the owner.
-- How often a new text stands is told a moment after the deal's own change: until then it stands once.
WITH own AS (
    SELECT w.deal, w.n, w.at_us, w.is_open,
           list_contains(getvariable('placeholders'), plain(w.said))
               OR (length(plain(w.said)) > 1 AND replace(plain(w.said), plain(w.said)[1], '') = '') AS filler,
           lag(w.text) OVER v IS DISTINCT FROM w.text OR lag(w.owner) OVER v IS DISTINCT FROM w.owner AS news
    FROM writing w WINDOW v AS (PARTITION BY w.deal ORDER BY w.n)
), moments AS (
    SELECT deal, n, at_us FROM own UNION SELECT deal, n, at_us FROM company
), judged AS (
    SELECT m.deal, m.n, m.at_us, own.filler, own.is_open, own.news AND own.n = m.n AS news,
           (SELECT arg_max(c.deals, c.n) FROM company c
            WHERE c.deal = m.deal AND c.n <= m.n AND c.n >= (
                SELECT max(s.from_n) FROM showing s WHERE s.deal = m.deal AND s.from_n <= m.n AND m.n < s.to_n)) AS deals
    FROM moments m ASOF JOIN own ON own.deal = m.deal AND own.n <= m.n
), judgements AS (
    SELECT deal AS subject, deal, n, 0 AS k, at_us AS dated, CASE WHEN is_open AND filler THEN 'junk' END AS anchor
    FROM judged WHERE news
    UNION ALL
    SELECT deal, deal, n, 1, at_us,
           CASE WHEN is_open AND (filler OR coalesce(deals, 0) >= getvariable('min_repeats')) THEN 'junk' END
    FROM judged
)
FROM episodes('judgements')
