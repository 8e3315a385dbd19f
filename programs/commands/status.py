"""`signals status`: the three questions, answered from the live state or from files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from playbook.model import Playbook
from playbook.spoken import cycle_lines, icp_lines, sql_lines
from programs.commands.present import Present, history_of, present
from programs.terminal import plain
from signals.questions import WORDS, Answers, Asked, Behind, Group, Question, as_document, ratio
from topics.instants import from_us
from topics.standing import Answer

#: A terminal that is none has this many columns: wide enough for a line per deal.
WIDE = 160
_decode = msgspec.json.Decoder(Asked).decode
_HEADS = {
    Question.SQL_CRITERIA: ("met", "not met"),
    Question.ICP_ADHERENCE: ("met", "not met"),
    Question.CYCLE: ("within", "exceeded"),
}


def status(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    by: Annotated[list[Group] | None, typer.Option("--by", help="tell the numbers apart; may be given again")] = None,
    deals: Annotated[bool, typer.Option("--deals", help="the deals behind each number")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for machines; - to the terminal")] = False,
    history: Annotated[Path | None, typer.Option(help="files in place of the live state, as for `replay`")] = None,
    source: Annotated[list[str] | None, typer.Option(help="with --history: a source's name")] = None,
    mapping: Annotated[Path | None, typer.Option(help="with --history: what the columns mean")] = None,
    playbook: Annotated[Path | None, typer.Option(help="with --history: else the mapping's, or the settings'")] = None,
    baselines: Annotated[Path | None, typer.Option(help="with --history: learned limits")] = None,
    until: Annotated[str | None, typer.Option(help="with --history: T, an RFC 3339 instant")] = None,
    broker: Annotated[str | None, typer.Option("--broker", metavar="HOST:PORT", help="in place of the setting")] = None,
) -> None:
    """What share of the pipeline meets the SQL criteria; ICP adherence this quarter; deals past their cycle."""
    files = history_of(history, source, mapping, playbook, baselines, until)
    with present(files, broker) as now:
        answers = _answers(now, by or [], deals=deals)
    version = answers.playbooks.most_common(1)[0][0] if answers.playbooks else ""
    definitions = _definitions(now.playbooks.get(version))
    if as_json:
        document = as_document(answers, definitions)
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
        return
    _show(answers, definitions)


def _answers(now: Present, by: list[Group], *, deals: bool) -> Answers:
    known = next(iter(now.playbooks.values()))
    answers = Answers(now.at_us, known.fiscal_year_starts, by, deals=deals)
    for view in now.views:
        answers.take(_decode(view))
    return answers


def _definitions(playbook: Playbook | None) -> dict[Question, list[str]]:
    """What each number means; of a playbook that is not known here only its version can be said."""
    if playbook is None:
        return {question: ["defined by a playbook that is not known here"] for question in Question}
    return {
        Question.SQL_CRITERIA: sql_lines(playbook),
        Question.ICP_ADHERENCE: icp_lines(playbook),
        Question.CYCLE: cycle_lines(playbook),
    }


def console() -> Console:
    """The terminal; wide where the output goes elsewhere."""
    out = Console(highlight=False, emoji=False)
    return out if out.is_terminal else Console(highlight=False, emoji=False, width=WIDE)


def _show(answers: Answers, definitions: dict[Question, list[str]]) -> None:
    out = console()
    head = f"{answers.deals:,} deals, {answers.open_deals:,} open, as of {from_us(answers.at_us):%Y-%m-%d %H:%M} UTC"
    out.print(Text(head, style="bold"))
    for version, count in answers.playbooks.most_common():
        out.print(Text(plain(f"playbook {version} ({count:,} deals)"), style="dim"))
    if answers.suspect:
        out.print(Text(f"{answers.suspect:,} open deals wait to be read again after a gap in their source", "yellow"))
    for number, question in enumerate(Question, 1):
        out.print()
        out.print(Text(f"{number}. {WORDS[question]}", style="bold"))
        if question is Question.ICP_ADHERENCE:
            out.print(Text(f"   deals open at some time since {from_us(answers.quarter_us):%Y-%m-%d}", style="dim"))
        for line in definitions[question]:
            out.print(Text(plain(f"   {line}"), style="dim"), soft_wrap=True)
        out.print(_table(answers, question))
        behind = answers.behind_of(question)
        if behind:
            out.print(_deals(behind, question))


def _table(answers: Answers, question: Question) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in (*_HEADS[question], "unknown", "n", "share"):
        table.add_column(name, justify="right")
    table.add_row("all", *_cells(answers.totals[question], question), style="bold")
    for group in answers.by:
        table.add_section()
        for name, count in answers.of(question, group):
            table.add_row(Text(plain(f"{group.value} {name or '(none)'}")), *_cells(count, question))
    return table


def _cells(count: dict[Answer, int], question: Question) -> list[str]:
    met, not_met, unknown = (count.get(answer, 0) for answer in (Answer.MET, Answer.NOT_MET, Answer.UNKNOWN))
    shown = _share(count, question)
    return [f"{met:,}", f"{not_met:,}", f"{unknown:,}", f"{met + not_met:,}", shown]


def _share(count: dict[Answer, int], question: Question) -> str:
    """The share that is asked for: of the third question, those that exceeded."""
    share = ratio(count)
    if share is None:
        return "-"
    return f"{1 - share if question is Question.CYCLE else share:.1%}"


def _deals(behind: list[Behind], question: Question) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("answer", "deal", "name", "team", "owner", "segment", "stage", "amount", "why"):
        table.add_column(name, justify="right" if name == "amount" else "left", overflow="fold")
    met, not_met = _HEADS[question]
    words = {Answer.MET: met, Answer.NOT_MET: not_met, Answer.UNKNOWN: "unknown"}
    for one in behind:
        deal = one.deal
        amount = "" if deal.amount is None else f"{deal.amount:,.0f} {deal.currency}".strip()
        texts = (deal.deal_id, deal.name, deal.team, deal.owner, deal.segment, deal.stage, amount, one.why)
        table.add_row(words[one.answer], *(Text(plain(text)) for text in texts))
    return table
