"""What is warned of below reaches a terminal escaped, and once."""

from __future__ import annotations

import io
import logging

import pytest

from ovn.cli.output import Output
from ovn.warn import listen, warn


@pytest.fixture
def said():
    """Return what was said so far, while a verb listens."""
    err = io.StringIO()
    end = listen(Output(io.StringIO(), err, colour=lambda: False).warning)
    yield err.getvalue
    end()


def test_a_warning_is_escaped_and_its_lines_are_set_in(said, caplog):
    warn("ovn.state.store", "session '\x1b[31m\u202ex\nerror: y' is bad")
    assert said() == "warning: session '\\x1b[31m\\u202ex\n         error: y' is bad\n"
    assert caplog.text == ""


def test_when_the_verb_is_over_nobody_listens_but_logging(caplog):
    err = io.StringIO()
    end = listen(Output(io.StringIO(), err, colour=lambda: False).warning)
    end()
    with caplog.at_level(logging.WARNING):
        warn("ovn.state.store", "100 % bad")
    assert (err.getvalue(), caplog.messages) == ("", ["100 % bad"])
    assert caplog.records[0].name == "ovn.state.store"
