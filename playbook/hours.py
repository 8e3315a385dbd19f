"""When people work, as the playbook writes it: `playbook.calendars` reckons with it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from playbook.parts import Name, Part


class Weekday(StrEnum):
    """The days of a week, in the order of the calendar."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


def _minutes(written: object) -> object:
    """`09:30` as minutes since midnight. What YAML reads as a number, `17:00` without quotes, is that already."""
    if not isinstance(written, str):
        return written
    hours, colon, minutes = written.partition(":")
    if not (colon and hours.isdecimal() and minutes.isdecimal() and len(minutes) == _MINUTE_DIGITS):
        message = "write a time of day like 09:30"
        raise ValueError(message)
    return int(hours) * 60 + int(minutes)


_MINUTE_DIGITS = 2
#: A time of day: minutes since midnight, written like 09:30; 24:00 is the end of the day.
Clock = Annotated[
    int,
    BeforeValidator(_minutes),
    Field(ge=0, le=24 * 60),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,2}:[0-5][0-9]$"}, mode="validation"),
]


class Calendar(Part):
    """When people work. For the owners who name it, the teams and pipelines named here; without these, for everybody.

    The defaults are a week of five days of eight hours, without holidays.
    """

    name: Name
    weekend: tuple[Weekday, ...] = (Weekday.SATURDAY, Weekday.SUNDAY)
    opens: Clock = 9 * 60
    closes: Clock = 17 * 60
    timezone: str | None = Field(default=None, description="where an owner has none; the playbook's where silent")
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$", description="whose public holidays are days off")
    subdivision: str | None = Field(default=None, pattern=r"^[A-Z0-9-]{1,10}$", description="its state or province")
    days_off: tuple[date, ...] = Field(default=(), description="beside the public holidays")
    teams: tuple[Name, ...] = ()
    pipelines: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _has_time(self) -> Self:
        if set(self.weekend) == set(Weekday):
            message = "no day of the week is left to work on"
            raise ValueError(message)
        if self.closes - self.opens < _SHORTEST:
            message = "closes less than an hour after it opens"
            raise ValueError(message)
        return self


_SHORTEST = 60
