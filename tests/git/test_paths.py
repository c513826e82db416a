"""Paths as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.git.paths import quote, unquote

PAIRS = [
    (b"plain/path.py", "plain/path.py"),
    ("grün/日本".encode(), "grün/日本"),
    (b"with space", "with space"),
    (b"-dash", "-dash"),
    (b'a"b', '"a\\"b"'),
    (b"a\\b", '"a\\\\b"'),
    (b"a\nb\tc", '"a\\nb\\tc"'),
    (b"\x1b[31m", '"\\033[31m"'),
    (b"\x7f", '"\\177"'),
    (b"latin-\xe9", '"latin-\\351"'),
    ("mixed-ü-".encode() + b"\xff", '"mixed-ü-\\377"'),
    ("c1-\x9b".encode(), '"c1-\\302\\233"'),
]


@pytest.mark.parametrize(("path", "text"), PAIRS)
def test_a_path_is_quoted_as_git_quotes_it_and_taken_back(path, text):
    assert text == quote(path)
    assert path == unquote(text)


@given(st.binary())
def test_every_path_comes_back_byte_for_byte_and_its_text_is_safe_to_print(path):
    text = quote(path)
    assert path == unquote(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", text)
    text.encode("utf-8")


@given(st.lists(st.binary(), unique=True, max_size=8))
def test_two_paths_never_share_a_text(paths):
    assert len(paths) == len(set(map(quote, paths)))


@pytest.mark.parametrize("text", ['"', '"open', '"a"b"', '"\\q"', '"\\40"', '"end\\"'])
def test_half_a_quote_is_refused(text):
    with pytest.raises(ValueError, match="quoted path"):
        unquote(text)


def test_what_git_itself_prints_is_understood(repo):
    """git's quoting of bytes beyond ASCII (core.quotePath) is the same escapes, more of them."""
    names = [b"a\nb", "ü".encode(), b'q"q', b"\xff", b"\\back"]
    for name in names:
        repo.write(name, "x")
    printed = repo.git("ls-files", "-o").splitlines()
    assert sorted(names) == sorted(map(unquote, printed))
