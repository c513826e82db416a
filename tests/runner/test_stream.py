"""An agent's output while it comes: cut anywhere, of any size."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ovn.agents import claude, codex, command
from ovn.runner import stream
from ovn.runner.stream import Stream
from ovn.runner.watchdog import Event


def called(name: str) -> bytes:
    line = {"type": "assistant", "message": {"content": [{"type": "tool_use", "name": name}]}}
    return json.dumps(line).encode() + b"\n"


def ended(*, well: bool) -> bytes:
    line = {"type": "user", "message": {"content": [{"type": "tool_result", "is_error": not well}]}}
    return json.dumps(line).encode() + b"\n"


def test_a_tool_that_ends_is_the_one_that_was_called() -> None:
    heard = Stream(claude.events)
    heard.hear(called("Bash") + called("Edit") + ended(well=False) + ended(well=True))
    assert list(heard.take(7.0)) == [
        Event(7.0, "acted", "Bash"),
        Event(7.0, "acted", "Edit"),
        Event(7.0, "failed", "Bash"),
        Event(7.0, "worked", "Edit"),
    ]
    assert list(heard.take(8.0)) == []


@given(st.lists(st.integers(1, 60), max_size=40))
def test_it_makes_no_difference_where_the_output_is_cut(cuts) -> None:
    data = called("Bash") + b"no json\n" + ended(well=False) + called("Read") + ended(well=True)
    whole, parts = Stream(claude.events), Stream(claude.events)
    whole.hear(data)
    found = []
    for cut in [*cuts, len(data)]:
        now, data = data[:cut], data[cut:]
        parts.hear(now)
        found += list(parts.take(1.0))
    parts.hear(data)
    assert found + list(parts.take(1.0)) == list(whole.take(1.0))


def test_a_line_without_an_end_costs_bounded_memory_and_the_next_one_counts() -> None:
    heard = Stream(claude.events)
    for _ in range(3):
        heard.hear(b"x" * stream.LONGEST)
    heard.hear(b"x\n" + called("Bash"))
    assert list(heard.take(1.0)) == [Event(1.0, "acted", "Bash")]
    assert len(heard._part) == 0


def test_what_nobody_takes_is_dropped_the_oldest_first(monkeypatch) -> None:
    monkeypatch.setattr(stream, "WAITING", 1000)
    heard = Stream(claude.events)
    for number in range(100):
        heard.hear(called(f"tool{number}"))
    names = [event.name for event in heard.take(1.0)]
    assert names[-1] == "tool99"
    assert 0 < len(names) < 20


def test_an_agent_of_another_language_tells_its_own_names_or_nothing() -> None:
    line = {
        "type": "item.completed",
        "item": {"type": "command_execution", "exit_code": 1, "status": "failed"},
    }
    for reader, names in ((codex.events, 1), (command.events, 0)):
        heard = Stream(reader)
        heard.hear(json.dumps(line).encode() + b"\n")
        assert len([event for event in heard.take(1.0) if event.kind == "failed"]) == names
