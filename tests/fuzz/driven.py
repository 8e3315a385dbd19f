"""`python -m tests.fuzz.driven KIND WAY SECONDS FOLDER`: one run of one parser; see `tests.fuzz`.

`FOLDER` gets the corpus and what was found. Atheris ends the process itself: 0 when nothing was found in time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import atheris
from hypothesis import given, settings

with atheris.instrument_imports(include=["topics.sources", "topics.instants", "topics.codec"]):
    from tests.unit.parser_promises import Promises
    from tests.unit.test_parse_fuzz import golden_of, promises_of, spoiling_of
from tests.fuzz.__main__ import SLOW_S
from topics.outcomes import RawRecord
from topics.sources.source import SourceKind

_LARGEST_BYTES = 8_192


def _held(promises: Promises, record: RawRecord) -> None:
    """Hold the promises; say which record breaks one."""
    try:
        promises.held(record)
    except BaseException:
        print(f"broken by {record!r}", file=sys.stderr)  # noqa: T201 - what one wants to know
        raise


def raw(kind: SourceKind) -> Callable[[bytes], None]:
    """Any bytes as the value of a record, under the key and the headers of one of the golden payloads."""
    frames = list(dict.fromkeys((golden.record.key, golden.record.headers) for golden in golden_of(kind)))
    promises = promises_of(kind)

    def one(data: bytes) -> None:
        key, headers = frames[data[0] % len(frames)] if data else frames[0]
        _held(promises, RawRecord(key, data[1:], headers))

    return one


def shaped(kind: SourceKind) -> Callable[[bytes], object]:
    """The fuzzer's bytes decide what is wrong with a golden payload."""
    promises = promises_of(kind)

    @settings(deadline=None, database=None)
    @given(record=spoiling_of(kind).almost())
    def held(record: RawRecord) -> None:
        _held(promises, record)

    target: Callable[[bytes], object] = held.hypothesis.fuzz_one_input  # type: ignore[attr-defined] # Hypothesis' own
    return target


def main(kind: SourceKind, way: str, seconds: int, folder: Path) -> None:
    """Drive; never returns."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, golden in enumerate(golden_of(kind)):
        (corpus / str(number)).write_bytes(b"\x00" + (golden.record.value or b""))
    options = [f"-max_total_time={seconds}", f"-timeout={SLOW_S}", f"-max_len={_LARGEST_BYTES}", "-rss_limit_mb=1500"]
    target = {"raw": raw, "shaped": shaped}[way](kind)
    atheris.Setup(["fuzz", *options, f"-artifact_prefix={folder}/", str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(SourceKind(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
