"""``git ovn init --agent NAME --spec FILE``: an agent writes what is to be built, and is checked.

The agent is a small program that is told what a real one is told: a prompt's file, the names in
its environment. It stands in a configuration that the person trusted.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ovn import config, host
from ovn.checks import trust
from ovn.state.store import StateStore

GOOD = {
    "features": [
        {"id": "parser", "title": "Parse it", "verify": ["test -f parser.py"], "priority": "P0"},
        {"id": "printer", "title": "Print it", "verify": ["test -f p.py"], "depends_on": ["parser"]},
    ],
    "commands": {"setup": "./init.sh", "baseline": "true && touch ran"},
}
INIT = "printf '#!/bin/sh\\necho ready\\n' > init.sh"


@pytest.fixture
def project(repo, tmp_path, ovn):
    """Return ``project(script)``: an agent of that script in a configuration that is trusted."""

    def install(script: str) -> Path:
        (tmp_path / "agent.sh").write_text(f"set -e\n{script}\n")
        wanted = {"name": "command", "argv": ["sh", str(tmp_path / "agent.sh"), "{prompt_file}"]}
        text = json.dumps({"agent": wanted, "recovery": {"backoff_base_seconds": 0}})
        repo.write(".overnight/config.yaml", text)
        repo.commit("configure")
        trusted(repo)
        repo.write("SPEC.md", "# A parser\n\nIt parses \x1b[31mwords\x1b[0m.\n")
        return tmp_path

    return install


def trusted(repo) -> None:
    book = trust.Book(Path(os.environ["XDG_STATE_HOME"]) / "git-ovn", repo.location)
    book.allow(trust.items(repo.location, config.load(repo.path, {}), ()))


def proposing(*proposals, each: str = INIT) -> str:
    """Return the script of an agent that proposes one after the other."""
    lines = [each, "n=$(cat ../tries 2>/dev/null || echo 0); n=$((n+1)); echo $n > ../tries"]
    for number, one in enumerate(proposals, 1):
        lines.append(f"[ $n != {number} ] || cat > .overnight/features.json <<'END'\n{json.dumps(one)}\nEND")
    return "\n".join(lines)


def view(repo):
    return StateStore.open(repo.location).view()


def test_the_agent_writes_the_registry_the_script_the_progress_file_and_a_baseline_commit(ovn, repo, project):
    project(f'cp "$1" ../told\n{proposing(GOOD)}')
    said = ovn("init", "--agent", "command", "--spec", "SPEC.md")
    assert "P0  parser  Parse it" in said.out
    known = view(repo).features()
    assert {name: (one.status, one.depends_on) for name, one in known.items()} == {
        "parser": ("pending", ()),
        "printer": ("pending", ("parser",)),
    }
    assert repo.git("log", "-1", "--format=%s") == "Baseline: 2 features to build"
    assert "init.sh" in repo.git("show", "--name-only", "--format=", "HEAD")
    assert stat.S_IMODE((repo.path / "init.sh").stat().st_mode) & 0o111
    assert not (repo.path / ".overnight" / "features.json").exists()
    assert repo.git("status", "--porcelain") == ""
    assert b"parser" in repo.read(".overnight/claude-progress.txt")
    told = (repo.path.parent / "told").read_text()
    assert "It parses \\x1b[31mwords" in told
    assert "## Wrong" not in told


def test_its_session_is_handed_off_and_nothing_is_held(ovn, repo, project):
    project(proposing(GOOD))
    said = ovn("init", "--agent", "command", "--spec", "SPEC.md", "--json").json
    session = view(repo).session(said["session"])
    assert (session.state, session.agent, session.feature) == ("handed_off", "command", None)
    assert view(repo).handoff(session.id).author == "runner"
    assert repo.git("for-each-ref", "refs/ovn/lease") == ""


def test_what_it_wrote_is_not_trusted_until_a_person_says_so(ovn, repo, project):
    project(proposing(GOOD))
    ovn("init", "--agent", "command", "--spec", "SPEC.md")
    rows = ovn("trust", "--show", "--json").json["items"]
    loose = sorted(one["command"] for one in rows if not one["trusted"])
    assert loose == ["test -f p.py", "test -f parser.py"]
    assert "not trusted" in ovn("run", code=17).err
    assert not (repo.path / "ran").exists()


def test_what_is_invalid_goes_back_with_every_error_and_is_mended(ovn, repo, project):
    bad = {"features": [{"id": "a b", "title": "", "verify": [], "status": "done"}]}
    project(f'cp "$1" ../told\n{proposing(bad, GOOD)}')
    said = ovn("init", "--agent", "command", "--spec", "SPEC.md")
    assert "try 2 of 3" in said.err
    wrong = (repo.path.parent / "told").read_text().partition("## Wrong\n")[2].partition("\n\n")[0]
    for path in ("features[0]: unknown field 'status'", "features[0].id", "features[0].title", "verify"):
        assert path in wrong
    assert sorted(view(repo).features()) == ["parser", "printer"]


@pytest.mark.parametrize(
    ("proposed", "words"),
    [
        ({"features": []}, "features: needs at least 1 items"),
        ({"features": [{**GOOD["features"][1]}]}, "depends on 'parser', which does not exist"),
        ({"features": [{"id": "a", "title": "A", "verify": ["true"]}]}, "proves nothing"),
        ({"features": [GOOD["features"][0], GOOD["features"][0]]}, "the feature 'parser' stands twice"),
        ([1], "must be a mapping"),
    ],
)
def test_what_stays_wrong_ends_after_three_tries_and_leaves_no_registry(ovn, repo, project, proposed, words):
    project(proposing(proposed, proposed, proposed))
    said = ovn("init", "--agent", "command", "--spec", "SPEC.md", code=15)
    assert "was refused 3 times" in said.err
    assert words in said.err
    assert (repo.path.parent / "tries").read_text().strip() == "3"
    assert view(repo).features() == {}
    assert repo.git("log", "-1", "--format=%s") == "configure"
    assert repo.git("for-each-ref", "refs/ovn/lease") == ""
    assert (repo.path / "init.sh").exists()


def test_an_agent_that_writes_nothing_is_told_what_is_missing(ovn, repo, project):
    project("true")
    said = ovn("init", "--agent", "command", "--spec", "SPEC.md", code=15)
    assert "'.overnight/features.json' is missing" in said.err


def test_it_cannot_widen_what_a_night_may_do(ovn, repo, project):
    before = "agent: {permission_mode: bypassPermissions}"
    project(proposing(GOOD, each=f"{INIT}; echo '{before}' > .overnight/config.yaml"))
    kept = repo.read(".overnight/config.yaml")
    said = ovn("init", "--agent", "command", "--spec", "SPEC.md")
    assert "the initializer changed '.overnight/config.yaml', which was put back" in said.err
    assert repo.read(".overnight/config.yaml") == kept


def test_a_script_that_is_a_link_out_of_the_repository_is_no_script(ovn, repo, project):
    project(proposing(GOOD, GOOD, GOOD, each="ln -sf /etc/hostname init.sh"))
    said = ovn("init", "--agent", "command", "--spec", "SPEC.md", code=15)
    assert "'init.sh' is missing" in said.err


def test_proposed_commands_are_written_where_init_left_them_open(ovn, repo, tmp_path, monkeypatch):
    """The configuration is the one that init wrote, so an agent in PATH does the work."""
    program = tmp_path / "bin" / "opencode"
    program.parent.mkdir()
    speak = """printf '%s\\n' '{"type":"step_finish","sessionID":"s","part":{"reason":"stop"}}'"""
    program.write_text(f'#!/bin/sh\nset -e\ntouch "$OVN_HOOKS_FILE"\n{proposing(GOOD)}\n{speak}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    repo.write("SPEC.md", "A parser.\n")
    ovn("init", "--agent", "opencode", "--spec", "SPEC.md")
    assert repo.git("status", "--porcelain") == ""
    assert ".overnight/config.yaml" in repo.git("show", "--name-only", "--format=", "HEAD")
    found = config.load(repo.path, {})
    assert (found.commands.setup, found.commands.baseline) == ("./init.sh", "true && touch ran")
    assert found.agent.name == "opencode"
    rows = ovn("trust", "--show", "--json").json["items"]
    assert not any(one["trusted"] for one in rows)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("echo 'npm warn deprecated'", "it put something out, but neither worked nor ran a hook within 2 s"),
        ("", "it put out nothing and gave no other sign of life within 2 s"),
    ],
)
def test_an_agent_that_starts_too_slowly_is_said_to_and_its_hooks_are_not_blamed(
    ovn, repo, tmp_path, monkeypatch, says, words
):
    program = tmp_path / "bin" / "opencode"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{says}\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    wanted = {"agent": {"name": "opencode"}, "session": {"start_deadline_seconds": 2}}
    repo.write(".overnight/config.yaml", json.dumps(wanted))
    repo.commit("configure")
    repo.write("SPEC.md", "A parser.\n")
    said = ovn("init", "--agent", "opencode", "--spec", "SPEC.md", code=14)
    assert f"the agent did not start: {words} (session.start_deadline_seconds)" in said.err
    assert repo.git("for-each-ref", "refs/ovn/lease") == ""


def test_before_the_first_commit_the_baseline_is_the_first_commit(ovn, make_repo, tmp_path, monkeypatch):
    repo = make_repo(tmp_path / "unborn", commit=False)
    monkeypatch.chdir(repo.path)
    (tmp_path / "agent.sh").write_text(proposing(GOOD))
    argv = ["sh", str(tmp_path / "agent.sh")]
    repo.write(".overnight/config.yaml", json.dumps({"agent": {"name": "command", "argv": argv}}))
    trusted(repo)
    (tmp_path / "spec.md").write_text("A parser.\n")
    said = ovn("init", "--agent", "command", "--spec", str(tmp_path / "spec.md"))
    assert "not made" not in said.err
    assert repo.git("rev-list", "--count", "HEAD") == "1"
    assert repo.git("status", "--porcelain") == ""


# -- killed ----------------------------------------------------------------------------------------

LEAVING = f"""{sys.executable} - <<'END'
import os, subprocess, sys, time
code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", code, "../child"])
subprocess.Popen([sys.executable, "-c", code, "../daemon"], start_new_session=True)
open("../scratch", "w").write(os.environ["TMPDIR"])
time.sleep(300)
END"""


def test_nothing_of_its_agent_lives_on_when_it_is_killed_and_it_can_be_begun_again(ovn, repo, project):
    """By ``kill -9``: the janitor of a night ends the child, the daemon, and removes the folder."""
    folder = project(f"[ -e ../killed ] || {LEAVING}\n{proposing(GOOD)}")
    line = [sys.executable, "-I", "-m", "ovn", "init", "--agent", "command", "--spec", "SPEC.md"]
    begun = subprocess.Popen(
        line, cwd=repo.path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        pids = [int(_awaited(folder / name)) for name in ("child", "daemon")]
        scratch = Path(_awaited(folder / "scratch"))
        assert all(host.process_start(pid) is not None for pid in pids)
        assert scratch.is_dir()
    finally:
        begun.kill()
        begun.wait()
    end = time.monotonic() + 20
    while any(host.process_start(pid) is not None for pid in pids) or scratch.exists():
        assert time.monotonic() < end, "what the initializer started lives on"
        time.sleep(0.02)
    (folder / "killed").touch()
    ovn("init", "--agent", "command", "--spec", "SPEC.md")
    assert sorted(view(repo).features()) == ["parser", "printer"]
    assert repo.git("status", "--porcelain") == ""


def _awaited(path: Path) -> str:
    end = time.monotonic() + 30
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end, f"{path.name} never came"
        time.sleep(0.02)
    return path.read_text()


# -- refused before anything is written ----------------------------------------------------------


def test_a_persons_uncommitted_work_is_not_committed_for_them(ovn, repo, project):
    project(proposing(GOOD))
    repo.write("mine.txt", "half done\n")
    said = ovn("init", "--agent", "command", "--spec", "SPEC.md", code=1)
    assert "there is uncommitted work: 'mine.txt'" in said.err
    assert repo.git("for-each-ref", "refs/heads/overnight") == ""


def test_an_agent_that_came_with_a_clone_is_not_started(ovn, repo, project):
    project("touch ../started")
    trust.Book(Path(os.environ["XDG_STATE_HOME"]) / "git-ovn", repo.location).revoke()
    assert "agent.argv" in ovn("init", "--agent", "command", "--spec", "SPEC.md", code=17).err
    assert not (repo.path.parent / "started").exists()


def test_an_agent_that_is_not_there_is_named_before_anything_is_written(ovn, repo, monkeypatch, tmp_path):
    repo.write("SPEC.md", "A parser.\n")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    said = ovn("init", "--agent", "codex", "--spec", "SPEC.md", code=14)
    assert "npm install -g @openai/codex" in said.err
    assert repo.git("for-each-ref", "refs/heads/overnight") == ""


def test_features_that_are_there_are_not_written_again(ovn, repo, project):
    project("touch ../started")
    StateStore.open(repo.location).init("demo")
    ovn("feature", "add", "mine", "--verify", "test -f x")
    repo.git("add", "-A")
    assert "there are features already" in ovn("init", "--agent", "command", "--spec", "SPEC.md").err
    assert not (repo.path.parent / "started").exists()


def test_a_hook_that_refuses_the_baseline_commit_leaves_it_to_the_person(ovn, repo, project):
    project(proposing(GOOD))
    hook = repo.path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no >&2; exit 1\n")
    hook.chmod(0o755)
    said = ovn("init", "--agent", "command", "--spec", "SPEC.md", "--no-hooks", "--json").json
    assert said["commit"] is None
    assert any("the baseline commit was not made" in note for note in said["notes"])
    assert said["features"] == ["parser", "printer"]
    assert "init.sh" in repo.git("status", "--porcelain")
