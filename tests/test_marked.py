"""Our lines in somebody else's file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn import marked

BEGIN, END = b"# begin", b"# end"
LINES = st.lists(st.sampled_from([b"a", b"", b"# other", b" # begin", b"b\r"]), max_size=6)
FILES = st.tuples(LINES, st.booleans()).map(
    lambda made: b"\n".join(made[0]) + (b"\n" if made[1] and made[0] else b"")
)


@given(FILES)
def test_what_is_put_can_be_taken_out_again(text):
    put = marked.put(text, BEGIN, END, b"ours\n")
    back = marked.take(put, BEGIN, END)
    assert back in (text, text + b"\n"), "only a missing newline at the end is added"
    assert put == marked.put(put, BEGIN, END, b"ours\n")


@given(FILES, FILES)
def test_what_stands_around_the_block_stays(before, after):
    text = before + b"\n" + BEGIN + b"\nold\n" + END + b"\n" + after
    assert before + b"\n" + BEGIN + b"\nnew\n" + END + b"\n" + after == marked.put(text, BEGIN, END, b"new")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", b"# begin\nx\n# end\n"),
        (b"a\n", b"a\n\n# begin\nx\n# end\n"),
        (b"a", b"a\n\n# begin\nx\n# end\n"),
        (b"a\n# begin\nb\n", b"a\n# begin\nx\n# end\nb\n"),
        (b"# begin\r\nold\r\n# end\r\nb\r\n", b"# begin\nx\n# end\nb\r\n"),
    ],
)
def test_a_block_is_put_at_the_end_or_in_place_of_what_is_left_of_one(text, expected):
    assert expected == marked.put(text, BEGIN, END, b"x")


def test_without_a_block_nothing_is_taken():
    assert marked.take(b"a\n# end\n", BEGIN, END) == b"a\n# end\n"
