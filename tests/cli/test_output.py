"""What is printed: escaped, in columns, painted, as JSON; and how figures read."""

from __future__ import annotations

import io
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.cli.context import Context
from ovn.cli.output import STYLES, Output, Painted, to_json
from ovn.shown import duration, escape, size


def output(*, colour: bool = False) -> tuple[Output, io.StringIO, io.StringIO]:
    """Return an Output and the two streams it writes to."""
    out, err = io.StringIO(newline=""), io.StringIO(newline="")
    return Output(out, err, colour=lambda: colour), out, err


class TestEscape:
    @pytest.mark.parametrize(
        ("raw", "shown"),
        [
            ("plain words", "plain words"),
            ("naïve 日本語 🌙 a\u00a0b", "naïve 日本語 🌙 a\u00a0b"),
            ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            ("one\ntwo\r\tthree", "one\\ntwo\\r\\tthree"),
            ("\x9b2J\x7f\0", "\\x9b2J\\x7f\\x00"),
            ("\u202egnp.exe\u2066\u200f", "\\u202egnp.exe\\u2066\\u200f"),
            ("\u2028\u2029", "\\u2028\\u2029"),
            (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\\xe9"),
            ("\ud800\udfff", "\\ud800\\udfff"),
            ("क्\u200dष", "क्\u200dष"),
        ],
    )
    def test_what_could_steer_or_deceive_is_made_visible(self, raw, shown):
        assert escape(raw) == shown

    def test_with_lines_the_ends_of_lines_and_tabs_stay(self):
        assert escape("a\n\tb\rc\x1b", lines=True) == "a\n\tb\\rc\\x1b"

    @given(st.text(st.characters(), max_size=50))
    def test_nothing_that_steers_comes_through_and_it_can_be_encoded(self, text):
        shown = escape(text)
        shown.encode()
        assert escape(shown) == shown
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in shown)

    @given(st.text(string.printable, max_size=50))
    def test_plain_text_of_one_line_is_untouched(self, text):
        text = "".join(text.split())
        assert escape(text) == text


class TestLines:
    def test_results_go_to_stdout_and_talk_to_stderr(self):
        out, stdout, stderr = output()
        out.line("a ", Painted("b", "red"), " c")
        out.note("look")
        out.hint("do this\nand that")
        out.warning("beware")
        out.error("failed")
        assert stdout.getvalue() == "a b c\n"
        assert stderr.getvalue() == (
            "note: look\nhint: do this\n      and that\nwarning: beware\nerror: failed\n"
        )

    @pytest.mark.parametrize("style", list(STYLES))
    def test_colour_is_put_around_escaped_text(self, style):
        out, stdout, _ = output(colour=True)
        out.line(Painted("a\x1b[0m", style), Painted("", style))
        assert stdout.getvalue() == f"\x1b[{STYLES[style]}ma\\x1b[0m\x1b[m\n"

    def test_whether_there_is_colour_is_asked_once_and_only_when_needed(self):
        asked = []
        stdout = io.StringIO()
        out = Output(stdout, stdout, colour=lambda: bool(asked.append(1)))
        out.line("plain")
        assert asked == []
        out.line(Painted("a", "red"), Painted("b", "red"))
        assert asked == [1]

    def test_text_keeps_its_lines_and_ends_with_one(self):
        out, stdout, _ = output()
        out.text("a\n\x07b\n")
        out.text("c")
        assert stdout.getvalue() == "a\n\\x07b\nc\n"

    def test_records_are_lines_or_end_with_nul(self):
        out, stdout, _ = output()
        out.records([["a", "b\n"], ["c", "d"]])
        out.records([["a", "b\n"]], nul=True)
        assert stdout.getvalue() == "a\tb\\n\nc\td\na\tb\n\0"


class TestTable:
    def test_columns_are_as_wide_as_their_widest_cell(self):
        out, stdout, _ = output()
        out.table([["a", Painted("long one", "red"), ""], ["日本", "b", "c"]], head=["ID", "NAME", "X"])
        assert stdout.getvalue() == (
            "ID    NAME      X\n"
            "a     long one\n"
            "日本  b         c\n"
        )  # fmt: skip

    def test_no_rows_print_nothing(self):
        out, stdout, _ = output()
        out.table([], head=["ID"])
        assert stdout.getvalue() == ""

    def test_colour_and_escapes_do_not_move_columns(self):
        out, stdout, _ = output(colour=True)
        out.table([[Painted("a", "red"), "x"], ["\x1b", "y"]])
        assert stdout.getvalue() == "\x1b[31ma\x1b[m     x\n\\x1b  y\n"


class TestJson:
    def test_a_document_has_its_version_first_and_is_ascii(self):
        out, stdout, _ = output()
        out.json({"a": "é\x1b\x7f\u202e", "b": [1, None]})
        text = stdout.getvalue()
        assert text.startswith('{\n  "version": 1,\n  "a": ')
        assert text.isascii()
        assert not any((ord(char) < 32 and char != "\n") or ord(char) == 127 for char in text)
        assert json.loads(text) == {"version": 1, "a": "é\x1b\x7f\u202e", "b": [1, None]}

    def test_what_json_has_no_number_for_is_refused(self):
        with pytest.raises(ValueError, match="not JSON compliant"):
            to_json({"a": float("nan")})


class TestFigures:
    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [
            (0, "0.0 s"), (0.25, "0.2 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"),
            (59.6, "1 min 0 s"), (185, "3 min 5 s"), (3599, "59 min 59 s"), (3600, "1 h 0 min"),
            (7810, "2 h 10 min"), (90000, "25 h 0 min"),
        ],
    )  # fmt: skip
    def test_durations_for_people(self, seconds, shown):
        assert duration(seconds) == shown

    @pytest.mark.parametrize(
        ("count", "shown"),
        [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500, "1.5 kB"), (999_960, "1.0 MB"),
         (20_000_000, "20.0 MB"), (3 * 10**9, "3.0 GB"), (5 * 10**15, "5000.0 TB")],
    )  # fmt: skip
    def test_sizes_for_people(self, count, shown):
        assert size(count) == shown


class Stream(io.StringIO):
    """A stdout that is a terminal or is none."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


class TestColourOfContext:
    """``color.ovn``, else ``color.ui``, else the terminal decides; ``NO_COLOR`` is above them."""

    @pytest.mark.parametrize(
        ("environ", "config", "terminal", "colour"),
        [
            ({"TERM": "xterm"}, {}, True, True),
            ({"TERM": "xterm"}, {}, False, False),
            ({"TERM": "dumb"}, {}, True, False),
            ({}, {}, True, False),
            ({"TERM": "xterm", "NO_COLOR": "1"}, {"color.ui": "always"}, True, False),
            ({"TERM": "xterm", "NO_COLOR": ""}, {}, True, True),
            ({"TERM": "xterm"}, {"color.ui": "never"}, True, False),
            ({}, {"color.ui": "always"}, False, True),
            ({"TERM": "xterm"}, {"color.ui": "never", "color.ovn": "auto"}, True, True),
            ({"TERM": "xterm"}, {"color.ui": "always", "color.ovn": "false"}, True, False),
        ],
    )
    def test_who_decides(self, environ, config, terminal, colour, repo, monkeypatch):
        for key, value in config.items():
            repo.git("config", key, value)
        monkeypatch.chdir(repo.path)
        monkeypatch.setattr("sys.stdout", Stream(terminal=terminal))
        assert Context(environ).colour() is colour

    def test_outside_a_repository_the_terminal_decides(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.stdout", Stream(terminal=True))
        assert Context({"TERM": "xterm"}).colour() is True


class TestContext:
    def test_the_environment_says_whose_process_this_is(self):
        context = Context({"OVN_SESSION": "session-001", "OVN_RUN_ID": "20261122-abcd"})
        assert (context.session, context.run) == ("session-001", "20261122-abcd")
        assert (Context({}).session, Context({"OVN_SESSION": ""}).session, Context({}).run) == (
            None,
            None,
            None,
        )

    @pytest.mark.parametrize(
        ("environ", "folder"),
        [
            ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/git-ovn"),
            ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/git-ovn"),
            ({"HOME": "/h"}, "/h/.local/state/git-ovn"),
        ],
    )
    def test_the_state_folder_follows_the_xdg_specification(self, environ, folder):
        assert str(Context(environ).state_home) == folder

    def test_the_repository_is_looked_for_when_asked_for(self, repo, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        context = Context({})
        monkeypatch.chdir(repo.path)
        assert context.location.top == repo.path
