"""``--porcelain=v1`` and ``-z``: what scripts read, held against golden files.

What differs from run to run (object ids, moments, machine) is replaced. ``WRITE_GOLDEN=1`` writes them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ovn import features
from ovn.cli import porcelain

GOLDEN = Path(__file__).parent / "golden"
VARYING = (
    (r"\b[0-9a-f]{40}\b", "<oid>"),
    (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "<time>"),
    (r"\(a shell on '[^']*'", "(a shell on '<host>'"),
)


@pytest.fixture
def told(store, repo, ovn):
    """A repository in which something happened, also with hostile names."""
    for name, title in (("parser", "Parse it"), ("printer", "Print\tit \x1b[31mred\u202e")):
        features.add(store, features.PERSON, title, feature=name, verify=("true",))
    repo.write("a\tb\nc", "x")
    ovn("checkpoint", "Before the rest", "-m", "two\nlines")
    ovn("start", "session-001", "--feature", "parser")
    ovn("checkpoint", "second")
    return ovn


def plain(text: str) -> str:
    for pattern, mark in VARYING:
        text = re.sub(pattern, mark, text)
    return text


@pytest.mark.parametrize("args", ["status", "list", "log", "feature list"])
@pytest.mark.parametrize("nul", [False, True])
def test_the_lines_are_those_of_the_golden_file(told, args, nul):
    said = told(*args.split(), "-z" if nul else "--porcelain=v1")
    name = f"{args.replace(' ', '-')}.{'nul' if nul else 'v1'}"
    found = plain(said.out).replace("\0", "\0\n")
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / name).write_text(found)
    assert found == (GOLDEN / name).read_text()
    assert said.err == ""


@pytest.mark.parametrize("args", list(porcelain.FIELDS))
def test_a_line_has_the_fields_that_are_documented_and_no_other(told, args):
    lines = told(*args.split(), "--porcelain").out.splitlines()
    assert lines
    assert {len(line.split("\t")) for line in lines} == {len(porcelain.FIELDS[args])}
    page = (Path(__file__).parents[2] / "docs" / "scripts.md").read_text()
    assert "`" + "` `".join(porcelain.FIELDS[args]) + "`" in page


def test_no_name_can_steer_a_terminal_or_make_a_line(told):
    said = told("status", "--porcelain").out + told("feature", "list", "--porcelain").out
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "a\\tb\\nc" in said
    assert 'uncommitted\t"a\\tb\\nc"\0' in told("status", "-z").out


def test_porcelain_has_no_colour_and_no_heading_whatever_git_is_told(told, repo):
    repo.git("config", "color.ui", "always")
    assert "\x1b" not in told("list", "--porcelain").out
    assert not told("list", "--porcelain").out.startswith("checkpoint")


def test_nothing_to_list_is_no_line(store, ovn):
    for args in ("list", "feature list"):
        said = ovn(*args.split(), "--porcelain")
        assert (said.out, said.err) == ("", "")


def test_only_version_one_is_known(store, ovn):
    assert "'v2' is not" in ovn("list", "--porcelain=v2", code=129).err
