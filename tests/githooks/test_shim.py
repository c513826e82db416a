"""The shim: who it refuses, what it adds, what it records, what it hands on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

from ovn import active, names
from ovn.active import Active, Debt
from ovn.githooks import install

pytestmark = pytest.mark.unmeasured

OWN = {"OVN_SESSION": "session-001"}
TRAILERS = "Ovn-Session: session-001\nOvn-Feature: parser"
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


def body(repo, commit="HEAD"):
    return repo.git("log", "-1", "--format=%B", commit).strip("\n")


def change(repo, path="a", content="1"):
    repo.write(path, content)
    repo.git("add", path)


def hook_script(repo, name, text):
    """Put a hook of the user's in place."""
    path = repo.git_dir / "hooks" / name
    path.write_text("#!/bin/sh\n" + textwrap.dedent(text))
    path.chmod(0o755)
    return path


# -- trailers --------------------------------------------------------------------------


def test_a_session_s_commit_names_session_and_feature(hooked, begin):
    begin(hooked, feature="parser")
    change(hooked)
    hooked.git("commit", "-q", "-m", "fix\n\na body", env=OWN)
    assert body(hooked) == f"fix\n\na body\n\n{TRAILERS}"


def test_trailers_join_those_that_are_there_and_are_never_doubled(hooked, begin):
    begin(hooked, feature="parser")
    change(hooked)
    hooked.git("commit", "-q", "-m", "fix\n\nSigned-off-by: me", env=OWN)
    hooked.git("commit", "-q", "--amend", "--allow-empty", "--no-edit", env=OWN)
    assert body(hooked) == f"fix\n\nSigned-off-by: me\n{TRAILERS}"


def test_a_session_without_a_feature_adds_one_trailer(shift):
    change(shift.repo)
    shift.repo.git("commit", "-q", "-m", "fix", env=OWN)
    assert body(shift.repo) == "fix\n\nOvn-Session: session-001"


def test_odd_trailer_settings_of_the_user_change_nothing(shift):
    shift.repo.git("config", "trailer.separators", "=")
    shift.repo.git("config", "trailer.ifexists", "addIfDifferent")
    shift.repo.git("config", "trailer.ifmissing", "doNothing")
    change(shift.repo)
    shift.repo.git("commit", "-q", "-m", "fix", env=OWN)
    assert body(shift.repo) == "fix\n\nOvn-Session: session-001"


@pytest.mark.parametrize("kind", ["detached", "python"])
def test_of_a_session_that_no_run_began_every_commit_is_own(hooked, begin, kind):
    shift = begin(hooked, kind=kind)
    change(hooked)
    hooked.git("commit", "-q", "-m", "fix")
    assert body(hooked).endswith("Ovn-Session: session-001")
    assert [data["kind"] for data in shift.records("commit")] == ["own"]


def test_a_person_in_a_night_s_tree_is_never_refused_and_gets_no_trailers(shift):
    active.owe(shift.location.local, Debt("session-000", "main", "x"))
    change(shift.repo, ".overnight/config.yaml", "project: x\n")
    shift.repo.git("commit", "-q", "-m", "by hand\n\nOvn-Evidence: mine")
    assert body(shift.repo) == "by hand\n\nOvn-Evidence: mine"
    (data,) = shift.records("commit")
    assert data == {
        "commit": shift.repo.head,
        "kind": "foreign",
        "feature": None,
        "bypassed": False,
        "subject": "by hand",
    }


def test_the_trailers_come_though_the_editor_wrote_the_message(shift):
    change(shift.repo)
    editor = shift.repo.path.parent / "editor"
    editor.write_text("#!/bin/sh\nsed -i 1ifix $1\n")
    editor.chmod(0o755)
    shift.repo.git("commit", "-q", "-v", env={**OWN, "GIT_EDITOR": str(editor)})
    assert body(shift.repo) == "fix\n\nOvn-Session: session-001"


DERIVED = {
    "merge": (["merge", "-q", "--no-ff", "--no-edit", "side"], ""),
    "squash": (["merge", "-q", "--squash", "side"], "commit"),
    "cherry-pick": (["cherry-pick", "side"], ""),
    "revert": (["revert", "--no-edit", "HEAD"], ""),
    "rebase": (["rebase", "-q", "--force-rebase", "HEAD~1"], ""),
}


@pytest.mark.parametrize("how", DERIVED)
def test_commits_that_git_derives_from_others_get_no_trailers(repo, begin, how):
    repo.git("checkout", "-q", "-b", "side")
    repo.write("side", "side")
    repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.write("main", "main")
    repo.commit("main")
    install.install(repo.location)
    begin(repo)
    command, then = DERIVED[how]
    repo.git(*command, env=OWN)
    if then:
        repo.git("commit", "-q", "--no-edit", env=OWN | {"GIT_EDITOR": "true"})
    assert "Ovn-" not in body(repo)


# -- refusals --------------------------------------------------------------------------


def refused(repo, *args, env=OWN):
    """Run git, which must be refused; return what the hook said."""
    before = repo.git("for-each-ref")
    answer = repo.run(*args, ok=(1,), env=env)
    assert repo.git("for-each-ref") == before
    return answer.stderr.decode()


def test_a_process_of_another_session_may_not_commit(shift):
    said = refused(shift.repo, "commit", "--allow-empty", "-m", "x", env={"OVN_SESSION": "session-009"})
    assert "OVN_SESSION is 'session-009', but session 'session-001' is at work" in said
    assert "hint: " in said


def test_without_a_session_at_work_a_process_of_one_may_not_commit(hooked):
    assert "no session is at work in work tree 'main'" in refused(
        hooked, "commit", "--allow-empty", "-m", "x"
    )


def test_a_debt_holds_up_sessions_and_is_told_to_people(shift):
    active.owe(shift.location.local, Debt("session-000", "main", "2026-11-22T01:00:00.000Z"))
    assert "session 'session-000' ended without a handoff" in refused(
        shift.repo, "commit", "--allow-empty", "-m", "x"
    )
    active.clear(shift.location.local, "main", "session-001")
    answer = shift.repo.run("commit", "-q", "--allow-empty", "-m", "by hand")
    assert b"git ovn: session 'session-000' ended without a handoff\nhint: 'git ovn resume" in answer.stderr


def test_a_debt_of_another_work_tree_is_nobody_s_business_here(shift):
    active.owe(shift.location.local, Debt("session-000", "linked", "2026-11-22T01:00:00.000Z"))
    answer = shift.repo.run("commit", "-q", "--allow-empty", "-m", "x", env=OWN)
    assert answer.stderr == b""


@pytest.mark.parametrize("carried", [{}, {"OVN_GENERATION": "1"}])
def test_a_holder_that_was_taken_over_may_not_commit(shift, carried):
    active.fence(shift.location.local, "session-001", 2)
    said = refused(shift.repo, "commit", "--allow-empty", "-m", "x", env=OWN | carried)
    assert "session 'session-001' was taken over: its generation is 2, this process has 1" in said


@pytest.mark.parametrize("carried", [{"OVN_GENERATION": "0"}, {"OVN_RUN_ID": "20261121-efgh"}])
def test_what_is_left_of_an_earlier_run_may_not_commit(hooked, begin, carried):
    begin(hooked, run="20261122-abcd")
    assert "was taken over" in refused(hooked, "commit", "--allow-empty", "-m", "x", env=OWN | carried)
    hooked.git(
        "commit", "-q", "--allow-empty", "-m", "x",
        env=OWN | {"OVN_RUN_ID": "20261122-abcd", "OVN_GENERATION": "1"},
    )  # fmt: skip


def test_what_a_holder_that_was_taken_over_commits_all_the_same_is_not_recorded(shift):
    shift.journal.set_generation(2)
    answer = shift.repo.run("commit", "-q", "--no-verify", "--allow-empty", "-m", "x", env=OWN)
    assert b"post-commit was not recorded" in answer.stderr
    assert shift.records() == []


@pytest.mark.parametrize("path", [names.CONFIG_FILE, names.REGISTRY_VIEW])
def test_a_session_may_not_change_what_judges_it(shift, path):
    change(shift.repo, path, "{}")
    assert f"'{path}' may not be changed in a session" in refused(shift.repo, "commit", "-m", "x")
    shift.repo.git("restore", "--staged", path)
    change(shift.repo)
    shift.repo.git("commit", "-q", "-m", "x", env=OWN)


def test_the_hint_of_a_protected_path_works(shift):
    change(shift.repo, names.CONFIG_FILE, "project: x\n")
    shift.repo.git("commit", "-q", "-m", "by hand")
    change(shift.repo, names.CONFIG_FILE, "project: y\n")
    said = refused(shift.repo, "commit", "-m", "x")
    (command,) = re.findall(r"'git (restore [^']*)'", said)
    shift.repo.git(*command.split())
    assert shift.repo.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    "trailer", ["Ovn-Session: session-009", "ovn-session: session-009", "Ovn-Evidence: green"]
)
def test_a_message_may_not_claim_what_only_ovn_knows(shift, trailer):
    assert "commit-msg refused" in refused(shift.repo, "commit", "--allow-empty", "-m", f"x\n\n{trailer}")


def test_a_line_that_only_looks_like_a_trailer_is_text(shift):
    shift.repo.git(
        "commit", "-q", "--allow-empty", "-m", "x\n\nOvn-Session: session-009\nis what I mean", env=OWN
    )


def test_an_earlier_session_s_commit_may_be_amended(shift, begin):
    shift.repo.git("commit", "-q", "--allow-empty", "-m", "x", env=OWN)
    begin(shift.repo, "session-002")
    shift.repo.git(
        "commit", "-q", "--amend", "--allow-empty", "--no-edit", env={"OVN_SESSION": "session-002"}
    )
    assert body(shift.repo) == "x\n\nOvn-Session: session-001"


# -- what is recorded ------------------------------------------------------------------


def test_a_commit_is_recorded_with_what_it_was(hooked, begin):
    shift = begin(hooked, feature="parser")
    change(hooked)
    hooked.git("commit", "-q", "-m", "the subject\n\nthe body", env=OWN)
    assert shift.records("commit") == [
        {
            "commit": hooked.head,
            "kind": "own",
            "feature": "parser",
            "bypassed": False,
            "subject": "the subject",
        }
    ]


def test_no_verify_is_found_out(shift):
    shift.repo.git("commit", "-q", "--allow-empty", "-m", "one", env=OWN)
    shift.repo.git("commit", "-q", "--allow-empty", "--no-verify", "-m", "two", env=OWN)
    shift.repo.git("commit", "-q", "--allow-empty", "-m", "three", env=OWN)
    shift.repo.git("commit", "-q", "--amend", "--allow-empty", "--no-verify", "-m", "four", env=OWN)
    assert [data["bypassed"] for data in shift.records("commit")] == [False, True, False, True]


def test_an_aborted_commit_does_not_vouch_for_the_next(shift):
    shift.repo.run("commit", "--allow-empty", "-m", "", ok=(1,), env=OWN)
    shift.repo.git("commit", "-q", "--allow-empty", "--no-verify", "-m", "x", env=OWN)
    assert [data["bypassed"] for data in shift.records("commit")] == [True]


def test_commits_that_git_derives_are_not_taken_for_bypassed(shift):
    shift.repo.git("commit", "-q", "--allow-empty", "-m", "base", env=OWN)
    change(shift.repo)
    shift.repo.git("commit", "-q", "-m", "a", env=OWN)
    shift.repo.git("revert", "--no-edit", "HEAD", env=OWN)
    shift.repo.git("cherry-pick", "HEAD~1", env=OWN)
    shift.repo.git("rebase", "-q", "--force-rebase", "HEAD~2", env=OWN)
    assert not any(data["bypassed"] for data in shift.records("commit"))


def test_without_a_reflog_the_same_is_found_out(shift):
    shift.repo.git("config", "core.logAllRefUpdates", "false")
    (shift.location.git_dir / "logs" / "HEAD").unlink()
    change(shift.repo)
    shift.repo.git("commit", "-q", "-m", "a subject", env=OWN)
    shift.repo.git("revert", "--no-edit", "HEAD", env=OWN)
    shift.repo.git("cherry-pick", "HEAD~1", env=OWN)
    shift.repo.git("commit", "-q", "--allow-empty", "--no-verify", "-m", "x", env=OWN)
    found = shift.records("commit")
    assert [data["bypassed"] for data in found] == [False, False, False, True]
    assert found[0]["subject"] == "a subject"


def test_where_a_hook_is_missing_nothing_is_called_bypassed(shift):
    (shift.repo.git_dir / "hooks" / "commit-msg").unlink()
    install._write_python(shift.location, install.status(shift.location))
    shift.repo.git("commit", "-q", "--allow-empty", "-m", "x", env=OWN)
    assert [data["bypassed"] for data in shift.records("commit")] == [False]


def test_amend_and_rebase_tell_old_ids_from_new(shift):
    shift.repo.git("commit", "-q", "--allow-empty", "-m", "x", env=OWN)
    old = shift.repo.head
    shift.repo.git("commit", "-q", "--amend", "--allow-empty", "-m", "y", env=OWN)
    assert shift.records("rewritten") == [{"pairs": [[old, shift.repo.head]], "why": "amend"}]


def test_two_managers_that_both_call_us_record_once(shift):
    """The shim and a line in .pre-commit-config.yaml, say."""
    shift.repo.git("commit", "-q", "--allow-empty", "-m", "x", env=OWN)
    subprocess.run(
        [shift.repo.git_dir / "hooks" / "post-commit"],
        cwd=shift.repo.path,
        check=True,
        env={**os.environ, **OWN},
    )
    assert len(shift.records("commit")) == 1


def test_refs_that_move_are_logged_with_time_and_process(shift):
    before = shift.repo.head
    shift.repo.git("commit", "-q", "--allow-empty", "-m", "x", env=OWN)
    lines = (shift.location.local / "log" / "refs").read_text().splitlines()
    time, pid, old, new, ref = lines[-1].split(" ")
    assert (old, new, ref) == (before, shift.repo.head, "refs/heads/main")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time)
    assert pid.isdecimal()


def test_the_log_of_refs_is_bounded(shift):
    log = shift.location.local / "log" / "refs"
    log.write_bytes(b"x" * (1 << 20) + b"\n" * 2000)
    for number in range(60):  # one in ten looks at the size
        shift.repo.git("update-ref", f"refs/heads/b{number}", "HEAD")
        if log.stat().st_size < 1 << 20:
            break
    assert (log.parent / "refs.1").stat().st_size > 1 << 20
    assert log.stat().st_size < 1 << 20


def test_nothing_is_logged_while_nobody_works(hooked):
    hooked.git("commit", "-q", "--allow-empty", "-m", "x")
    assert list((hooked.git_dir / "ovn" / "log").iterdir()) == []


def test_every_hook_of_a_session_is_a_sign_of_life(shift):
    active.beat(shift.location.local, "session-001")
    os.utime(shift.location.local / "beat" / "session-001", (5, 5))
    shift.repo.git("commit", "-q", "--allow-empty", "-m", "by hand")
    assert active.last_beat(shift.location.local, "session-001") == 5
    shift.repo.git("branch", "x", env=OWN)
    assert active.last_beat(shift.location.local, "session-001") > 5


# -- pushes ----------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path, make_repo, hooked):
    make_repo(tmp_path / "server", bare=True)
    hooked.git("remote", "add", "origin", "../server")
    hooked.git("tag", "-a", "-m", "x", "ovn/session-001/x")
    hooked.git("tag", "-a", "-m", "x", "v1")
    hooked.git("update-ref", names.STATE_REF, "HEAD")
    return tmp_path / "server"


def test_checkpoints_and_state_stay_on_this_machine(hooked, server):
    for args in (["--tags"], ["origin", names.STATE_REF], ["--mirror"], ["origin", "ovn/session-001/x:x"]):
        said = refused(hooked, "push", *(args if "origin" in args else ["origin", *args]), env={})
        assert "nobody asked to share it" in said
    hooked.git("push", "-q", "origin", "main", "v1")


def test_the_hint_pushes_all_tags_but_ours(hooked, server):
    said = refused(hooked, "push", "origin", "--tags", env={})
    (command,) = re.findall(r"'git (push .*)' leaves them out", said)
    hooked.git(*[word.strip("'") for word in command.split()])
    assert hooked.git("ls-remote", "--tags", "origin").split("\n")[-1].endswith("refs/tags/v1^{}")


def test_whoever_asks_shares_checkpoints(hooked, server):
    hooked.git("config", "ovn.pushCheckpoints", "true")
    hooked.git("push", "-q", "origin", "--tags")
    hooked.git("config", "ovn.pushCheckpoints", "false")
    hooked.git("push", "-q", "origin", "--delete", "ovn/session-001/x")


def test_a_push_tells_which_commits_skipped_the_hooks(hooked, server, begin):
    shift = begin(hooked)
    hooked.git("push", "-q", "origin", "main", env=OWN)
    hooked.git("commit", "-q", "--allow-empty", "--no-verify", "-m", "x", env=OWN)
    answer = hooked.run("push", "-q", "origin", "main", env=OWN)
    assert f"git ovn: commit {hooked.head} was made with --no-verify" in answer.stderr.decode()
    assert shift.records("commit")[-1]["bypassed"] is True
    hooked.git("commit", "-q", "--allow-empty", "-m", "x", env=OWN)
    assert b"no-verify" not in hooked.run("push", "-q", "origin", "main", env=OWN).stderr


def test_a_debt_is_told_to_people_who_push_and_holds_up_sessions(hooked, server, begin):
    begin(hooked)
    active.owe(hooked.location.local, Debt("session-000", "main", "x"))
    assert "ended without a handoff" in refused(hooked, "push", "origin", "main")
    assert b"session-000' ended without a handoff" in hooked.run("push", "-q", "origin", "main").stderr


# -- without Python --------------------------------------------------------------------


@pytest.fixture
def without_python(shift):
    (shift.location.local / "hooks" / "python").write_text("/gone/python\n/gone/entry.py\n")
    return shift


def test_without_its_python_a_session_is_refused_and_told_what_to_do(without_python):
    said = refused(without_python.repo, "commit", "--allow-empty", "-m", "x")
    assert "pre-commit refused: its rules could not be run" in said
    assert "hint: run 'git ovn hooks install'" in said


def test_without_its_python_people_work_on_and_are_told(without_python):
    answer = without_python.repo.run("commit", "-q", "--allow-empty", "-m", "x")
    assert b"post-commit was not recorded" in answer.stderr
    active.clear(without_python.location.local, "main", "session-001")
    assert without_python.repo.run("commit", "-q", "--allow-empty", "-m", "x").stderr == b""


def test_rules_that_crash_are_closed_to_sessions_and_open_to_people(hooked, begin, tmp_path):
    shift = begin(hooked, kind="detached")
    crash = tmp_path / "entry.py"
    crash.write_text("raise SystemExit(1)\n")
    (shift.location.local / "hooks" / "python").write_text(f"{sys.executable}\n{crash}\n")
    active.owe(shift.location.local, Debt("session-009", "elsewhere", "x"))
    assert "could not be run (exit code 1)" in refused(hooked, "commit", "--allow-empty", "-m", "x")
    answer = hooked.run("commit", "-q", "--allow-empty", "-m", "x")
    assert b"the rules of pre-commit could not be run" in answer.stderr


def test_where_git_ovn_was_purged_the_shim_is_nothing(hooked):
    shutil.rmtree(hooked.git_dir / "ovn")
    answer = hooked.run("commit", "-q", "--allow-empty", "-m", "x", env=OWN)
    assert answer.stderr == b""


def test_one_python_a_commit_and_two_at_most(shift):
    """Counted by a Python that counts itself."""
    counter = shift.repo.path.parent / "counted"
    python = shift.repo.path.parent / "python"
    python.write_text(f'#!/bin/sh\necho "$4" >>{counter}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    config = shift.location.local / "hooks" / "python"
    config.write_text(config.read_text().replace(sys.executable, str(python)))
    change(shift.repo)
    shift.repo.git("commit", "-q", "-m", "x\n\nSigned-off-by: me", env=OWN)
    assert counter.read_text() == "post-commit\n"
    counter.unlink()
    active.owe(shift.location.local, Debt("session-009", "elsewhere", "x"))
    shift.repo.git("commit", "-q", "--allow-empty", "-m", "x", env=OWN)
    assert counter.read_text() == "pre-commit\npost-commit\n"
    counter.unlink()
    refused(shift.repo, "commit", "--allow-empty", "-m", "x\n\nOvn-Evidence: y")
    assert counter.read_text() == "pre-commit\ncommit-msg\n"


# -- work trees ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["linked", "main", "na\u00efve x", "-y", "a..b"])
def test_each_work_tree_has_its_own_session(hooked, begin, make_repo, tmp_path, name):
    folder = tmp_path / "trees" / name
    hooked.git("worktree", "add", "-q", "-b", "topic", folder)
    linked = type(hooked)(folder)
    shift = begin(linked, "session-002")
    linked.git("commit", "-q", "--allow-empty", "-m", "x", env={"OVN_SESSION": "session-002"})
    assert body(linked) == "x\n\nOvn-Session: session-002"
    assert len(shift.records("commit")) == 1
    hooked.git("commit", "-q", "--allow-empty", "-m", "elsewhere")
    assert body(hooked) == "elsewhere"
    assert len(shift.records("commit")) == 1


def test_from_within_the_git_folder_and_with_git_dir_set_it_is_the_same(shift, tmp_path):
    shift.repo.git("-C", ".git", "update-ref", "refs/heads/one", "HEAD", env=OWN)
    given = {"GIT_DIR": str(shift.repo.git_dir), "GIT_WORK_TREE": str(shift.repo.path)}
    subprocess.run(
        ["git", "commit", "-q", "--allow-empty", "-m", "x"],
        cwd=tmp_path, env={**os.environ, **OWN, **given}, check=True,
    )  # fmt: skip
    assert body(shift.repo) == "x\n\nOvn-Session: session-001"
    assert len(shift.records("commit")) == 1


def test_a_submodule_s_hooks_are_its_own(tmp_path, make_repo, begin):
    make_repo(tmp_path / "library")
    above = make_repo(tmp_path / "above")
    above.git("submodule", "add", "-q", "../library")
    below = type(above)(tmp_path / "above" / "library")
    install.install(below.location)
    shift = begin(below)
    below.git("commit", "-q", "--allow-empty", "-m", "x", env=OWN)
    assert len(shift.records("commit")) == 1


# -- as a command ----------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_runs_it(shift, shell):
    """Only POSIX: the shim of each hook, run by another shell than /bin/sh."""
    hooks = shift.repo.git_dir / "hooks"
    first = {"busybox": "busybox sh"}.get(shell, shutil.which(shell))
    for name in install.HOOKS:
        (hooks / name).write_bytes(
            (hooks / name).read_bytes().replace(b"#!/bin/sh", f"#!{first}".encode(), 1)
        )
    change(shift.repo)
    shift.repo.git("commit", "-q", "-m", "x", env=OWN)
    shift.repo.git("commit", "-q", "--amend", "--allow-empty", "-m", "y", env=OWN)
    shift.repo.git("checkout", "-q", "-b", "side", env=OWN)
    assert body(shift.repo) == "y\n\nOvn-Session: session-001"
    assert [data["bypassed"] for data in shift.records("commit")] == [False, False]
    assert len(shift.records()) == 4
    assert "commit-msg refused" in refused(
        shift.repo, "commit", "--allow-empty", "-m", "z\n\nOvn-Evidence: y"
    )


def test_variables_of_the_user_reach_the_chained_hook_as_they_are(repo):
    """The shim is a shell script: a variable it sets must not be one that is exported already."""
    hook_script(repo, "post-commit", "env >../environment")
    given = dict.fromkeys(("name", "session", "line", "code", "key", "common", "dir"), "mine")
    repo.git("commit", "-q", "--allow-empty", "-m", "x", env=given)
    before = (repo.path.parent / "environment").read_text()
    install.install(repo.location)
    repo.git("commit", "-q", "--allow-empty", "-m", "x", env=given)
    after = (repo.path.parent / "environment").read_text()
    hidden = re.compile(r"^(_|PWD|OLDPWD|SHLVL|GIT_.*)=.*\n", re.MULTILINE)
    assert sorted(hidden.sub("", after).splitlines()) == sorted(hidden.sub("", before).splitlines())


def test_sessions_at_work_elsewhere_leave_this_tree_alone(hooked):
    active.write(hooked.location.local, "other", Active("session-009"))
    hooked.git("commit", "-q", "--allow-empty", "-m", "x")
    assert body(hooked) == "x"
