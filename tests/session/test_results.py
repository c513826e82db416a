"""What a step returns comes back from the journal as it was, or is refused by the name of its place."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.errors import InvalidDocument
from ovn.model import canonical
from ovn.session import results


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


@dataclass(frozen=True, slots=True)
class Price:
    amount: Decimal
    currency: str = "EUR"


@dataclass
class Basket:
    prices: list[Price]
    where: Path = Path("shop")
    total: Decimal = field(default=Decimal(0), init=False)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=()), max_size=20)
    | st.binary(max_size=20)
    | st.datetimes(timezones=st.just(UTC))
    | st.dates()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.sampled_from(Colour)
    | st.builds(Price, st.decimals(allow_nan=False), st.text(max_size=3))
)
hashable = scalars.filter(lambda value: not isinstance(value, float) or value == value)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.just("$ovn"), inner, max_size=4)
        | st.sets(hashable, max_size=3)
        | st.frozensets(hashable, max_size=3)
    ),
    max_leaves=12,
)


@given(values)
def test_what_goes_in_comes_back(value):
    """Through the journal's own encoding and strict reader."""
    stored = canonical.dump_line(results.encode(value))
    back = results.decode(canonical.load(stored))
    assert value == back
    assert type(value) is type(back)


def test_a_value_that_is_json_already_is_not_copied():
    value = {"a": [1, 2.5, None, True, "é"]}
    assert results.encode(value) is value


def test_a_dataclass_comes_back_without_running_its_init():
    basket = Basket([Price(Decimal("1.20"))])
    basket.total = Decimal("1.20")
    assert basket == results.decode(results.encode(basket))


def test_other_paths_come_back_as_this_machines():
    assert Path("a/b") == results.decode(results.encode(PurePosixPath("a/b")))


class Odd:
    def __init__(self, number):
        self.number = number


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (object(), "result: builtins.object is not JSON"),
        ({"a": [1, Odd(1)]}, r"result\.a\[1\]: .*Odd is not JSON"),
        (float("nan"), "result: nan is not JSON"),
        ([float("inf")], r"result\[0\]: inf is not JSON"),
        (10**400, "result: a whole number of more than 400 digits"),
        ({(1, 2): [object()]}, r"result\[\(1, 2\)\]\[0\]: builtins.object"),
        (Price(amount=object()), r"result\.amount"),
    ],
)
def test_what_cannot_be_said_is_named_by_its_place(value, words):
    with pytest.raises(InvalidDocument, match=words):
        results.encode(value)


def test_a_class_that_a_replay_could_not_find_is_refused():
    @dataclass
    class Local:
        a: int

    with pytest.raises(InvalidDocument, match="local to a function"):
        results.encode(Local(1))


def test_what_refers_to_itself_is_too_deep():
    value: list = []
    value.append(value)
    with pytest.raises(InvalidDocument, match="nested deeper"):
        results.encode(value)


@pytest.mark.parametrize(
    "wrap", [lambda v: [v], lambda v: (v,), lambda v: {"$ovn": v}, lambda v: {1: v}, Price]
)
def test_the_deepest_result_fits_into_a_record(wrap):
    """What ``encode`` lets through, the journal's strict reader takes: nothing is set aside at a fold."""
    value = 1
    while True:
        deeper = wrap(value)
        try:
            stored = results.encode(deeper)
        except InvalidDocument:
            break
        value = deeper
        record = {"type": "step", "data": {"name": "x", "result": stored}}
        assert record == canonical.load(json.dumps(record).encode())
    assert value != 1


def test_a_class_may_be_registered():
    results.register_result("odd", Odd, lambda odd: [odd.number], lambda parts: Odd(*parts))
    back = results.decode(results.encode({"k": Odd(7)}))["k"]
    assert isinstance(back, Odd)
    assert back.number == 7


def test_a_kind_belongs_to_one_class():
    with pytest.raises(ValueError, match="'uuid' is registered for UUID"):
        results.register_result("uuid", Odd, str, Odd)
    results.register_result("uuid", UUID, str, UUID)


def test_a_kind_that_nobody_registered_is_an_error_with_a_hint():
    with pytest.raises(InvalidDocument, match="'vector'") as caught:
        results.decode({"$ovn": "vector", "value": []})
    assert "ovn.register_result" in caught.value.hint


@pytest.mark.parametrize("name", ["os:system", "ovn.nowhere:X", "pathlib:Path", "builtins:nothing"])
def test_only_dataclasses_and_enums_are_looked_up(name):
    """A journal that came from elsewhere cannot call what it likes."""
    with pytest.raises(InvalidDocument):
        results.decode({"$ovn": "dataclass", "class": name, "value": {}})


def test_moments_keep_their_zone_and_their_kind():
    moment = datetime(2026, 11, 22, 3, 4, 5, 678901, tzinfo=UTC)
    pair = (moment, moment.date(), timedelta(days=-1, microseconds=3))
    assert pair == results.decode(results.encode(pair))
    assert date is type(results.decode(results.encode(moment.date())))
