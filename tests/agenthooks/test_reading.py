"""JSON by the interpreter's scanner says the same as the package does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.agenthooks import reading

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES, st.booleans(), st.sampled_from(["", " \n\t", "\r\n"]))
def test_what_json_writes_is_read_the_same(value, ascii_only, space):
    text = space + json.dumps(value, ensure_ascii=ascii_only) + space
    assert reading.loads(text.encode("utf-8", "surrogatepass") if ascii_only else _bytes(text)) == value


def _bytes(text: str) -> bytes:
    return text.encode("utf-8")


@given(st.text(alphabet='{}[]",:0123456789.eE+-\\utrfalsn \n', max_size=40))
def test_what_json_refuses_is_refused_and_the_rest_is_the_same(text):
    try:
        wanted = json.loads(text)
    except (ValueError, RecursionError):
        with pytest.raises(ValueError):
            reading.loads(text.encode())
        return
    assert reading.loads(text.encode()) == wanted


@pytest.mark.parametrize("raw", [b"", b"  ", b"{} {}", b"\xff", b"nul", b'{"a": }', b'"\x01"'])
def test_no_json_is_a_value_error(raw):
    with pytest.raises(ValueError):
        reading.loads(raw)


def test_a_byte_order_mark_and_constants_are_read():
    assert reading.loads(b"\xef\xbb\xbf[1]") == [1]
    assert reading.loads(b"[Infinity, -Infinity]") == [float("inf"), float("-inf")]
