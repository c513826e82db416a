"""How a call of git-ovn ends: exit codes, sentences, JSON, signals, closed pipes."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.cli import failures, main, verbs
from ovn.errors import DiskFailed, LeaseHeld, NoSpace, NotTrusted, ReadOnlyRepository

if TYPE_CHECKING:
    from ovn.cli.context import Context

GIT_OVN = [sys.executable, "-m", "ovn.cli.main"]
PACKAGE = Path(main.__file__).resolve().parent.parent


def call(*args: str, **kwargs) -> subprocess.CompletedProcess[str]:
    """Run ``git-ovn ARGS`` as a process of its own."""
    return subprocess.run([*GIT_OVN, *args], capture_output=True, text=True, check=False, **kwargs)


@pytest.fixture
def verb(monkeypatch):
    """Return a function that makes its argument the body of the verb ``probe``."""

    def install(body, *params) -> None:
        command = click.Command("probe", callback=click.pass_obj(body), params=[*params])
        from ovn.cli.options import json_option

        json_option(command.callback)
        command.params += command.callback.__click_params__
        monkeypatch.setattr(verbs, "load", lambda _: command)

    return install


def raising(error: BaseException):
    """Return the body of a verb that does nothing but fail."""

    def body(context: Context, **_: object) -> None:
        raise error

    return body


class TestFrame:
    @pytest.mark.parametrize("flag", ["-h", "--help", "help"])
    def test_help_lists_every_verb_on_stdout(self, flag, capsys):
        assert main.main([flag]) == 0
        out, err = capsys.readouterr()
        assert out == verbs.overview()
        assert err == ""
        assert all(f"   {verb} " in out for verb in verbs.table())

    def test_without_a_verb_the_help_is_talk_and_a_usage_error(self, capsys):
        assert main.main([]) == 129
        assert capsys.readouterr() == ("", verbs.overview())

    def test_version(self, capsys):
        assert main.main(["--version"]) == 0
        assert capsys.readouterr().out == "git-ovn 0.1.0\n"

    def test_help_of_a_verb_is_what_the_verb_says_with_h(self, capsys):
        assert main.main(["help", "help"]) == 0
        long = capsys.readouterr().out
        assert main.main(["help", "-h"]) == 0
        assert capsys.readouterr().out == long
        assert long.startswith("Usage: git ovn help [OPTIONS] [VERB]\n")

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["hepl"], "error: no such verb 'hepl'\nhint: did you mean 'help'?\n"),
            (["xyzzy"], "error: no such verb 'xyzzy'\nhint: see 'git ovn -h' for the verbs\n"),
            (["--frob"], "error: no such option '--frob'\nhint: see 'git ovn -h'\n"),
            (["-C"], "error: no folder given for '-C'\n"),
            (["help", "a", "b"], "error: got unexpected extra argument (b)\nhint: see 'git ovn help -h'\n"),
            (
                ["morning", "--since"],
                "error: option '--since' requires an argument\nhint: see 'git ovn morning -h'\n",
            ),
            (
                ["completion"],
                (
                    "error: missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish\n"
                    "hint: see 'git ovn completion -h'\n"
                ),
            ),
            (["a\x1b]0;owned\x07"], None),
        ],
    )
    def test_every_usage_error_is_129_and_talk(self, args, said, capsys):
        assert main.main(args) == 129
        out, err = capsys.readouterr()
        assert out == ""
        assert said is None or err == said
        assert "\x1b" not in err

    def test_a_folder_given_with_dash_c_is_where_the_verb_runs(self, tmp_path, monkeypatch, capsys, verb):
        (tmp_path / "a" / "b").mkdir(parents=True)
        monkeypatch.chdir(tmp_path)
        seen = []
        verb(lambda _: seen.append(Path.cwd()))
        assert main.main(["-C", "a", "-C", "b", "probe"]) == 0
        assert seen == [tmp_path / "a" / "b"]
        assert main.main(["-C", str(tmp_path / "none"), "probe"]) == 128
        assert capsys.readouterr().err.startswith(f"error: cannot change to '{tmp_path}/none': ")

    def test_what_a_verb_returns_is_its_exit_code(self, verb):
        verb(lambda _: 1)
        assert main.main(["probe"]) == 1
        verb(lambda _: None)
        assert main.main(["probe"]) == 0
        verb(lambda _: click.get_current_context().exit(7))
        assert main.main(["probe"]) == 7


class TestErrors:
    def test_an_error_is_a_sentence_and_a_hint_on_stderr(self, verb, capsys):
        verb(raising(LeaseHeld("feature 'x' is held by 'session-001'", holder="session-001")))
        assert main.main(["probe"]) == 11
        assert capsys.readouterr() == (
            "",
            f"error: feature 'x' is held by 'session-001'\nhint: {LeaseHeld.hint}\n",
        )

    def test_with_json_it_is_one_document_on_stdout(self, verb, capsys):
        verb(raising(NotTrusted("no", hint="look", kind="forged", path="a.py", where=Path("b"))))
        assert main.main(["probe", "--json"]) == 17
        out, err = capsys.readouterr()
        fixed = {"kind": "not-trusted", "message": "no", "hint": "look", "exit_code": 17}
        assert json.loads(out) == {"version": 1, "error": {**fixed, "path": "a.py", "where": "b"}}
        assert err == ""

    def test_usage_errors_are_json_too_when_asked_for(self, capsys):
        assert main.main(["hepl", "--json"]) == 129
        assert json.loads(capsys.readouterr().out)["error"]["kind"] == "usage"
        assert main.main(["hepl", "--", "--json"]) == 129
        assert capsys.readouterr().out == ""

    def test_a_hostile_message_cannot_steer_the_terminal_or_forge_a_line(self, verb, capsys):
        verb(raising(NotTrusted("a\x1b[2Jb\nerror: c\u202ed\x9b", hint=None)))
        assert main.main(["probe"]) == 17
        assert capsys.readouterr().err.splitlines()[:2] == [
            "error: a\\x1b[2Jb",
            "       error: c\\u202ed\\x9b",
        ]

    @pytest.mark.parametrize("number", list(failures.FROM_ERRNO))
    def test_errors_of_the_system_get_their_names(self, number, verb, capsys):
        cls, words = failures.FROM_ERRNO[number]
        verb(raising(OSError(number, os.strerror(number), "/some/file")))
        assert main.main(["probe"]) == 128
        assert capsys.readouterr().err == f"error: {words}: '/some/file'\nhint: {cls.hint}\n"
        assert cls in (NoSpace, ReadOnlyRepository, DiskFailed)

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
    def test_an_interrupt_is_130_without_a_word(self, error, verb, capsys):
        verb(raising(error))
        assert main.main(["probe"]) == 130
        assert capsys.readouterr() == ("", "")

    def test_a_system_exit_is_left_alone(self, verb):
        verb(raising(SystemExit(3)))
        with pytest.raises(SystemExit, match="3"):
            main.main(["probe"])


class TestBugs:
    def test_a_bug_leaves_a_log_for_a_report_and_one_line_that_names_it(
        self, verb, tmp_path, monkeypatch, capsys
    ):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        verb(raising(ZeroDivisionError("oh\x1b[31m")), click.Option(["--password"]))
        assert main.main(["probe", "--password", "hunter2"]) == 128
        (log,) = (tmp_path / "git-ovn").iterdir()
        assert capsys.readouterr().err == (
            f"error: this is a bug: ZeroDivisionError: oh\\x1b[31m\nhint: please report it with '{log}'\n"
        )
        text = log.read_text()
        assert text.startswith("git-ovn 0.1.0\npython 3.")
        assert "\ngit-ovn probe --password ...\n" in text
        assert "in body\n    raise error\nZeroDivisionError: oh\\x1b[31m\n" in text
        assert "hunter2" not in text
        assert log.stat().st_mode & 0o777 == 0o600

    def test_where_the_state_folder_cannot_be_written_the_temporary_one_serves(
        self, verb, tmp_path, monkeypatch, capsys
    ):
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        verb(raising(ZeroDivisionError()))
        assert main.main(["probe"]) == 128
        (log,) = tmp_path.glob("crash-*.log")
        assert f"'{log}'" in capsys.readouterr().err

    def test_where_nothing_can_be_written_the_error_still_comes_out(
        self, verb, tmp_path, monkeypatch, capsys
    ):
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
        verb(raising(ZeroDivisionError("oh")))
        assert main.main(["probe", "--json"]) == 128
        assert (
            json.loads(capsys.readouterr().out)["error"]["message"] == "this is a bug: ZeroDivisionError: oh"
        )


class TestProcess:
    """What only a real process can show."""

    def test_a_reader_that_goes_away_ends_it_quietly(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([*GIT_OVN, "help"], stdout=write, stderr=subprocess.PIPE, check=False)
        os.close(write)
        assert (done.returncode, done.stderr) == (141, b"")

    def test_a_reader_that_goes_away_from_an_error_document_ends_it_quietly(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([*GIT_OVN, "hepl", "--json"], stdout=write, stderr=subprocess.PIPE, check=False)
        os.close(write)
        assert (done.returncode, done.stderr) == (141, b"")

    def test_a_broken_pipe_that_is_not_stdout_is_no_reader_gone(self, tmp_path):
        script = (
            "import sys, click\nfrom ovn.cli import main, verbs\n"
            "def body(): raise BrokenPipeError(32, 'Broken pipe')\n"
            "verbs.load = lambda name: click.Command(name, callback=body)\n"
            "sys.exit(main.main(['probe']))\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 128
        assert done.stderr.startswith("error: this is a bug: BrokenPipeError: ")

    def test_a_full_disk_behind_stdout_is_an_error(self):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([*GIT_OVN, "help"], stdout=full, stderr=subprocess.PIPE, check=False)
        assert (done.returncode, done.stderr.splitlines()[0]) == (128, b"error: no space left on the disk")

    @pytest.mark.parametrize(("closed", "code"), [(">&-", 0), (">&- 2>&- <&-", 0), ("nope 2>&-", 129)])
    def test_closed_standard_streams_do_not_matter(self, closed, code):
        verb = "" if closed.startswith("nope") else "help "
        line = f"exec {sys.executable} -m ovn.cli.main {verb}{closed}"
        assert subprocess.run(["sh", "-c", line], check=False).returncode == code

    def test_a_terminal_that_is_not_unicode_gets_escapes(self):
        environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = call("h\u00e9lp", env=environ)
        assert done.stderr.startswith("error: no such verb 'h\\xe9lp'\n")

    def test_sigint_while_it_runs_is_130(self, tmp_path):
        script = (
            "import sys, time, click\n"
            "from ovn.cli import main, verbs\n"
            "body = lambda: (print('ready', flush=True), time.sleep(60))\n"
            "verbs.load = lambda name: click.Command(name, callback=body)\n"
            "sys.exit(main.main(['probe']))\n"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=30) == (b"", b"")
        assert child.returncode == 130

    def test_help_imports_no_verb_and_nothing_heavy(self):
        script = (
            "import sys\nfrom ovn.cli.main import main\nmain(['--help'])\n"
            "print(*sorted(sys.modules), file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        loaded = set(done.stderr.split())
        heavy = {"click", "pygit2", "yaml", "jsonschema", "asyncio", "subprocess", "dataclasses", "json"}
        assert loaded & heavy == set()
        assert {name for name in loaded if name.startswith("ovn.")} == {
            "ovn.cli", "ovn.cli.main", "ovn.cli.verbs", "ovn.errors",
        }  # fmt: skip

    def test_a_process_of_its_own_does_at_its_end_what_python_does(self):
        """It ends itself, once there is no thread to wait for, and nothing may be lost by that."""
        script = (
            "import atexit, sys, threading, time\nfrom ovn.cli.main import main\n"
            "atexit.register(print, 'at the end')\n"
            "sys.stderr = open(2, 'w', buffering=4096, closefd=False)\nprint('said', file=sys.stderr)\n"
            "if sys.argv.pop() == 'thread':\n"
            "    threading.Thread(target=lambda: (time.sleep(0.2), print('the thread'))).start()\n"
            "sys.exit(main())"
        )
        for last, lines in {"none": ["at the end"], "thread": ["the thread", "at the end"]}.items():
            done = subprocess.run(
                [sys.executable, "-c", script, "nope", last], capture_output=True, text=True, check=False
            )
            assert (done.returncode, done.stdout.splitlines()) == (129, lines)
            assert done.stderr.startswith("said\nerror: no such verb 'nope'\n")


@given(
    words=st.lists(
        st.sampled_from(["", "-", "--", "-m", "--json", "a b", "label", "=x", "\n", "é"])
        | st.text(max_size=5)
    )
)
def test_what_goes_past_click_is_what_click_would_read(words):
    read = verbs.quick("checkpoint", words)
    if read is None:
        assert len(words) > 1 or words[0].startswith("-")
        return
    (wanted,) = [*words, None][:1]
    context = verbs.load("checkpoint").make_context("git ovn checkpoint", [*words])
    assert context.params == {"label": wanted, "text": None}


class TestPlatform:
    @pytest.mark.parametrize(
        ("version", "platform", "said"),
        [
            ((3, 11, 0), "linux", None),
            ((3, 14, 1), "darwin", None),
            ((3, 9, 2), "linux", "git ovn needs Python 3.11 or later, this is 3.9.2"),
            ((3, 12, 0), "win32", "git ovn does not run on Windows itself"),
        ],
    )
    def test_what_it_cannot_run_on_is_named(self, version, platform, said):
        refusal = main.unsupported(version, platform)
        assert (refusal and str(refusal)) == said
        assert refusal is None or refusal.exit_code == 128

    def test_a_refusal_is_printed_as_any_error(self, monkeypatch, capsys):
        monkeypatch.setattr(sys, "platform", "win32")
        assert main.main(["help"]) == 128
        assert capsys.readouterr().err == (
            "error: git ovn does not run on Windows itself\nhint: install and run it inside WSL\n"
        )

    @pytest.mark.parametrize(
        "module", ["__init__.py", "errors.py", "cli/__init__.py", "cli/main.py", "cli/verbs.py"]
    )
    def test_an_old_python_can_read_what_refuses_it(self, module):
        ast.parse((PACKAGE / module).read_text(), feature_version=(3, 7))


class TestVerbs:
    @pytest.mark.parametrize("name", list(verbs.table()))
    def test_each_verb_of_the_table_is_a_documented_command(self, name):
        command = verbs.load(name)
        assert isinstance(command, click.Command)
        assert command.help, f"ovn/cli/{verbs.table()[name][0]}.py: the command needs a docstring"
        assert all(param.help for param in command.params if isinstance(param, click.Option)), (
            "each option needs help"
        )

    @pytest.mark.parametrize("name", list(verbs.table()))
    def test_each_verb_is_in_the_reference(self, name):
        reference = PACKAGE.parent / "docs" / "reference" / "cli.md"
        assert f"### git ovn {name}\n" in reference.read_text(), "run ./dev docs"

    def test_each_module_with_a_command_is_in_the_table(self):
        modules = {path.stem for path in (PACKAGE / "cli").glob("*.py")}
        with_command = {
            name
            for name in modules
            if any(
                getattr(node, "name", None) == "command"
                for node in ast.parse((PACKAGE / "cli" / f"{name}.py").read_text()).body
            )
        }
        assert {module for module, _ in verbs.table().values()} >= with_command
