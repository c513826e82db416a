"""One valid encoding, and a reader that takes nothing else."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.errors import InvalidDocument
from ovn.model import canonical

pytestmark = pytest.mark.unmeasured

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**50), 10**50)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"))
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner)
)


@given(VALUES)
def test_what_is_dumped_loads_as_it_was_and_dumps_to_the_same_bytes(value):
    data = canonical.dump(value)
    assert value == canonical.load(data)
    assert data == canonical.dump(canonical.load(data))


@given(VALUES)
def test_a_journal_line_is_one_line_with_the_same_value(value):
    line = canonical.dump_line(value)
    assert b"\n" not in line
    assert value == canonical.load(line)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers()))
def test_the_order_in_which_keys_were_set_leaves_no_trace(value):
    turned = dict(reversed(value.items()))
    assert canonical.dump(value) == canonical.dump(turned)


def test_a_document_is_sorted_indented_by_two_and_ends_with_a_newline():
    assert (
        canonical.dump({"b": None, "a": [1, "ü"]})
        == b'{\n  "a": [\n    1,\n    "\xc3\xbc"\n  ],\n  "b": null\n}\n'
    )


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), {1, 2}, object(), b"bytes", "\ud800", {("a",): 1}]
)
def test_what_json_cannot_say_is_refused(value):
    with pytest.raises(InvalidDocument, match="not a JSON value"):
        canonical.dump({"key": value} if not isinstance(value, dict) else value)


def test_a_value_that_holds_itself_is_refused():
    loop: list = []
    loop.append(loop)
    with pytest.raises(InvalidDocument, match="not a JSON value"):
        canonical.dump(loop)


REFUSED = {
    "nothing at all": (b"", "line 1, column 1"),
    "half a document": (b'{"a": [1, 2', "line 1, column 12"),
    "something after the end": (b"{} {}", "line 1, column 4: extra data"),
    "the second line": (b'{\n "a": nul\n}', "line 2, column 7"),
    "a trailing comma": (b'{"a": 1,}', "line 1"),
    "single quotes": (b"{'a': 1}", "line 1, column 2"),
    "a comment": (b"{} // no", "line 1"),
    "the same key twice": (b'{"a": 1, "b": 2, "a": 1}', "the key 'a' stands twice"),
    "the same key twice, further in": (b'[{"a": {"b": 1, "b": 1}}]', "the key 'b' stands twice"),
    "a key that equals another when unescaped": (b'{"a": 1, "\\u0061": 2}', "the key 'a' stands twice"),
    "NaN": (b'{"a": NaN}', "NaN is not JSON"),
    "Infinity": (b"[Infinity]", "Infinity is not JSON"),
    "minus Infinity": (b"[-Infinity]", "-Infinity is not JSON"),
    "a number beyond all floats": (b"[1e999]", "the number 1e999 is beyond"),
    "a number of 5000 digits": (b"[" + b"7" * 5000 + b"]", "a number of 5000 digits"),
    "a negative number of 5000 digits": (b"[-" + b"7" * 5000 + b"]", "a number of 500. digits"),
    "half a surrogate pair": (b'["\\ud83d"]', "half of a surrogate pair"),
    "the other half, as a key": (b'{"\\ude00": 1}', "half of a surrogate pair"),
    "a surrogate in UTF-8": (b'["\xed\xa0\xbd"]', "not UTF-8 at byte 2"),
    "Latin-1": (b'["gr\xfcn"]', "not UTF-8 at byte 4"),
    "an overlong encoding": (b'["\xc0\xaf"]', "not UTF-8 at byte 2"),
    "a byte order mark": ("\ufeff{}".encode(), "byte order mark"),
    "UTF-16 with its mark": ("{}".encode("utf-16"), "not UTF-8|byte order mark"),
    "UTF-16 without a mark": ('{"a": 1}'.encode("utf-16-le"), "line 1, column"),
    "UTF-32": ("[1]".encode("utf-32-be"), "line 1, column 1"),
    "a control character in a text": (b'["a\x01"]', "invalid control character"),
    "65 lists": (b"[" * 65 + b"]" * 65, "nested deeper than 64"),
    "100000 open lists": (b"[" * 100_000, "nested deeper than 64"),
    "100000 open objects": (b'{"a":' * 100_000, "nested deeper than 64"),
    "one byte too many": (b'"' + b"a" * (1 << 20) + b'"', "the limit is 1048576"),
}


@pytest.mark.measured
@pytest.mark.parametrize("name", REFUSED)
def test_the_reader_refuses(name):
    data, words = REFUSED[name]
    with pytest.raises(InvalidDocument, match=words) as refusal:
        canonical.load(data, "features/f1.json")
    assert str(refusal.value).startswith("features/f1.json: ")


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 64 + b"]" * 64,
        b'["' + b"[" * 1000 + b'"]',
        b'["\\"' + b"{" * 100 + b'"]',
        b'["\\ud83d\\ude00"]',
    ],
)
def test_the_reader_takes_what_only_looks_wrong(data):
    assert json.loads(data) == canonical.load(data)


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b"[]," * 349_000 + b"[]]",
        b'{"a": "' + b"\\\\" * 500_000 + b'"}',
        b"[" + b"1e300," * 170_000 + b"0]",
        b'{"' + b'":{"'.join(b"%d" % n for n in range(60)) + b'":' + b'"' + b"[" * 10**6 + b'"' + b"}" * 60,
        b"[" + b'{"a":1},' * 130_000 + b"0]",
    ],
    ids=["empty lists", "backslashes", "floats", "brackets in a text", "objects"],
)
def test_a_mebibyte_of_trouble_takes_less_than_a_second(data):
    """By its own time, and the best of three: a neighbour on the same core is not the reader's fault."""

    def seconds():
        before = time.process_time()
        with contextlib.suppress(InvalidDocument):
            canonical.load(data)
        return time.process_time() - before

    assert seconds() < 1 or seconds() < 1 or seconds() < 1
