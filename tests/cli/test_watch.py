"""``git ovn watch``: as lines, as a live screen, as JSON."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import threading

import jsonschema
from rich.console import Console

from ovn import features, myself, resources
from ovn.cli.status import advice
from ovn.cli.watch import screen
from ovn.model.documents import Run
from ovn.report import live
from ovn.runner import runs, sole
from ovn.shown import when

AT = "2026-01-02T22:00:00.000Z"
RUN = "20260102-abcd"


def begin(store, deadline: str | None = None) -> None:
    features.add(store, features.PERSON, "Parse \x1b[31mit\u202e", feature="parser")
    runs.begin(store, Run(1, RUN, "running", AT, "main", None, None, "command", features=("parser",),
                          deadline=deadline))  # fmt: skip


def test_without_a_night_it_says_how_it_stands_and_ends(ovn, store):
    said = ovn("watch")
    assert said.out.splitlines()[0] == "demo  no night is going on; no features"
    assert "init: demo" in said.out


def test_status_says_until_when_a_night_goes_on_and_no_time_for_one_without_a_runner(ovn, store):
    begin(store, deadline=AT)
    with sole.held(store.location.local, "main") as held:
        held.name(RUN)
        assert f"goes on; this work tree is its own, until {when(AT)}\n" in ovn("status").out
    assert f"{RUN}  its runner is gone\n" in ovn("status").out


def test_nobody_is_advised_to_stop_a_night_that_is_well():
    told = {"run": {"alive": True}, "next": {"command": "git ovn stop"}, "reason": "a lease is held"}
    assert advice(told) == ("git ovn watch", "the night is at work; 'git ovn stop' ends it")
    assert advice(told | {"run": None}) == ("git ovn stop", "a lease is held")
    assert advice(told | {"next": {"command": "git ovn answer"}})[0] == "git ovn answer"


def test_as_json_it_is_the_published_document(ovn, store):
    begin(store)
    ovn("start", "a", "--feature", "parser")
    told = ovn("watch", "--json").json
    jsonschema.validate(told, json.loads(resources.read("schemas/output", "watch.schema.json")))
    assert told["run"] == RUN
    assert [(one["session"], one["state"], one["feature"]) for one in told["sessions"]] == [
        ("a", "active", "parser")
    ]
    assert told["features"] == {"in_progress": 1}


def test_lines_come_as_things_happen_and_end_with_the_night(repo, store):
    begin(store, deadline=AT)
    process = subprocess.Popen(
        myself.argv("watch", "--interval", "0.1"),
        cwd=repo.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    first = process.stdout.readline().decode()
    assert first == f"demo  night {RUN} its runner is gone: 'git ovn run' takes it up\n"
    features.block(store, features.PERSON, "parser", "no \x1b]0;x\x07way")
    runs.end(store, RUN, "all-done", 0, "every feature is done")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    lines = out.decode().splitlines()
    assert any("ended, every feature is done" in line for line in lines)
    assert lines[-1] == "1 blocked"
    assert "\x1b" not in out.decode()


def test_news_are_what_came_after_the_last_line_that_was_seen():
    lines = tuple(live.Line(str(number), AT, f"line {number}") for number in range(6))
    base = live.Now("demo", AT, None, False, None, None, 0.0, (), {}, 0, 0, ())

    def now(*story: live.Line) -> live.Now:
        from dataclasses import replace

        return replace(base, story=story)

    assert live.news(now(*lines[:3]), now(*lines[1:])) == lines[3:]
    assert live.news(now(*lines[:3]), now(*lines[:3])) == ()
    assert live.news(now(), now(*lines[:2])) == lines[:2]
    assert live.news(now(lines[0]), now(*lines[4:])) == lines[4:]


def test_the_screen_is_never_higher_than_the_terminal_and_lets_nothing_through(ovn, store):
    begin(store)
    ovn("start", "a", "--feature", "parser")
    for number in range(30):
        features.add(store, features.PERSON, f"Feature {number} \x9b31m\u202e", feature=f"f{number}")
    for height in (24, 40):
        out = io.StringIO()
        console = Console(file=out, width=80, height=height, force_terminal=False)
        console.print(screen(live.look(store, lines=height), height))
        drawn = out.getvalue()
        assert len(drawn.splitlines()) < height
        assert not set(drawn) & set("\x1b\x9b\u202e")
        assert "30 pending" in drawn
        assert all(len(line) <= 80 for line in drawn.splitlines())


def test_on_a_terminal_it_is_a_live_screen(repo, store):
    begin(store)
    reading, writing = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    process = subprocess.Popen(
        myself.argv("watch", "--interval", "0.1"),
        cwd=repo.path,
        env=env,
        stdin=writing,
        stdout=writing,
        stderr=writing,
    )
    os.close(writing)
    seen: list[bytes] = []
    began = threading.Event()

    def read() -> None:
        while True:
            try:
                data = os.read(reading, 65536)
            except OSError:  # the other side is closed
                return
            seen.append(data)
            began.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert began.wait(60)
    runs.end(store, RUN, "all-done", 0, "every feature is done")
    assert process.wait(60) == 0
    reader.join(10)
    drawn = b"".join(seen)
    assert b"\x1b[?1049h" in drawn  # the other screen: what was in the terminal comes back
    assert b"\x1b[?1049l" in drawn
    assert b"every feature is done" in drawn
    os.close(reading)
