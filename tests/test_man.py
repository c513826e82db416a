"""The man pages: one for each verb, without a warning of groff, and found by git itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ovn.cli import describe, manpages, verbs
from ovn.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
BIN = str(Path(sys.executable).parent)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Return all pages by name."""
    return manpages.every()


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine")
    return found


def test_each_verb_has_a_page_and_the_tree_has_them_all(pages):
    assert set(pages) == {"git-ovn.1", *(f"git-ovn-{verb}.1" for verb in verbs.table())}
    assert {path.name: path.read_text() for path in (ROOT / "man").iterdir()} == pages


def test_groff_has_nothing_to_complain_of(pages, tmp_path):
    groff = program("groff")
    for name, page in pages.items():
        (tmp_path / name).write_text(page)
    done = subprocess.run(
        [groff, "-ww", "-man", "-Tutf8", "-rLL=78n", *sorted(pages)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_man_shows_a_page_without_a_warning(pages, tmp_path):
    man = program("man")
    (tmp_path / "git-ovn-run.1").write_text(pages["git-ovn-run.1"])
    done = subprocess.run(
        [man, "--warnings", "-l", "git-ovn-run.1"],
        cwd=tmp_path,
        env={**os.environ, "MANWIDTH": "80", "MANPAGER": "cat"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert "git-ovn-run - let an agent build feature after feature" in done.stdout
    for option in ("--until HH:MM", "--max-cost USD", "--detach"):
        assert option in done.stdout


def test_no_help_shows_the_mark_that_keeps_its_lines():
    assert [page.path for page in describe.every() if "\\b" in page.text] == []


def test_every_option_of_every_verb_stands_in_its_page(pages):
    for page in describe.every():
        text = pages[f"git-ovn-{page.words[0]}.1"].replace("\\-", "-")
        for option in page.options:
            assert all(name in text for name in option.names), (page.path, option)


def test_the_first_page_names_every_verb_exit_code_and_setting(pages):
    text = pages["git-ovn.1"].replace("\\-", "-")
    assert all(f"\\fBgit-ovn-{verb}(1)\\fR" in text for verb in verbs.table())
    assert all(f"\\fB{code}\\fR" in text for code in (0, 1, 10, 17, 20, 21, 128, 129, 130))
    assert "ovn.advice.KEY" in text


@pytest.mark.parametrize(
    ("text", "roff"),
    [
        (".so /etc/passwd", "\\&.so /etc/passwd"),
        ("'br", "\\&\\(aqbr"),
        ("a\\fBb", "a\\efBb"),
        ("--x", "\\&\\-\\-x"),
        ("\\", "\\&\\e"),
    ],
)
def test_no_text_can_become_a_request(text, roff):
    assert manpages._text(text) == roff


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The pages as install-man writes them, and an environment in which man looks there."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert main(["install-man"]) == 0
    monkeypatch.setenv("PATH", os.pathsep.join([BIN, os.environ["PATH"]]))
    monkeypatch.setenv("MANPATH", f"{tmp_path}/share/man")
    monkeypatch.setenv("MANPAGER", "cat")
    return tmp_path / "share" / "man" / "man1"


def test_git_finds_the_manual(installed, repo):
    program("man")
    done = subprocess.run(
        ["git", "ovn", "--help"], cwd=repo.path, capture_output=True, text=True, check=False, timeout=60
    )
    if "No manual entry" in done.stderr and "minimized" in done.stdout + done.stderr:
        pytest.skip("man does nothing on this minimized system")
    assert done.returncode == 0, done.stderr
    assert "git ovn [-C DIR] [--version] [-h] VERB" in done.stdout


def test_installing_again_replaces_only_our_own_pages(installed, capsys):
    (installed / "git-ovn-gone.1").write_text(f"{manpages.MARK}\nan older version's\n")
    (installed / "git-ovn-mine.1").write_text("a person's\n")
    (installed / "git-ovn-run.1").write_text(f"{manpages.MARK}\nold\n")
    assert main(["install-man", "--dry-run"]) == 0
    assert (installed / "git-ovn-gone.1").exists()
    assert main(["install-man"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"wrote {len(manpages.every())} pages to")
    left = {path.name for path in installed.iterdir()}
    assert left == {*manpages.every(), "git-ovn-mine.1"}
    assert "--until" in (installed / "git-ovn-run.1").read_text().replace("\\-", "-")


def test_a_persons_page_of_the_same_name_stays(installed, capsys):
    (installed / "git-ovn-run.1").write_text("a person's\n")
    assert main(["install-man"]) == 1
    assert (installed / "git-ovn-run.1").read_text() == "a person's\n"
    assert "is not a page of git ovn" in capsys.readouterr().err
