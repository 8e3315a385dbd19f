"""Records that are almost right: a golden payload with a few things wrong, as Hypothesis draws them.

What is wrong is one of: a value that is another (of another type, of another field, of another payload), a key that is
missing, doubled or another's; numbers that JSON has and nobody else; nesting without end; bytes flipped, cut, put
before or behind; a key and headers that are not the record's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
from hypothesis import strategies as st

from topics.outcomes import RawRecord

Path: TypeAlias = tuple[Any, ...]

#: What `json.dumps` cannot write: a text in the document -> what stands there in its place, quotes included.
LITERALS = {
    "@large@": "1e400",
    "@small@": "-1e-400",
    "@integer@": "9" * 400,
    "@nested@": "[" * 3_000 + "]" * 3_000,
    "@deep@": '{"payload":' * 200 + "1" + "}" * 200,
    "@escape@": '"\\u00e9\\ud83d"',
}
_AGAIN = "@again@"
#: What makes the whole document no JSON, in most readers' eyes: drawn rarely, so that the rest is looked at as well.
_BREAKING: tuple[object, ...] = (*LITERALS, float("nan"), float("-inf"), "\ud800")
_ODD: tuple[object, ...] = (
    "\x00",
    "",
    " ",
    "٣",  # a digit elsewhere
    "null",
    "NaN",
    "0x1",
    "0xFFFFFFFFFF",
    "3-0x1",
    "1e5",
    "1,5",
    "2024-02-30",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "__debezium_unavailable_value",
    "x" * 40_000,
    "x" * 300_000,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    -1,
    0,
    1e18,
    1_704_103_200,
    1_704_103_200_000,
    253_402_214_400_000,
    [],
    {},
    [[]],
    {"": None},
    [None] * 300,
)
_BEFORE = (b"", b"\xef\xbb\xbf", b"\x00\x00\x00\x00\x07", b"\n", b"[", b'{"payload":')
_BEHIND = (b"", b"\x00", b"\n\n", b"]", b"}", b"{}")
_HEADERS: tuple[tuple[tuple[str, bytes | None], ...], ...] = (
    (),
    (("", b"\xff"),),
    (("ce_id", b"1"), ("ce_specversion", b"1.0")),
    (("ce_id", None), ("ce_time", b"\xff")),
    (("content-type", b"application/cloudevents+json"),),
    (("content-type", None), ("content-type", b"text/plain")),
    (("__op", b"d"), ("__op", b"u")),
)
_TIMES_US = (0, 1_704_103_200_000_000, -1, 1, 2**62)

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)


def places(document: Any, path: Path = ()) -> list[Path]:  # noqa: ANN401 - JSON
    """Every place in the document that holds a value, as a path of keys and indexes."""
    inner: Sequence[tuple[Any, Any]] = ()
    if isinstance(document, dict):
        inner = list(document.items())
    elif isinstance(document, list):
        inner = list(enumerate(document))
    return [path, *(place for step, value in inner for place in places(value, (*path, step)))]


def value_at(document: Any, path: Path) -> Any:  # noqa: ANN401 - JSON
    """What stands at a place. Raises LookupError or TypeError where there is none."""
    for step in path:
        document = document[step]
    return document


def put(document: Any, path: Path, value: object) -> Any:  # noqa: ANN401 - JSON
    """The document with one value replaced; a key that is not there is added. Raises as `value_at`."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = put(document[path[0]] if len(path) > 1 else None, path[1:], value)
    return copy


def without(document: Any, path: Path) -> Any:  # noqa: ANN401 - JSON
    """The document without one of its values. Raises as `value_at`."""
    if not path:
        return None
    owner = value_at(document, path[:-1])
    copy = dict(owner) if isinstance(owner, dict) else list(owner)
    del copy[path[-1]]
    return put(document, path[:-1], copy)


def doubled(document: Any, path: Path, value: object) -> Any:  # noqa: ANN401 - JSON
    """The document with a key that stands twice: the second time with another value (see `written`)."""
    if not path or not isinstance(path[-1], str):
        return document
    return put(document, (*path[:-1], path[-1] + _AGAIN), value)


def written(document: Any) -> bytes:  # noqa: ANN401 - JSON
    """The document as JSON text, with what no document in memory can hold."""
    text = json.dumps(document).replace(_AGAIN, "")
    for mark, literal in LITERALS.items():
        text = text.replace(f'"{mark}"', literal)
    return text.encode()


class Spoiling:
    """Draws spoilt forms of the records of one source; what belongs elsewhere in them is taken from all of them."""

    def __init__(self, records: Sequence[RawRecord]) -> None:
        documents = [msgspec.json.decode(record.value) for record in records if record.value is not None]
        found = [value_at(document, place) for document in documents for place in places(document)[1:]]
        small = dict.fromkeys(value for value in found if not isinstance(value, dict | list))
        odd = st.sampled_from(_ODD) | st.sampled_from(tuple(small)) | _scalars
        self.names = st.sampled_from(sorted({str(place[-1]) for one in documents for place in places(one) if place}))
        self.documents = st.recursive(
            odd,
            lambda inner: st.lists(inner, max_size=5) | st.dictionaries(self.names, inner, max_size=6),
            max_leaves=12,
        )
        parts = st.sampled_from(found)
        self._values = _often(odd | parts, 30, st.sampled_from(_BREAKING) | self.documents)
        # built once: that costs more than drawing does
        self._almost = st.one_of([self._spoilt(record) for record in records])

    def almost(self) -> st.SearchStrategy[RawRecord]:
        """A record that is almost one of the records."""
        return self._almost

    def _spoilt(self, record: RawRecord) -> st.SearchStrategy[RawRecord]:
        own_value = st.just(record.value)
        return st.builds(
            RawRecord,
            key=_often(st.just(record.key), 4, st.sampled_from([None, b"", b"\xff", b"{}", b'{"id":1}', b'"x"'])),
            value=own_value if record.value is None else _often(self._spoilt_value(record.value), 20, st.none()),
            headers=_often(st.just(record.headers), 6, st.sampled_from(_HEADERS)),
            timestamp_us=_often(st.just(0), 3, st.sampled_from(_TIMES_US)),
        )

    def _spoilt_value(self, value: bytes) -> st.SearchStrategy[bytes]:
        document = msgspec.json.decode(value)
        inner = places(document)[1:] or [()]
        change = st.tuples(st.sampled_from(("put", "put", "put", "drop", "double", "move")), st.sampled_from(inner))
        steps = st.lists(st.tuples(change, self._values, self.names), min_size=1, max_size=3)
        changed = steps.map(lambda changes: written(_changed(document, changes)))
        return _often(changed, 8, st.builds(_damaged, changed | st.just(value), _damage))


def _often(usual: st.SearchStrategy[Any], times: int, other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The usual so many times as often as the other."""
    return st.integers(0, times).flatmap(lambda drawn: usual if drawn else other)


def _changed(document: Any, changes: list[tuple[tuple[str, Path], object, str]]) -> Any:  # noqa: ANN401 - JSON
    result = document
    for (what, place), value, name in changes:
        try:
            result = _step(result, what, place, value, name)
        except (LookupError, TypeError, ValueError, AttributeError):
            continue  # an earlier change took the place away
    return result


def _step(document: Any, what: str, place: Path, value: object, name: str) -> Any:  # noqa: ANN401 - JSON
    match what:
        case "drop":
            return without(document, place)
        case "double":
            return doubled(document, place, value)
        case "move" if place:
            return put(without(document, place), (*place[:-1], name), value_at(document, place))
        case _:
            return put(document, place, value)


_damage = st.fixed_dictionaries(
    {
        "before": st.sampled_from(_BEFORE),
        "behind": st.sampled_from(_BEHIND),
        "kept": st.floats(0, 1) | st.just(1.0),
        "flips": st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), max_size=8),
    }
)


def _damaged(value: bytes, damage: dict[str, Any]) -> bytes:
    """Bytes flipped, cut, put before or behind; `kept` and the places of flips are shares of the length."""
    flipped = bytearray(value)
    for place, bit in damage["flips"] if flipped else ():
        flipped[int(place * len(flipped))] ^= 1 << bit
    kept = bytes(flipped[: round(len(flipped) * damage["kept"])])
    return bytes(damage["before"]) + kept + bytes(damage["behind"])
