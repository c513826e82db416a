"""Completion in real shells: what is typed at a prompt, and what the Tab key makes of it."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ovn import features
from ovn.cli import describe, shells
from ovn.cli.main import main
from ovn.state.store import StateStore

BIN = str(Path(sys.executable).parent)
GIT_COMPLETION = next(
    (
        path
        for path in map(
            Path,
            (
                "/usr/share/bash-completion/completions/git",
                "/usr/share/git-core/contrib/completion/git-completion.bash",
            ),
        )
        if path.exists()
    ),
    None,
)


@pytest.fixture
def place(repo):
    """A repository with two features, and a subfolder to stand in."""
    store = StateStore.open(repo.location)
    store.init("demo")
    for name in ("parser", "printer"):
        features.add(store, features.PERSON, name, feature=name, verify=("true",))
    (repo.path / "sub").mkdir()
    return repo.path / "sub"


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine")
    return found


class Keyboard:
    """An interactive shell on a terminal of its own. ``line(keys)`` types, and returns the command line."""

    def __init__(self, argv: list[str], folder: Path, set_up: str, env: dict[str, str]) -> None:
        self._out = folder.parent.parent / "line"
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, {**os.environ, **env, "OUT": str(self._out), "TERM": "dumb"})
        self._type(set_up + "\necho rea''dy\n")
        self._until(b"ready")

    def _type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def _until(self, words: bytes) -> None:
        seen, end = b"", time.monotonic() + 20
        while words not in seen:
            assert time.monotonic() < end, seen
            if select.select([self._fd], [], [], 0.1)[0]:
                seen += os.read(self._fd, 65536)

    def line(self, keys: str) -> str:
        """Type keys and a Tab, and return what then stands on the line."""
        self._out.unlink(missing_ok=True)
        self._type("\x15" + keys + "\t\x18s")
        end = time.monotonic() + 20
        while not self._out.exists() or not self._out.read_text().endswith("\n"):
            assert time.monotonic() < end, "the shell does not answer"
            if select.select([self._fd], [], [], 0.02)[0]:
                os.read(self._fd, 65536)
        return self._out.read_text().removesuffix("\n")

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self._fd)


TYPED = [
    ("git ovn ru", "git ovn run "),
    ("git ovn feature unb", "git ovn feature unblock "),
    ("git ovn run --max-s", "git ovn run --max-sessions"),
    ("git ovn feature show pa", "git ovn feature show parser "),
    ("git ovn run --feature pri", "git ovn run --feature printer "),
    ("git ovn completion z", "git ovn completion zsh "),
    ("git-ovn chec", "git-ovn checkpoint "),
]


def typed_in(keyboard: Keyboard) -> list[tuple[str, str]]:
    # shells differ in whether '=' or a space follows an option that takes a value
    return [(keys, keyboard.line(keys).rstrip("= ")) for keys, _ in TYPED]


EXPECTED = [(keys, line.rstrip()) for keys, line in TYPED]


def test_in_bash_the_tab_key_completes(place, tmp_path):
    if GIT_COMPLETION is None:
        pytest.skip("git's own completion is not on this machine")
    script = tmp_path / "git-ovn.bash"
    script.write_text(shells.script("bash"))
    set_up = f"""source {GIT_COMPLETION}; source {script}
bind -x '"\\C-xs": printf "%s\\n" "$READLINE_LINE" >"$OUT"'"""
    env = {"PATH": os.pathsep.join([BIN, os.environ["PATH"]]), "INPUTRC": "/dev/null"}
    keyboard = Keyboard([program("bash"), "--norc", "--noprofile", "-i"], place, set_up, env)
    try:
        assert typed_in(keyboard) == EXPECTED
    finally:
        keyboard.close()


def test_in_zsh_the_tab_key_completes(place, tmp_path):
    zsh = program("zsh")
    (tmp_path / "_git-ovn").write_text(shells.script("zsh"))
    set_up = f"""fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -u -d {tmp_path}/dump
show() {{ print -r -- "$BUFFER" >"$OUT" }}; zle -N show; bindkey '^Xs' show; bindkey '^U' kill-whole-line"""
    env = {"PATH": os.pathsep.join([BIN, os.environ["PATH"]]), "ZDOTDIR": str(tmp_path)}
    keyboard = Keyboard([zsh, "-f", "-i"], place, set_up, env)
    try:
        assert typed_in(keyboard) == EXPECTED
    finally:
        keyboard.close()


def test_fish_offers_verbs_options_and_names(place, tmp_path):
    fish = program("fish")
    script = tmp_path / "git-ovn.fish"
    script.write_text(shells.script("fish"))
    lines = [f"source {script}"]
    lines += [f"echo '== {keys}'; complete -C '{keys}' | string split -f 1 \\t" for keys, _ in TYPED]
    done = subprocess.run(
        [fish, "--no-config", "-c", "\n".join(lines)],
        cwd=place,
        env={**os.environ, "PATH": os.pathsep.join([BIN, os.environ["PATH"]])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    offered = {block.split("\n")[0]: block.split("\n")[1:] for block in done.stdout.strip().split("== ")[1:]}
    for keys, line in TYPED:
        assert [one for one in offered[keys] if one] == [line.split()[-1]], keys


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_finds_no_mistake_in_its_script(shell, tmp_path):
    path = tmp_path / "script"
    path.write_text(shells.script(shell))
    done = subprocess.run([program(shell), "-n", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_verb_and_long_option_is_known_to_each_shell(shell):
    script = shells.script(shell)
    for page in describe.every():
        assert page.words[-1] in script
        for option in page.options:
            for name in option.names:
                wanted = name if shell != "fish" else f"-l {name[2:]}"
                assert not name.startswith("--") or wanted in script, (page.path, name)


def test_the_verb_prints_what_is_shipped(capsys):
    assert main(["completion", "bash"]) == 0
    assert capsys.readouterr().out == shells.script("bash")
    assert main(["completion", "tcsh"]) == 129
