-- The next steps that stand on open deals, and how many of an owner's open deals show the same one.
--
-- in: state
-- out: writing(deal, n, at_us, is_open, owner, said, text), showing(deal, owner, text, from_n, to_n),
--      company(deal, n, at_us, deals)
--
-- `said` is what stands there, `text` what is left of it on an open deal without case, spaces and end marks. `showing`
-- are the runs of one text; `company` is on how many deals it stands, after each change of any that shows it.

CREATE MACRO plain(said) AS lower(trim(regexp_replace(said, '\s+', ' ', 'g')));

CREATE TABLE writing AS
SELECT deal, n, at_us, coalesce(lead(n) OVER (PARTITION BY deal ORDER BY n), 9223372036854775807) AS next_n,
       is_open, owner, next_step.v AS said,
       CASE WHEN is_open AND owner IS NOT NULL THEN nullif(rtrim(plain(next_step.v), '.!?…,;: '), '') END AS text
FROM state;

-- Runs of one text of one owner on one deal.
CREATE TABLE showing AS
WITH turns AS (
    SELECT *, lag(text) OVER w IS DISTINCT FROM text OR lag(owner) OVER w IS DISTINCT FROM owner AS begins
    FROM writing WINDOW w AS (PARTITION BY deal ORDER BY n)
), runs AS (
    SELECT *, sum(begins::INT) OVER (PARTITION BY deal ORDER BY n) AS run FROM turns
)
SELECT deal, any_value(owner) AS owner, any_value(text) AS text, min(n) AS from_n, max(next_n) AS to_n
FROM runs WHERE text IS NOT NULL GROUP BY deal, run;

CREATE TABLE company AS
WITH edges AS (
    SELECT mine.deal, mine.from_n, mine.to_n, mine.owner, mine.text, unnest([other.from_n, other.to_n]) AS n
    FROM showing mine JOIN showing other USING (owner, text)
), moments AS (
    SELECT DISTINCT * FROM edges WHERE from_n <= n AND n < to_n
)
SELECT m.deal, m.n, change.at_us, count(*) AS deals
FROM moments m
JOIN showing other ON other.owner = m.owner AND other.text = m.text AND other.from_n <= m.n AND m.n < other.to_n
JOIN change ON change.n = m.n
GROUP BY m.deal, m.n, change.at_us;
