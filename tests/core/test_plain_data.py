from __future__ import annotations

import functools
import json
from collections import OrderedDict, deque
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngym_core.errors import StateError
from ngym_core.plain_data import Decoder, checksum, decode, encode
from ngym_core.random import TruncExp

numbers = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
values = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=4),
        st.dictionaries(st.integers(), inner, max_size=3),
        st.sets(st.integers(), max_size=3),
        st.lists(st.integers(0, 9), max_size=4).map(lambda v: deque(v, 5)),
    ),
    max_leaves=12,
)


@given(values)
def test_encode_makes_json_from_which_decode_makes_the_same_value(value):
    plain = encode(value)
    again = decode(json.loads(json.dumps(plain)))
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize("array", [np.arange(3, dtype=np.int8), np.zeros((2, 0)), np.array(["a", "bc"]), np.array(3.5)])
def test_encode_copies_arrays(array):
    plain = encode(array)
    assert not np.shares_memory(plain, array)
    assert np.array_equal(decode(plain), array)
    assert decode(plain).dtype == array.dtype


def test_encode_takes_arrays_of_objects_apart():
    array = np.array([[1, "a"], [None, (2, 3)]], object)
    assert decode(json.loads(json.dumps(encode(array)))).tolist() == array.tolist()


@pytest.mark.parametrize("scalar", [np.float32(0.1), np.int64(-3), np.bool_(True), np.str_("x")])
def test_encode_keeps_the_type_of_numpys_scalars(scalar):
    again = decode(encode(scalar))
    assert again == scalar
    assert type(again) is type(scalar)


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.SFC64, np.random.Philox])
def test_encode_takes_the_state_of_random_generators(kind):
    for made in (np.random.Generator, np.random.RandomState):
        generator = made(kind(5))
        again = decode(encode(generator))
        assert again is not generator
        assert (again.uniform(size=3) == generator.uniform(size=3)).all()


@dataclass
class Point:
    x: int
    other: object = None


def test_decode_makes_new_objects_and_keeps_who_shares_them():
    shared = Point(1)
    value = {"a": shared, "b": [shared], "c": SimpleNamespace(y=2)}
    current = {"a": Point(0), "b": [None], "c": SimpleNamespace(z=3)}
    again = decode(encode(value), current)
    assert again["a"] == shared
    assert again["a"] is again["b"][0] is not shared
    assert vars(again["c"]) == {"y": 2}
    assert current["a"] == Point(0)


def test_decode_keeps_what_is_no_data():
    current = {"f": len, "space": np}
    assert decode(encode({"f": print, "space": json}), current) == current


def test_decode_makes_values_whatever_there_was():
    plain = json.loads(json.dumps(encode(TruncExp(500, 200), frozenset()), default=np.ndarray.tolist))
    for current in (None, 5, len, TruncExp(3)):
        assert decode(plain, current) == TruncExp(500, 200)


def test_decode_keeps_values_of_dictionaries_whose_keys_are_no_texts():
    current = {(1, 2): len, 3: np}
    assert decode(encode({3: json, (1, 2): print}), current) == current


def test_decode_takes_a_function_from_the_first_place_that_has_it():
    assert decode(encode([print, {"f": print}]), [len, {"f": 5}]) == [len, {"f": len}]
    with pytest.raises(StateError, match="The state has a function where there is 5 here"):
        decode(encode(print), 5)
    draws = functools.partial(np.random.default_rng(0).random)
    with pytest.raises(StateError, match="where there is one that draws from other generators here"):
        decode(encode(draws), print)


class Counter:
    def __init__(self):
        self.count = 0

    @property
    def state(self):
        return {"count": self.count}

    @state.setter
    def state(self, state):
        self.count = state["count"]


def test_decoder_changes_objects_with_a_state_only_when_it_commits():
    counter, other = Counter(), Counter()
    counter.count = 5
    decoder = Decoder()
    plain = encode(counter, frozenset({Counter.__module__.partition(".")[0]}))
    assert decoder.decode(plain, other) is other
    assert other.count == 0
    decoder.commit()
    assert other.count == 5


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({"$": "nothing"}, "no kind of value 'nothing'"),
        ({"$": "scalar"}, "'scalar' cannot be read"),
        ({"$": "generator", "class": "Generator", "state": {"bit_generator": "PCG64"}}, "'generator' cannot be read"),
        ({"$": "object", "class": "Point", "number": 0, "attributes": {}}, "has a Point where there is NoneType here"),
    ],
)
def test_decode_refuses_damaged_data(plain, message):
    with pytest.raises(StateError, match=message):
        decode(plain)


def test_encode_refuses_iterators():
    with pytest.raises(TypeError, match="is an iterator: its position is no value"):
        encode({"a": [iter([1])]})


def test_checksum_sees_every_change_but_not_the_way_through_json():
    value = encode({"a": (1, 2.5), "b": [True, None, "x"], "c": {1: 2}, "d": OrderedDict(e=3)})
    assert checksum(value) == checksum(json.loads(json.dumps(value)))
    assert checksum({"a": [1, 2]}) == checksum({"a": (1, 2)})
    arrays = [np.arange(3), np.arange(3.0), np.arange(4), np.array([0, 1, 3]), np.arange(3)[None], np.zeros((0, 2))]
    different = [{"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}, {"a": None}, {"b": 1}, {"a": [1]}, *arrays]
    assert len({checksum(each) for each in different}) == len(different)
    with pytest.raises(TypeError, match="A set is no plain data"):
        checksum({1, 2})
