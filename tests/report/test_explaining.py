"""``git ovn explain``: every line leads to what backs it, and nothing is made up."""

from __future__ import annotations

import json

import jsonschema
import pytest

from ovn import resources
from ovn.cli.main import main
from ovn.errors import NotFound
from ovn.report import gather
from ovn.report.explaining import explain


def facts(found) -> dict[str, list[str]]:
    by_word: dict[str, list[str]] = {}
    for one in found.facts:
        by_word.setdefault(one.what, []).append(one.text)
    return by_word


def test_a_commit_leads_to_session_feature_decision_and_evidence(night):
    commit = gather(night.store).features[0].commits[0].commit
    found = explain(night.store, commit[:9])
    said = facts(found)
    assert (found.kind, found.id) == ("commit", commit)
    assert said["session"] == ["s-1 by stub, in run 20260102-aaaa, handed off"]
    assert said["feature"] == ["lexer, done: Read numbers"]
    assert said["decision"] == ["numbers are decimals, not floats"]
    assert said["evidence"] == [f"green on {commit[:10]}, exit 0: test -f lexer.txt"]


def test_a_commit_that_passed_by_the_hooks_says_so(night):
    commit = next(one for one in gather(night.store).commits if one.bypassed).commit
    assert facts(explain(night.store, commit))["hooks"] == ["the hooks were passed by"]


def test_a_commit_that_nobody_recorded_is_said_to_be_nobodys(night):
    assert "nobody recorded it" in facts(explain(night.store, "HEAD~4"))["origin"][0]
    made = night.repo.commit("x\n\nOvn-Session: made-up")
    assert "of which nothing is known" in facts(explain(night.store, made))["origin"][0]


def test_a_feature_tells_its_commits_and_its_story(night):
    found = explain(night.store, "printer")
    said = facts(found)
    assert said["reason"] == ["1 attempt failed; the last: red"]
    assert len(said["commit"]) == 1
    assert any("attempt(s-3): 1 started, printer" in line for line in said["story"])


def test_a_checkpoint_tells_what_it_was_taken_for(teller):
    teller.feature("a")
    teller.run()
    teller.session("s-1", "a")
    teller.repo.write("draft", "x")
    tag = teller.checkpoint("s-1", "before-a")
    found = explain(teller.store, tag)
    assert (found.kind, found.id) == ("checkpoint", "s-1/0001")
    assert facts(found)["holds"][0].startswith("1 paths that differ from main")
    assert facts(found)["session"] == ["s-1 by stub, in run 20260102-aaaa, active"]


def test_a_commit_of_the_state_tells_its_event(night):
    found = explain(night.store, "overnight/state")
    assert (found.kind, facts(found)["event"]) == ("state", ["run"])


@pytest.mark.parametrize("what", ["nope", "", "--help", "HEAD^{tree}", "-x", "a..b", "\x1b[31m"])
def test_what_names_nothing_is_refused(night, what):
    with pytest.raises(NotFound, match="no feature, checkpoint or commit"):
        explain(night.store, what)


def test_the_id_of_a_session_or_of_a_night_leads_to_what_shows_it(night):
    run = gather(night.store).runs[0].run
    for what, hint in ((run.id, f"git ovn morning --run {run.id}"), ("s-1", "git ovn session show s-1")):
        with pytest.raises(NotFound) as refused:
            explain(night.store, what)
        assert hint in (refused.value.hint or "")


def test_the_json_obeys_its_schema_and_hostile_texts_are_harmless(hostile, monkeypatch, capsys):
    monkeypatch.chdir(hostile.repo.path)
    capsys.readouterr()
    assert main(["explain", "evil", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    schema = json.loads(resources.read("schemas", "output/explain.schema.json"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(out))
    assert main(["explain", "evil"]) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "\\x1b]0;owned" in text
