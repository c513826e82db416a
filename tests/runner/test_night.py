"""Whole nights: real repositories, real agents, real kills."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from ovn import host
from ovn.model import codec
from ovn.report import gather

from .conftest import Project, janitor_of, wait_for

pytestmark = pytest.mark.unmeasured


def test_features_are_built_in_their_order_and_proven(project: Project) -> None:
    """Dependencies before priority, priority before age; each done by evidence on HEAD's history."""
    project.feature("late", priority="P3")
    project.feature("first", priority="P2")
    project.feature("needs", priority="P0", depends_on=("first",))
    head = project.repo.head
    out = project.run()
    assert project.statuses() == {"first": "done", "late": "done", "needs": "done"}
    assert [one.feature for one in project.sessions()] == ["first", "needs", "late"]
    night = project.night()
    assert (night.state, night.stop, night.exit_code, night.base) == ("ended", "all-done", 0, head)
    assert project.repo.git("branch", "--show-current") == f"night/{night.id}"
    assert project.repo.git("rev-parse", "main") == head
    assert "3 of 3 features are done" in out
    for name in ("first", "needs", "late"):
        evidence = project.one(name).evidence
        assert evidence is not None
        assert (evidence.green, evidence.partial, evidence.commit) == (True, None, project.repo.head)
    assert project.repo.git("status", "--porcelain") == ""
    project.check()


def test_branch_and_folder_are_said_first(project: Project) -> None:
    project.feature("a")
    first, second = project.run().splitlines()[:2]
    assert f"on branch 'night/{project.night().id}' in '{project.repo.path}'" in first
    assert "belongs to the night" in second


def test_work_left_uncommitted_is_committed_by_the_runner_as_the_person(project: Project) -> None:
    project.feature("a")
    project.run()
    log = project.repo.git("log", "-1", "--format=%an|%s|%(trailers:key=Ovn-Feature,valueonly)")
    assert log.strip() == "A U Thor|Build a|a"


def test_the_agent_gets_its_prompt_and_its_marks(project: Project) -> None:
    project.feature("a")
    project.agent('cp "$2" ../prompt; env | grep ^OVN_ | sort > ../env; echo good > a.txt')
    project.run(env={"GITHUB_TOKEN": "secret", "OVN_SESSION": ""})
    prompt = (project.folder / "prompt").read_text()
    assert "Build a" in prompt
    assert "grep -qx good a.txt" in prompt
    assert len(prompt) <= 8000
    environ = dict(line.split("=", 1) for line in (project.folder / "env").read_text().splitlines())
    session = project.sessions()[0]
    assert environ["OVN_SESSION"] == session.id
    assert environ["OVN_RUN_ID"] == project.night().id
    assert (environ["OVN_FEATURE"], environ["OVN_ATTEMPT"]) == ("a", "1")
    assert environ["OVN_CONTEXT_FILE"].endswith("prompt.md")


# -- attempts --------------------------------------------------------------------------


def test_the_next_attempt_goes_on_in_the_same_files_with_the_failing_output(project: Project) -> None:
    project.feature("a", verify="cat a.txt && grep -qx good a.txt")
    project.agent(
        'cp "$2" ../prompt-$OVN_ATTEMPT; echo line $OVN_ATTEMPT >> a.txt\n'
        "[ $OVN_ATTEMPT = 1 ] || echo good >> a.txt"
    )
    project.run()
    assert project.repo.read("a.txt") == b"line 1\nline 2\ngood\n"
    prompt = (project.folder / "prompt-2").read_text()
    assert "$ cat a.txt && grep -qx good a.txt\nline 1" in prompt.replace("  ", "")
    assert project.one("a").attempts == 1
    assert project.sessions()[0].attempts[0].reason.startswith("red: line 1")
    project.check()


@pytest.mark.slow
def test_the_last_attempt_starts_afresh(project: Project) -> None:
    project.feature("a")
    project.agent(
        "echo $OVN_ATTEMPT >> a.txt; cp a.txt ../seen-$OVN_ATTEMPT\n"
        "git add .; git commit -qm try-$OVN_ATTEMPT"
    )
    project.run(code=15)
    seen = [(project.folder / f"seen-{n}").read_text().split() for n in (1, 2, 3)]
    assert seen == [["1"], ["1", "2"], ["3"]]


def test_giving_up_keeps_the_work_under_a_name_and_takes_it_back(project: Project) -> None:
    """The next feature begins where the failed one began; nothing of it is lost."""
    project.feature("bad", verify="false", priority="P0")
    project.feature("good")
    head = project.repo.head
    project.agent(
        'echo "$1 $OVN_ATTEMPT" > $1.txt; git add .; git commit -qm "work on $1"\n'
        "if [ $1 = bad ]; then echo more > loose.txt; else echo good > $1.txt; fi"
    )
    out = project.run(code=15)
    assert project.statuses() == {"bad": "blocked", "good": "done"}
    session = project.sessions()[0]
    tag = f"ovn/{session.id}/failed-bad"
    assert project.repo.git("show", f"{tag}:bad.txt") == "bad 3"
    assert project.repo.git("show", f"{tag}:loose.txt") == "more"
    assert not (project.repo.path / "bad.txt").exists()
    assert not (project.repo.path / "loose.txt").exists()
    assert project.repo.git("log", "--format=%s", f"{head}..") == "Build good\nwork on good"
    reason = project.one("bad").reason or ""
    assert reason.startswith("3 attempts failed; the last: red: no output ('false' gave 1)")
    assert tag in reason
    assert (project.night().stop, "given up after 3 attempts" in out) == ("nothing-left", True)
    project.check()


@pytest.mark.slow
def test_what_was_green_before_is_said_and_recorded(project: Project) -> None:
    project.feature("a", verify="true")
    out = project.run()
    assert project.one("a").green_before
    assert "green before any work" in out


@pytest.mark.measured
def test_a_feature_that_nothing_can_prove_is_blocked_at_once(project: Project) -> None:
    from ovn import features

    features.add(project.store, features.PERSON, "no proof", feature="a")
    project.run(code=15)
    assert project.one("a").reason == "it has no verify commands, so nothing can prove it"
    assert project.night().sessions == ()


@pytest.mark.slow
def test_an_agents_exit_code_decides_nothing(project: Project) -> None:
    project.feature("lies", verify="false", priority="P0")
    project.feature("works")
    project.configure(budget={"max_attempts_per_feature": 1})
    project.agent("echo good > $1.txt; [ $1 = lies ] || exit 7")
    project.run(code=15)
    assert project.statuses() == {"lies": "blocked", "works": "done"}


@pytest.mark.slow
def test_what_breaks_a_green_test_is_not_done(project: Project) -> None:
    """The feature's own verify is green; the baseline is what finds it out, by the test's id."""
    suite = (
        "import pathlib, unittest\nclass T(unittest.TestCase):\n"
        "  def test_old(self):\n    self.assertFalse(pathlib.Path('breaks').exists())\n"
    )
    project.repo.write("test_old.py", suite)
    project.repo.write(".gitignore", "__pycache__\n")
    project.configure(commands={"baseline": "python3 -m unittest -q"}, budget={"max_attempts_per_feature": 2})
    project.feature("a")
    project.agent("echo good > a.txt; touch breaks; [ $OVN_ATTEMPT = 1 ] || rm breaks")
    project.run()
    first = project.sessions()[0].attempts[0]
    assert first.reason == "it broke what was green: test_old.T.test_old"
    assert project.statuses() == {"a": "done"}


@pytest.mark.slow
def test_a_hooks_refusal_is_a_failed_attempt_and_never_bypassed(project: Project) -> None:
    hook = project.repo.git_dir / "hooks" / "pre-commit"
    hook.write_text('#!/bin/sh\nif grep -q BAD a.txt; then echo "no BAD words, please" >&2; exit 1; fi\n')
    hook.chmod(0o755)
    project.feature("a")
    project.agent(
        "cp $2 ../prompt-$OVN_ATTEMPT; echo good > a.txt; [ $OVN_ATTEMPT != 1 ] || echo BAD >> a.txt"
    )
    project.run()
    first = project.sessions()[0].attempts[0]
    assert first.reason == "the commit was refused by a hook: no BAD words, please"
    assert "no BAD words, please" in (project.folder / "prompt-2").read_text()
    assert project.repo.git("log", "-S", "BAD", "--format=%s", "--", "a.txt") == ""


@pytest.mark.slow
def test_an_agent_that_changes_what_verifies_it_changes_nothing(project: Project) -> None:
    project.repo.write("check.sh", "exit 1\n", executable=True)
    project.repo.commit("check")
    project.configure(budget={"max_attempts_per_feature": 1})
    project.feature("a", verify="./check.sh")
    project.agent("echo exit 0 > check.sh")
    project.run(code=15)
    assert "it changed what it is verified by" in (project.one("a").reason or "")
    assert project.repo.read("check.sh") == b"exit 1\n"


# -- how agents end --------------------------------------------------------------------


@pytest.mark.slow
def test_an_agent_that_crashes_again_and_again_ends_the_night_and_blocks_nothing(project: Project) -> None:
    project.feature("a")
    project.agent("exit 1")
    project.run(code=21)
    night = project.night()
    assert (night.stop, night.crashes) == ("crash-loop", 3)
    assert (project.one("a").status, project.one("a").attempts) == ("in_progress", 0)
    assert len(project.sessions()[0].attempts) == 3
    project.check()


@pytest.mark.slow
def test_crashes_in_a_row_are_forgotten_when_the_agent_works_again(project: Project) -> None:
    project.feature("a")
    project.agent("[ $OVN_ATTEMPT = 3 ] || exit 1; echo good > a.txt")
    project.run()
    assert (project.statuses(), project.night().crashes) == ({"a": "done"}, 0)


@pytest.mark.slow
def test_a_silent_agent_is_ended(project: Project) -> None:
    project.configure(session={"silence_minutes": 0.01}, recovery={"max_restarts": 0})
    project.feature("a")
    project.agent("echo hello; exec sleep 60")
    out = project.run(code=21)
    assert "ended after 0.6 s of silence" in out


def test_an_agent_that_cannot_start_ends_the_night_before_it_begins(project: Project) -> None:
    project.configure(agent={"argv": ["/no/such/agent"]})
    project.feature("a")
    out = project.run(code=14)
    assert "'/no/such/agent' does not exist" in out
    assert project.store.view().runs() == {}


def test_a_daemonised_grandchild_does_not_survive_the_attempt(project: Project) -> None:
    project.feature("a")
    project.agent("setsid sh -c 'echo $$ > ../daemon; exec sleep 60' > /dev/null 2>&1 < /dev/null &\n"
                  "while ! [ -s ../daemon ]; do sleep 0.01; done; echo good > a.txt")  # fmt: skip
    project.run()
    assert host.process_start(int((project.folder / "daemon").read_text())) is None


@pytest.mark.slow
def test_cost_is_counted_and_limits_the_night(project: Project) -> None:
    for name in ("a", "b", "c"):
        project.feature(name)
    project.agent("echo 0.6 > $OVN_COST_FILE; echo good > $1.txt")
    out = project.run("--max-cost", "1", code=20)
    assert (project.night().stop, project.night().cost_usd) == ("max-cost", 1.2)
    told = gather(project.store)
    assert [one.cost_usd for session in told.sessions for one in session.attempts] == [0.6, 0.6]
    assert (told.life, told.cost_usd, told.verdict.done_here) == ("ended", 1.2, 2)
    assert project.statuses() == {"a": "done", "b": "done", "c": "pending"}
    assert "1.20 of 1.00 USD are spent" in out


@pytest.mark.slow
def test_max_sessions_and_features_limit_the_night(project: Project) -> None:
    for name in ("a", "b", "c"):
        project.feature(name)
    project.run("--max-sessions", "1", code=20)
    assert project.night().stop == "max-sessions"
    project.run("--feature", "c")
    assert project.statuses() == {"a": "done", "b": "pending", "c": "done"}
    project.run("--feature", "nothing", code=128)


@pytest.mark.slow
def test_the_end_of_the_time_ends_the_agent_and_keeps_its_work(project: Project) -> None:
    project.feature("a")
    project.agent("echo half > a.txt; echo half; exec sleep 60")
    project.run("--max-hours", "0.0007", code=20)
    assert project.night().stop == "max-hours"
    assert (project.one("a").status, project.one("a").attempts) == ("in_progress", 0)
    assert project.repo.git("show", "HEAD:a.txt") == "half"
    handoff = project.store.view().handoff(project.sessions()[0].id)
    assert handoff is not None
    assert (handoff.author, handoff.next) == ("runner", ("a: Build a (in progress)",))
    project.check()


# -- asked to end ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_the_night_with_a_handoff(project: Project, number: signal.Signals) -> None:
    project.feature("a")
    project.agent("echo half > a.txt; echo $$ > ../agent.pid; exec sleep 60")
    process = project.begin()
    agent = int(wait_for(project.folder / "agent.pid"))
    process.send_signal(number)
    assert process.wait(timeout=30) == 130
    assert host.process_start(agent) is None
    assert (project.night().stop, project.night().state) == ("stopped", "ended")
    assert project.store.view().handoff(project.sessions()[0].id) is not None
    assert project.repo.git("show", "HEAD:a.txt") == "half"
    assert number.name in project.log
    project.check()


def test_a_signal_during_long_tests_does_not_wait_for_them(project: Project) -> None:
    project.feature("a", verify="echo $$ > ../verify.pid; sleep 60")
    process = project.begin()
    wait_for(project.folder / "verify.pid")
    process.terminate()
    assert process.wait(timeout=15) == 130
    assert project.night().stop == "stopped"
    project.check()


@pytest.mark.slow
def test_the_next_night_goes_on_where_the_stopped_one_was(project: Project) -> None:
    project.feature("a")
    project.agent("echo half > a.txt; echo x > ../half; exec sleep 60")
    process = project.begin()
    wait_for(project.folder / "half")
    process.terminate()
    process.wait(timeout=30)
    project.agent('cp a.txt ../seen; cp "$2" ../prompt; echo good > a.txt')
    project.run("--current-branch")
    assert (project.folder / "seen").read_text() == "half\n"
    assert "Last handoff" in (project.folder / "prompt").read_text()
    assert project.statuses() == {"a": "done"}
    assert len(project.store.view().runs()) == 2


# -- kill -9 ---------------------------------------------------------------------------

SOON = ("run.after_verify",)
LATER = (
    "run.before_launch",
    "run.before_end",
    "run.after_start",
    "run.after_launch",
    "run.after_agent",
    "run.before_handoff",
)


@pytest.mark.parametrize("point", [*SOON, *(pytest.param(one, marks=pytest.mark.slow) for one in LATER)])
def test_a_night_killed_anywhere_goes_on_and_loses_nothing(project: Project, point: str) -> None:
    """The same run, the same feature, every acknowledged record; the second feature too."""
    project.feature("a", priority="P0")
    project.feature("b")
    project.run(code=-signal.SIGKILL, env={"OVN_CRASH_POINT": point})
    run = project.night().id
    before = {one.id: [seq for seq, _ in project.store.records(one.id)] for one in project.sessions()}
    out = project.run()
    assert f"run {run} goes on" in out
    assert len(project.store.view().runs()) == 1
    assert project.statuses() == {"a": "done", "b": "done"}
    assert [one.feature for one in project.sessions()] == ["a", "b"]
    for session, numbers in before.items():
        after = [seq for seq, _ in project.store.records(session)]
        assert after[: len(numbers)] == numbers
        assert after == list(range(1, len(after) + 1))
    project.check()


def test_runner_and_agent_killed_half_way_the_work_is_still_there(project: Project) -> None:
    project.feature("a")
    project.agent(
        "if [ -e a.txt ]; then cp a.txt ../seen; echo good > a.txt; exit; fi\n"
        "echo half > a.txt; echo $$ > ../agent.pid; exec sleep 60"
    )
    process = project.begin()
    agent = int(wait_for(project.folder / "agent.pid"))
    process.kill()
    process.wait()
    end = time.monotonic() + 5
    while host.process_start(agent) is not None and time.monotonic() < end:
        time.sleep(0.01)
    assert host.process_start(agent) is None
    out = project.run()
    assert "was interrupted; the next agent goes on in the same files" in out
    assert (project.folder / "seen").read_text() == "half\n"
    session = project.sessions()[0]
    assert [(one.number, one.ended is None) for one in session.attempts] == [(1, True), (2, False)]
    assert (project.one("a").status, project.one("a").attempts) == ("done", 0)
    project.check()


@pytest.mark.slow
def test_what_a_killed_night_left_running_is_ended_though_its_janitor_died_too(project: Project) -> None:
    project.feature("a")
    project.agent(
        "if [ -e ../daemon ]; then echo good > a.txt; exit; fi\n"
        "setsid sh -c 'echo $$ > ../daemon; exec sleep 60' > /dev/null 2>&1 < /dev/null &\n"
        "exec sleep 60"
    )
    process = project.begin()
    daemon = int(wait_for(project.folder / "daemon"))
    os.kill(janitor_of(process), signal.SIGKILL)
    process.kill()
    process.wait()
    assert host.process_start(daemon) is not None
    out = project.run()
    assert host.process_start(daemon) is None
    assert "were still alive and are ended" in out


@pytest.mark.slow
def test_kill_9_of_the_agent_alone_is_only_a_crash(project: Project) -> None:
    project.feature("a")
    project.agent("[ $OVN_ATTEMPT = 2 ] || kill -9 $$; echo good > a.txt")
    out = project.run()
    assert "died by signal 9" in out
    assert project.statuses() == {"a": "done"}


@pytest.mark.slow
def test_a_runner_that_dies_too_often_is_a_crash_loop(project: Project) -> None:
    project.feature("a")
    for _ in range(3):
        project.run(code=-signal.SIGKILL, env={"OVN_CRASH_POINT": "run.before_launch"})
    project.run(code=21)
    assert project.night().stop == "crash-loop"


# -- at the end ------------------------------------------------------------------------


@pytest.mark.measured
def test_what_a_later_feature_broke_is_found_at_the_end_with_the_commit(project: Project) -> None:
    project.feature("a", priority="P0")
    project.feature("b")
    project.agent('echo good > $1.txt; git add .; git commit -qm "good $1"\n'
                  "[ $1 = a ] || { echo bad > a.txt; git commit -qam 'the breaking one'; }")  # fmt: skip
    out = project.run(code=15)
    assert project.statuses() == {"a": "failed", "b": "done"}
    reason = project.one("a").reason or ""
    assert "red on the last commit" in reason
    assert "broken by" in reason
    assert "the breaking one" in reason
    assert "1 of 2 done features hold" in out
    assert project.night().exit_code == 15


@pytest.mark.slow
def test_done_beside_an_ignored_file_is_told_from_broken(project: Project) -> None:
    project.repo.write(".gitignore", "made\n")
    project.repo.commit("ignore")
    project.feature("a", verify="test -e made")
    project.agent("touch made; echo x > code.txt")
    out = project.run()
    assert "a: green beside files that git ignores, red without them" in out
    assert project.statuses() == {"a": "done"}


@pytest.mark.slow
def test_with_a_set_up_command_the_clean_tree_has_the_last_word(project: Project) -> None:
    project.repo.write(".gitignore", "made\n")
    project.configure(commands={"setup": "true"})
    project.feature("a", verify="test -e made")
    project.agent("touch made; echo x > code.txt")
    project.run(code=15)
    assert project.statuses() == {"a": "failed"}


# -- ground ----------------------------------------------------------------------------


def test_a_dirty_tree_is_refused_and_nothing_is_begun(project: Project) -> None:
    project.feature("a")
    project.repo.write("mine.txt", "mine")
    out = project.run(code=1)
    assert "uncommitted work" in out
    assert (project.store.view().runs(), project.repo.git("branch", "--show-current")) == ({}, "main")


@pytest.mark.slow
def test_a_dirty_tree_may_be_allowed_and_is_kept_first(project: Project) -> None:
    project.feature("a")
    project.repo.write("mine.txt", "mine")
    out = project.run("--allow-dirty")
    assert "kept as ovn/manual/before-night" in out
    assert project.repo.git("show", "ovn/manual/before-night:mine.txt") == "mine"
    assert project.repo.read("mine.txt") == b"mine"


@pytest.mark.slow
def test_a_branch_of_ones_own_choice(project: Project) -> None:
    project.feature("a")
    project.feature("b")
    project.run("--branch", "topic", "--max-sessions", "1", code=20)
    assert project.repo.git("branch", "--show-current") == "topic"
    out = project.run("--branch", "main", "--max-sessions", "1")
    assert "1 features are done on another branch" in out
    assert project.repo.git("branch", "--show-current") == "main"
    assert project.statuses() == {"a": "done", "b": "done"}


@pytest.mark.slow
def test_a_work_tree_of_its_own_leaves_this_one_alone(project: Project) -> None:
    project.feature("a")
    project.repo.write("mine.txt", "uncommitted")
    head = project.repo.head
    project.run("--worktree", str(project.folder / "apart"))
    apart = project.folder / "apart"
    assert (apart / "a.txt").read_text() == "good\n"
    assert not (project.repo.path / "a.txt").exists()
    assert (project.repo.head, project.repo.read("mine.txt")) == (head, b"uncommitted")
    assert project.repo.git("status", "--porcelain") == "?? mine.txt"
    assert project.repo.git("-C", str(apart), "branch", "--show-current") == f"night/{project.night().id}"
    project.check()


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--current-branch", "--branch", "x"], 129, "exclude each other"),
        (["--until", "25:00"], 129, "not a time of day"),
        (["--agent", "nobody", "--current-branch"], 0, "features are done"),
    ],
)
def test_options_are_checked_first(project: Project, args: list[str], code: int, words: str) -> None:
    project.feature("a")
    assert words in project.run(*args, code=code)


@pytest.mark.slow
def test_two_nights_in_one_work_tree_are_one_too_many(project: Project) -> None:
    project.feature("a")
    project.agent("echo x > ../started; while ! [ -e ../end ]; do sleep 0.01; done; echo good > a.txt")
    process = project.begin()
    wait_for(project.folder / "started")
    out = project.run(code=11)
    assert f"is held by run '{project.night().id}'" in out
    (project.folder / "end").touch()
    assert process.wait(timeout=30) == 0


def test_without_trust_nothing_runs(project: Project) -> None:
    project.feature("a")
    project.trust()
    project.configure(commands={"health": ["touch ../ran"]})
    done = project.plain()
    assert (done.returncode, "commands.health" in done.stderr) == (17, True)
    assert not (project.folder / "ran").exists()
    assert project.store.view().runs() == {}


@pytest.mark.measured
def test_a_broken_baseline_ends_the_night_before_any_session(project: Project) -> None:
    project.configure(commands={"baseline": "echo cannot even begin; exit 2"})
    project.feature("a")
    out = project.run(code=14)
    assert "the baseline is red and names no test: cannot even begin" in out
    assert (project.night().stop, project.night().sessions) == ("broken-baseline", ())


@pytest.mark.measured
def test_the_json_of_a_night_is_its_document(project: Project) -> None:
    project.feature("a")
    project.trust()
    done = project.plain("--json")
    document = json.loads(done.stdout)
    night = codec.encode(project.night())
    assert {key: document[key] for key in night} == night
    assert document["results"] == [{"id": "a", "status": "done", "attempts": 0, "reason": None}]
    assert "attempt 1" in done.stderr


def test_a_night_without_a_state_says_so_first(repo, tmp_path) -> None:
    """10 before 14: the agent's program is not there either."""
    project = Project(repo, tmp_path)
    project.configure(agent={"name": "command", "argv": ["/no/such/agent"]})
    assert [project.plain(*args).returncode for args in ((), ("--check",))] == [10, 10]


@pytest.mark.slow
def test_a_night_in_a_work_tree_of_its_own_leaves_the_main_one_to_others(project: Project) -> None:
    project.feature("a")
    project.feature("b")
    go = project.folder / "go"
    project.agent(
        f"touch ../began-$1; [ $1 = b ] || while [ ! -e {go} ]; do sleep 0.05; done; echo good > $1.txt"
    )
    apart = project.begin("--worktree", str(project.folder / "apart"), "--feature", "a")
    wait_for(project.folder / "night.log")
    end = time.monotonic() + 20
    while not (project.folder / "began-a").exists() and time.monotonic() < end:
        time.sleep(0.02)
    project.run("--feature", "b")
    assert project.statuses() == {"a": "in_progress", "b": "done"}
    go.touch()
    assert apart.wait(timeout=60) == 0, project.log
    assert project.statuses() == {"a": "done", "b": "done"}
