"""What the recorded streams of real agents tell, and what hostile or torn ones do not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn import agents
from ovn.agents import claude, codex, events, gemini, opencode, past
from ovn.agents.trouble import Trouble
from ovn.agents.usage import Usage, since

RECORDINGS = Path(__file__).parent / "recordings"
READERS = {"claude": claude, "codex": codex, "gemini": gemini, "opencode": opencode}


def recorded(name: str) -> bytes:
    """Return the bytes of a recorded stream."""
    return (RECORDINGS / f"{name}.stdout.jsonl").read_bytes()


def told(name: str) -> events.Account:
    """Return the account of a recorded stream."""
    cli = next(cli for cli in READERS if name.startswith(cli))
    return events.account(READERS[cli].events, recorded(name))


# recording: (ended, ok, kind of trouble, tools called, tokens)
EXPECTED = {
    "claude1": (True, True, None, {"Write": 2, "Bash": 1}, 1530),
    "claude3": (True, True, None, {"Bash": 4}, 175580),
    "claude4_401": (True, False, "fatal-person", {}, 0),
    "claude4_429_always": (True, False, "wait-back-off", {}, 0),
    "claude4_429_then_ok": (True, True, None, {}, 120),
    "claude4_529_always": (True, False, "retry-now", {}, 0),
    "claude4_budget": (True, False, "fatal-person", {"Bash": 2}, 400020),
    "claude4_credit": (True, False, "fatal-person", {}, 0),
    "claude4_maxturns": (True, False, "fresh-session", {"Bash": 2}, 240),
    "claude4_usage_key": (True, False, "wait-back-off", {}, 0),
    "claude4_usage_oauth": (True, False, "wait-until", {}, 0),
    "claude4_warn_oauth": (True, True, None, {}, 120),
    "claude5_sigint": (True, False, None, {"Bash": 1}, 120),
    "codex_401": (True, False, "fatal-person", {}, 0),
    "codex_429": (True, False, "wait-back-off", {}, 0),
    "codex_500": (True, False, "retry-now", {}, 0),
    "codex_basic": (True, True, None, {}, 1410),
    "codex_compact": (True, True, None, {"command_execution": 2}, 90460),
    "codex_failed": (True, False, "wait-back-off", {}, 0),
    "codex_hang": (True, True, None, {}, 120),
    "codex_mcp": (True, True, None, {"next_feature": 1}, 240),
    "codex_quota": (True, False, "fatal-person", {}, 0),
    "codex_toolong": (True, False, "fresh-session", {}, 0),
    "codex_usage": (True, False, "wait-until", {}, 0),
    "gemini_401": (True, False, "fatal-person", {}, 0),
    "gemini_429day": (True, False, "wait-back-off", {}, 0),
    "gemini_basic": (True, True, None, {}, 120),
    "gemini_deny": (True, True, None, {"run_shell_command": 1}, 240),
    "gemini_maxturns": (True, False, "fresh-session", {"run_shell_command": 2}, 240),
    "opencode_401": (True, False, "fatal-person", {}, 0),
    "opencode_basic": (True, True, None, {}, 120),
    "opencode_compact": (True, True, None, {"bash": 2}, 95460),
    "opencode_deny": (True, True, None, {"bash": 1}, 240),
    "opencode_perm": (False, False, None, {"bash": 1}, 120),
}


def test_every_recording_is_looked_at():
    assert {path.name.partition(".")[0] for path in RECORDINGS.glob("*.stdout.jsonl")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_stream_tells_how_it_ended_and_what_it_used(name):
    found = told(name)
    kind = found.trouble.kind if found.trouble else None
    assert (found.ended, found.ok, kind, dict(found.tools), found.usage.tokens) == EXPECTED[name]
    assert found.session
    assert found.strange == 0


def test_a_limit_of_the_subscription_says_when_it_ends():
    """Claude Code's own event knows the moment; its prose would need a time zone."""
    trouble = told("claude4_usage_oauth").trouble
    assert (trouble.until, trouble.text) == (1795366175.0, "the five hour limit is reached")


def test_a_429_without_a_limit_is_no_quota():
    assert told("claude4_429_always").trouble.until is None
    assert told("claude4_usage_key").trouble.until is None


def test_an_early_warning_of_a_limit_is_no_limit():
    assert told("claude4_warn_oauth").limit is None


def test_what_the_cli_tried_again_with_success_is_no_trouble():
    assert (told("claude4_429_then_ok").retries, told("codex_hang").retries) == (1, 1)


def test_a_denied_tool_counts_as_denied_and_as_failed():
    assert told("gemini_deny").denied.total() == 1
    assert told("opencode_perm").denied == {"bash": 1}
    assert told("opencode_deny").failed.total() == 1


def test_a_compaction_is_counted():
    assert told("opencode_compact").compactions == 1
    line = {"type": "system", "subtype": "compact_boundary", "compact_metadata": {"trigger": "auto"}}
    assert events.account(claude.events, json.dumps(line).encode()).compactions == 1


def test_the_streak_counts_failures_whatever_the_arguments_were():
    def result(well):
        block = {"type": "tool_result", "is_error": not well}
        return json.dumps({"type": "user", "message": {"content": [block]}}).encode()

    found = events.account(claude.events, b"\n".join(map(result, [False, True, False, False])))
    assert (found.streak, found.failed.total()) == (2, 3)


WORDS = "You've hit your usage limit. API Error: 429 rate_limit Credit balance is too low. Quota exceeded."
INNOCENT = {
    "claude": [
        {
            "type": "user",
            "message": {"content": [{"type": "tool_result", "is_error": True, "content": WORDS}]},
        },
        {"type": "assistant", "message": {"model": "m", "content": [{"type": "text", "text": WORDS}]}},
        {"type": "result", "is_error": False, "result": WORDS, "terminal_reason": "completed"},
    ],
    "codex": [
        {
            "type": "item.completed",
            "item": {"type": "command_execution", "aggregated_output": WORDS, "exit_code": 1},
        },
        {"type": "item.completed", "item": {"type": "agent_message", "text": WORDS}},
        {"type": "item.completed", "item": {"type": "error", "message": WORDS}},
        {"type": "turn.completed", "usage": {}},
    ],
    "gemini": [
        {"type": "tool_result", "status": "error", "output": WORDS},
        {"type": "message", "role": "user", "content": WORDS},
        {"type": "result", "status": "success", "stats": {}},
    ],
    "opencode": [
        {"type": "tool_use", "part": {"tool": "bash", "state": {"status": "error", "error": WORDS}}},
        {"type": "text", "part": {"text": WORDS}},
        {"type": "step_finish", "part": {"reason": "stop"}},
    ],
}


@pytest.mark.parametrize("cli", INNOCENT)
def test_what_a_tool_or_the_model_says_of_limits_never_counts(cli):
    stream = b"\n".join(json.dumps(line).encode() for line in INNOCENT[cli])
    found = events.account(READERS[cli].events, stream)
    assert (found.trouble, found.limit, found.ok) == (None, None, True)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_stream_may_be_cut_anywhere_and_hold_other_lines(name):
    data = recorded(name)
    reader = READERS[next(cli for cli in READERS if name.startswith(cli))].events
    for cut in range(0, len(data), max(len(data) // 40, 1)):
        events.account(reader, data[:cut])
    other = b'warning: not json\n[1]\n"x"\n{"type": 7}\n{"type": "new-thing", "a": []}\n\x00\xff{\n'
    found = events.account(reader, other + data)
    assert found.strange == 4
    found.strange = 0
    assert found == told(name)


KEYS = st.sampled_from(
    "type subtype message content usage is_error result session_id error status part state tokens item "
    "rate_limit_info resetsAt modelUsage stats total_cost_usd input_tokens text errors thread_id".split()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
TYPES = st.sampled_from(sorted({*claude._LINES, *codex._LINES, *gemini._LINES, *opencode._LINES}))


@given(st.sampled_from(sorted(READERS)), TYPES, st.dictionaries(KEYS, VALUES, max_size=6))
def test_no_line_of_any_shape_stops_a_reader(cli, kind, line):
    told = events.Account()
    for event in READERS[cli].events({**line, "type": kind}):
        told.take(event)


# -- usage -----------------------------------------------------------------------------


def attempt(folder: Path, number: int, lines: list[dict]) -> Path:
    """Write the log of one attempt."""
    mine = folder / f"{number:03d}"
    mine.mkdir()
    (mine / past.LOG).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return mine


def claude_run(version: str, cost: float, session: str = "s") -> list[dict]:
    return [
        {"type": "system", "subtype": "init", "session_id": session, "claude_code_version": version},
        {"type": "result", "is_error": False, "total_cost_usd": cost, "session_id": session},
    ]


@pytest.mark.parametrize(
    ("version", "costs"), [("2.1.330", [0.5, 0.25]), ("2.1.197", [0.5, 0.75]), ("", [0.5, 0.75])]
)
def test_cost_is_what_an_attempt_added(tmp_path, version, costs):
    """Newer versions count the session; of unknown ones the higher reading is taken."""
    first = attempt(tmp_path, 1, claude_run(version, 0.5))
    second = attempt(tmp_path, 2, claude_run(version, 0.75))
    tasks = [agents.Task("f", "s", tmp_path, folder) for folder in (first, second)]
    assert [claude.spent(task).cost for task in tasks] == costs


def test_cost_of_another_session_is_not_taken_off(tmp_path):
    attempt(tmp_path, 1, claude_run("2.1.330", 0.5, "a"))
    second = attempt(tmp_path, 2, claude_run("2.1.330", 0.75, "b"))
    assert claude.spent(agents.Task("f", "s", tmp_path, second)).cost == 0.75


def test_an_attempt_killed_between_adds_what_it_used_to_the_next(tmp_path):
    attempt(tmp_path, 1, claude_run("2.1.330", 0.5))
    attempt(tmp_path, 2, claude_run("2.1.330", 0.0)[:1])
    third = attempt(tmp_path, 3, claude_run("2.1.330", 0.9))
    assert claude.spent(agents.Task("f", "s", tmp_path, third)).cost == 0.4


def test_codex_counts_the_thread():
    """1,200 tokens, then 1,300 in the resumed thread: the resumed attempt used 100."""
    assert since(Usage(1300, 110), Usage(1200, 90)) == Usage(100, 20)


def test_a_count_that_began_anew_is_all_new():
    assert since(Usage(10, 5), Usage(1200, 90)) == Usage(10, 5)


def test_a_growing_log_is_read_with_its_tails(tmp_path):
    folder = attempt(tmp_path, 1, claude_run("2.1.330", 0.5)[:1])
    for number in (9, 10):
        (folder / f"{past.LOG}.tail-{number}").write_text(f'{{"number": {number}}}\n')
    found = [line.get("number") for line in events.lines(past.output(folder))]
    assert found == [None, 9, 10]


# -- going on --------------------------------------------------------------------------


def test_the_session_of_the_attempt_before_is_resumed(tmp_path):
    attempt(tmp_path, 1, claude_run("2.1.330", 0.5, "first"))
    attempt(tmp_path, 2, claude_run("2.1.330", 0.5, "second"))
    assert past.resumable(claude.events, tmp_path / "003") == "second"
    assert past.resumable(claude.events, tmp_path / "001") is None


def test_a_session_that_cannot_go_on_is_not_resumed(tmp_path):
    folder = tmp_path / "001"
    folder.mkdir()
    (folder / past.LOG).write_bytes(recorded("codex_toolong"))
    assert past.resumable(codex.events, tmp_path / "002") is None


# -- when Codex's limit ends -----------------------------------------------------------


def test_codex_prose_is_read_in_local_time():
    now = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
    words = told("codex_usage").trouble.text
    assert codex.until(words, now) == datetime(2026, 11, 22, 16, 57, tzinfo=UTC).timestamp()
    later = now.replace(hour=17)
    assert codex.until(words, later) == datetime(2026, 11, 23, 16, 57, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("words", "until"),
    [
        ("try again at 12:05 AM.", datetime(2026, 11, 23, 0, 5, tzinfo=UTC)),
        ("try again in 2 days 17 hours.", datetime(2026, 11, 25, 8, 0, tzinfo=UTC)),
        ("try again at 99:99 PM.", None),
        ("try again later.", None),
    ],
)
def test_codex_other_wordings(words, until):
    now = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
    assert codex.until(words, now) == (until.timestamp() if until else None)


def test_codex_own_record_knows_the_moment(tmp_path):
    def counted(primary, secondary):
        windows = {
            "primary": {"used_percent": primary, "window_minutes": 300, "resets_at": 1795366175},
            "secondary": {"used_percent": secondary, "window_minutes": 10080, "resets_at": 1795758975},
        }
        line = {"type": "event_msg", "payload": {"type": "token_count", "rate_limits": windows}}
        return json.dumps(line).encode() + b"\n"

    assert codex.rollout_until(counted(90, 10) + counted(100, 12)) == 1795366175
    assert codex.rollout_until(counted(100, 100)) == 1795758975
    assert codex.rollout_until(counted(50, 10) + b"torn {") is None
    thread = "01a203c3-8225-7fa3-b595-2beff1b45bb2"
    path = tmp_path / "sessions" / "2026" / "11" / "22" / f"rollout-2026-11-22T14-55-48-{thread}.jsonl"
    path.parent.mkdir(parents=True)
    path.touch()
    assert codex.rollout(tmp_path, thread) == path
    assert codex.rollout(tmp_path, "../../*") is None


# -- when the limits of the others end ---------------------------------------------------


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("You exceeded your quota.\nSuggested retry after 7200s.", 7200),
        ("Please retry in 90.5s.", 90.5),
        ("Please retry in 500ms", 0.5),
        ("You have exhausted your capacity. Your quota will reset after 3h12m5s.", 11525),
        ("quota will reset after 2d1h", 176400),
        ("You have exhausted your daily quota on this model.", None),
        ("retry in 1.2.3s", None),
        ("", None),
    ],
)
def test_gemini_tells_how_long_a_quota_is_gone(words, seconds):
    now = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
    account = events.Account(trouble=Trouble("wait-back-off", words))
    ends = gemini.limit_end(account, {}, now)
    assert ends == (None if seconds is None else pytest.approx(now.timestamp() + seconds))


def test_gemini_without_trouble_has_no_limit():
    assert gemini.limit_end(events.Account(), {}, datetime(2026, 11, 22, tzinfo=UTC)) is None


def opencode_told(*lines):
    return events.account(opencode.events, b"\n".join(json.dumps(line).encode() for line in lines))


def test_opencode_that_waits_in_silence_is_known_to_wait_by_our_plugin():
    """If it is ended for its silence, the night waits for the same moment."""
    waiting = {"type": "ovn_retry", "sessionID": "s", "message": "usage limit", "next": 1795366175000}
    told = opencode_told(waiting)
    assert (told.session, told.trouble) == ("s", Trouble("wait-until", "usage limit", 1795366175.0))
    assert opencode.limit_end(told, {}, datetime(2026, 11, 22, tzinfo=UTC)) == 1795366175.0
    answered = {"type": "text", "sessionID": "s", "part": {"text": "on with it"}}
    assert opencode_told(waiting, answered).trouble is None


@pytest.mark.parametrize("moment", [None, "soon", 0, -5, True])
def test_a_wait_of_opencode_without_an_end_is_backed_off_from(moment):
    told = opencode_told({"type": "ovn_retry", "sessionID": "s", "message": "later", "next": moment})
    assert told.trouble == Trouble("wait-back-off", "later")
