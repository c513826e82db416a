"""``git ovn import``: earlier layouts from the command line."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def earlier(tmp_path):
    """The folder of an earlier harness."""
    folder = tmp_path / "earlier"
    for name in ("logs", "config"):
        (folder / name).mkdir(parents=True)
    (folder / "feature_registry.json").write_text(
        json.dumps({"features": [{"id": "a", "title": "A", "status": "done", "verify": ["true"]}]})
    )
    (folder / "claude-progress.txt").write_text("# Session: s\n- [x] a: A\n")
    (folder / "config" / "overnight.yaml").write_text(
        "project: bot\n"
        "session: {max_runtime_hours: 8, color: red}\n"
        "budget: {max_sessions: lots}\n"
        "agents: [one, two]\n"
        "commands: {baseline: pytest -q}\n"
    )
    return folder


def test_a_folder_is_taken_over(ovn, store, repo, earlier):
    said = ovn("import", str(earlier))
    found = store.view().feature("a")
    assert (found.status, found.claimed, found.evidence) == ("pending", True, None)
    assert said.out.startswith("A  a  A  (called done there; pending until it is verified)\n")
    assert "claude-progress.txt' may say the same in another layout" in said.err
    assert "1 verify command runs once you allow it" in said.err
    assert repo.read(".overnight/config.yaml").decode() == (
        'project: "bot"\nsession: {"max_runtime_hours": 8}\ncommands: {"baseline": "pytest -q"}\n'
    )
    for left in (
        "session.color (line 2, column 33)",
        "agents (line 4, column 1)",
        "must be a whole number, not 'lots'",
    ):
        assert left in said.err
    assert "not trusted" in ovn("feature", "verify", "a", code=17).err


def test_taking_over_again_changes_nothing(ovn, store, repo, earlier):
    ovn("import", str(earlier))
    before = repo.read(".overnight/config.yaml"), repo.git("rev-parse", "overnight/state")
    said = ovn("import", str(earlier))
    assert "0 added, 0 changed, 1 as they were" in said.err
    assert "is there already" in said.err
    assert before == (repo.read(".overnight/config.yaml"), repo.git("rev-parse", "overnight/state"))


def test_a_dry_run_writes_nothing(ovn, store, repo, earlier):
    before = repo.git("rev-parse", "overnight/state")
    ovn("import", "--dry-run", str(earlier))
    ovn("import", "--dry-run", str(earlier / "config" / "overnight.yaml"))
    assert before == repo.git("rev-parse", "overnight/state")
    assert not (repo.path / ".overnight" / "config.yaml").exists()


@pytest.mark.parametrize("name", ["feature_registry.json", "claude-progress.txt"])
def test_one_file_is_taken_over_by_its_name(ovn, store, earlier, name):
    said = ovn("import", str(earlier / name), "--json").json
    assert [one["id"] for one in said["added"]] == ["a"]
    assert (said["changed"], said["dry_run"]) == ([], False)


def test_a_configuration_as_json(ovn, store, earlier):
    said = ovn("import", str(earlier / "config" / "overnight.yaml"), "--json").json
    assert (said["written"], len(said["left_out"])) == (True, 3)


STATE = {
    "session_id": "overnight-20251206",
    "goal": "Refactor the night's scripts",
    "started_at": "2025-12-06T22:00:00+00:00",
    "last_updated": "2025-12-07T05:30:00.123456+00:00",
    "completed_tasks": [
        {"description": "One state file", "category": "state", "completed_at": "2025-12-06T23:00:00+00:00"}
    ],
    "current_task": "Health checks",
    "restart_count": 2,
    "progress_notes": ["[23:00:01] state moved", "token=abcdefgh12345678"],
    "blockers": ["no staging server"],
    "key_decisions": [{"decision": "flock it", "rationale": "two writers", "timestamp": "x"}],
    "a_key_of_tomorrow": {"x": 1},
}


@pytest.fixture
def overnight(earlier):
    """The earlier layout with all its logs."""
    logs = earlier / "logs"
    (logs / "overnight_state.json").write_text(json.dumps(STATE))
    (logs / "session_state.json").write_text(json.dumps({"goal": "an older goal", "notes": ["old note"]}))
    (logs / "continuation_history.jsonl").write_text(
        '{"timestamp": "2025-12-07T01:00:00", "decision": "continue", "reason": "P1 incomplete (3/9)"}\n'
        "not json\n"
        '{"timestamp": "2025-12-07T05:40:00", "decision": "stop", "reason": "All requirements met"}\n'
    )
    (logs / "compaction-history.jsonl").write_text(
        '{"timestamp": "2025-12-07T02:00:00", "compaction_reason": "auto", "checkpoint_created": false}\n'
    )
    (earlier / "config" / "overnight.yaml").write_text(
        "session: {max_runtime_hours: 10, max_idle_minutes: 30}\n"
        "budget: {max_cost_usd: 50.0}\n"
        "enforcement: {continuous_mode: true, ric_mode: SUGGESTED}\n"
        "notifications: {discord_webhook: '${DISCORD_WEBHOOK_URL}', idle_warning_pct: 70}\n"
        "logging: {level: INFO, format: json, max_entries: 500}\n"
    )
    return earlier


def test_the_logs_become_an_ended_session_whose_last_words_the_next_shift_reads(ovn, store, overnight):
    said = ovn("import", str(overnight))
    name = "earlier-overnight-20251206"
    assert f"S  {name}  Refactor the night's scripts\n" in said.out
    assert "1 lines of the logs are no JSON objects" in said.err
    session, handoff = store.view().session(name), store.view().handoff(name)
    assert (session.state, session.created) == ("handed_off", "2025-12-06T22:00:00.000Z")
    assert session.ended == "2025-12-07T05:40:00.000Z"
    assert session.decisions == ("flock it (two writers)",)
    assert session.notes == (
        "[23:00:01] state moved",
        "token=[redacted]",
        "2025-12-07T01:00:00.000Z: continued: P1 incomplete (3/9)",
        "2025-12-07T05:40:00.000Z: stopped: All requirements met",
        "2025-12-07T02:00:00.000Z: context compacted: auto",
    )
    assert handoff.accomplished == ("claimed, not verified: One state file (state)",)
    assert (handoff.next, handoff.blockers) == (("Health checks",), ("no staging server",))
    assert [one.status for one in store.view().features().values()] == ["pending"]
    begun = ovn("start", "s1", "--feature", "a").out
    for words in (f"From {name}", "Next: Health checks", "Blocker: no staging server"):
        assert words in begun
    ovn("fsck")


def test_the_configuration_of_the_earlier_night_keeps_what_we_know_and_no_address(
    ovn, store, repo, overnight
):
    said = ovn("import", str(overnight))
    written = repo.read(".overnight/config.yaml").decode()
    assert 'notifications: {"webhook": "${OVN_WEBHOOK:-}"}' in written
    assert 'logging: {"level": "INFO", "format": "json"}' in written
    assert "DISCORD" not in written
    for left in ("notifications.idle_warning_pct", "logging.max_entries", "enforcement.ric_mode"):
        assert f"left out: {left}" in said.err
    assert "set OVN_WEBHOOK" in said.err


def test_importing_all_of_it_again_changes_nothing(ovn, store, repo, overnight):
    ovn("import", str(overnight))
    before = repo.git("rev-parse", "overnight/state")
    said = ovn("import", str(overnight))
    assert "=  earlier-overnight-20251206" in said.out
    assert before == repo.git("rev-parse", "overnight/state")


def test_logs_that_grew_are_taken_in_again_in_the_same_session(ovn, store, overnight):
    ovn("import", str(overnight / "logs" / "overnight_state.json"))
    ovn("import", str(overnight))
    grown = {**STATE, "blockers": ["no staging server", "no key"]}
    (overnight / "logs" / "overnight_state.json").write_text(json.dumps(grown))
    ovn("import", str(overnight))
    assert store.view().handoff("earlier-overnight-20251206").blockers == ("no staging server", "no key")
    assert list(store.view().sessions(ended=True)) == ["earlier-overnight-20251206"]


def test_a_dry_run_of_all_of_it_writes_nothing(ovn, store, repo, overnight):
    before = repo.git("rev-parse", "overnight/state")
    told = ovn("import", str(overnight), "--dry-run", "--json").json
    assert (told["session"], told["session_there"], told["written"]) == (
        "earlier-overnight-20251206",
        False,
        False,
    )
    assert [one["id"] for one in told["added"]] == ["a"]
    assert before == repo.git("rev-parse", "overnight/state")
    assert not (repo.path / ".overnight" / "config.yaml").exists()


def test_an_agent_cannot_write_the_history_of_others(ovn, store, overnight, monkeypatch):
    monkeypatch.setenv("OVN_SESSION", "session-001")
    assert (
        "a person imports it" in ovn("import", str(overnight / "logs" / "overnight_state.json"), code=1).err
    )


def test_a_category_that_is_called_completed_is_still_only_a_claim(ovn, store, tmp_path):
    (tmp_path / "claude-progress.txt").write_text(
        "## CATEGORY 1: State (P0) - COMPLETED\n- [x] One state file\n\n"
        "## CATEGORY 2: Health (P1)\n- [ ] Endpoint\n"
    )
    ovn("import", str(tmp_path / "claude-progress.txt"))
    found = {one.title: one for one in store.view().features().values()}
    first, second = found["One state file"], found["Endpoint"]
    assert (first.category, first.priority, first.status, first.claimed) == ("State", "P0", "pending", True)
    assert (second.category, second.priority, second.claimed) == ("Health", "P1", False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- a", "a mapping is needed"),
        ("a: &x 1", "the anchor '&x' is not taken"),
        ("a: [", "line 2, column 1"),
    ],
)
def test_a_wrong_configuration_is_refused(ovn, store, tmp_path, content, words):
    (tmp_path / "overnight.yaml").write_text(content + "\n")
    assert words in ovn("import", str(tmp_path / "overnight.yaml"), code=128).err


def test_an_empty_folder_says_what_was_looked_for(ovn, store, tmp_path):
    (tmp_path / "empty").mkdir()
    said = ovn("import", str(tmp_path / "empty"), code=128)
    assert "nothing to import" in said.err
    assert "feature_list.json" in said.err


def test_a_file_that_is_none_is_refused(ovn, store):
    assert "no file 'nowhere'" in ovn("import", "nowhere", code=128).err


def test_a_text_that_lists_no_feature_is_said_to_hold_none(ovn, store, tmp_path):
    (tmp_path / "claude-progress.txt").write_text("Session 1: made the login page\n")
    said = ovn("import", str(tmp_path / "claude-progress.txt"))
    assert "no feature was found there" in said.err
