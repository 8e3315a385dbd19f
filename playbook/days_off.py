"""Public holidays by country, from the library `holidays`: for a version of it always the same answer.

Only the years 1990 to 2060 are asked, and of those the ones that the library knows the country in; other years have no
holidays. Laws change, so a version of the library may know next year's holidays better than the one before.
"""

from __future__ import annotations

from functools import lru_cache
from warnings import catch_warnings

FIRST_YEAR, LAST_YEAR = 1990, 2060
_KEPT = 64


@lru_cache(_KEPT)
def public_holidays(country: str, subdivision: str | None = None) -> frozenset[int]:
    """The days, numbered as `date.toordinal` does. `country`: ISO 3166 alpha-2; `subdivision`: as in ISO 3166-2.

    Raises ValueError for a country or a subdivision that the library does not know.
    """
    # Imported here since it takes 0.14 s, and most playbooks name no country.
    from holidays import country_holidays, list_supported_countries  # noqa: PLC0415 - see above

    message = f"no public holidays are known of {'-'.join(filter(None, (country, subdivision)))}"
    if country not in list_supported_countries():
        raise ValueError(message)
    try:
        known = country_holidays(country, subdiv=subdivision, expand=False)
    except NotImplementedError as error:
        raise ValueError(message) from error
    years = range(max(FIRST_YEAR, known.start_year), min(LAST_YEAR, known.end_year) + 1)
    with catch_warnings(action="ignore"):  # of those that depend on the moon it says that some years are not known yet
        known = country_holidays(country, subdiv=subdivision, years=years, expand=False)
    return frozenset(day.toordinal() for day in known)
