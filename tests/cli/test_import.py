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
    (folder / "logs" / "session-1.json").write_text("{}")
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
    assert "1 session logs stay where they are: nothing in them is evidence" in said.err
    assert "1 verify commands run once you allow them" in said.err
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
