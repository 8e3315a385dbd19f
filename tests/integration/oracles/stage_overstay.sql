-- In an open stage for longer than it allows: strictly, and dated when the limit was passed.
SELECT deal, at_us + stay AS opened, until_us AS resolved
FROM entry
WHERE is_open AND coalesce(until_us, getvariable('horizon')) > at_us + stay
