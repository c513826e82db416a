"""``git ovn review``: branches without touching a file, features taken back, and decisions that last."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys

import jsonschema
import pytest

from ovn import resources
from ovn.cli.main import main
from ovn.errors import NotFound
from ovn.report import gather, pullrequest
from ovn.report.reviewing import Branch, branch, candidates, chosen, decided, remember


@pytest.fixture
def review(night, monkeypatch, capfd):
    """Return ``review(*args, code=0) -> (stdout, stderr)`` in the night's repository."""
    monkeypatch.chdir(night.repo.path)

    def call(*args: str, code: int = 0) -> tuple[str, str]:
        capfd.readouterr()
        ended = main(["review", *args])
        said = capfd.readouterr()
        assert ended == code, said
        return said

    return call


def everything(repo) -> str:
    """Return what must not change: HEAD, the index, the files."""
    return "\n".join(
        [repo.git("symbolic-ref", "HEAD"), repo.head, repo.git("ls-files", "-s"), repo.git("status")]
    )


def test_only_features_with_commits_that_stand_are_reviewed(night):
    found = gather(night.store)
    assert [one.id for one in candidates(found)] == ["lexer", "parser", "printer"]
    with pytest.raises(NotFound, match="no commit of feature 'later' stands"):
        chosen(found, ["later"])


def test_keep_makes_a_branch_of_the_features_own_commits_and_touches_nothing_else(night, review):
    before = everything(night.repo)
    out, _ = review("--keep", "printer")
    assert "branch review/printer made" in out
    base = gather(night.store).runs[0].run.base
    assert (
        night.repo.git("log", "--format=%s %an", f"{base}..review/printer") == "printer: attempt 1 A U Thor"
    )
    assert night.repo.git("diff", "--name-only", base, "review/printer") == "printer.txt"
    assert everything(night.repo) == before
    night.repo.fsck()


def test_a_feature_that_depends_on_another_is_stacked_on_it(night, review):
    out, _ = review("--keep", "parser")
    assert "on top of lexer" in out
    base = gather(night.store).runs[0].run.base
    log = night.repo.git("log", "--format=%s", f"{base}..review/parser").splitlines()
    assert log == ["parser: attempt 1", "lexer: attempt 1"]
    text = (night.repo.git_dir / "ovn" / "review" / "parser.md").read_text()
    assert "It is stacked on `lexer`: merge those first." in text


def test_commits_that_do_not_apply_alone_bring_the_night_up_to_them(teller):
    teller.feature("a")
    teller.feature("b")
    teller.run()
    for name, text in (("a", "one\n"), ("b", "one\ntwo\n")):
        teller.session(f"s-{name}", name)
        teller.attempt(f"s-{name}", 1, name, {"shared.txt": text})
        teller.proven(f"s-{name}", name)
        teller.handoff(f"s-{name}", next=["b"])
    found = gather(teller.store)
    made = branch(teller.store, found, candidates(found)[1], trusted=True)
    assert (made.stands, made.commit) == ("whole", teller.repo.head)


def test_a_branch_that_is_there_is_never_moved(night, review):
    night.repo.git("branch", "review/lexer", "HEAD~3")
    theirs = night.repo.git("rev-parse", "review/lexer")
    out, _ = review("--keep", "lexer")
    assert "branch review/lexer-2 made" in out
    assert night.repo.git("rev-parse", "review/lexer") == theirs
    out, _ = review("--keep", "lexer")
    assert "branch review/lexer-2 is there already" in out


def test_a_dry_run_changes_nothing(night, review):
    before = night.repo.git("for-each-ref")
    out, _ = review("--keep", "lexer", "--hold", "parser", "--dry-run")
    assert out.splitlines() == [
        "would keep lexer: branch review/lexer would be made",
        "would hold parser: it stays as it is",
    ]
    review("--roll-back", "printer", "--dry-run")
    refs = [line for line in night.repo.git("for-each-ref").splitlines() if "overnight/state" not in line]
    assert refs == [line for line in before.splitlines() if "overnight/state" not in line]
    assert decided(night.store.view(), "lexer") is None


def test_roll_back_inverts_the_features_commits_and_can_be_undone(night, review):
    review("--roll-back", "printer")
    assert not (night.repo.path / "printer.txt").exists()
    assert (night.repo.path / "parser.txt").exists()
    view = night.store.view()
    assert view.feature("printer").status == "rolled_back"
    assert decided(view, "printer").decision == "roll-back"
    row = next(one for one in gather(night.store).features if one.id == "printer")
    assert [one.standing for one in row.commits] == ["reverted"]
    assert main(["undo"]) == 0
    assert (night.repo.path / "printer.txt").exists()


def test_roll_back_from_another_branch_names_the_one_to_go_to(night, review):
    night.repo.git("switch", "-q", "-c", "elsewhere", "HEAD~3")
    _, err = review("--roll-back", "printer", code=1)
    assert "hint: git switch main" in err
    assert decided(night.store.view(), "printer") is None


def test_what_was_decided_is_remembered_and_shown(night, review):
    out, _ = review("--hold", "parser")
    assert out.startswith("held parser")
    out, _ = review("parser")
    assert "decided" in out
    assert ": hold" in out
    again = valid(review("--json")[0])
    told = {one["feature"]["id"]: one["decided"] for one in again["features"]}
    assert told["parser"]["decision"] == "hold"
    assert told["lexer"] is None


def test_without_a_terminal_each_feature_is_shown_with_its_own_diff(night, review):
    out, _ = review()
    assert "+1\n+2\n" in out
    assert out.index("Read numbers") < out.index("Read sums") < out.index("Print sums")


def test_one_name_that_is_wrong_stops_all_of_it(night, review):
    _, err = review("--keep", "lexer", "--hold", "nope", code=128)
    assert "no commit of feature 'nope'" in err
    assert night.repo.git("branch", "--list", "review/*") == ""


def test_two_ways_for_one_feature_are_refused_before_anything_is_done(night, review):
    _, err = review("--keep", "lexer", "--keep", "printer", "--roll-back", "lexer", code=129)
    assert "'lexer' is given to --roll-back and to --keep" in err
    assert night.repo.git("branch", "--list", "review/*") == ""
    review("--keep", "lexer", "--keep", "lexer", "--dry-run")


def test_a_session_does_not_review_its_own_work(night, review, monkeypatch):
    monkeypatch.setenv("OVN_SESSION", "s-3")
    _, err = review("--keep", "lexer", code=1)
    assert "does not review its own work" in err


def test_a_person_at_a_terminal_is_asked_for_each_feature(night):
    """Hold the first, skip the second after a wrong key, leave at the third."""
    out = typed(night.repo.path, b"h\nx\ns\nq\n")
    assert out.count("[q]uit?") == 4
    assert "held lexer" in out
    assert "one letter of" in out
    view = night.store.view()
    assert decided(view, "lexer").decision == "hold"
    assert decided(view, "parser") is None


def valid(printed: str):
    """Return the document, which obeys its schema."""
    document = json.loads(printed)
    schema = json.loads(resources.read("schemas", "output/review.schema.json"))
    jsonschema.Draft202012Validator(schema).validate(document)
    return document


def test_what_was_done_is_one_document(night, review):
    done = valid(review("--keep", "lexer", "--roll-back", "printer", "--json")[0])["done"]
    assert [(one["feature"], one["decision"]) for one in done] == [
        ("printer", "roll-back"),
        ("lexer", "keep"),
    ]
    assert done[0]["operation"]
    assert done[1]["branch"]["name"] == "review/lexer"
    assert done[1]["text"].startswith("Read numbers\n")


def typed(folder, keys: bytes) -> str:
    """Run the verb at a terminal of its own, type the keys, return what it showed."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "ovn", "review"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = subprocess.Popen(words, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    os.write(ours, keys)
    shown = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    assert child.wait(60) == 0
    return shown.decode()


def test_the_text_for_a_pull_request_is_only_text(hostile):
    """No markup, no mention, no control character of an agent's comes out of it."""
    found = gather(hostile.store)
    feature = next(one for one in found.features if one.id == "evil")
    text = pullrequest.text(found, feature, Branch("review/evil", "0" * 40, "0" * 40, "alone"))
    assert "\\<script\\>" in text
    assert "<script" not in text.replace("\\<script", "")
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("said", ["`", "``x`", "a ` b", "x"])
def test_code_cannot_end_its_own_fence(said):
    made = pullrequest.code(said)
    fence = made[: len(made) - len(made.lstrip("`"))]
    assert made.startswith(fence)
    assert made.endswith(fence)
    assert fence not in made[len(fence) : -len(fence)]


def test_a_decision_lasts_in_a_clone(night, tmp_path, make_repo):
    remember(night.store, "lexer", "hold")
    night.repo.git("clone", "-q", "--mirror", ".", str(tmp_path / "clone"))
    from ovn.git.locate import locate
    from ovn.state.store import StateStore

    assert decided(StateStore.open(locate(tmp_path / "clone")).view(), "lexer").decision == "hold"
