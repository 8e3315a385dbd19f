"""YAML text to plain values together with the line of each, refusing what a definitions file never needs.

Refused: several documents, tags, keys twice or that are no text, recursion, files over the limits below. PyYAML's safe
loader reads scalars; everything around them is built here, because a line is known only while the nodes are at hand.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import yaml

Path: TypeAlias = tuple[str | int, ...]

#: A playbook of 500 owners and 50 stages is under 100 KB, under 5,000 values and six levels deep.
MAX_BYTES = 1_000_000
MAX_VALUES = 100_000
MAX_DEPTH = 40

_SCALARS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp"))
_MAP, _SEQ = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"

# libyaml's loader where PyYAML was built with it: ten times as fast, same grammar.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Flaw(NamedTuple):
    """What is wrong, at which line (from 1) and under which path."""

    line: int
    path: Path
    reason: str


class Tree(NamedTuple):
    """The values, the line of each path, and what was refused; `values` is None where nothing could be read."""

    values: object
    lines: dict[Path, int]
    flaws: tuple[Flaw, ...]

    def line_of(self, path: Path) -> int:
        """The line of a path, or of the nearest thing around it (a key that is missing has no line of its own)."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return self.lines.get((), 1)


def read(text: str) -> Tree:
    """The tree of one YAML document. Never raises."""
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        return _nothing(1, f"the file is larger than {MAX_BYTES:,} bytes")
    try:
        deep = _too_deep(text)
        if deep is not None:
            return _nothing(deep, f"nested more than {MAX_DEPTH} levels deep")
        loader = _Loader(text)
        try:
            return _build(loader, loader.get_single_node())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        return _nothing(_line(error.problem_mark or error.context_mark), _said(error))
    except (yaml.YAMLError, UnicodeError) as error:
        return _nothing(1, f"not YAML: {' '.join(str(error).split())}")


def _build(loader: Any, root: yaml.Node | None) -> Tree:  # noqa: ANN401 - one of two loaders without a common type
    if root is None or root.tag == "tag:yaml.org,2002:null":
        return _nothing(1, "the file is empty")
    extent = _extent(root, {})
    if extent is None:
        return _nothing(1, "an alias stands inside what it names")
    if extent.values > MAX_VALUES or extent.depth > MAX_DEPTH + 1:
        limit = f"more than {MAX_VALUES:,} values or {MAX_DEPTH} levels"
        return _nothing(1, f"{limit} once aliases are written out")
    builder = _Builder(loader)
    values = builder.value(root, (), _line(root.start_mark))
    return Tree(values, builder.lines, tuple(builder.flaws))


class _Builder:
    """One walk over the nodes of a document."""

    def __init__(self, loader: Any) -> None:  # noqa: ANN401 - one of two loaders without a common type
        self._loader = loader
        self.lines: dict[Path, int] = {}
        self.flaws: list[Flaw] = []

    def value(self, node: yaml.Node, path: Path, line: int) -> object:
        self.lines[path] = line
        if isinstance(node, yaml.MappingNode) and node.tag == _MAP:
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _SEQ:
            return [self.value(each, (*path, place), _line(each.start_mark)) for place, each in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return self._scalar(node, path)
        self._flaw(node, path, f"the tag {node.tag.removeprefix('tag:yaml.org,2002:')} is not allowed")
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        self._refuse_repeats(node, path)
        self._loader.flatten_mapping(node)  # `<<`: merged keys come first, so the mapping's own win below
        values: dict[str, object] = {}
        for key, each in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None or key.tag not in _SCALARS:
                self._flaw(key, path, "a key must be plain text")
                continue
            values[name] = self.value(each, (*path, name), _line(key.start_mark))
        return values

    def _refuse_repeats(self, node: yaml.MappingNode, path: Path) -> None:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                self._flaw(key, (*path, key.value), f"the key stands twice, first on line {seen[key.value]}")
            seen.setdefault(key.value, _line(key.start_mark))

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        try:
            return self._loader.construct_object(node)
        except (ValueError, yaml.YAMLError) as error:
            self._flaw(node, path, f"not a value: {str(error).splitlines()[0]}")
            return None

    def _flaw(self, node: yaml.Node, path: Path, reason: str) -> None:
        self.flaws.append(Flaw(_line(node.start_mark), path, reason))


def _too_deep(text: str) -> int | None:
    """The line at which the nesting passes the limit. Reads events, so the depth costs no stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                return _line(event.start_mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


class _Extent(NamedTuple):
    """How many values a node is with every alias written out, and how deep they are nested."""

    values: int
    depth: int


def _extent(node: yaml.Node, known: dict[int, _Extent | None]) -> _Extent | None:
    """The extent of a node; None when it contains itself.

    Each node is measured once however often it is named, so a bomb costs no more than its text.
    """
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = None
    total, depth = 1, 0
    for child in _children(node):
        inner = _extent(child, known)
        if inner is None:
            return None
        total, depth = total + inner.values, max(depth, inner.depth)
    known[id(node)] = _Extent(total, depth + 1)
    return known[id(node)]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _nothing(line: int, reason: str) -> Tree:
    return Tree(None, {}, (Flaw(line, (), reason),))


def _line(mark: Any) -> int:  # noqa: ANN401 - marks of both loaders, without a common type
    return 1 if mark is None else int(mark.line) + 1


def _said(error: yaml.MarkedYAMLError) -> str:
    return "not YAML: " + ", ".join(part for part in (error.context, error.problem) if part)
