"""Done means evidence: on the tree of a commit, unchanged by the run, and in no other way."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from ovn import features
from ovn.checks import verify
from ovn.checks.verify import Bench
from ovn.errors import NotFound, Unverified
from ovn.features import PERSON, Actor
from ovn.git.run import Git
from ovn.git.worktrees import worktree_at
from ovn.model import records
from ovn.state.store import StateStore

AT = "2026-01-02T03:04:05.000Z"
BENCH = Bench({"PATH": os.environ["PATH"], "OVN_SESSION": "s1", "GITHUB_TOKEN": "t"})


@pytest.fixture
def store(location):
    made = StateStore.open(location)
    made.init("demo")
    return made


def add(store, *commands, **fields):
    return features.add(store, PERSON, "a feature", feature="f1", verify=commands, **fields)


def run(store, bench=BENCH, actor=PERSON):
    return verify.verify(store, actor, "f1", bench)


def test_green_on_the_tree_of_a_commit_is_done(store, repo):
    add(store, "echo 3 passed", ("test", "-f", "README"))
    verdict = run(store)
    found = store.view(pending=False).feature("f1")
    assert (verdict.done, found.status, found.completed) == (True, "done", 1)
    assert (verdict.feature, verdict.measured.evidence) == (found, found.evidence)
    evidence = found.evidence
    assert (evidence.green, evidence.partial, evidence.commit) == (True, None, repo.head)
    assert evidence.tree == repo.git("rev-parse", "HEAD^{tree}")
    first, second = evidence.commands
    assert (first.command, first.exit_code, first.summary) == ("echo 3 passed", 0, "3 passed")
    assert first.digest == hashlib.sha256(b"3 passed\n").hexdigest()
    assert (second.command, second.summary) == (("test", "-f", "README"), "no output")
    assert repo.git("log", "--format=%s", "-2", "overnight/state").splitlines() == [
        "status: f1 done",
        "evidence: f1 green",
    ]


def test_in_a_session_evidence_goes_through_the_journal(store):
    created = records.make("session.created", {"kind": "run", "worktree": "main"}, at=AT, by="runner")
    store.record("s1", created)
    add(store, "true")
    assert run(store, actor=Actor("runner", "s1", None)).done
    assert [record["type"] for _, record in store.records("s1")][1:] == ["evidence", "feature.status"]
    assert store.view().feature("f1").status == "done"


def test_red_is_not_done_and_says_what_failed(store):
    add(store, "true", "echo it broke; exit 7", "true")
    verdict = run(store)
    assert verdict.why == "'echo it broke; exit 7' gave 7: it broke"
    assert store.view().feature("f1").status == "pending"
    assert [one.exit_code for one in store.view().feature("f1").evidence.commands] == [0, 7, 0]


def test_a_done_feature_that_is_red_later_becomes_failed(store, repo):
    add(store, "test ! -f broken")
    assert run(store).done
    repo.write("broken", "x")
    repo.commit()
    assert not run(store).done
    found = store.view().feature("f1")
    assert (found.status, found.completed, found.finished) == ("failed", None, None)
    assert "gave 1" in found.reason


def test_a_done_feature_verified_again_keeps_its_place(store, repo):
    add(store, "true")
    run(store)
    repo.write("new", "x")
    head = repo.commit()
    assert run(store).done
    found = store.view().feature("f1")
    assert (found.status, found.completed, found.evidence.commit) == ("done", 1, head)


def test_without_verify_commands_nothing_can_prove_it(store):
    add(store)
    with pytest.raises(Unverified, match="feature 'f1' has no verify commands") as refusal:
        run(store)
    assert refusal.value.hint == "give it one: git ovn feature edit f1 --verify COMMAND"


def test_an_unknown_feature_is_not_found(store):
    with pytest.raises(NotFound):
        run(store)


def test_green_with_a_dependency_not_done_is_evidence_and_not_done(store):
    features.add(store, PERSON, "before", feature="f0")
    add(store, "true", depends_on=("f0",))
    verdict = run(store)
    assert verdict.why == "it depends on 'f0', which is not done"
    assert store.view().feature("f1").status == "pending"
    assert store.view().feature("f1").evidence.green


# -- a tree that is a commit's tree ------------------------------------------------------------

UNCLEAN = {
    "an untracked file": (lambda repo: repo.write("new", "x"), "not committed: new"),
    "an edited file": (lambda repo: repo.write("README", "x"), "not committed: README"),
    "a staged file": (lambda repo: (repo.write("new", "x"), repo.git("add", "new")), "not committed: new"),
    "a deleted file": (lambda repo: (repo.path / "README").unlink(), "not committed: README"),
    "another mode": (lambda repo: (repo.path / "README").chmod(0o755), "not committed: README"),
    "an odd name": (lambda repo: repo.write(b"a\nb", "x"), 'not committed: "a\\nb"'),
    "many": (
        lambda repo: [repo.write(f"n{n}", "x") for n in range(5)],
        "not committed: n0, n1, n2 and 2 more",
    ),
    "an edit behind assume-unchanged": (
        lambda repo: (repo.git("update-index", "--assume-unchanged", "README"), repo.write("README", "x")),
        "hidden from git by a flag in the index: README",
    ),
    "an edit behind skip-worktree": (
        lambda repo: (repo.git("update-index", "--skip-worktree", "README"), repo.write("README", "x")),
        "hidden from git by a flag in the index: README",
    ),
}


@pytest.mark.parametrize("name", UNCLEAN)
def test_what_is_in_no_commit_makes_the_evidence_partial(store, repo, name):
    act, words = UNCLEAN[name]
    add(store, "true")
    act(repo)
    verdict = run(store)
    evidence = store.view().feature("f1").evidence
    assert verdict.why == f"the evidence is partial: {words}"
    assert (evidence.green, evidence.partial, evidence.commit) == (True, words, None)
    assert store.view().feature("f1").status == "pending"


def test_partial_evidence_names_the_tree_of_the_files(store, repo):
    add(store, "true")
    repo.write("new", "x")
    tree = run(store).measured.evidence.tree
    repo.commit()
    assert tree == repo.git("rev-parse", "HEAD^{tree}")


def test_ignored_files_do_not_count(store, repo):
    repo.write(".gitignore", "*.log\n")
    repo.commit()
    repo.write("out.log", "x")
    add(store, "echo x > more.log")
    assert run(store).done


def test_a_file_outside_of_a_sparse_checkout_is_not_hidden(store, repo):
    repo.write("in/a", "x")
    repo.write("out/b", "x")
    repo.commit()
    repo.git("sparse-checkout", "set", "in")
    add(store, "test ! -e out/b")
    assert run(store).done


def test_before_the_first_commit_the_evidence_is_partial(make_repo, tmp_path):
    repo = make_repo(tmp_path / "unborn", commit=False)
    store = StateStore.open(repo.location)
    store.init("demo")
    add(store, "true")
    assert run(store).why == "the evidence is partial: HEAD has no commit yet"


# -- unchanged by the run --------------------------------------------------------------------

CHANGES = {
    "leaves a file": ("echo x > litter", "the run left files behind, not committed: litter"),
    "edits a file": ("echo x > README", "the run left files behind, not committed: README"),
    "commits": (
        "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x",
        "HEAD moved during the run",
    ),
    "hides an edit": (
        "git update-index --assume-unchanged README; echo x > README",
        "the run left files behind, hidden from git by a flag in the index: README",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_run_that_changes_the_tree_proves_nothing(store, name):
    command, words = CHANGES[name]
    add(store, command)
    assert run(store).why == f"the evidence is partial: {words}"
    assert store.view().feature("f1").status == "pending"


def test_partial_evidence_does_not_replace_the_whole_evidence_of_a_done_feature(store, repo):
    add(store, "true")
    whole = run(store).measured.evidence
    repo.write("new", "x")
    verdict = run(store)
    assert not verdict.done
    found = store.view().feature("f1")
    assert (found.status, found.evidence) == ("done", whole)


def test_python_writes_no_bytecode_into_the_tree(store, repo):
    repo.write("mod.py", "x = 1\n")
    repo.commit()
    add(store, "python3 -c 'import mod'")
    assert run(store).done


# -- how commands are run --------------------------------------------------------------------


def test_commands_run_at_the_top_and_know_their_feature_and_session_and_no_token(store, repo, monkeypatch):
    repo.write("sub/x", "")
    repo.commit()
    monkeypatch.chdir(repo.path / "sub")
    add(
        store,
        'test "$PWD" = "$(git rev-parse --show-toplevel)"',
        'test "$OVN_FEATURE $OVN_SESSION" = "f1 s1"',
    )
    features.edit(
        store, PERSON, "f1", {"verify": (*store.view().feature("f1").verify, 'test -z "$GITHUB_TOKEN"')}
    )
    assert run(store).done


def test_a_command_that_takes_too_long_is_red(store):
    add(store, "sleep 60")
    verdict = run(store, Bench(BENCH.environ, seconds=0.2))
    assert verdict.why == "'sleep 60' gave -15: ended after 0.2 s without an answer"


def test_each_result_is_told_as_it_comes(store):
    add(store, "echo one", "echo two")
    seen = []
    run(store, Bench(BENCH.environ, watch=lambda ran: seen.append(ran.summary)))
    assert seen == ["one", "two"]


def test_the_output_is_kept_in_a_log_and_no_secret_in_the_evidence(store, location):
    add(store, "echo first; echo password=hunter22")
    run(store)
    log = verify.log_file(location, "f1").read_text()
    assert log.startswith("$ echo first; echo password=hunter22\nfirst\n")
    assert store.view().feature("f1").evidence.commands[0].summary == "password=[redacted]"


def test_a_clean_linked_work_tree_shows_what_a_clone_would_see(store, repo, location):
    """Here the tests pass only because of an ignored file."""
    repo.write(".gitignore", "local\n")
    repo.commit()
    repo.write("local", "x")
    add(store, "test -f local")
    assert run(store).done
    with worktree_at(Git(location), repo.head) as linked:
        verdict = run(store, verify.at_location(BENCH, linked))
        assert Path(linked.tree()) != repo.path
    assert (verdict.why, store.view().feature("f1").status) == ("'test -f local' gave 1: no output", "failed")


def test_green_before_the_work_is_told(store):
    found = add(store, "true")
    assert verify.green_before(store, found, BENCH)
    red = features.edit(store, PERSON, "f1", {"verify": ("true", "false")})
    assert not verify.green_before(store, red, BENCH)
    assert not verify.green_before(store, features.edit(store, PERSON, "f1", {"verify": ()}), BENCH)
    assert store.view().feature("f1").evidence is None
