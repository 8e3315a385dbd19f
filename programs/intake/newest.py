"""The definitions that were published last, for who decides by people: who owns, who leads, who is RevOps."""

from __future__ import annotations

import msgspec
import structlog

from engine.records import Record
from playbook.load import Loaded, PlaybookError, load
from playbook.owners import Directory
from programs.intake.presses import Book
from topics.definitions import CurrentDefinitions, PublishedPlaybook, decode_definition

log = structlog.get_logger("intake")


class Newest:
    """`own`, the worker's file, counts until something is published. `take` is given the records of `definitions`."""

    def __init__(self, own: Loaded) -> None:
        self._texts: dict[str, str] = {}
        self.version = own.hash
        self.book = Book(own.playbook, Directory(own.playbook.owners))

    def take(self, record: Record) -> None:
        """Fold a record: a version's text comes before the record that says that it counts."""
        try:
            found = decode_definition(record.value or b"")
        except msgspec.DecodeError:
            return  # said by the programs that judge by it
        if isinstance(found, PublishedPlaybook):
            self._texts[found.version] = found.text
        elif isinstance(found, CurrentDefinitions):
            self._count(found.playbook)

    def _count(self, version: str) -> None:
        text = self._texts.get(version)
        if text is None or version == self.version:
            return
        try:
            playbook = load(text, version).playbook
        except PlaybookError as error:
            log.error("a published playbook cannot be read", version=version, why=str(error.problems[0]))  # noqa: TRY400 - says why
            return
        self.version, self.book = version, Book(playbook, Directory(playbook.owners))
