"""Bad input and bad luck: a clear error with its exit code and a hint, nothing lost, nothing half done."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ovn import checkpoints
from ovn.cli.main import main
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..conftest import Repo  # noqa: TID252


@dataclass(frozen=True, slots=True)
class Case:
    """What is typed, and what is said: exit code, a part of the error, a part of the hint."""

    words: tuple[str, ...]
    code: int
    error: str
    hint: str
    before: Callable[[Repo], object] | None = None


def wrote(path: str, content: bytes | str) -> Callable[[Repo], object]:
    """Return what writes a file first."""
    return lambda repo: repo.write(path, content)


NAME = "use letters, digits"
CONFIG = ".overnight/config.yaml"
NAMES = {
    "label of marks only": Case(("checkpoint", "///"), 129, "nothing is left of '///'", NAME),
    "session outside": Case(("start", "../x"), 129, "not a session: '../x'", NAME),
    "session with a dash": Case(("start", "--", "-x"), 129, "not a session: '-x'", NAME),
    "session like a lock": Case(("start", "x.lock"), 129, "not a session: 'x.lock'", NAME),
    "session of two lines": Case(("start", "a\nb"), 129, "not a session: 'a\\nb'", NAME),
    "session with an escape": Case(("start", "\x1b[31m"), 129, "not a session: '\\x1b[31m'", NAME),
    "feature id outside": Case(
        ("feature", "add", "T", "--id", "../x"), 129, "not a feature id: '../x'", NAME
    ),
    "rollback outside": Case(("rollback", "--feature", "../x"), 128, "no feature '../x'", "feature list"),
    "session shown outside": Case(
        ("session", "show", "../../x"), 128, "no session '../../x'", "session list"
    ),
    "checkpoint outside": Case(("show", "../../etc/passwd"), 128, "no checkpoint '../../etc", "git ovn list"),
    "checkpoint with an escape": Case(
        ("show", "\x1b]0;x\x07"), 128, "no checkpoint '\\x1b]0;x", "git ovn list"
    ),
    "path outside": Case(("restore", "kept", "--", "../x"), 129, "is outside the repository", "inside of it"),
    "no such verb": Case(("chekpoint",), 129, "no such verb 'chekpoint'", "did you mean 'checkpoint'"),
    "no such option": Case(("list", "--nope"), 129, "no such option", "see 'git ovn list -h'"),
}
DOCUMENTS = {
    "yaml with a tag": Case(
        ("run", "--check"),
        128,
        f"{CONFIG}: line 1, column 10",
        "",
        wrote(CONFIG, "project: !!python/name:os x\n"),
    ),
    "yaml with an anchor": Case(
        ("run", "--check"), 128, f"{CONFIG}: line 1, column", "", wrote(CONFIG, "project: &a x\nagent: *a\n")
    ),
    "yaml of a wrong type": Case(
        ("run", "--check"), 128, "line 2, column", "", wrote(CONFIG, "budget:\n  max_sessions: many\n")
    ),
    "yaml with a key twice": Case(
        ("run", "--check"), 128, "line 2, column 1", "", wrote(CONFIG, "project: a\nproject: b\n")
    ),
    "json cut short": Case(
        ("feature", "import", "f.json"), 128, "f.json", "", wrote("f.json", '{"features": [')
    ),
    "json too deep": Case(("feature", "import", "f.json"), 128, "f.json", "", wrote("f.json", "[" * 100_000)),
    "json with NaN": Case(
        ("feature", "import", "f.json"), 128, "NaN", "", wrote("f.json", '{"features": [NaN]}')
    ),
    "json with a key twice": Case(
        ("feature", "import", "f.json"), 128, "twice", "", wrote("f.json", '{"features": [], "features": []}')
    ),
}
CASES = NAMES | DOCUMENTS


def everything(repo: Repo) -> object:
    """Return all that a refused verb must leave as it is."""
    files = {
        path.relative_to(repo.path).as_posix(): path.read_bytes()
        for path in repo.path.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(repo.path).parts
    }
    return repo.git("for-each-ref"), repo.git("status", "--porcelain"), files


@pytest.fixture
def kept(repo: Repo, store: StateStore) -> Repo:
    """Return the repository with a checkpoint ``kept``, a feature and a little uncommitted work."""
    repo.write("work", "work\n")
    checkpoints.take(store, checkpoints.Request("manual", "kept"))
    store.close()
    return repo


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_and_changes_nothing(kept, ovn, name):
    case = CASES[name]
    if case.before:
        case.before(kept)
    before = everything(kept)
    said = ovn(*case.words, code=case.code)
    assert case.error in said.err
    assert said.err.startswith("error: ")
    assert not case.hint or f"hint: {case.hint}" in said.err or case.hint in said.err.partition("hint: ")[2]
    assert "this is a bug" not in said.err
    assert "\x1b" not in said.err
    assert everything(kept) == before


# -- where it is typed -----------------------------------------------------------------


def typed_in(folder: Path, monkeypatch, capfd, *words: str) -> tuple[int, str]:
    monkeypatch.chdir(folder)
    code = main(list(words))
    return code, capfd.readouterr().err


@pytest.mark.parametrize("verb", ["status", "checkpoint", "list", "init", "run"])
def test_outside_of_a_repository_it_says_so(tmp_path, monkeypatch, capfd, verb):
    code, err = typed_in(tmp_path, monkeypatch, capfd, verb)
    assert (code, err.splitlines()[0]) == (128, "error: not a git repository")
    assert "hint: run it inside a git repository" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "verb", [["checkpoint", "x"], ["rollback", "kept"], ["restore", "kept"], ["status"], ["init"]]
)
def test_a_bare_mirror_shows_and_changes_nothing(kept, tmp_path, monkeypatch, capfd, make_repo, verb):
    """Looking works there; whatever needs a work tree says that there is none."""
    kept.git("clone", "-q", "--mirror", ".", tmp_path / "bare")
    bare = type(kept)(tmp_path / "bare")
    before = bare.git("for-each-ref")
    code, err = typed_in(bare.path, monkeypatch, capfd, *verb)
    assert code == 128
    assert "has no work tree" in err
    assert "hint: run it in a clone that has a work tree" in err
    assert bare.git("for-each-ref") == before
    assert typed_in(bare.path, monkeypatch, capfd, "list")[0] == 0
    assert typed_in(bare.path, monkeypatch, capfd, "log")[0] == 0


def test_without_a_state_the_hint_is_init(repo, ovn):
    for verb in (["status"], ["checkpoint", "x"], ["log"], ["start"]):
        said = ovn(*verb, code=10)
        assert said.err == "error: this repository has no state yet\nhint: run 'git ovn init' first\n"
    assert repo.git("for-each-ref", "refs/ovn", "refs/heads/overnight", "refs/tags") == ""


def test_beside_a_branch_named_overnight_init_says_how_to_rename_it(repo, ovn):
    repo.git("branch", "overnight")
    said = ovn("init", code=128)
    assert "cannot exist beside 'refs/heads/overnight'" in said.err
    assert "hint: rename that branch: 'git branch -m overnight overnight-work'" in said.err
    assert repo.git("for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/main",
        "refs/heads/overnight",
    ]


# -- two at once, and nobody known -----------------------------------------------------


def test_of_two_starts_in_one_work_tree_the_second_is_refused(kept, ovn):
    ovn("start", "--no-verify", "one")
    before = everything(kept)
    said = ovn("start", "--no-verify", "two", code=11)
    assert "one" in said.err
    assert "--take-over" in said.err.partition("hint: ")[2]
    assert everything(kept) == before


def test_without_an_identity_the_work_is_kept_and_nothing_is_committed(kept, ovn, monkeypatch, tmp_path):
    """Checkpoints need none; only a commit of the person's does."""
    ovn("start", "--no-verify", "one")
    for name in [name for name in os.environ if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    kept.git("config", "user.useConfigOnly", "true")
    head = kept.head
    ovn("checkpoint", "x")
    said = ovn("handoff", "--accomplished", "a", "--next", "b", code=None)
    assert said.code == 13, said.err
    assert "error: " in said.err
    assert "hint: " in said.err
    assert (kept.head, kept.read("work")) == (head, b"work\n")
    ovn("handoff", "--accomplished", "a", "--next", "b", "--wip")


# -- a state branch that others touched ------------------------------------------------


def told(repo: Repo) -> list[str]:
    """Return the names of what the state holds."""
    return sorted(one.id for one in checkpoints.found(StateStore.open(repo.location)))


@pytest.mark.parametrize("how", ["deleted", "set back", "replaced"])
def test_a_state_branch_that_was_lost_is_put_back_and_said(kept, ovn, how):
    ovn("checkpoint", "second")
    tip = kept.git("rev-parse", "overnight/state")
    ref = "refs/heads/overnight/state"
    if how == "deleted":
        kept.git("update-ref", "-d", ref)
    elif how == "set back":
        kept.git("update-ref", ref, f"{tip}~1")
    else:
        kept.git("update-ref", ref, kept.git("commit-tree", f"{kept.head}^{{tree}}", "-m", "mine"))
    said = ovn("checkpoint", "third")
    assert kept.git("merge-base", "--is-ancestor", tip, "overnight/state") == ""
    assert len(told(kept)) == 3
    assert ovn("fsck").code == 0, said.err


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 1e999}', b"\xff\xfe", b"[" * 5000])
def test_rubbish_that_was_committed_to_it_is_found_and_the_last_good_version_used(kept, ovn, content):
    ovn("feature", "add", "A thing", "--id", "thing")
    blob = kept.git("hash-object", "-w", "--stdin", stdin=content)
    index = {"GIT_INDEX_FILE": str(kept.git_dir / "rubbish")}
    kept.git("read-tree", "overnight/state", env=index)
    kept.git("update-index", "--cacheinfo", f"100644,{blob},features/thing.json", env=index)
    tree = kept.git("write-tree", env=index)
    commit = kept.git("commit-tree", tree, "-p", "overnight/state", "-m", "rubbish")
    kept.git("update-ref", "refs/heads/overnight/state", commit)
    assert "A thing" in ovn("feature", "list").out
    said = ovn("fsck", code=None)
    assert said.code != 0
    assert "features/thing.json" in said.out + said.err
    ovn("checkpoint", "after")


# -- tags ------------------------------------------------------------------------------


def test_a_missing_tag_costs_nothing_and_doctor_writes_it_again(kept, ovn):
    before = kept.git("rev-parse", "refs/tags/ovn/manual/kept")
    kept.git("tag", "-d", "ovn/manual/kept")
    assert "kept" in ovn("list").out
    ovn("restore", "kept", "--dry-run")
    ovn("doctor", "--fix", code=None)
    assert kept.git("rev-parse", "refs/tags/ovn/manual/kept") == before


def test_a_foreign_tag_is_named_and_hides_nothing(kept, ovn):
    kept.git("tag", "ovn/manual/blob", f"{kept.head}:README")
    said = ovn("list")
    assert "kept" in said.out
    assert "ovn/manual/blob" in said.err
    ovn("checkpoint", "after")
