"""Everyday git with every hook installed: the same results as without a single one.

Each scenario runs in four repositories: without hooks; with hooks and no session; with a run's
session at work and a person who commits; with a session whose every commit is its own. Only
in the last may anything differ, and there only by trailers.
"""

from __future__ import annotations

import re
import subprocess

import pytest

from ovn.githooks import install

TRAILERS = re.compile(r"\n?(Ovn-Session|Ovn-Feature): .*\n?")
OID = re.compile(r"\b[0-9a-f]{7,40}\b")
FLAVOURS = ("idle", "own", pytest.param("foreign", marks=pytest.mark.slow))


def edit(repo, script, *args, **kwargs):
    """Run git with an editor that is this shell script; ``$1`` is the file."""
    editor = repo.path.parent / f"editor-{repo.path.name}"
    editor.write_text(f"#!/bin/sh\n{script}\n")
    editor.chmod(0o755)
    env = {"GIT_EDITOR": str(editor), "GIT_SEQUENCE_EDITOR": str(editor)}
    return repo.run(*args, env=env, **kwargs)


def commits(repo, *paths):
    """Commit each path with its own name as content and message."""
    for path in paths:
        repo.write(path, path)
        repo.commit(path)


def commit(repo):
    commits(repo, "a")
    repo.write("a", "2")
    repo.git("commit", "-q", "-a", "-m", "all")
    repo.write("b", "b")
    repo.git("add", "b")
    repo.write("a", "3")
    repo.git("commit", "-q", "-m", "one path", "a")
    (repo.path / "folder").mkdir()
    repo.git("-C", "folder", "commit", "-q", "-m", "from a folder\n\nwith a body\n\nSigned-off-by: me")


def amend(repo):
    commits(repo, "a", "b")
    repo.write("b", "2")
    repo.git("commit", "-q", "-a", "--amend", "--no-edit")
    repo.git("commit", "-q", "--amend", "-m", "another message")
    edit(repo, 'echo third >"$1"', "commit", "-q", "--amend")


def no_verify(repo):
    commits(repo, "a")
    repo.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "skipped")


def messages(repo):
    repo.write("a", "a")
    repo.git("add", "a")
    edit(repo, ":", "commit", ok=(1,))  # nothing written: aborted
    repo.run("commit", "-m", "", ok=(1,))
    edit(repo, 'echo "# only a comment" >"$1"', "commit", ok=(1,))
    edit(repo, 'printf "edited\\n\\nbody\\n" >"$1"', "commit", "-q", "-v")
    repo.git("commit", "-q", "--allow-empty", "-m", "#42 begins with a hash")
    repo.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    repo.git("commit", "-q", "--allow-empty", "-m", "divider\n\n---\n\nbelow it")
    repo.git("commit", "-q", "--allow-empty", "-F", "-", stdin=b"from stdin, no newline")
    repo.git("commit", "-q", "--allow-empty", "-C", "HEAD~1")
    template = repo.path.parent / f"template-{repo.path.name}"
    template.write_text("a template\n")
    edit(repo, ":", "commit", "-q", "--allow-empty", "-t", template, ok=(1,))  # left as it was: aborted
    repo.git("config", "core.commentChar", ";")
    edit(repo, 'sed -i "1i; no words" "$1"', "commit", "--allow-empty", ok=(1,))
    edit(repo, 'sed -i "1iwords" "$1"', "commit", "-q", "--allow-empty")


def merge(repo):
    commits(repo, "a")
    repo.git("checkout", "-q", "-b", "side")
    commits(repo, "b")
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--ff-only", "side")
    commits(repo, "c")
    repo.git("checkout", "-q", "side")
    commits(repo, "d")
    repo.git("merge", "-q", "--no-edit", "main")
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "--squash", "side")
    repo.git("commit", "-q", "--no-edit", env={"GIT_EDITOR": "true"})


def merge_conflict(repo):
    commits(repo, "a")
    repo.git("checkout", "-q", "-b", "side")
    repo.write("a", "side")
    repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.write("a", "main")
    repo.commit("main")
    repo.run("merge", "side", ok=(1,))
    repo.write("a", "both")
    repo.git("commit", "-q", "-a", "-m", "merged by hand")


def rebase(repo):
    commits(repo, "a", "b", "c", "d")
    edit(
        repo,
        'case $1 in *todo) sed -i "2s/pick/reword/;3s/pick/fixup/" "$1" ;; *) echo reworded >"$1" ;; esac',
        "rebase", "-q", "-i", "HEAD~3",
    )  # fmt: skip
    repo.git("checkout", "-q", "-b", "side", "HEAD~1")
    commits(repo, "e")
    repo.git("rebase", "-q", "--exec", "true", "main")


def rebase_conflict(repo):
    commits(repo, "a")
    repo.git("checkout", "-q", "-b", "side")
    repo.write("a", "side")
    repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.write("a", "main")
    repo.commit("main")
    repo.run("rebase", "main", "side", ok=(1,))
    repo.write("a", "both")
    repo.git("add", "a")
    repo.git("rebase", "--continue", env={"GIT_EDITOR": "true"})


def cherry_pick(repo):
    repo.git("checkout", "-q", "-b", "side")
    commits(repo, "a", "b")
    repo.git("checkout", "-q", "main")
    repo.git("cherry-pick", "side~1", "side")
    repo.git("cherry-pick", "-n", "side~1", ok=(0, 1))
    repo.git("reset", "-q", "--hard")


def revert(repo):
    commits(repo, "a", "b")
    repo.git("revert", "--no-edit", "HEAD")
    repo.git("revert", "--no-edit", "HEAD~2")
    repo.git("revert", "-n", "HEAD~1")
    repo.git("commit", "-q", "-m", "taken back by hand")


def apply_mail(repo):
    commits(repo, "a")
    patch = repo.git("format-patch", "--stdout", "-1").encode() + b"\n"
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.git("am", "-q", stdin=patch)


def stash(repo):
    commits(repo, "a")
    repo.write("a", "dirty")
    repo.write("new", "new")
    repo.git("stash", "push", "-q", "-u")
    repo.git("checkout", "-q", "-b", "side")
    repo.git("stash", "pop", "-q")
    repo.git("stash", "push", "-q")


def housekeeping(repo):
    commits(repo, "a", "b")
    repo.git("tag", "-a", "-m", "v1", "v1")
    repo.git("branch", "side")
    repo.git("pack-refs", "--all", "--prune")
    repo.git("branch", "-q", "-D", "side")
    repo.git("gc", "-q", "--prune=now")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("fsck", "--strict")


def fetch(repo):
    server = repo.path.parent / f"server-{repo.path.name}"
    subprocess.run(["git", "clone", "-q", "--bare", repo.path, server], check=True)
    repo.git("remote", "add", "origin", server)
    repo.git("fetch", "-q")
    commits(repo, "a")
    repo.git("push", "-q", "origin", "main", "HEAD:refs/heads/side", "HEAD:refs/tags/v1")
    repo.git("fetch", "-q")
    repo.git("branch", "-q", "--set-upstream-to=origin/main")
    subprocess.run(["git", "-C", server, "branch", "-D", "-q", "side"], check=True)
    subprocess.run(["git", "-C", server, "tag", "-d", "v1"], check=True, stdout=subprocess.DEVNULL)
    repo.git("fetch", "-q", "--prune", "--prune-tags")
    repo.git("push", "-q", "--all")
    repo.git("push", "-q", "origin", "--delete", "main", ok=(0, 1))
    repo.git("pull", "-q", "--rebase", ok=(0, 1))
    repo.git("remote", "rename", "origin", "elsewhere")


def clone(repo):
    commits(repo, "a")
    there = repo.path.parent / f"clone-{repo.path.name}"
    repo.git("clone", "-q", ".", there)
    repo.git("-C", there, "commit", "-q", "--allow-empty", "-m", "in the clone")
    repo.git("pull", "-q", there)


def work_tree(repo):
    there = repo.path.parent / f"linked-{repo.path.name}"
    repo.git("worktree", "add", "-q", "-b", "linked", there)
    (there / "x").write_text("x")
    repo.git("-C", there, "add", "x")
    repo.git("-C", there, "commit", "-q", "-m", "in the linked work tree")
    repo.git("merge", "-q", "linked")
    repo.git("worktree", "remove", there)


def move_about(repo):
    commits(repo, "a", "b")
    repo.git("checkout", "-q", "HEAD~1")
    repo.git("switch", "-q", "-c", "side")
    repo.git("checkout", "-q", "main", "--", "b")
    repo.git("reset", "-q", "--hard", "main")
    repo.git("bisect", "start", "HEAD", "HEAD~2")
    repo.git("bisect", "reset")
    repo.git("update-ref", "refs/heads/plumbing", "HEAD")
    repo.git("branch", "-q", "-m", "plumbing", "renamed")
    repo.git("switch", "-q", "--orphan", "empty")
    commits(repo, "c")


SCENARIOS = [
    commit, amend, no_verify, messages, merge, merge_conflict, rebase, rebase_conflict, cherry_pick,
    revert, apply_mail, stash, housekeeping, fetch, clone, work_tree, move_about,
]  # fmt: skip


def outcome(repo, *, strip=False):
    """Return what the repository holds: refs, history, index, files, reflog."""
    history = repo.git("log", "--all", "--topo-order", "--format=%x1e%T %an %ae %ad%n%B")
    refs = repo.git("for-each-ref")
    reflog = repo.git("log", "-g", "--format=%gs").replace(str(repo.path.parent), "")
    if strip:
        history, refs, reflog = (OID.sub("OID", TRAILERS.sub("", text)) for text in (history, refs, reflog))
    return {
        "refs": refs,
        "history": [re.sub(r"\s+$", "", entry) for entry in history.split("\x1e")],
        "status": repo.git("status", "--porcelain=v2"),
        "index": repo.git("ls-files", "-s"),
        "reflog": reflog,
        "head": repo.git("symbolic-ref", "-q", "HEAD", ok=(0, 1)),
        "files": sorted(
            (str(path.relative_to(repo.path)), path.read_bytes())
            for path in repo.path.rglob("*")
            if path.is_file() and ".git" not in path.relative_to(repo.path).parts
        ),
        "left over": sorted(path.name for path in repo.git_dir.iterdir() if path.name != "ovn"),
    }


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Return a function that gives a scenario's outcome without hooks, worked out once."""
    known = {}

    def look_up(scenario, make_repo):
        if scenario not in known:
            repo = make_repo(tmp_path_factory.mktemp("plain") / "repo")
            scenario(repo)
            known[scenario] = outcome(repo), outcome(repo, strip=True)
        return known[scenario]

    return look_up


@pytest.mark.unmeasured
@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_the_results_are_those_of_git_without_hooks(tmp_path, make_repo, begin, plain, scenario, flavour):
    exact, stripped = plain(scenario, make_repo)
    repo = make_repo(tmp_path / "repo")
    install.install(repo.location)
    if flavour != "idle":
        begin(repo, kind="run" if flavour == "foreign" else "detached", feature="parser")
    scenario(repo)
    if flavour == "own":
        assert outcome(repo, strip=True) == stripped
    else:
        assert outcome(repo) == exact
    repo.fsck()
