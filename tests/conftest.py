"""Fixtures: a machine of its own for each test run, and real repositories on it.

The environment is set when pytest starts, before any test module is imported: libgit2 reads
``HOME`` when it is loaded. Nothing of the person's git configuration, identity or session is
seen, every date is fixed, and an editor or a password prompt fails at once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from ovn.git.locate import Location, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from coverage import Coverage

EPOCH = 1_767_323_045
"""2026-01-02T03:04:05Z, the moment of the first commit; each later one is a minute on."""

GLOBAL_CONFIG = """\
[user]
	name = A U Thor
	email = author@example.com
[init]
	defaultBranch = main
[gc]
	auto = 0
[maintenance]
	auto = false
[protocol "file"]
	allow = always
"""

KEPT = (
    "GIT_EXEC_PATH",
    "GIT_SSL_CAINFO",
    "OVN_CHAOS_KEEP",
    "OVN_CHAOS_SEED",
    "OVN_TEST_PICTURES",
    "OVN_TEST_SIZE",
)

hypothesis.settings.register_profile(
    "ovn",
    deadline=None,
    database=None,
    max_examples=1000 if os.environ.get("OVN_TEST_SIZE") == "long" else 40,  # each run has others
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("ovn")


MEASURING: dict[str, str] = {}
"""Variables by which a Python measures its coverage. A third of a second each: only few nights get them."""


def pytest_configure(config: pytest.Config) -> None:
    """Give this process, and all it starts, an environment of its own."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", 0):
        keep_measuring_to_ourselves()
    elif measuring := measured():
        measuring.stop()  # this process only hands the tests out: those that run them measure themselves
    machine = Path(tempfile.mkdtemp(prefix="ovn-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(machine, ignore_errors=True))
    for name in list(os.environ):
        if name.startswith(("GIT_", "OVN_", "XDG_", "LC_")) and name not in KEPT:
            del os.environ[name]
    os.environ.update(environment(machine))
    time.tzset()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out, where only slow tests are wanted, the files that have none: each process reads all."""
    if config.getoption("markexpr") != "slow" or not collection_path.match("test_*.py"):
        return None
    return True if "mark.slow" not in collection_path.read_text() else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage in a law, whose many examples take twice as long then, nor where a mark says so.

    What its fixtures do is not measured either: a repository is made for nearly every test.
    """
    law = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    unmeasured = item.get_closest_marker("unmeasured") and not item.get_closest_marker("measured")
    measuring = measured() if law or unmeasured else None
    if not measuring:
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()
        keep_measuring_to_ourselves()  # it said anew that children are to be measured


def measured() -> Coverage | None:
    """Return what measures this process, if anything does."""
    coverage = sys.modules.get("coverage")
    return coverage and coverage.Coverage.current()


def keep_measuring_to_ourselves() -> None:
    """Let no Python that is started measure itself, unless it is told to."""
    names = [name for name in os.environ if name.startswith("COVERAGE_PROCESS")]
    MEASURING.update({name: os.environ.pop(name) for name in names})


def environment(machine: Path) -> dict[str, str]:
    """Return the variables of a machine that nobody has used yet."""
    config = machine / "gitconfig"
    config.write_text(GLOBAL_CONFIG)
    folders = {"HOME": "home", "XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state"}
    folders |= {"XDG_CACHE_HOME": "cache", "XDG_DATA_HOME": "data", "XDG_RUNTIME_DIR": "runtime"}
    for folder in folders.values():
        (machine / folder).mkdir(mode=0o700)
    moment = f"{EPOCH} +0000"
    return {name: str(machine / folder) for name, folder in folders.items()} | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_AUTHOR_NAME": "A U Thor",
        "GIT_AUTHOR_EMAIL": "author@example.com",
        "GIT_AUTHOR_DATE": moment,
        "GIT_COMMITTER_NAME": "C O Mitter",
        "GIT_COMMITTER_EMAIL": "committer@example.com",
        "GIT_COMMITTER_DATE": moment,
        "GIT_EDITOR": "false",
        "GIT_SEQUENCE_EDITOR": "false",
        "EDITOR": "false",
        "VISUAL": "false",
        "GIT_ASKPASS": "false",
        "SSH_ASKPASS": "false",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "C",
        "TZ": "UTC",
        "NO_COLOR": "1",
    }


@dataclass(slots=True)
class Repo:
    """A real git repository and the few things tests do to one."""

    path: Path
    minutes: int = field(default=0)
    _git_dir: Path | None = field(default=None, init=False, repr=False, compare=False)

    def run(
        self,
        *args: str | bytes | Path,
        stdin: bytes = b"",
        ok: Sequence[int] = (0,),
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run git here and return its answer; fails the test unless the exit code is in ``ok``."""
        done = subprocess.run(
            ["git", *args],
            cwd=self.path,
            input=stdin,
            capture_output=True,
            env={**os.environ, **(env or {})},
            check=False,
        )
        if done.returncode not in ok:
            pytest.fail(f"git {args} gave {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done

    def git(
        self,
        *args: str | bytes | Path,
        stdin: bytes = b"",
        ok: Sequence[int] = (0,),
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run git here and return what it printed, without the last newline."""
        out = self.run(*args, stdin=stdin, ok=ok, env=env).stdout
        return out.decode("utf-8", "surrogateescape").removesuffix("\n")

    def write(self, path: str | bytes, content: bytes | str, *, executable: bool = False) -> Path:
        """Write a file in the work tree, with the folders above it; returns where."""
        where = self.path / os.fsdecode(path)
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(content.encode() if isinstance(content, str) else content)
        if executable:
            where.chmod(0o755)
        return where

    def read(self, path: str | bytes) -> bytes:
        """Return the bytes of a file in the work tree."""
        return (self.path / os.fsdecode(path)).read_bytes()

    def commit(self, message: str = "a commit", *, add: bool = True) -> str:
        """Commit all that git does not ignore (or only what is staged); returns the commit's id."""
        if add:
            self.git("add", "-A")
        self.minutes += 1
        moment = f"{EPOCH + 60 * self.minutes} +0000"
        dates = {"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}
        self.git("commit", "-q", "--allow-empty", "-m", message, env=dates)
        return self.head

    @property
    def head(self) -> str:
        """The commit that HEAD names."""
        return self.git("rev-parse", "HEAD")

    @property
    def location(self) -> Location:
        """Where ovn finds this repository."""
        return locate(self.path)

    @property
    def git_dir(self) -> Path:
        """The git folder, as git said when it was first asked."""
        if self._git_dir is None:
            self._git_dir = Path(self.git("rev-parse", "--absolute-git-dir"))
        return self._git_dir

    def fsck(self) -> None:
        """Fail the test unless git finds every object whole and every link kept.

        A child that rolls packs up takes away what git has just listed, so its end is awaited.
        """
        folder, end = os.fsencode(self.git_dir), time.monotonic() + 60
        while any(b"ovn.state.rollup" in line and folder in line for line in _command_lines()):
            assert time.monotonic() < end, "a roll-up of packs does not end"
            time.sleep(0.02)
        self.git("fsck", "--strict", "--no-dangling")


def _command_lines() -> Iterator[bytes]:
    """Yield what the processes of this machine were started with."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield file.read_bytes()


def new_repo(
    path: Path,
    *,
    bare: bool = False,
    branch: str = "main",
    commit: bool = True,
    config: Mapping[str, str] | None = None,
    init: Sequence[str] = (),
) -> Repo:
    """Make a repository at ``path`` and return it.

    ``commit=False`` leaves the branch unborn; ``config`` is set in the repository itself;
    ``init`` is passed on to ``git init``.
    """
    if commit and not (bare or init) and branch == "main":
        shutil.copytree(_usual(), path, symlinks=True, dirs_exist_ok=True)
        repo = Repo(path, minutes=1)
        repo.git("update-index", "-q", "--refresh")  # the copies are other files than the index knows
    else:
        path.mkdir(parents=True, exist_ok=True)
        repo = Repo(path)
        repo.git("init", "-q", "-b", branch, *(["--bare"] if bare else []), *init, ".")
    for key, value in (config or {}).items():
        repo.git("config", key, value)
    if commit and not bare and not repo.minutes:
        repo.write("README", "a repository\n")
        repo.commit("first")
    return repo


@cache
def _usual() -> Path:
    """Return the repository that most tests begin with, made by git once in each process."""
    repo = Repo(Path(os.environ["HOME"]).parent / f"usual-{os.getpid()}")
    repo.path.mkdir()
    repo.git("init", "-q", "-b", "main", ".")
    repo.write("README", "a repository\n")
    repo.commit("first")
    for sample in (repo.path / ".git" / "hooks").glob("*.sample"):
        sample.unlink()
    return repo.path


@dataclass(frozen=True, slots=True)
class Played:
    """The demo as it was played: what it said, the repository that it kept, and the home before and after."""

    done: subprocess.CompletedProcess[str]
    repository: Path
    home: tuple[list[Path], list[Path]]


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Play the demo, a whole night: once for all that look at it, who are of one xdist_group for that."""
    folder, home = tmp_path_factory.mktemp("demo"), Path(os.environ["HOME"])
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, "-m", "ovn.cli.main", "demo", "--keep", "here"]
    before = sorted(home.rglob("*"))
    done = subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    return Played(done, folder / "here" / "click", (before, sorted(home.rglob("*"))))


@pytest.fixture
def make_repo() -> Callable[..., Repo]:
    """Return ``make_repo(path, bare=, branch=, commit=, config=, init=) -> Repo``."""
    return new_repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Return a fresh repository: branch ``main``, one commit with one file, ``README``."""
    return new_repo(tmp_path / "repo")


@pytest.fixture
def measuring(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return what a started Python's environment needs so that its coverage counts, where a mark says so."""
    return MEASURING if request.node.get_closest_marker("measured") else {}


@pytest.fixture
def location(repo: Repo) -> Location:
    """Return where the fresh repository lies."""
    return repo.location
