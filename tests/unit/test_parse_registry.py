"""Each kind of source has its parser."""

from __future__ import annotations

from topics.outcomes import RawRecord, Rejected
from topics.sources import cloudevents, registry, salesforce
from topics.sources.source import Source, SourceKind


def test_every_kind_of_source_has_a_parser() -> None:
    assert set(registry.PARSERS) == set(SourceKind)


def test_parse_and_parser_are_the_same_rules() -> None:
    record = RawRecord(None, b'{"id": "1"}')
    for kind, module in ((SourceKind.SALESFORCE, salesforce), (SourceKind.CLOUDEVENTS, cloudevents)):
        source = Source(name="s", kind=kind, tenant="t")
        outcomes = registry.parse(source, record)
        assert outcomes == registry.parser(source)(record) == module.parse(source, record)
        assert isinstance(outcomes[0], Rejected)
