"""The bytes of a state: what goes in comes out, a typical deal is small, and what was written stays readable."""

from __future__ import annotations

import base64
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.dictionary import DICTIONARY
from signals.kept import BY_NONE, keep, read_head, read_kept, write_kept
from signals.migrations import read_state
from signals.packing import pack, unpack
from tests.unit.brain_streams import Arrival, arrivals, examples
from tests.unit.test_brain_step import arrive

#: What was packed on the first day of this form. It is read for ever.
FIRST_TEXT = b"salesforce/default:006Sm0000000720IAA stage_overstay Perception Analysis"
FIRST = "KLUv/SBI5QAAQDcyMElBQSAgBvxO9m1LrU5Sd18Ol7qyvQVMEQ=="


@given(st.binary(max_size=5000))
@examples(50)
def test_what_is_packed_comes_out_again(value: bytes) -> None:
    assert unpack(pack(value)) == value


@given(arrivals())
@examples(40)
def test_a_state_is_kept_as_it_is(arrival: Arrival) -> None:
    state, _, _ = arrive(arrival.log)
    value = write_kept(keep(state, BY_NONE, None))
    assert read_kept(value).state == state
    assert read_state(value) == state
    assert read_head(value).due_us == read_kept(value).due_us


@pytest.mark.parametrize(
    "value", [b"", b"x", b"\x28\xb5\x2f\xfd", pack(b"abc")[:-1]], ids=["none", "x", "magic", "cut"]
)
def test_what_was_not_packed_is_a_decode_error(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError, match="no packed state"):
        unpack(value)


def test_the_dictionary_is_a_part_of_the_form() -> None:
    """Another dictionary needs another form: without this one nobody can read what it wrote."""
    assert sha256(base64.b85decode(DICTIONARY)).hexdigest()[:16] == "61b4e8ad99d766eb"
    assert unpack(base64.b64decode(FIRST)) == FIRST_TEXT
