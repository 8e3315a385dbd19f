"""Why a row of JSON is refused: a bounded set of reasons, and the exception that carries one inside a parser.

A refusal never leaves a parser as an exception; it becomes `Rejected`.
"""

from __future__ import annotations

from enum import StrEnum

from topics.outcomes import Rejected

_SHOWN = 60
_SHOWN_INTEGER = 10**18


class Reason(StrEnum):
    """The reasons of rows that are sent as JSON, as logs, metrics and `crm.rejected` name them."""

    # the record
    RECORD_TOO_LARGE = "record_too_large"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    EVENT_TOO_LARGE = "event_too_large"
    # a field
    WRONG_TYPE = "wrong_type"
    FIELD_TOO_LARGE = "field_too_large"
    ABSURD_NUMBER = "absurd_number"
    BAD_DATE = "bad_date"
    ABSURD_DATE = "absurd_date"
    BAD_TIME = "bad_time"
    # the event's own time
    ABSURD_TIME = "absurd_time"
    TIME_IN_FUTURE = "time_in_future"
    NO_TIME = "no_time"
    # Salesforce
    NO_HEADER = "no_header"
    BAD_HEADER = "bad_header"
    BAD_RECORD_IDS = "bad_record_ids"
    UNKNOWN_CHANGE_TYPE = "unknown_change_type"
    UNKNOWN_ENTITY = "unknown_entity"
    BITMAP_WITHOUT_SCHEMA = "bitmap_without_schema"
    BITMAP_BEYOND_SCHEMA = "bitmap_beyond_schema"
    # HubSpot
    FOREIGN_PORTAL = "foreign_portal"
    # Pipedrive
    NO_META = "no_meta"
    UNKNOWN_ACTION = "unknown_action"
    FOREIGN_COMPANY = "foreign_company"
    # CloudEvents
    EVENT_FORMAT = "event_format"
    NOT_A_CLOUDEVENT = "not_a_cloudevent"
    SPECVERSION = "specversion"
    MISSING_ATTRIBUTE = "missing_attribute"
    NO_SUBJECT = "no_subject"
    # Debezium
    NOT_A_CHANGE = "not_a_change"
    UNKNOWN_OP = "unknown_op"
    NO_TABLE = "no_table"
    NO_KEY = "no_key"
    NO_FORMAT = "no_format"
    NO_ZONE = "no_zone"


class RefusedError(Exception):
    """A record or a value that cannot be what it claims to be; `detail` is for a person."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason.value, detail)
        self.reason = reason.value
        self.detail = detail

    def rejected(self) -> Rejected:
        """The outcome of the row that is refused."""
        return Rejected(self.reason, self.detail)


def shown(value: object) -> str:
    """A value for a detail: short, and only by its type where it has parts."""
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int):
        return str(value) if abs(value) < _SHOWN_INTEGER else "a huge integer"
    if isinstance(value, str):
        return repr(value[:_SHOWN]) + ("…" if len(value) > _SHOWN else "")
    return f"a {type(value).__name__}"
