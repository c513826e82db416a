"""The hook as the CLIs run it: events recorded of them in, answers in their words out."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from pathlib import Path

import pytest

from ovn import active, checkpoints, names
from ovn.agenthooks import dialects
from ovn.agents import ours
from ovn.config import Config
from ovn.shift import starting
from ovn.state.store import StateStore

pytestmark = pytest.mark.unmeasured

RECORDED = Path(__file__).parent.parent / "agents" / "recordings"
CONTEXT = "# session-001: what you need to know\n"


def bash(command: str, event: str = "PreToolUse") -> dict:
    return {"hook_event_name": event, "tool_name": "Bash", "tool_input": {"command": command}}


# -- the context -----------------------------------------------------------------------


@pytest.mark.parametrize("cli", ["claude", "codex"])
@pytest.mark.parametrize("source", ["startup", "resume", "compact"])
def test_the_context_comes_at_start_resume_and_after_a_compaction(hooked, cli, source):
    answer = hooked.recorded(cli, f"SessionStart.{source}")
    assert answer == {"hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": CONTEXT}}


def test_gemini_gets_it_at_its_start_and_with_every_tenth_tool(hooked):
    assert hooked.recorded("gemini", "SessionStart.startup") is not None
    answers = [hooked.recorded("gemini", "AfterTool") for _ in range(10)]
    assert answers[:9] == [None] * 9
    assert answers[9]["hookSpecificOutput"] == {"hookEventName": "AfterTool", "additionalContext": CONTEXT}


def test_the_newest_briefing_is_shown(hooked):
    """What was written before a compaction is newer than what the attempt began with."""
    newer = hooked.local / names.BRIEF_FOLDER / "session-001.md"
    newer.parent.mkdir()
    newer.write_text("newer")
    os.utime(hooked.context, (1, 1))
    assert "newer" in json.dumps(hooked.recorded("claude", "SessionStart.compact"))
    os.utime(newer, (0, 0))
    assert "newer" not in json.dumps(hooked.recorded("claude", "SessionStart.compact"))


def test_the_context_is_never_longer_than_claude_shows(hooked):
    hooked.context.write_text("x" * 50_000)
    answer = hooked.recorded("claude", "SessionStart.startup")
    assert len(answer["hookSpecificOutput"]["additionalContext"]) == 8000


def test_after_the_handoff_there_is_no_context(hooked):
    hooked.hand_off()
    assert hooked.recorded("claude", "SessionStart.startup") is None


# -- signs of life ---------------------------------------------------------------------


@pytest.mark.parametrize("cli", list(dialects.EVENTS))
def test_every_recorded_event_is_a_beat_and_a_line_in_the_attempts_folder(hooked, cli):
    recorded = json.loads((RECORDED / f"{cli}.hooks.json").read_text())
    for said in recorded.values():
        hooked.call(cli, {**said, "cwd": str(hooked.repo.path)})
    assert active.last_beat(hooked.local, "session-001") is not None
    lines = (hooked.folder / ours.HOOKS_FILE).read_text().splitlines()
    assert len(lines) == len(recorded)
    assert all(line.startswith(f"{cli} ") for line in lines)


def test_after_a_tool_the_tree_is_marked_as_changed(hooked):
    assert hooked.recorded("claude", "PostToolUse") is None
    assert (hooked.local / names.DIRTY_FOLDER / "session-001").exists()


# -- refusing --------------------------------------------------------------------------


def test_each_cli_hears_a_denial_in_its_words(hooked):
    harmful = {"tool_name": "Bash", "tool_input": {"command": "git push --force"}}
    reason = "git ovn refused this: nobody asked for history to be overwritten"
    answers = {
        cli: hooked.call(cli, {**harmful, "hook_event_name": event})
        for cli, event in [
            ("claude", "PreToolUse"),
            ("codex", "PreToolUse"),
            ("gemini", "BeforeTool"),
            ("opencode", "before-tool"),
        ]
    }
    for cli in ("claude", "codex"):
        said = answers[cli]["hookSpecificOutput"]
        assert said["permissionDecision"] == "deny"
        assert said["permissionDecisionReason"].startswith(reason)
    assert answers["gemini"]["decision"] == "deny"
    assert answers["gemini"]["reason"].startswith(reason)
    assert answers["opencode"]["deny"].startswith(reason)
    assert hooked.log.count("push-force") == 4


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("Write", {"file_path": "/r/.overnight/feature_registry.json", "content": "{}"}),
        ("Edit", {"file_path": "/r/.git/hooks/pre-commit", "old_string": "a"}),
        ("replace", {"file_path": ".overnight/config.yaml"}),
        ("edit", {"filePath": "/r/.git/ovn/active/main"}),
        ("apply_patch", {"input": "*** Begin Patch\n*** Update File: .overnight/config.yaml\n"}),
        ("apply_patch", {"command": "*** Begin Patch\n*** Delete File: .git/config\n"}),
        ("shell", {"command": ["bash", "-lc", "git push -f"]}),
        ("exec_command", {"cmd": "git stash drop"}),
    ],
)
def test_every_tool_that_writes_or_runs_is_looked_at(hooked, tool, given):
    answer = hooked.call("claude", {"hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": given})
    assert answer["hookSpecificOutput"]["permissionDecision"] == "deny"


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("Read", {"file_path": "/r/.overnight/feature_registry.json"}),
        ("Write", {"file_path": "/r/src/a.py", "content": "git push --force"}),
        ("Bash", {"command": "git status"}),
        ("Bash", "no object"),
        ("mcp__ovn__status", {}),
    ],
)
def test_ordinary_tools_are_let_alone(hooked, tool, given):
    said = {"hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": given}
    assert hooked.call("claude", said) is None


def test_who_has_no_session_here_is_let_alone(hooked):
    """A person's own agent, in the tree of a night, is none of ours."""
    assert hooked.call("claude", bash("git push --force"), environ={}) is None
    assert hooked.call("claude", {"hook_event_name": "Stop"}, environ={}) is None
    assert hooked.call("claude", {"hook_event_name": "SessionStart"}, environ={}) is None


def test_in_a_shift_begun_by_hand_every_agent_is_the_sessions(by_hand):
    assert by_hand.call("claude", bash("git push --force")) is not None


def test_an_agent_whose_session_ended_still_does_no_harm(hooked):
    hooked.hand_off()
    assert hooked.call("claude", bash("git push --force")) is not None


# -- stopping --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cli", "event", "word"),
    [("claude", "Stop", "block"), ("codex", "Stop", "block"), ("gemini", "AfterAgent", "deny")],
)
def test_it_may_not_stop_before_the_handoff_three_times(hooked, cli, event, word):
    answers = [hooked.recorded(cli, event) for _ in range(5)]
    assert [answer and answer["decision"] for answer in answers] == [word] * 3 + [None] * 2
    assert "session 'session-001' has no valid handoff" in answers[0]["reason"]
    assert "let go without a handoff" in hooked.log


def test_an_initializer_may_stop_once_its_proposal_is_there(hooked):
    """Its handoff is the runner's: what it has to leave is a file."""
    hooked.environ[names.ENV_PROPOSAL] = names.PROPOSAL_FILE
    answer = hooked.recorded("claude", "Stop")
    assert "'.overnight/features.json' is not there yet" in answer["reason"]
    hooked.repo.write(names.PROPOSAL_FILE, "{}")
    assert hooked.recorded("claude", "Stop") is None


def test_an_initializer_gets_its_own_context_even_after_a_newer_briefing(hooked):
    hooked.environ[names.ENV_PROPOSAL] = names.PROPOSAL_FILE
    brief = hooked.local / names.BRIEF_FOLDER / "session-001.md"
    brief.parent.mkdir()
    brief.write_text("a session's usual one")
    answer = hooked.call("claude", {"hook_event_name": "SessionStart", "source": "compact"})
    assert "what you need to know" in answer["hookSpecificOutput"]["additionalContext"]


def test_after_the_handoff_it_may_stop(hooked):
    hooked.hand_off()
    assert hooked.recorded("claude", "Stop") is None


def test_a_subagent_may_always_stop(hooked):
    assert hooked.recorded("claude", "SubagentStop") is None


def test_without_a_runner_a_new_agent_counts_anew(by_hand):
    for _ in range(4):
        last = by_hand.recorded("claude", "Stop")
    assert last is None
    by_hand.recorded("claude", "SessionStart.startup")
    assert by_hand.recorded("claude", "Stop") is not None


# -- never in the way ------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"hook_event_name": 7, "cwd": [], "tool_input": 3}']
)
def test_whatever_comes_in_the_agent_works_on(hooked, raw):
    assert hooked.raw("claude", raw) is None


def test_outside_of_a_repository_nothing_happens(hooked, tmp_path):
    assert hooked.call("claude", {"cwd": str(tmp_path), **bash("git push --force")}) is None


def test_a_broken_hook_says_so_in_the_log(hooked):
    (hooked.local / names.DIRTY_FOLDER).write_text("a file where a folder should be")
    assert hooked.recorded("claude", "PostToolUse") is None
    assert "FileExistsError" in hooked.log


def test_a_linked_work_tree_has_its_own_session(hooked, tmp_path):
    linked = tmp_path / "linked"
    hooked.repo.git("worktree", "add", "-q", str(linked))
    said = {"hook_event_name": "Stop", "cwd": str(linked)}
    assert hooked.call("claude", said) is None
    active.write(hooked.local, "linked", active.Active("session-001", kind="run"))
    assert hooked.call("claude", said) is not None


def test_in_a_subfolder_too(hooked):
    (hooked.repo.path / "a" / "b").mkdir(parents=True)
    said = {"hook_event_name": "Stop", "cwd": str(hooked.repo.path / "a" / "b")}
    assert hooked.call("claude", said) is not None


# -- checkpoints -----------------------------------------------------------------------


@pytest.fixture
def begun(repo, tmp_path, hooked):
    """Return a real shift, its store and the hook's view of it."""
    hooked.hand_off()
    store = StateStore.open(repo.location)
    store.init("demo")
    made = starting.start(store, Config(), starting.Opening(session="session-001", kind="run", by="runner"))
    hooked.environ[names.ENV_GENERATION] = str(made.generation)
    return store, hooked


def test_before_a_command_that_discards_work_a_checkpoint_holds_it(begun):
    store, hooked = begun
    hooked.repo.write("README", "precious\n")
    assert hooked.call("claude", bash("git reset --hard")) is None
    store.fold()
    (last, *_) = reversed(checkpoints.found(store))
    assert last.text == "before a command that discards work"
    assert hooked.repo.git("show", f"{last.commit}:README") == "precious"


def test_without_that_checkpoint_the_command_is_refused(hooked):
    """There is no state here, so none can be taken."""
    answer = hooked.call("claude", bash("git checkout -- ."))
    said = answer["hookSpecificOutput"]["permissionDecisionReason"]
    assert "no checkpoint that holds it could be taken" in said
    assert "guard: exit code 10" in hooked.log


def test_before_a_compaction_a_checkpoint_and_a_new_briefing(begun):
    store, hooked = begun
    hooked.repo.write("new.txt", "x")
    os.utime(hooked.context, (1, 1))
    assert hooked.recorded("claude", "PreCompact.auto") is None
    store.fold()
    assert [one.text for one in checkpoints.found(store)][-1] == "before the agent's context was compacted"
    assert "Uncommitted: new.txt" in json.dumps(hooked.recorded("claude", "SessionStart.compact"))


def test_without_a_runner_a_single_child_takes_checkpoints(repo, begun):
    _, hooked = begun
    active.write(hooked.local, "main", active.Active("session-001", kind="detached", generation=1))
    repo.write("new.txt", "x")
    for _ in range(3):
        hooked.recorded("claude", "PostToolUse")
    end = time.monotonic() + 30
    while time.monotonic() < end and not _texts(repo):
        time.sleep(0.1)
    assert _texts(repo) == ["while the agent worked"]


def _texts(repo) -> list[str]:
    store = StateStore.open(repo.location)
    store.fold()
    return [one.text for one in checkpoints.found(store)]


# -- speed -----------------------------------------------------------------------------


SLOW = (
    "re typing enum pathlib dataclasses json shlex subprocess encodings.utf_8_sig click pygit2 jsonschema "
    "ovn.errors ovn.myself"
)
"""What would take as long as all else that a hook around a tool does."""


@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse"])
def test_it_loads_the_standard_library_only_and_little_of_it(hooked, event):
    """What costs is what is imported; the time itself is measured in bench/."""
    line = ours.hook_argv("claude")
    line[1:1] = ["-X", "importtime"]
    said = {"cwd": str(hooked.repo.path), **bash("git status && pytest -q | tail", event)}
    done = subprocess.run(
        line,
        input=json.dumps(said).encode(),
        env={**os.environ, **hooked.environ},
        capture_output=True,
        check=True,
    )
    loaded = {row.split(b"|")[-1].strip().decode() for row in done.stderr.splitlines() if b"|" in row}
    assert "ovn.agenthooks.place" in loaded
    assert not loaded & set(SLOW.split())
    assert not [
        name for name in loaded if name.startswith(("ovn.git.", "ovn.state", "ovn.model", "ovn.agents."))
    ]


def test_an_answer_that_nobody_reads_any_more_is_no_failure(hooked):
    """The CLI may have been ended meanwhile; the reason is in the log."""
    reading, writing = os.pipe()
    os.close(reading)
    said = json.dumps({"cwd": str(hooked.repo.path), **bash("git push --force")}).encode()
    with os.fdopen(writing, "wb") as out:
        done = subprocess.run(
            ours.hook_argv("claude"),
            input=said,
            env={**os.environ, **hooked.environ},
            stdout=out,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "claude: BrokenPipeError" in (hooked.local / "log" / "agent-hook").read_text()


def test_a_tool_call_costs_less_than_sixty_milliseconds(hooked):
    """The median of a process's CPU time, so that a busy machine is not measured."""
    before, times = os.times(), []
    for _ in range(5):
        hooked.recorded("claude", "PostToolUse")
        after = os.times()
        times.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
        before = after
    assert statistics.median(times) < 0.06
