"""Whether an expression fits the declared types of the fields that it reads.

The checker is the one of CEL's authors: the evaluator has none, and calls a text unequal that is compared with a
number. Where the checker is stricter than the evaluator, which compares whole numbers with fractions and anything with
null, it is overruled; a function that only one of the two knows is no matter of types.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from playbook.fields import Declared, FieldType

#: What the checker says of operands, with where they stand.
_MISMATCH = re.compile(
    r"ERROR: <input>:(?P<line>\d+):(?P<column>\d+): found no matching overload for "
    r"'(?P<function>.+?)' applied to '\((?P<operands>.*)\)'"
)
_WRAPPER = re.compile(r"wrapper\((\w+)\)")
#: The checker's types, as the playbook calls them.
_NAMES = {
    "double": "number",
    "int": "whole number",
    "uint": "whole number",
    "string": "text",
    "bool": "yes or no",
    "google.protobuf.Timestamp": "date",
    "google.protobuf.Duration": "duration",
    "null_type": "null",
}
_NUMBERS = frozenset({"double", "int", "uint"})
#: What the evaluator compares though one side is a whole number and the other is not.
_COMPARISONS = {"_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=", "_==_": "==", "_!=_": "!=", "@in": "in"}
_OPERATORS = _COMPARISONS | {
    "_+_": "+",
    "_-_": "-",
    "_*_": "*",
    "_/_": "/",
    "_%_": "%",
    "!_": "!",
    "-_": "-",
    "_&&_": "&&",
    "_||_": "||",
    "_?_:_": "? :",
}
_ANSWERS = frozenset({"BOOL", "DYN", "bool", "dyn", "wrapper(bool)", "google.protobuf.BoolValue"})


def type_errors(source: str, reads: Iterable[str], types: Mapping[str, Declared]) -> Iterator[str]:
    """What does not fit in an expression that compiles, each with where it stands; `reads` are its variables."""
    # 15 MB and 0.1 s, so only for playbooks that declare types.
    from cel_expr_python import cel  # type: ignore[import-untyped]  # noqa: PLC0415 - it has types, and no marker

    of_cel = {
        FieldType.NUMBER: cel.Type("google.protobuf.DoubleValue"),
        FieldType.TEXT: cel.Type("google.protobuf.StringValue"),
        FieldType.YES_NO: cel.Type("google.protobuf.BoolValue"),
        FieldType.DATE: cel.Type.TIMESTAMP,
    }
    variables = dict.fromkeys(reads, cel.Type.DYN)
    for name in variables.keys() & types.keys():
        declared = types[name]
        variables[name] = of_cel[declared if isinstance(declared, FieldType) else FieldType.TEXT]
    try:
        answer = cel.NewEnv(variables=variables).compile(source).return_type().name()
    except RuntimeError as error:
        yield from _mismatches(str(error))
        return
    if answer not in _ANSWERS:
        yield f"answers with a {_name(answer.lower())}, not with yes or no"


def _mismatches(said: str) -> Iterator[str]:
    for found in _MISMATCH.finditer(said):
        function = found["function"]
        operands = [_WRAPPER.sub(r"\1", one) for one in _split(found["operands"])]
        if function in _COMPARISONS and _comparable(operands):
            continue
        place = f"line {found['line']}, column {found['column']}"
        shown = " and ".join(f"a {_name(one)}" for one in operands)
        yield f"{_OPERATORS.get(function, function)} does not go with {shown}: {place}"


def _split(operands: str) -> list[str]:
    """The types of a list, which may be of lists themselves: `map(string, int), int` are two."""
    found, depth, start = [], 0, 0
    for place, letter in enumerate(operands):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            found.append(operands[start:place].strip())
            start = place + 1
    return [*found, operands[start:].strip()] if operands else []


def _comparable(operands: list[str]) -> bool:
    """Whether the evaluator compares what the checker does not let pass: numbers of two kinds, alone or in a list."""
    return {one.removeprefix("list(").removesuffix(")") for one in operands} <= _NUMBERS


def _name(type_: str) -> str:
    return _NAMES.get(type_, type_)
