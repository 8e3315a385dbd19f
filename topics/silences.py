"""Why a row says nothing to us, and what was put right in one that does: bounded sets, documented in docs/rejects.md.

The reasons of rejection stand with the parsers: `topics.sources.refusals` (JSON) and `topics.sources.cells` (tables).
"""

from __future__ import annotations

from enum import StrEnum


class Silence(StrEnum):
    """The reasons of silent rows, as reports and metrics name them."""

    # any source
    TOMBSTONE = "tombstone"
    OWN_WRITE = "own_write"
    ENTITY_NOT_READ = "entity_not_read"
    NOTHING_MAPPED = "nothing_mapped"
    # HubSpot
    REDACTED = "redacted"
    # Pipedrive
    TOUCHED = "touched"
    # gaps of what is no deal: the state stays as it was until the next full record
    ACTIVITY_GAP = "activity_gap"
    PERSON_GAP = "person_gap"
    ACCOUNT_GAP = "account_gap"
    RELATION_GAP = "relation_gap"
    # CloudEvents
    EMPTY_BATCH = "empty_batch"
    # Debezium
    TABLE_NOT_READ = "table_not_read"
    NOT_A_ROW = "not_a_row"
    MESSAGE = "message"
    TRUNCATED = "truncated"
    # tables
    UNDATED = "undated"
    FIELD_UNMAPPED = "field_unmapped"
    NO_DEAL = "no_deal"
    UNCHANGED = "unchanged"
    OLDER_SNAPSHOT = "older_snapshot"
    MISSING_KEPT = "missing_kept"
    NO_TIE = "no_tie"


class Dirt(StrEnum):
    """What stands before the point in a row's dirt, `<what>.<field>`."""

    # JSON
    NOT_SCALAR = "not_scalar"
    DIFFED = "diffed"
    # Pipedrive
    OTHER_ID = "other_id"
    # Debezium
    NOT_SENT = "not_sent"
    CLOCK = "clock"
    # tables
    REPAIRED = "repaired"
    TRIMMED = "trimmed"
    EMPTY = "empty"
    UNEXPECTED = "unexpected"
    UNMATCHED = "unmatched"
    CONTRADICTION = "contradiction"
    AGAIN = "again"
    AMBIGUOUS = "ambiguous"
