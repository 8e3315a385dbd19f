"""YAML to values: what a definitions file may not contain, and on which line it says so."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbook import yamltree

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcd", "bcde", strict=True)
)

CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))

REFUSED = [
    ("an empty file", "", 1, "the file is empty"),
    ("only a comment", "# nothing\n", 1, "the file is empty"),
    ("a bracket that never closes", "a: 1\nb: [1,\n", 3, "not YAML"),
    ("a colon too many", "a: 1\nb: c: d\n", 2, "mapping values are not allowed"),
    ("a tab for indentation", "a:\n\tb: 1\n", 2, "not YAML"),
    ("two documents", "a: 1\n---\nb: 2\n", 2, "not YAML"),
    ("a key twice", "a: 1\nb: 2\na: 3\n", 3, "the key stands twice, first on line 1"),
    ("a key twice, deep inside", "a:\n  - b: 1\n    c: 2\n    b: 3\n", 4, "the key stands twice, first on line 2"),
    ("a merge key twice", "a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n", 4, "the key stands twice, first on line 3"),
    ("a key that is a list", "a: 1\n? [b]\n: 2\n", 2, "a key must be plain text"),
    (
        "a Python object",
        "a: 1\nb: !!python/object/apply:os.system [ls]\n",
        2,
        "python/object/apply:os.system is not allowed",
    ),
    ("a tag of one's own", "a: !mine {b: 1}\n", 1, "the tag !mine is not allowed"),
    ("a set", "a: 1\nb: !!set {x, y}\n", 2, "the tag set is not allowed"),
    ("binary", "a: !!binary aGVsbG8=\n", 1, "the tag binary is not allowed"),
    ("a day that does not exist", "a: 1\nb: 2024-02-31\n", 2, "not a value"),
    ("an alias inside what it names", "a: &a [*a]\n", 1, "an alias stands inside what it names"),
    ("an alias of nothing", "a: 1\nb: *c\n", 2, "undefined alias"),
    ("a bomb of aliases", BOMB, 1, "more than 100,000 values or 40 levels once aliases are written out"),
    (
        "a bomb of merges",
        BOMB.replace("[x", "[{x: 1}").replace("e: &e [", "e:\n  <<: ["),
        1,
        "more than 100,000 values",
    ),
    ("a chain of aliases", CHAIN, 1, "more than 100,000 values or 40 levels once aliases are written out"),
    ("nesting without end", "a: 1\nb: " + "[" * 5000 + "]" * 5000, 2, "nested more than 40 levels deep"),
    ("a control character", "a: 1\nb: \x07\n", 1, "not YAML"),
    ("a byte-order of halves", "a: \ud800\n", 1, "not YAML"),
    ("more than a megabyte", "a: " + "x" * 1_000_000, 1, "the file is larger than 1,000,000 bytes"),
]


@pytest.mark.parametrize(("text", "line", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused_on_its_line(text: str, line: int, reason: str) -> None:
    flaws = yamltree.read(text).flaws
    assert [(flaw.line, reason in flaw.reason) for flaw in flaws] == [(line, True)], flaws


def test_a_flaw_does_not_hide_the_next_one() -> None:
    flaws = yamltree.read("a: 1\na: 2\nb: !x 3\nc: 2024-13-01\n").flaws
    assert [flaw.line for flaw in flaws] == [2, 3, 4]


def test_what_is_merged_is_overridden_by_what_stands_there() -> None:
    tree = yamltree.read("base: &base {days: 30, on: yes}\nown:\n  <<: *base\n  days: 7\n")
    assert tree.values == {"base": {"days": 30, "on": True}, "own": {"days": 7, "on": True}}
    assert tree.flaws == ()
    assert tree.line_of(("own", "days")) == 4


def test_a_missing_key_has_the_line_of_what_it_is_missing_from() -> None:
    tree = yamltree.read("a:\n  - b: 1\n  - c:\n      d: 2\n")
    assert tree.line_of(("a", 1, "c", "nothing", 0)) == 3
    assert tree.line_of(("nowhere",)) == 1


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab: -[]{}&*!#|>'\"\n\t%@`,?<=1~\x00é"), max_size=60))
def test_never_raises(text: str) -> None:
    tree = yamltree.read(text)
    assert (tree.values is None) <= bool(tree.flaws)
