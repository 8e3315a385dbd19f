"""A map in buckets is a map, whatever is put and deleted, and survives being opened anew."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from signals.joining.buckets import FULL, Buckets
from signals.keyed import DictStore
from tests.unit.brain_streams import examples

_decode = msgspec.msgpack.Decoder(dict[str, int]).decode
_puts = st.lists(st.tuples(st.integers(0, 5 * FULL).map(str), st.none() | st.integers(0, 9)), max_size=20 * FULL)


def opened(store: DictStore) -> Buckets[int]:
    return Buckets(store, "map", _decode)


@given(_puts)
@examples(40)
def test_it_is_a_map(puts: list[tuple[str, int | None]]) -> None:
    store, expected = DictStore(), dict[str, int]()
    for number, (key, value) in enumerate(puts):
        if number % 7 == 0:
            buckets = opened(store)
        buckets.put(key, value)
        if value is None:
            expected.pop(key, None)
        else:
            expected[key] = value
        assert buckets.get(key) == value
    assert dict(opened(store).items()) == expected


def test_no_bucket_grows_with_the_map_and_all_of_it_can_go() -> None:
    store = DictStore()
    buckets = opened(store)
    for number in range(100 * FULL):
        buckets.put(f"crm/acme:D{number}", number)
    assert len(dict(buckets.items())) == 100 * FULL
    assert max(len(_decode(value)) for name, value in store.items() if name != b"map") < 6 * FULL
    opened(store).clear()
    assert list(store.items()) == []


def test_what_need_not_stay_leaves_with_the_next_that_comes() -> None:
    store = DictStore()
    buckets = opened(store)
    buckets.put("old", 1)
    buckets.put("new", 2, lambda value: value > 1)
    assert dict(opened(store).items()) == {"new": 2}
