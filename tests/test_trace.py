"""One correlation id for run, session, attempt and step, wherever a line is logged."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from datetime import UTC, datetime

import pytest

from ovn import DurableSession, trace
from ovn.state.store import StateStore
from ovn.trace import Trace

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("where", "path"),
    [
        (Trace(), ""),
        (Trace("r"), "r"),
        (Trace("r", "s", 2, "compile"), "r/s/2/compile"),
        (Trace(None, "s", None, "compile"), "-/s/-/compile"),
        (Trace("r", attempt=1), "r/-/1"),
    ],
)
def test_the_id_is_a_path_whose_beginning_finds_all_that_belongs_together(where, path):
    assert where.id == path


def test_what_was_entered_inside_is_forgotten_with_the_block():
    with trace.within(run="r"):
        with trace.within(session="s"):
            trace.enter(attempt=3)
            assert trace.current() == Trace("r", "s", 3)
        assert trace.current() == Trace("r")
    assert trace.current() == Trace()


def test_tasks_do_not_see_each_others_traces():
    async def one(name):
        with trace.within(session=name):
            await asyncio.sleep(0)
            return trace.current().session

    async def both():
        return await asyncio.gather(one("a"), one("b"))

    assert asyncio.run(both()) == ["a", "b"]


@pytest.mark.parametrize(
    ("environ", "where"),
    [
        ({}, Trace()),
        ({"OVN_RUN_ID": "r", "OVN_SESSION": "s", "OVN_ATTEMPT": "2"}, Trace("r", "s", 2)),
        ({"OVN_ATTEMPT": "two"}, Trace()),
        ({"OVN_ATTEMPT": "9" * 5000}, Trace()),
    ],
)
def test_the_environment_tells_what_a_process_belongs_to(environ, where):
    assert trace.of(environ) == where


def test_a_record_is_one_ascii_line_without_secrets():
    line = trace.record("INFO", "token=abcdefgh1234\n\x1b[31m\u202e\x7f", NOW, Trace("r", "s"), steps=3)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == {
        "version": 1,
        "time": "2026-01-02T03:04:05.000Z",
        "level": "INFO",
        "message": "token=[redacted]\n\x1b[31m\u202e\x7f",
        "logger": "ovn",
        "id": "r/s",
        "run": "r",
        "session": "s",
        "steps": 3,
    }


@pytest.fixture
def place(repo):
    """A repository with a state."""
    StateStore.open(repo.location).init("demo")
    return repo


@pytest.fixture
def logged():
    """Return what a program logged, as records."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(trace.JsonFormatter({"OVN_RUN_ID": "20260102-abcd", "OVN_ATTEMPT": "2"}))
    logger = logging.getLogger("program")
    logger.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)


def test_a_programs_own_log_names_session_attempt_and_step(place, logged):
    logger = logging.getLogger("program")
    tries = []

    def flaky():
        tries.append(1)
        logger.warning("try %d", len(tries))
        if len(tries) == 1:
            raise ValueError("password=hunter2hunter2")

    with DurableSession.start("s", repo=str(place.path)) as session:
        session.step("compile", lambda: logger.error("inside"))
        session.execute_with_retry(flaky, name="flaky", backoff="constant", max_retries=1)
        logger.error("outside")
    assert [(one["id"], one["message"]) for one in logged()] == [
        ("20260102-abcd/s/1/compile", "inside"),
        ("20260102-abcd/s/1/flaky", "try 1"),
        ("20260102-abcd/s/2/flaky", "try 2"),
        ("20260102-abcd/-/2", "outside"),
    ]


def test_an_asynchronous_program_too(place, logged):
    logger = logging.getLogger("program")

    async def main():
        async with DurableSession.start("s", repo=str(place.path)) as session:
            await session.step("compile", lambda: logger.error("inside"))

    asyncio.run(main())
    assert [one["id"] for one in logged()] == ["20260102-abcd/s/1/compile"]


def test_an_exception_is_logged_without_its_secrets(logged):
    try:
        raise ValueError("password=hunter2hunter2")
    except ValueError:
        logging.getLogger("program").exception("it failed")
    (one,) = logged()
    assert "ValueError: password=[redacted]" in one["exception"]
