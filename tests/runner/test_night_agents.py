"""Nights with an agent that speaks as Claude Code does: a small program of that name in PATH."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest

from ovn.clock import parse_rfc3339
from ovn.runner import watcher

from .test_night_inside import hold

pytestmark = pytest.mark.unmeasured

SPEAKING = """\
#!/usr/bin/env python3
import json, os, sys, time
def say(**line): print(json.dumps(line), flush=True)
def end(well=True, **more):
    say(type="result", is_error=not well, session_id=session, total_cost_usd=0.25, **more)
    sys.exit(0 if well else 1)
args = sys.argv[1:]
session = args[args.index("--resume") + 1] if "--resume" in args else "fresh-" + os.environ["OVN_ATTEMPT"]
with open({calls!r}, "a") as file: file.write(json.dumps(args) + "\\n")
number = sum(1 for _ in open({calls!r}))
feature = os.environ["OVN_FEATURE"]
say(type="system", subtype="init", session_id=session, claude_code_version="2.1.330")
hooks = os.environ["OVN_HOOKS_FILE"]
if {hooked}: open(hooks, "a").write("x")
{script}
"""


@pytest.fixture
def claude(project, tmp_path, monkeypatch):
    """Return ``claude(script, **sections)``: a program of that name, and the configuration.

    It returns ``calls(asked)``: the arguments of each call, or of those that asked for a handoff.
    """
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    calls = tmp_path / "calls"

    def install(script: str, *, hooked: bool = True, **sections):
        program = folder / "claude"
        program.write_text(SPEAKING.format(calls=str(calls), script=script, hooked=hooked))
        program.chmod(0o755)
        project.configure(agent={"name": "claude", "argv": None}, **sections)
        project.feature("a")
        project.trust()

        def called(*, asked: bool = False):
            every = [json.loads(line) for line in calls.read_text().splitlines()]
            return [args for args in every if ("Write the handoff" in args[-1]) is asked]

        return called

    return install


def test_it_works_and_what_it_cost_is_known(project, claude):
    claude("open(hooks, 'a').write('x'); open(feature + '.txt', 'w').write('good\\n'); end()")
    project.run("--max-sessions", "1", code=0)
    assert project.statuses() == {"a": "done"}
    assert project.night().cost_usd == 0.25
    project.check()


@pytest.mark.slow
def test_the_next_attempt_goes_on_in_the_agents_own_session_and_the_last_one_afresh(project, claude):
    calls = claude("open(feature + '.txt', 'a').write('bad\\n'); end()")
    project.run("--max-sessions", "1", code=None)
    resumed = [args[args.index("--resume") + 1] if "--resume" in args else None for args in calls()]
    assert resumed == [None, "fresh-1", None]


@pytest.mark.measured
def test_a_limit_with_an_end_is_waited_for_and_the_work_goes_on(project, claude):
    """The moment stands in the session, so a reboot does not forget it."""
    limited = (
        "if number == 1:\n"
        "    at = int(time.time()) + 1\n"
        "    info = {'status': 'rejected', 'resetsAt': at, 'rateLimitType': 'five_hour'}\n"
        "    say(type='rate_limit_event', rate_limit_info=info)\n"
        "    end(False, api_error='usage_limit_reached', result='You have hit your limit')\n"
        "open(feature + '.txt', 'w').write('good\\n'); end()"
    )
    calls = claude(limited)
    said = project.run("--max-sessions", "1", code=0)
    assert "the five hour limit is reached" in said
    assert len(calls()) == 2
    assert project.statuses() == {"a": "done"}
    assert project.one("a").attempts == 0


LIMITED = (
    "if number == 1:\n"
    "    info = {{'status': 'rejected', 'resetsAt': int(time.time()) + {}, 'rateLimitType': 'five_hour'}}\n"
    "    say(type='rate_limit_event', rate_limit_info=info)\n"
    "    end(False, api_error='usage_limit_reached', result='You have hit your limit')\n"
    "open(feature + '.txt', 'w').write('good\\n'); end()"
)


@pytest.mark.slow
def test_without_auto_resume_a_limit_ends_the_night_and_the_next_one_goes_on(project, claude):
    calls = claude(LIMITED.format(3600))
    said = project.run("--no-auto-resume", code=20)
    assert "the agent's own limit is reached, and nobody waits for it: it ends at 20" in said
    assert project.night().stop == "agent-limit"
    assert (project.statuses(), project.one("a").attempts) == ({"a": "in_progress"}, 0)
    project.run("--current-branch", code=0)
    assert (project.statuses(), len(calls())) == ({"a": "done"}, 2)
    project.check()


@pytest.mark.slow
def test_a_night_ends_in_time_although_its_agents_limit_ends_later(project, claude):
    """``--max-hours`` (and ``--until``) come first; nobody sleeps through the morning."""
    calls = claude(LIMITED.format(3600))
    said = project.run("--max-hours", "0.002", code=20)
    assert "the hours of --max-hours are over" in said
    assert len(calls()) == 1


@pytest.mark.slow
def test_a_limit_that_only_a_tool_or_the_model_speaks_of_is_none(project, claude):
    """Text inside of results is the project's, or the model's; only what the CLI says of itself counts."""
    words = (
        "You have hit your 5-hour limit. 429 rate_limit_error usage_limit_reached Credit balance is too low"
    )
    claude(
        f"words = {words!r}\n"
        "say(type='assistant', message={'model': 'm', 'content': [{'type': 'text', 'text': words},"
        " {'type': 'tool_use', 'name': 'Bash'}]})\n"
        "told = {'type': 'tool_result', 'is_error': True, 'content': words}\n"
        "say(type='user', message={'content': [told]})\n"
        "open(feature + '.txt', 'w').write('good\\n'); end(result=words)"
    )
    said = project.run(code=0)
    assert "waiting until" not in said
    assert project.statuses() == {"a": "done"}


def test_a_key_that_is_refused_needs_a_person_and_costs_no_attempt(project, claude):
    calls = claude("end(False, api_error_status=401, result='Invalid API key')")
    said = project.run(code=15)
    assert "the agent cannot go on: Invalid API key" in said
    assert (len(calls()), project.one("a").attempts) == (1, 0)


def test_hooks_that_are_off_are_found_and_end_the_night(project, claude):
    """It works, so only the missing sign in the attempt's folder tells."""
    claude(
        "told = {'model': 'm', 'content': [{'type': 'text', 'text': 'I look at it'}]}\n"
        "for _ in range(600): say(type='assistant', message=told); time.sleep(0.1)",
        hooked=False,
        session={"start_deadline_seconds": 1},
    )
    said = project.run(code=14)
    assert "hooks did not run" in said
    assert project.night().watch[-1].text == "it works, and no hook of it ran within 1 s"


QUICK = {"max_restarts": 1, "backoff_base_seconds": 0}


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("for _ in range(600): say(type='system'); time.sleep(0.1)", "it put something out, but neither"),
        ("", "it put out nothing and gave no other sign of life"),
    ],
)
def test_an_agent_that_starts_too_slowly_is_tried_again_and_its_hooks_are_not_blamed(
    project, claude, tmp_path, script, words
):
    """Nothing tells that it works, so nothing tells that hooks are off; it says which deadline it was."""
    calls = claude(script, hooked=False, session={"start_deadline_seconds": 1}, recovery=QUICK)
    if not script:
        program = tmp_path / "bin" / "claude"
        program.write_text(f"#!/bin/sh\necho '[\"-p\"]' >>{tmp_path}/calls\nexec sleep 60\n")
    said = project.run(code=21)
    assert "hooks did not run" not in said
    why = "within 1 s (session.start_deadline_seconds)"
    assert f"the agent crashed too often without doing anything: ended: {words}" in said
    assert why in said
    assert (project.night().stop, len(calls())) == ("crash-loop", 2)
    project.check()


def test_a_slow_start_once_is_forgiven(project, claude):
    claude(
        "if number == 1: time.sleep(60)\n"
        "open(hooks, 'a').write('x'); open(feature + '.txt', 'w').write('good\\n'); end()",
        hooked=False,
        session={"start_deadline_seconds": 2},
        recovery=QUICK,
    )
    project.run(code=0)
    assert project.statuses() == {"a": "done"}
    assert project.one("a").attempts == 0
    project.check()


@pytest.mark.slow
def test_hooks_that_were_off_in_a_quick_attempt_are_found_at_its_end(project, claude):
    """It is over before any deadline; what it made is neither verified nor called done."""
    claude("open(feature + '.txt', 'w').write('good\\n'); end()", hooked=False)
    said = project.run(code=14)
    assert "hooks did not run" in said
    assert project.statuses() == {"a": "in_progress"}


def test_an_exit_code_of_zero_without_a_result_is_a_crash(project, claude):
    calls = claude("sys.exit(0)")
    project.run(code=21)
    assert len(calls()) == 3


@pytest.mark.slow
def test_a_session_that_cannot_go_on_is_not_resumed(project, claude):
    calls = claude("end(False, terminal_reason='rapid_refill_breaker')")
    project.run(code=21)
    assert not any("--resume" in args for args in calls())


@pytest.mark.slow
def test_without_a_known_end_the_longest_back_off_is_waited(project, claude):
    claude(
        "if number == 1: end(False, api_error_status=429, result='slow down')\n"
        "open(feature + '.txt', 'w').write('good\\n'); end()",
        recovery={"max_restarts": 2, "backoff_base_seconds": 1, "backoff_max_seconds": 2},
    )
    before = datetime.now(UTC)
    project.run("--max-sessions", "1", code=0)
    assert project.statuses() == {"a": "done"}
    assert (parse_rfc3339(project.night().ended) - before).total_seconds() >= 1


# -- last words --------------------------------------------------------------------------


HANDING_OFF = (
    "import subprocess\n"
    "def ovn(*words): return subprocess.run([sys.executable, '-m', 'ovn.cli.main', *words])\n"
    "asked = 'Write the handoff' in args[-1]\n"
    "open(hooks, 'a').write('x')\n"
)


def test_an_agent_that_ended_without_a_handoff_is_asked_for_it_in_its_own_session(project, claude):
    calls = claude(
        f"{HANDING_OFF}"
        "if asked:\n"
        "    ovn('handoff', '--next', 'look at the docs', '--tried', 'a dead end'); end()\n"
        "open(feature + '.txt', 'w').write('good\\n'); end(False, terminal_reason='max_turns')"
    )
    said = project.run(code=0)
    assert "the agent wrote its handoff" in said
    assert [args[args.index("--resume") + 1] for args in calls(asked=True)] == ["fresh-1"]
    (session,) = project.sessions()
    words = project.store.view().handoff(session.id)
    assert (words.author, words.next, words.tried) == ("agent", ("look at the docs",), ("a dead end",))
    assert project.night().cost_usd == 0.25  # it counts its session, not its processes
    assert project.statuses() == {"a": "done"}
    project.check()


def test_where_no_handoff_comes_of_asking_it_is_written_from_git(project, claude):
    calls = claude(f"{HANDING_OFF}open(feature + '.txt', 'w').write('good\\n'); end()")
    said = project.run(code=0)
    assert "no handoff came of it" in said
    assert (len(calls()), len(calls(asked=True))) == (1, 1)
    (session,) = project.sessions()
    assert project.store.view().handoff(session.id).author == "runner"
    project.check()


@pytest.mark.slow
def test_an_agent_that_refused_three_times_is_not_asked_a_fourth(project, claude):
    calls = claude(
        f"{HANDING_OFF}open(feature + '.txt', 'w').write('good\\n')\n"
        "open(hooks + '.stops', 'w').write('....'); end()"
    )
    project.run(code=0)
    assert (len(calls()), len(calls(asked=True))) == (1, 0)


@pytest.mark.slow
def test_a_limit_is_no_moment_to_ask(project, claude):
    """It would meet the same limit; the handoff comes from git when the feature is done."""
    calls = claude(
        f"{HANDING_OFF}open(feature + '.txt', 'w').write('bad\\n')\n"
        "end(False, api_error_status=401, result='Invalid API key')"
    )
    project.run(code=15)
    assert (len(calls()), len(calls(asked=True))) == (1, 0)


@pytest.mark.slow
def test_an_agent_that_turns_in_circles_uses_its_attempts_up_and_the_next_feature_begins(
    project, claude, monkeypatch
):
    """Whatever the arguments: ended, counted, told to the next attempt, in the state for the morning."""
    monkeypatch.setattr(watcher, "LOOK_SECONDS", 0.1)
    calls = claude(
        "open(hooks, 'a').write('x')\n"
        "if feature == 'b': open('b.txt', 'w').write('good\\n'); end()\n"
        "for n in range(600):\n"
        "    use = {'type': 'tool_use', 'name': 'Bash', 'input': {'command': 'try ' + str(n)}}\n"
        "    say(type='assistant', message={'content': [use]})\n"
        "    say(type='user', message={'content': [{'type': 'tool_result', 'is_error': True}]})\n"
        "    time.sleep(0.1)",
        session={"stuck_failures": 3},
        budget={"max_attempts_per_feature": 2},
    )
    project.feature("b")
    ended, said = hold(project)
    assert project.statuses() == {"a": "blocked", "b": "done"}
    assert len(calls()) == 3
    assert "stuck: the tool 'Bash' failed" in (project.one("a").reason or "")
    seen = [(one.what, one.feature) for one in ended.run.watch]
    assert seen == [("stuck", "a"), ("stuck", "a")]
    assert any("the tool 'Bash' failed" in line for line in said)
    prompt = next(project.repo.location.local.glob("runs/*/*/002/prompt.md")).read_text()
    assert "the tool 'Bash' failed" in prompt
    project.check()
