"""Beside the hooks that are there: installed, chained, taken out again, byte for byte."""

from __future__ import annotations

import os
import subprocess
import textwrap

import pytest

from ovn.githooks import install
from ovn.githooks.install import HOOKS

STDIN_HOOKS = ("post-rewrite", "pre-push", "reference-transaction")


def script(path, text, mode=0o755):
    """Write a hook of the user's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip())
    path.chmod(mode)
    return path


def states(repo):
    return {hook.name: hook.state for hook in install.status(repo.location).hooks}


def manifest(folder):
    """Return what lies in a folder: names, kinds, modes, bytes."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


def outside_of_ovn(repo):
    """Return everything in the git folder that installing must leave, or put back, as it was."""
    found = manifest(repo.git_dir)
    return {path: what for path, what in found.items() if path.split("/")[0] != "ovn"}


# -- install, uninstall ----------------------------------------------------------------


def test_all_hooks_are_installed_once(repo):
    assert set(states(repo).values()) == {"missing"}
    found = install.install(repo.location)
    assert found.works
    assert {hook.state for hook in found.hooks} == {"installed"}
    before = manifest(repo.git_dir)
    install.install(repo.location)
    assert manifest(repo.git_dir) == before
    assert len({(found.folder / name).read_bytes() for name in HOOKS}) == 1


def test_uninstalling_puts_everything_back_byte_for_byte(repo):
    hooks = repo.git_dir / "hooks"
    script(hooks / "pre-commit", "#!/bin/sh\nexit 0\n")
    script(hooks / "commit-msg", "#!/usr/bin/env python3\n", mode=0o700)
    script(hooks / "post-commit", "not executable\n", mode=0o644)
    (hooks / "pre-push").symlink_to("../../scripts/pre-push")
    before = outside_of_ovn(repo)
    install.install(repo.location)
    assert states(repo)["pre-push"] == "chained"
    assert outside_of_ovn(repo) != before
    install.uninstall(repo.location)
    assert outside_of_ovn(repo) == before
    install.uninstall(repo.location)
    assert outside_of_ovn(repo) == before


def test_a_repository_without_a_hooks_folder_is_left_without_one(tmp_path, make_repo):
    (tmp_path / "template").mkdir()
    repo = make_repo(tmp_path / "repo", init=["--template", str(tmp_path / "template")])
    assert not (repo.git_dir / "hooks").exists()
    install.install(repo.location)
    assert install.status(repo.location).works
    install.uninstall(repo.location)
    assert not (repo.git_dir / "hooks").exists()


def test_a_hooks_folder_in_which_something_was_put_meanwhile_stays(tmp_path, make_repo):
    (tmp_path / "template").mkdir()
    repo = make_repo(tmp_path / "repo", init=["--template", str(tmp_path / "template")])
    install.install(repo.location)
    script(repo.git_dir / "hooks" / "post-update", "#!/bin/sh\n")
    install.uninstall(repo.location)
    assert [path.name for path in (repo.git_dir / "hooks").iterdir()] == ["post-update"]


def test_the_umask_is_obeyed(repo):
    old = os.umask(0o077)
    try:
        install.install(repo.location)
    finally:
        os.umask(old)
    assert (repo.git_dir / "hooks" / "pre-commit").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("uninstall", [False, True])
def test_an_earlier_or_edited_shim_is_replaced_kept_aside_and_keeps_its_chained_hook(repo, uninstall):
    hooks = repo.git_dir / "hooks"
    theirs = script(hooks / "pre-commit", "#!/bin/sh\nexit 0\n").read_bytes()
    install.install(repo.location)
    edited = install.shim() + b"# edited\n"
    (hooks / "pre-commit").write_bytes(edited)
    assert states(repo)["pre-commit"] == "outdated"
    if uninstall:
        install.uninstall(repo.location)
        assert (hooks / "pre-commit").read_bytes() == theirs
    else:
        install.install(repo.location)
        assert states(repo)["pre-commit"] == "chained"
        assert (hooks / "pre-commit").read_bytes() == install.shim()
    (aside,) = (repo.git_dir / "ovn" / "aside" / "hooks").iterdir()
    assert aside.read_bytes() == edited


def test_a_tool_that_replaced_ours_is_chained_in_its_turn(repo):
    hooks = repo.git_dir / "hooks"
    first = script(hooks / "pre-commit", "#!/bin/sh\n# first\n").read_bytes()
    install.install(repo.location)
    second = script(hooks / "pre-commit", "#!/bin/sh\n# second\n").read_bytes()
    assert states(repo)["pre-commit"] == "other"
    install.install(repo.location)
    assert (hooks / "pre-commit.ovn-chained").read_bytes() == second
    (aside,) = (repo.git_dir / "ovn" / "aside" / "hooks").iterdir()
    assert aside.read_bytes() == first
    install.uninstall(repo.location)
    assert (hooks / "pre-commit").read_bytes() == second


def test_a_crash_between_moving_and_writing_leaves_a_hook_that_install_finds_again(repo):
    hooks = repo.git_dir / "hooks"
    script(hooks / "pre-commit", "#!/bin/sh\nexit 7\n").rename(hooks / "pre-commit.ovn-chained")
    install.install(repo.location)
    assert states(repo)["pre-commit"] == "chained"
    repo.run("commit", "--allow-empty", "-m", "x", ok=(1,))


# -- the chained hook ------------------------------------------------------------------

ECHO = """
    #!/bin/sh
    { printf '%s\\n' "$0" "$@"; cat; } >"$OUT/$(basename "$0" .ovn-chained)"
    echo "said by $(basename "$0" .ovn-chained)"
    exit "${CODE:-0}"
"""


@pytest.mark.parametrize("session", [False, True], ids=["idle", "in a session"])
@pytest.mark.parametrize("name", HOOKS)
def test_arguments_stdin_output_and_exit_code_pass_through(repo, begin, tmp_path, name, session):
    script(repo.git_dir / "hooks" / name, ECHO)
    install.install(repo.location)
    if session:
        begin(repo)
    message = repo.write("message", "x\n\nbody\n")
    arguments = {
        "prepare-commit-msg": ["message", "message"],
        "commit-msg": ["message"],
        "reference-transaction": ["committed"],
        "post-rewrite": ["amend"],
        "pre-push": ["origin", "../a b"],
    }.get(name, ["HEAD", "HEAD", "1"])
    stdin = b"" if name not in STDIN_HOOKS else b"%s %s refs/x\nno newline" % (b"a" * 40, b"b" * 40)
    for code in (0, 7, 143):
        done = subprocess.run(
            [repo.git_dir / "hooks" / name, *arguments],
            cwd=repo.path,
            input=stdin,
            capture_output=True,
            check=False,
            env={**os.environ, "OUT": str(tmp_path), "CODE": str(code)},
        )
        assert (done.returncode, done.stdout.decode()) == (code, f"said by {name}\n")
    said = (tmp_path / name).read_bytes()
    head = "\n".join([str(repo.git_dir / "hooks" / f"{name}.ovn-chained"), *arguments]) + "\n"
    assert said == head.encode() + (stdin if name in STDIN_HOOKS else b"")
    assert message.read_text() == "x\n\nbody\n"


def test_a_chained_hook_that_refuses_refuses(repo):
    hooks = repo.git_dir / "hooks"
    for name in ("pre-commit", "commit-msg", "prepare-commit-msg"):
        script(hooks / name, "#!/bin/sh\nexit 1\n")
        install.install(repo.location)
        repo.run("commit", "--allow-empty", "-m", name, ok=(1,))
        (hooks / f"{name}.ovn-chained").unlink()
    repo.git("commit", "-q", "--allow-empty", "-m", "x")


def test_a_chained_reference_transaction_may_still_refuse_what_is_prepared(repo, begin):
    script(repo.git_dir / "hooks" / "reference-transaction", '#!/bin/sh\n[ "$1" != prepared ]\n')
    install.install(repo.location)
    begin(repo)
    repo.run("branch", "x", ok=(128,))


def test_a_chained_hook_that_does_not_read_its_stdin_harms_nobody(repo, begin):
    script(repo.git_dir / "hooks" / "reference-transaction", "#!/bin/sh\nexit 0\n")
    install.install(repo.location)
    shift = begin(repo)
    lines = "".join(f"create refs/heads/b{number} {repo.head}\n" for number in range(300))
    repo.git("update-ref", "--stdin", stdin=lines.encode())
    log = (shift.location.local / "log" / "refs").read_text()
    assert log.count("\n") == 300


def test_a_chained_hook_without_a_shebang_or_the_right_to_run_is_treated_as_git_does(repo):
    hooks = repo.git_dir / "hooks"
    script(hooks / "pre-commit", "touch ../ran\n")
    script(hooks / "commit-msg", "#!/bin/sh\nexit 1\n", mode=0o644)
    install.install(repo.location)
    repo.git("commit", "-q", "--allow-empty", "-m", "x")
    assert (repo.path.parent / "ran").exists()


def test_a_formatter_that_stages_again_works(repo, begin):
    script(repo.git_dir / "hooks" / "pre-commit", "#!/bin/sh\nsed -i s/x/y/ a\ngit add a\n")
    install.install(repo.location)
    begin(repo)
    repo.write("a", "x\n")
    repo.git("add", "a")
    repo.git("commit", "-q", "-m", "x", env={"OVN_SESSION": "session-001"})
    assert repo.git("show", "HEAD:a") == "y"
    assert repo.git("status", "--porcelain") == ""


def test_a_chained_hook_that_commits_itself_is_recorded_too(repo, begin):
    script(
        repo.git_dir / "hooks" / "post-commit",
        "#!/bin/sh\n[ -e done ] && exit\n: >done\ngit commit -q --allow-empty -m nested\n",
    )
    install.install(repo.location)
    shift = begin(repo)
    repo.git("commit", "-q", "--allow-empty", "-m", "x", env={"OVN_SESSION": "session-001"})
    assert [data["subject"] for data in shift.records("commit")] == ["x", "nested"]


# -- the layouts of other tools --------------------------------------------------------


def husky_9(repo):
    """husky 9: core.hooksPath=.husky/_, ignored stubs that find the script by their own name."""
    folder = repo.path / ".husky" / "_"
    for name in ("pre-commit", "commit-msg", "post-commit"):
        script(folder / name, '#!/usr/bin/env sh\n. "$(dirname "$0")/h"')
    script(
        folder / "h",
        """
        #!/usr/bin/env sh
        [ "$HUSKY" = "2" ] && set -x
        n=$(basename "$0")
        s=$(dirname "$(dirname "$0")")/$n
        [ ! -f "$s" ] && exit 0
        sh -e "$s" "$@"
        c=$?
        [ $c != 0 ] && echo "husky - $n script failed (code $c)"
        exit $c
        """,
    )
    (folder / ".gitignore").write_text("*")
    script(repo.path / ".husky" / "pre-commit", 'echo husky pre-commit "$@" >>../log\n', mode=0o644)
    script(repo.path / ".husky" / "commit-msg", 'echo husky commit-msg "$@" >>../log\n', mode=0o644)
    repo.git("config", "core.hooksPath", ".husky/_")
    return ["husky pre-commit", "husky commit-msg .git/COMMIT_EDITMSG"]


def pre_commit_before(repo):
    """pre-commit (the framework), installed before us."""
    script(
        repo.git_dir / "hooks" / "pre-commit",
        """
        #!/usr/bin/env bash
        # File generated by pre-commit: https://pre-commit.com
        ARGS=(hook-impl --config=.pre-commit-config.yaml --hook-type=pre-commit)
        HERE="$(cd "$(dirname "$0")" && pwd)"
        ARGS+=(--hook-dir "$HERE" -- "$@")
        echo "framework ${ARGS[1]}" >>../log
        """,
    )
    return ["framework --config=.pre-commit-config.yaml"]


def pre_commit_after(repo):
    """pre-commit, installed after us: it keeps ours as pre-commit.legacy and calls it."""
    script(repo.git_dir / "hooks" / "pre-commit", "#!/bin/sh\necho first >>../log\n")
    install.install(repo.location)
    hooks = repo.git_dir / "hooks"
    (hooks / "pre-commit").rename(hooks / "pre-commit.legacy")
    script(
        hooks / "pre-commit",
        """
        #!/usr/bin/env bash
        # File generated by pre-commit: https://pre-commit.com
        HERE="$(cd "$(dirname "$0")" && pwd)"
        "$HERE/pre-commit.legacy" "$@" || exit 1
        echo framework >>../log
        """,
    )
    return ["first", "framework"]


def lefthook(repo):
    """lefthook: a script of its own in each hook it manages, in the plain folder."""
    for name in ("pre-commit", "prepare-commit-msg"):
        script(
            repo.git_dir / "hooks" / name,
            f"""
            #!/bin/sh
            if [ "$LEFTHOOK" = "0" ]; then
              exit 0
            fi
            call_lefthook()
            {{
              echo "lefthook $@" >>../log
            }}
            call_lefthook run "{name}" "$@"
            """,
        )
    return ["lefthook run pre-commit", "lefthook run prepare-commit-msg .git/COMMIT_EDITMSG message"]


def own_folder(repo):
    """core.hooksPath inside of the git folder, absolute."""
    folder = repo.git_dir / "my-hooks"
    script(folder / "pre-commit", "#!/bin/sh\necho mine >>../log\n")
    repo.git("config", "core.hooksPath", str(folder))
    return ["mine"]


@pytest.mark.parametrize("layout", [husky_9, pre_commit_before, pre_commit_after, lefthook, own_folder])
def test_beside_other_tools_both_run(repo, begin, layout):
    expected = layout(repo)
    repo.git("add", "-A")
    repo.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "set up")
    log = repo.path.parent / "log"
    log.unlink(missing_ok=True)
    before = manifest(repo.path / ".husky")
    found = install.install(repo.location)
    assert found.works
    assert repo.git("status", "--porcelain") == ""
    shift = begin(repo)
    repo.git("commit", "-q", "--allow-empty", "-m", "x", env={"OVN_SESSION": "session-001"})
    assert log.read_text().splitlines() == expected
    assert repo.git("log", "-1", "--format=%(trailers)").strip() == "Ovn-Session: session-001"
    assert [data["bypassed"] for data in shift.records("commit")] == [False]
    again = manifest(repo.git_dir)
    install.install(repo.location)
    assert manifest(repo.git_dir) == again
    install.uninstall(repo.location)
    assert manifest(repo.path / ".husky") == before
    log.unlink()
    repo.git("commit", "-q", "--allow-empty", "-m", "x")
    assert log.read_text().splitlines() == expected


def test_a_hook_that_the_project_tracks_is_left_alone_and_the_line_is_shown(repo):
    """husky 8 and the like: core.hooksPath=.githooks, the scripts are source."""
    script(repo.path / ".githooks" / "pre-commit", "#!/bin/sh\nexit 0\n")
    repo.git("config", "core.hooksPath", ".githooks")
    repo.commit("hooks")
    found = install.install(repo.location)
    assert {hook.name: hook.state for hook in found.hooks}["pre-commit"] == "tracked"
    assert [hook.state for hook in found.hooks if hook.name != "pre-commit"] == ["installed"] * 8
    assert not found.works
    assert found.installed
    assert found.hooks[0].line == 'git ovn hook pre-commit "$@" || exit $?'
    assert repo.git("status", "--porcelain") == ""
    install.uninstall(repo.location)
    assert sorted(path.name for path in (repo.path / ".githooks").iterdir()) == ["pre-commit"]
    assert repo.git("status", "--porcelain", "--ignored") == ""


def test_what_stood_in_info_exclude_stays(repo):
    script(repo.path / ".githooks" / "README", "ours\n")
    repo.git("config", "core.hooksPath", ".githooks")
    exclude = repo.git_dir / "info" / "exclude"
    exclude.write_bytes(b"*.log\n")
    install.install(repo.location)
    with exclude.open("ab") as file:
        file.write(b"*.tmp\n")
    assert b"/.githooks/pre-commit\n" in exclude.read_bytes()
    install.uninstall(repo.location)
    assert exclude.read_bytes() == b"*.log\n*.tmp\n"


def test_a_folder_outside_of_the_repository_is_never_touched(tmp_path, repo):
    """A global core.hooksPath serves all of a person's repositories."""
    elsewhere = tmp_path / "elsewhere"
    script(elsewhere / "pre-commit", "#!/bin/sh\n")
    repo.git("config", "core.hooksPath", str(elsewhere))
    before = outside_of_ovn(repo), manifest(elsewhere)
    found = install.install(repo.location)
    assert {hook.state for hook in found.hooks} == {"shadowed"}
    assert not found.installed
    assert found.folder == elsewhere
    assert (outside_of_ovn(repo), manifest(elsewhere)) == before


def test_hooks_that_were_shadowed_later_are_still_taken_out(tmp_path, repo):
    before = outside_of_ovn(repo)
    install.install(repo.location)
    repo.git("config", "core.hooksPath", str(tmp_path / "elsewhere"))
    assert set(states(repo).values()) == {"shadowed"}
    install.uninstall(repo.location)
    repo.git("config", "--unset", "core.hooksPath")
    assert outside_of_ovn(repo) == before


def test_a_symlink_out_of_the_repository_is_outside(tmp_path, repo):
    (tmp_path / "elsewhere").mkdir()
    (repo.path / "linked").symlink_to("../elsewhere")
    repo.git("config", "core.hooksPath", "linked")
    install.install(repo.location)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_linked_work_trees_share_the_hooks(tmp_path, repo):
    repo.git("worktree", "add", "-q", tmp_path / "linked")
    linked = type(repo)(tmp_path / "linked")
    found = install.install(linked.location)
    assert found.folder == repo.git_dir / "hooks"
    assert install.status(repo.location).works


def test_config_is_never_written(repo):
    before = (repo.git_dir / "config").read_bytes()
    install.install(repo.location)
    install.uninstall(repo.location)
    assert (repo.git_dir / "config").read_bytes() == before
