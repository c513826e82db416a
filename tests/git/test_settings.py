"""The person's configuration."""

from __future__ import annotations

import pytest

from ovn.errors import InvalidConfig
from ovn.git import settings

WORDS = ["true", "Yes", "ON", "1", "2", "-1", "false", "no", "Off", "0", "", "1k", "0x0", "010"]


@pytest.mark.parametrize("word", WORDS)
def test_a_boolean_is_what_git_takes_it_for(repo, location, word):
    repo.git("config", "ovn.x", word)
    assert settings.get_bool(location, "ovn.x") == (repo.git("config", "--type=bool", "ovn.x") == "true")


@pytest.mark.parametrize("word", ["maybe", "08", "1.5", "1 ", "1x"])
def test_what_git_refuses_is_refused(repo, location, word):
    repo.git("config", "ovn.x", word)
    repo.run("config", "--type=bool", "ovn.x", ok=[128])
    with pytest.raises(InvalidConfig, match=r"ovn\.x"):
        settings.get_bool(location, "ovn.x")


@pytest.mark.parametrize("word", ["0", "12", "-3", "010", "0x1f", "2k", "3M", "1g"])
def test_a_number_is_what_git_takes_it_for(repo, location, word):
    repo.git("config", "ovn.x", word)
    assert settings.read(location).number("ovn.x", 7) == int(repo.git("config", "--type=int", "ovn.x"))
    assert settings.read(location).number("ovn.y", 7) == 7


def test_a_key_without_a_value_is_true_and_an_absent_one_the_default(repo, location):
    with (repo.git_dir / "config").open("a") as config:
        config.write("[ovn]\n\tbare\n")
    assert settings.get_bool(location, "ovn.bare")
    assert settings.get(location, "ovn.bare") == ""
    assert settings.get_bool(location, "ovn.absent", default=True)
    assert settings.get(location, "ovn.absent") is None


def test_the_last_value_counts_and_all_are_there(repo, location):
    repo.git("config", "--add", "ovn.many", "one")
    repo.git("config", "--add", "ovn.many", "two\nlines")
    assert settings.read(location).all("OVN.Many") == ("one", "two\nlines")
    assert settings.get(location, "ovn.many") == "two\nlines"


def test_a_subsection_keeps_its_case(repo, location):
    repo.git("config", "filter.Big.Name.clean", "x")
    assert settings.get(location, "FILTER.Big.Name.CLEAN") == "x"
    assert settings.get(location, "filter.big.name.clean") is None


def test_an_included_file_and_the_work_tree_s_own_configuration_count(repo, location, make_repo, tmp_path):
    (tmp_path / "more").write_text("[ovn]\n\tfrom = include\n")
    repo.git("config", "include.path", str(tmp_path / "more"))
    repo.git("config", "extensions.worktreeConfig", "true")
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    linked = make_repo(tmp_path / "linked", commit=False)
    linked.git("config", "--worktree", "ovn.own", "linked")
    assert settings.get(location, "ovn.from") == "include"
    assert settings.get(location, "ovn.own") is None
    assert settings.get(linked.location, "ovn.own") == "linked"


def test_what_was_asked_for_on_the_command_line_counts(location, monkeypatch):
    """``git -c ovn.x=y ovn ...``: git hands it down in the environment."""
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'ovn.x'='asked'")
    assert settings.get(location, "ovn.x") == "asked"


def test_what_our_own_git_commands_switch_off_is_read_as_the_person_set_it(repo, location):
    repo.git("config", "core.hooksPath", "~/hooks")
    assert settings.read(location).path("core.hooksPath").name == "hooks"
    assert settings.read(location).path("core.hooksPath").is_absolute()
    assert settings.read(location).path("core.none") is None


def test_a_hint_is_shown_unless_it_or_all_are_switched_off(repo, location):
    assert settings.advice(location, "debt")
    repo.git("config", "ovn.advice.debt", "false")
    assert not settings.advice(location, "debt")
    assert settings.advice(location, "other")
    repo.git("config", "ovn.advice", "false")
    assert not settings.advice(location, "other")
