"""What is logged below reaches a terminal escaped, and once."""

from __future__ import annotations

import io
import logging

import click
import pytest

from ovn.cli.output import Output
from ovn.cli.talk import LOGGER, Talk, listen


@pytest.fixture
def said():
    """Return what was said so far, while a verb listens."""
    err = io.StringIO()
    with click.Context(click.Command("verb")):
        listen(Output(io.StringIO(), err, colour=lambda: False))
        yield err.getvalue


def test_a_warning_is_escaped_and_its_lines_are_set_in(said):
    logging.getLogger("ovn.state.store").warning("session '%s' is bad", "\x1b[31m\u202ex\nerror: y")
    assert said() == "warning: session '\\x1b[31m\\u202ex\n         error: y' is bad\n"


def test_what_is_no_warning_is_not_said(said):
    logging.getLogger("ovn.state.store").info("nothing")
    assert said() == ""


def test_when_the_verb_is_over_nobody_listens():
    logger = logging.getLogger(LOGGER)
    before = list(logger.handlers), logger.propagate
    with click.Context(click.Command("verb")):
        listen(Output(io.StringIO(), io.StringIO(), colour=lambda: False))
        assert any(isinstance(one, Talk) for one in logger.handlers)
    assert (logger.handlers, logger.propagate) == before
