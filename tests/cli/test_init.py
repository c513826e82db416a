"""``git ovn init`` and ``deinit``: once per repository, nothing of the person's harmed."""

from __future__ import annotations

import os

import pytest

from ovn import active, config
from ovn.state.store import StateStore


def tree(repo):
    """Return every file of the work tree with its bytes."""
    files = (
        path
        for path in repo.path.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(repo.path).parts
    )
    return {path.relative_to(repo.path).as_posix(): path.read_bytes() for path in files}


def test_init_says_what_it_did_and_what_comes_next(ovn, repo):
    said = ovn("init", "--project", "a demo")
    assert said.out.splitlines() == [
        "made the branch overnight/state",
        "wrote .overnight/config.yaml",
        "wrote .overnight/.gitignore",
        "put instructions for agents into AGENTS.md",
        f"installed git's hooks in {repo.path}/.git/hooks",
        "rendered .overnight/feature_registry.json",
        "rendered .overnight/claude-progress.txt",
    ]
    assert "git add .overnight/config.yaml .overnight/.gitignore AGENTS.md && git commit" in said.err
    assert "next: git ovn feature add TITLE --verify COMMAND" in said.err
    assert StateStore.open(repo.location).view().project.project == "a demo"


def test_init_commits_nothing_and_tracks_only_what_people_write(ovn, repo):
    head = repo.head
    ovn("init")
    assert head == repo.head
    assert repo.git("status", "--porcelain", "-uall").splitlines() == [
        "?? .overnight/.gitignore",
        "?? .overnight/config.yaml",
        "?? AGENTS.md",
    ]


def test_init_again_changes_nothing(ovn, repo):
    ovn("init")
    before, tip = tree(repo), repo.git("rev-parse", "overnight/state")
    assert ovn("init").out == "set up already, nothing to do\n"
    assert (before, tip) == (tree(repo), repo.git("rev-parse", "overnight/state"))


def test_the_configuration_that_init_writes_says_what_was_asked(ovn, repo):
    ovn("init", "--project", 'quo"ted: #name', "--agent", "command")
    found = config.load(repo.path, {})
    assert (found.project, found.agent.name) == ('quo"ted: #name', "command")
    assert found.commands == config.Commands()


def test_every_line_that_the_configuration_shows_as_a_comment_is_valid(ovn, repo):
    ovn("init")
    lines = repo.read(".overnight/config.yaml").decode().splitlines()
    shown = [
        line.removeprefix("# ").removeprefix("#") if line.startswith(("# ", "#  ")) else line
        for line in lines[1:]
    ]
    found = config.parse("\n".join(line.replace("  # argv", "  argv") for line in shown).encode(), {})
    assert (found.commands.setup, found.agent.argv) == ("./init.sh", ("my-agent", "{prompt_file}"))


def test_what_is_there_already_stays(ovn, repo):
    repo.write(".overnight/config.yaml", "project: mine\n")
    repo.write("AGENTS.md", "# Mine\n\nBe kind.\n")
    said = ovn("init", "--project", "other")
    assert repo.read(".overnight/config.yaml") == b"project: mine\n"
    assert repo.read("AGENTS.md").startswith(b"# Mine\n\nBe kind.\n\n<!-- git ovn: begin -->\n")
    assert "is there already and was not changed" in said.err


def test_a_wrong_configuration_stops_init_before_anything_is_written(ovn, repo):
    repo.write(".overnight/config.yaml", "project: [\n")
    assert "line 2, column 1" in ovn("init", code=128).err
    assert repo.git("for-each-ref", "refs/heads/overnight") == ""
    assert not (repo.path / "AGENTS.md").exists()


# -- AGENTS.md and its readers -------------------------------------------------------------------


def test_the_files_of_agents_that_are_there_are_pointed_to_agents_md(ovn, repo):
    repo.write("CLAUDE.md", "# Claude\n")
    repo.write("GEMINI.md", "see @AGENTS.md\n")
    ovn("init")
    assert b"\n@AGENTS.md\n" in repo.read("CLAUDE.md")
    assert repo.read("GEMINI.md") == b"see @AGENTS.md\n"


def test_files_that_are_links_to_each_other_get_one_block(ovn, repo):
    repo.write("CLAUDE.md", "# Both\n")
    (repo.path / "AGENTS.md").symlink_to("CLAUDE.md")
    ovn("init")
    assert (repo.path / "AGENTS.md").is_symlink()
    assert repo.read("CLAUDE.md").count(b"git ovn: begin") == 1


def test_a_link_out_of_the_repository_is_left_alone(ovn, repo, tmp_path):
    (tmp_path / "mine.md").write_text("mine\n")
    (repo.path / "AGENTS.md").symlink_to(tmp_path / "mine.md")
    assert "'AGENTS.md' leads out of the repository" in ovn("init").err
    assert (tmp_path / "mine.md").read_text() == "mine\n"


def test_a_folder_that_is_a_link_is_refused(ovn, repo, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (repo.path / ".overnight").symlink_to(tmp_path / "elsewhere")
    assert "'.overnight' is a symbolic link" in ovn("init", code=128).err
    assert list((tmp_path / "elsewhere").iterdir()) == []


# -- options -------------------------------------------------------------------------------------


def test_hooks_can_be_left_out(ovn, repo):
    ovn("init", "--no-hooks")
    assert not (repo.path / ".git" / "hooks" / "post-commit").exists()


def test_a_specification_that_lists_features_is_imported(ovn, repo, tmp_path):
    spec = tmp_path / "feature_list.json"
    spec.write_text('[{"category": "a", "description": "One thing", "steps": [], "passes": false}]')
    said = ovn("init", "--spec", str(spec))
    assert f"imported 1 features from {spec}" in said.out
    assert list(StateStore.open(repo.location).view().features()) == ["one-thing"]
    assert "imported" not in ovn("init", "--spec", str(spec)).out


def test_a_specification_in_prose_is_kept_for_agents(ovn, repo, tmp_path):
    (tmp_path / "spec.txt").write_text("Build a parser.\n")
    said = ovn("init", "--spec", str(tmp_path / "spec.txt"))
    assert repo.read(".overnight/spec.md") == b"Build a parser.\n"
    assert ".overnight/spec.md" in said.err


def test_a_wrong_specification_stops_init_before_anything_is_written(ovn, repo, tmp_path):
    (tmp_path / "spec.json").write_text("[{")
    ovn("init", "--spec", str(tmp_path / "spec.json"), code=128)
    ovn("init", "--spec", str(tmp_path / "none"), code=128)
    assert repo.git("for-each-ref", "refs/heads/overnight") == ""


def test_json_is_one_document(ovn, repo):
    said = ovn("init", "--json").json
    assert said["done"][0] == "made the branch overnight/state"
    assert said["to_commit"] == [".overnight/config.yaml", ".overnight/.gitignore", "AGENTS.md"]


# -- where it is refused -------------------------------------------------------------------------


def test_a_home_folder_is_refused(ovn, repo, monkeypatch):
    monkeypatch.setenv("HOME", str(repo.path))
    assert "is a home folder and no project" in ovn("init", code=1).err
    assert repo.git("for-each-ref", "refs/heads/overnight") == ""


def test_a_bare_repository_is_refused(ovn, make_repo, tmp_path, monkeypatch):
    make_repo(tmp_path / "bare", bare=True)
    monkeypatch.chdir(tmp_path / "bare")
    assert "has no work tree" in ovn("init", code=128).err


def test_a_folder_without_a_repository_is_refused(ovn, tmp_path, monkeypatch):
    (tmp_path / "plain").mkdir()
    monkeypatch.chdir(tmp_path / "plain")
    assert "not a git repository" in ovn("init", code=128).err


def test_a_branch_named_overnight_is_refused_with_a_way_out(ovn, repo):
    repo.git("branch", "overnight")
    said = ovn("init", code=128)
    assert "overnight" in said.err
    assert "hint: " in said.err
    assert tree(repo) == {"README": b"a repository\n"}


def test_before_the_first_commit_init_works(ovn, make_repo, tmp_path, monkeypatch):
    repo = make_repo(tmp_path / "unborn", commit=False)
    monkeypatch.chdir(repo.path)
    ovn("init")
    assert repo.git("rev-parse", "--verify", "-q", "HEAD", ok=(1,)) == ""


def test_init_works_from_a_subfolder_and_a_linked_work_tree(ovn, repo, tmp_path, monkeypatch):
    repo.git("worktree", "add", "-q", tmp_path / "linked")
    (tmp_path / "linked" / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "linked" / "sub")
    ovn("init")
    assert (tmp_path / "linked" / ".overnight" / "config.yaml").is_file()
    assert not (repo.path / ".overnight").exists()


def test_init_in_a_clone_runs_nothing_and_takes_the_state_that_is_there(
    ovn, repo, make_repo, tmp_path, monkeypatch
):
    """Every command that a clone can bring leaves a mark when it is run."""
    mark = tmp_path / "ran"
    ovn("init", "--no-hooks")
    ovn("feature", "add", "a", "--verify", f"touch {mark}")
    repo.write(".overnight/config.yaml", f"commands: {{setup: touch {mark}, baseline: touch {mark}}}\n")
    repo.write(".gitattributes", "* filter=evil\n")
    repo.commit("set up", add=True)
    repo.git("clone", "-q", repo.path, tmp_path / "clone")
    os.environ.pop("OVN_TRUST", None)
    monkeypatch.chdir(tmp_path / "clone")
    said = ovn("init")
    assert not mark.exists()
    assert "made the branch overnight/state" in said.out
    assert "not trusted" in ovn("-C", str(tmp_path / "clone"), "trust", "--show").out


# -- deinit ----------------------------------------------------------------------------------------


def test_deinit_takes_out_what_init_put_in(ovn, repo):
    repo.write("AGENTS.md", "# Mine\n")
    repo.write("CLAUDE.md", "# Claude\n")
    repo.commit()
    before = tree(repo)
    hooks = sorted(path.name for path in (repo.path / ".git" / "hooks").iterdir())
    ovn("init")
    repo.commit("set up")
    said = ovn("deinit")
    assert before == tree(repo)
    assert hooks == sorted(path.name for path in (repo.path / ".git" / "hooks").iterdir())
    assert "removing file .overnight/config.yaml" in said.out
    assert "the state is kept" in said.err
    assert repo.git("rev-parse", "--verify", "overnight/state")


def test_deinit_goes_on_where_it_was_left(ovn, repo):
    ovn("init")
    ovn("feature", "add", "a")
    ovn("deinit")
    ovn("init")
    assert [one["id"] for one in ovn("feature", "list", "--json").json["registry"]["features"]] == ["a"]


def test_deinit_keeps_what_is_in_no_commit(ovn, repo):
    ovn("init")
    said = ovn("deinit")
    assert "'.overnight/config.yaml' is in no commit as it is and was kept" in said.err
    assert (repo.path / ".overnight" / "config.yaml").is_file()


def test_deinit_with_purge_leaves_nothing(ovn, repo):
    refs = repo.git("for-each-ref")
    ovn("init")
    repo.commit("set up")
    ovn("feature", "add", "a", "--verify", "true")
    ovn("checkpoint", "before")
    ovn("deinit", "--purge")
    assert repo.git("for-each-ref").split()[2::3] == refs.split()[2::3]
    assert not (repo.path / ".git" / "ovn").exists()
    assert tree(repo) == {"README": b"a repository\n"}
    assert b"git ovn" not in (repo.path / ".git" / "info" / "exclude").read_bytes()
    repo.fsck()
    assert "git ovn init" in ovn("feature", "list", code=10).err


def test_a_dry_run_says_what_would_go_and_does_nothing(ovn, repo):
    ovn("init")
    repo.commit("set up")
    before = tree(repo)
    said = ovn("deinit", "--purge", "-n")
    assert "would remove block in AGENTS.md" in said.out
    assert "refs" in said.out
    assert (before, repo.git("rev-parse", "--verify", "-q", "overnight/state") != "") == (tree(repo), True)
    assert ovn("deinit", "--purge", "-n", "--json").json["dry_run"] is True


def test_deinit_is_refused_while_a_session_is_at_work(ovn, repo, location):
    ovn("init")
    active.write(location.local, "main", active.Active("s1"))
    assert "session 's1' is at work" in ovn("deinit", code=1).err
    assert (repo.path / "AGENTS.md").exists()


def test_deinit_where_nothing_is_says_so(ovn, repo):
    assert ovn("deinit").out == "nothing of git ovn is here\n"


def test_deinit_with_purge_is_refused_over_a_linked_work_tree_of_ours(ovn, repo):
    ovn("init")
    repo.git("worktree", "add", "-q", repo.path / ".git" / "ovn" / "worktrees" / "night")
    assert "there is a linked work tree" in ovn("deinit", "--purge", code=1).err


@pytest.mark.parametrize("name", ["../x", "-x", ""])
def test_a_hostile_agent_name_is_refused(ovn, repo, name):
    ovn("init", f"--agent={name}", code=129 if name else 0)
