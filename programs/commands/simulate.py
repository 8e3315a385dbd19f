"""`signals simulate`: a simulated CRM's raw records as files, and the truth about what was planted in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NamedTuple

import msgspec
import typer

from playbook.load import PlaybookError, load
from playbook.model import Playbook
from programs.failures import CallError, WorkError
from signals.simulate import CRM, WEB, Emitted, Options, Planted, simulate
from signals.simulation.arrival import TIDY, Trouble
from topics.instants import rfc3339
from topics.outcomes import RawRecord

_LATE_SHARE, _REPEATED_SHARE, _GARBAGE_SHARE, _GAP_SHARE = 0.4, 0.1, 0.005, 0.002


class Written(NamedTuple):
    """What `write` put into the folder: records by source, and planted faults."""

    records: dict[str, int]
    planted: tuple[Planted, ...]


def write(out_dir: Path, options: Options) -> Written:
    """Write `<source>.jsonl` and `truth.json`.

    One line per record in order of arrival: {"timestamp": microseconds, "key": text, "value": the record's JSON}. What
    is not JSON stands there as a string. Raises OSError.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        outputs = {name: files.enter_context((out_dir / f"{name}.jsonl").open("wb")) for name in (CRM, WEB)}
        written = _write_records(outputs, simulate(options))
    (out_dir / "truth.json").write_bytes(msgspec.json.format(msgspec.json.encode(_truth(options, written)), indent=1))
    return written


def line(record: RawRecord) -> bytes:
    """One record as a line of JSON, without its end."""
    return msgspec.json.encode(
        {
            "timestamp": record.timestamp_us,
            "key": None if record.key is None else record.key.decode(),
            "value": _json(record.value or b"null"),
        }
    )


def command(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    deals: Annotated[int, typer.Option(min=1, help="how many deals start")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="how long the CRM is watched")],
    seed: Annotated[int, typer.Option(help="the same seed gives the same bytes")],
    out: Annotated[Path, typer.Option(file_okay=False, help="the folder to write to")],
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="the first day")] = datetime(2025, 1, 6),  # noqa: DTZ001 - typer parses naive dates; read as UTC
    faults: Annotated[float, typer.Option(min=0, max=1, help="share of deals with one planted fault")] = 0.0,
    disorder: Annotated[bool, typer.Option(help="late by up to 36 hours, 10 % twice")] = False,
    garbage: Annotated[bool, typer.Option(help="some records that nobody can read")] = False,
    gaps: Annotated[bool, typer.Option(help="some changes of which only the fact arrives")] = False,
    people: Annotated[
        bool, typer.Option(help="accounts, contacts and roles, too; some activities name a person only")
    ] = False,
    bitmaps: Annotated[bool, typer.Option(help="field lists as bitmaps, where Salesforce sends them so")] = False,
    playbook: Annotated[Path | None, typer.Option(dir_okay=False, help="work near to its limits")] = None,
) -> None:
    """Write the events of a simulated sales team, and the truth about the planted faults."""
    options = Options(
        seed=seed,
        deals=deals,
        days=days,
        start_ms=(start.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1),
        playbook=None if playbook is None else _playbook(playbook),
        bitmaps=bitmaps,
        faults=faults,
        people=people,
        trouble=_trouble(disorder=disorder, garbage=garbage, gaps=gaps),
    )
    try:
        written = write(out, options)
    except OSError as error:
        raise WorkError(f"{error.filename or out}: {error.strerror}") from error
    for name, count in written.records.items():
        typer.echo(f"{out / f'{name}.jsonl'}: {count} records")
    typer.echo(f"{out / 'truth.json'}: {len(written.planted)} planted faults")


def _trouble(*, disorder: bool, garbage: bool, gaps: bool) -> Trouble:
    return TIDY._replace(
        late=_LATE_SHARE if disorder else 0.0,
        repeated=_REPEATED_SHARE if disorder else 0.0,
        garbage=_GARBAGE_SHARE if garbage else 0.0,
        gaps=_GAP_SHARE if gaps else 0.0,
    )


def _playbook(path: Path) -> Playbook:
    try:
        return load(path.read_text(encoding="utf-8"), str(path)).playbook
    except OSError as error:
        raise CallError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CallError(f"{path}: not UTF-8") from error
    except PlaybookError as error:
        raise CallError(*str(error).splitlines()) from error


def _write_records(outputs: Mapping[str, BinaryIO], emitted: Iterable[Emitted]) -> Written:
    counts = dict.fromkeys(outputs, 0)
    planted: list[Planted] = []
    for source, record, faults in emitted:
        outputs[source].write(line(record) + b"\n")
        counts[source] += 1
        planted += faults
    return Written(counts, tuple(planted))


def _json(value: bytes) -> object:
    """The bytes themselves where they are JSON, else as a text."""
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value.decode(errors="replace")
    return msgspec.Raw(value)


def _truth(options: Options, written: Written) -> dict[str, Any]:
    return {
        "seed": options.seed,
        "deals": options.deals,
        "days": options.days,
        "start": rfc3339(options.start_ms * 1000),
        "records": written.records,
        "faults": [
            {"deal": fault.deal, "kind": fault.kind, "opens": rfc3339(fault.opens_ms * 1000)}
            for fault in written.planted
        ],
    }
