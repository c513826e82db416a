"""start, status, handoff and resume as they are typed: output, JSON, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from ovn import active, features, names, resources
from ovn.config import Config
from ovn.model.documents import Run
from ovn.runner import runs
from ovn.session import questions
from ovn.shift.starting import Opening, start

AT = "2026-11-22T03:04:05.678Z"
RUN = "20261122-abcd"


def dead_pid() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def died(store, session: str = "a"):
    """Begin a run's session whose runner is dead."""
    opening = Opening(session, kind="run", pid=dead_pid(), run="20261122-abcd", by="runner")
    return start(store, Config(), opening)


# -- start -----------------------------------------------------------------------------


def test_start_prints_the_context_and_says_how_it_ends(ovn, store):
    features.add(store, features.PERSON, "Parse it", feature="parser")
    said = ovn("start", "session-001")
    assert said.out.startswith("# session-001: what you need to know\n")
    assert "parser (P2, in progress): Parse it" in said.out
    assert said.err == "note: session 'session-001' is active; 'git ovn handoff' ends it\n"


def test_start_as_json_has_session_feature_context_and_baseline(ovn, store):
    features.add(store, features.PERSON, "Parse it", feature="parser")
    told = ovn("start", "--json").json
    assert told["version"] == 1
    assert told["feature"]["id"] == "parser"
    assert told["baseline"] is None
    assert told["context"].startswith(f"# {told['session']}: ")


def test_a_second_start_is_refused_with_11_and_take_over_takes_it(ovn, store):
    ovn("start", "a")
    assert ovn("start", "b", code=11).err.startswith("error: work tree 'main' is held by session 'a'")
    assert "session 'a' ended without a handoff" in ovn("start", "b", "--take-over").err


def test_an_untrusted_baseline_is_not_run(ovn, repo, store):
    repo.write(names.CONFIG_FILE, "commands: {baseline: touch ran}\n")
    said = ovn("start")
    assert "warning: the baseline was not measured: its command is not trusted here" in said.err
    assert not (repo.path / "ran").exists()


@pytest.mark.parametrize(("command", "green"), [("true", True), ("false", False)])
def test_what_is_green_before_the_work_is_said_and_recorded(ovn, store, command, green):
    ovn("feature", "add", "Parse it", "--id", "parser", "--verify", command)
    said = ovn("start")
    assert ("green before any work" in said.err) is green
    assert store.view().feature("parser").green_before is green


def test_verify_commands_that_nobody_trusts_are_not_run(ovn, repo, store):
    features.add(store, features.PERSON, "Parse it", feature="parser", verify=("touch ran",))
    assert "were not run: they are not trusted here" in ovn("start").err
    assert not (repo.path / "ran").exists()


def test_start_renders_the_views_for_people(ovn, repo, store):
    features.add(store, features.PERSON, "Parse it", feature="parser")
    ovn("start", "a")
    assert "# Session: a" in repo.read(names.PROGRESS_VIEW).decode()
    assert json.loads(repo.read(names.REGISTRY_VIEW))["features"][0]["status"] == "in_progress"


@pytest.mark.parametrize("verb", ["start", "status", "resume"])
def test_before_init_every_verb_says_so_with_10(ovn, verb):
    assert ovn(verb, code=10).err.endswith("hint: run 'git ovn init' first\n")


# -- handoff ---------------------------------------------------------------------------


def test_handoff_commits_the_rest_and_names_what_comes_next(ovn, repo, store):
    features.add(store, features.PERSON, "Parse it", feature="parser")
    ovn("start", "a")
    repo.write("p.py", "1")
    said = ovn("handoff", "--accomplished", "the lexer", "--next", "the tree")
    assert said.out == "a handed off\nnext feature: parser\n"
    assert f"what was uncommitted is commit {repo.head[:10]}" in said.err


def test_handoff_as_json_is_the_handoff_and_the_commit(ovn, repo, store):
    ovn("start", "a")
    told = ovn("handoff", "--tried", "a cache", "--json").json
    assert (told["version"], told["session"], told["author"]) == (1, "a", "person")
    assert (told["tried"], told["commit"]) == (["a cache"], None)


def test_a_refused_handoff_ends_with_13_and_lists_each_rule(ovn, store):
    features.add(store, features.PERSON, "Parse it", feature="parser")
    ovn("start", "a")
    said = ovn("handoff", "--accomplished", "parser", code=13)
    assert "evidence: each feature named as accomplished has evidence" in said.err
    assert "next: something is named as next while features are pending" in said.err
    told = ovn("handoff", "--accomplished", "parser", "--json", code=13).json["error"]
    assert [one["rule"] for one in told["rules"]] == ["evidence", "next"]


def test_words_come_from_a_file_and_from_options(ovn, repo, store, tmp_path):
    ovn("start", "a")
    source = tmp_path / "said.json"
    source.write_text('{"next": ["one"]}')
    assert ovn("handoff", "--from", str(source), "--next", "two", "--json").json["next"] == ["one", "two"]


@pytest.mark.parametrize(("content", "code"), [('{"nxt": []}', 128), ("{", 128)])
def test_a_bad_file_changes_nothing(ovn, store, tmp_path, content, code):
    ovn("start", "a")
    source = tmp_path / "said.json"
    source.write_text(content)
    assert "said.json" in ovn("handoff", "--from", str(source), code=code).err
    assert "cannot read" in ovn("handoff", "--from", str(tmp_path / "none"), code=128).err
    assert store.view().session("a").state == "active"


def test_without_a_shift_there_is_nothing_to_hand_off(ovn, store):
    said = ovn("handoff", code=128)
    assert said.err == (
        "error: no shift is at work in this work tree\nhint: begin one with 'git ovn start'\n"
    )


def test_an_agent_s_handoff_is_the_agent_s(ovn, store, monkeypatch):
    shift = died(store)
    monkeypatch.setenv(names.ENV_SESSION, "a")
    monkeypatch.setenv(names.ENV_GENERATION, str(shift.generation))
    # the runner lives as long as this test does, as far as its agent can know
    from ovn import leases

    monkeypatch.setattr(leases, "is_dead", lambda *_: False)
    assert ovn("handoff", "--next", "more", "--json").json["author"] == "agent"


# -- resume ----------------------------------------------------------------------------


def test_resume_prints_the_verdict_what_to_type_and_the_context(ovn, repo, store):
    features.add(store, features.PERSON, "Parse it", feature="parser")
    died(store)
    repo.write("x", "1")
    said = ovn("resume")
    first, feature, checkpoint, following = said.out.splitlines()[:4]
    assert first == "a: resume-agent: attempts are left; the next agent goes on in the same files"
    assert feature == "feature:    parser (in progress): Parse it"
    assert checkpoint == "checkpoint: a/0001"
    assert following == "next:       git ovn run"
    assert "# a: what you need to know" in said.out
    assert "uncommitted work stays in the files, and is in checkpoint a/0001" in said.err


def test_resume_as_json_has_every_field_of_the_contract(ovn, store):
    died(store)
    told = ovn("resume", "--json").json
    fields = {"version", "session", "verdict", "facts", "checkpoint", "feature", "context", "seconds"}
    assert fields <= set(told)
    assert (told["session"], told["verdict"]) == ("a", "resume-agent")
    assert told["facts"]["lease"] == "dead"
    assert [step["row"] for step in told["steps"]] == ["lease-dead"]


def test_nothing_to_resume_is_0_and_said(ovn, store):
    said = ovn("resume")
    assert said.out == ""
    assert said.err == (
        "note: nothing to resume: no session of this work tree is unfinished\n"
        "hint: begin a shift with 'git ovn start'\n"
    )
    assert ovn("resume", "--json").json["session"] is None


@pytest.mark.parametrize("option", ["--explain", "--dry-run"])
def test_explain_prints_facts_and_rows_and_changes_nothing(ovn, repo, store, option):
    died(store)
    before = repo.git("for-each-ref")
    said = ovn("resume", option)
    assert "facts of session 'a'" in said.out
    assert "  lease-dead: take-over-lease: the holder of the lease is gone" in said.out
    assert said.out.endswith("next: git ovn run\n")
    assert repo.git("for-each-ref") == before


def test_what_only_a_person_can_decide_is_15(ovn, repo, store):
    died(store)
    repo.git("switch", "-q", "-c", "side")
    said = ovn("resume", code=15)
    assert said.out.startswith("a: ask-a-person: HEAD is not where the session left it; its branch is 'main'")
    assert ovn("resume", "--explain").code == 0


def test_a_live_holder_is_11(ovn, store):
    start(store, Config(), Opening("a", kind="run", pid=1, run="20261122-abcd"))
    assert ovn("resume", code=11).err.startswith("error: session 'a' is held by")


# -- status ----------------------------------------------------------------------------


def test_status_of_nothing(ovn, store):
    assert ovn("status").out == (
        "demo  work tree 'main'\n"
        "session:     none\n"
        "features:    none\n"
        "do:          git ovn start  (no session of this work tree is unfinished)\n"
    )


def test_status_of_a_shift_fits_one_screen(ovn, repo, store):
    features.add(store, features.PERSON, "Parse it", feature="parser")
    features.add(store, features.PERSON, "Print it", feature="printer")
    ovn("start", "a")
    ovn("checkpoint", "good")
    repo.write("x", "1")
    lines = ovn("status").out.splitlines()
    assert lines[:3] == [
        "demo  work tree 'main'",
        "session:     a  active, detached",
        "feature:     parser (in progress): Parse it",
    ]
    assert "checkpoint:  a/0001" in lines
    assert "features:    1 pending, 1 in progress" in lines
    assert "pending:     1 paths not committed (PERSISTENT)" in lines
    assert lines[-1].startswith("do:          git ovn handoff")
    assert len(lines) < 15


def test_status_as_json_has_every_part(ovn, store):
    died(store)
    active.owe(store.location.local, active.Debt("a", "main", AT))
    told = ovn("status", "--json").json
    assert told["session"]["id"] == "a"
    assert told["lease"]["standing"] == "dead"
    assert told["debts"] == [{"session": "a", "since": AT}]
    assert set(told["layers"]) == {"TRANSIENT", "SESSION", "PERSISTENT", "LONG_TERM"}
    assert told["verdict"] == "resume-agent"


def schema_of(verb: str) -> dict[str, Any]:
    return json.loads(resources.read("schemas/output", f"{verb}.schema.json"))


def test_status_as_json_obeys_its_published_schema(ovn, store):
    jsonschema.validate(ovn("status", "--json").json, schema_of("status"))
    died(store)
    active.owe(store.location.local, active.Debt("a", "main", AT))
    run = Run(1, RUN, "running", AT, "main", None, None, "command", cost_usd=1.5)
    runs.begin(store, run)
    asked = questions.new("a", "which one?", store.clock.now(), options=["x", "y"])
    questions.record(store, asked, by="agent")
    told = ovn("status", "--json").json
    jsonschema.validate(told, schema_of("status"))
    assert told["questions"] == 1
    assert told["run"] == {
        "id": RUN,
        "started": AT,
        "alive": False,
        "deadline": None,
        "cost_usd": 1.5,
    }


def test_status_stays_on_one_screen_however_much_there_is_to_say(ovn, store):
    for number in range(40):
        active.owe(store.location.local, active.Debt(f"s{number}", "main", AT))
    lines = ovn("status").out.splitlines()
    assert "debt:        and 37 more" in lines
    assert len(lines) < 24


def test_status_exits_with_1_only_when_asked_and_only_when_somebody_is_needed(ovn, store):
    assert ovn("status", "--exit-code").code == 0
    died(store)
    assert ovn("status").code == 0
    assert ovn("status", "--exit-code", code=1).code == 1
    ovn("resume")
    assert ovn("status", "--exit-code").code == 0


def test_status_changes_nothing(ovn, repo, store):
    died(store)
    repo.write("x", "1")
    before = repo.git("for-each-ref"), sorted(str(path) for path in repo.git_dir.rglob("*"))
    ovn("status")
    assert (repo.git("for-each-ref"), sorted(str(path) for path in repo.git_dir.rglob("*"))) == before
