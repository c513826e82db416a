"""What is logged below reaches a terminal escaped, and once."""

from __future__ import annotations

import io
import logging

import pytest

from ovn.cli.output import Output
from ovn.cli.talk import LOGGER, Talk, listen


@pytest.fixture
def said():
    """Return what was said so far, with a fresh output listening."""
    logger = logging.getLogger(LOGGER)
    before, propagates = list(logger.handlers), logger.propagate
    err = io.StringIO()
    listen(Output(io.StringIO(), err, colour=lambda: False))
    yield err.getvalue
    logger.handlers, logger.propagate = before, propagates


def test_a_warning_is_escaped_and_its_lines_are_set_in(said):
    logging.getLogger("ovn.state.store").warning("session '%s' is bad", "\x1b[31m\u202ex\nerror: y")
    assert said() == "warning: session '\\x1b[31m\\u202ex\n         error: y' is bad\n"


def test_what_is_no_warning_is_not_said(said):
    logging.getLogger("ovn.state.store").info("nothing")
    assert said() == ""


def test_the_last_who_listens_hears_it_alone(said):
    listen(Output(io.StringIO(), again := io.StringIO(), colour=lambda: False))
    logging.getLogger("ovn.git").warning("once")
    assert (said(), again.getvalue()) == ("", "warning: once\n")
    assert sum(isinstance(one, Talk) for one in logging.getLogger(LOGGER).handlers) == 1
