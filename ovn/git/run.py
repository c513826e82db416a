"""The one place that starts git: environment scrubbed, hooks and prompts off, time-limited."""

from __future__ import annotations

import enum
import os
import select
import signal
import subprocess
from contextlib import ExitStack, suppress

from ovn.errors import GitFailed, GitTimeout, NoSpace, ReadOnlyRepository
from ovn.frozen import dataclass

TYPE_CHECKING = False  # typing's own would keep git's look waiting
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import IO, Self

    from ovn.git.locate import Location

SCRUBBED = frozenset(
    # what 'git rev-parse --local-env-vars' lists (a test compares) ...
    "GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_CONFIG GIT_CONFIG_PARAMETERS GIT_CONFIG_COUNT "
    "GIT_OBJECT_DIRECTORY GIT_DIR GIT_WORK_TREE GIT_IMPLICIT_WORK_TREE GIT_GRAFT_FILE "
    "GIT_INDEX_FILE GIT_NO_REPLACE_OBJECTS GIT_REPLACE_REF_BASE GIT_PREFIX "
    "GIT_INTERNAL_SUPER_PREFIX GIT_SHALLOW_FILE GIT_COMMON_DIR "
    # ... and who the author is, which editor runs, what asks, where it is traced to
    "GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL "
    "GIT_COMMITTER_DATE GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_ASKPASS SSH_ASKPASS GIT_PAGER "
    "GIT_EXTERNAL_DIFF GIT_DIFF_OPTS GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS "
    "GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS GIT_REFLOG_ACTION GIT_QUARANTINE_PATH".split()
)
"""Hooks inherit these; ``GIT_SSL_CAINFO`` and ``GIT_SSH_COMMAND`` must survive."""

HARDENED = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.safecrlf=false",
    "core.pager=cat",
    "core.alternateRefsCommand=",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "diff.external=",
    "credential.helper=",
    "advice.detachedHead=false",
)
"""What our own writes switch off: no program that a repository's configuration names runs."""

IDENTITY = {
    "GIT_AUTHOR_NAME": "git ovn",
    "GIT_AUTHOR_EMAIL": "ovn@localhost",
    "GIT_COMMITTER_NAME": "git ovn",
    "GIT_COMMITTER_EMAIL": "ovn@localhost",
}
"""State and snapshot commits are ours: a machine without an identity can make them."""


CHOOSING = frozenset(("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR"))
"""These say which repository is meant; ``locate`` obeyed them, so ``Git.run`` pins what it found."""

GRACE = 2.0
"""Seconds that a git whose time is up has for taking its lock files away."""


class As(enum.Enum):
    """On whose behalf git runs."""

    OVN = "state and snapshots: no hooks, no signing, our identity"
    USER = "work commits: the user's hooks, identity and signing"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a git command said: exit code, standard output and standard error, as bytes."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """Standard output without its last newline; undecodable bytes as surrogates."""
        return self.out.decode("utf-8", "surrogateescape").removesuffix("\n")

    def paths(self) -> list[bytes]:
        """Return the NUL-separated items of standard output."""
        return self.out.removesuffix(b"\0").split(b"\0") if self.out else []


class Git:
    """git, bound to one work tree."""

    def __init__(self, location: Location, *, trusted_filters: bool = True) -> None:
        self.location = location
        self._overrides: tuple[str, ...] = ()
        self.trusted_filters = trusted_filters

    def silencing(self, filters: Sequence[str]) -> Git:
        """Return a git for which these filter drivers do nothing (untrusted repository)."""
        quiet = Git(self.location, trusted_filters=False)
        keys = ("clean", "smudge", "process", "required")  # a required one that does nothing would fail
        quiet._overrides = tuple(f"filter.{name}.{key}=" for name in filters for key in keys)
        return quiet

    def run(
        self,
        *args: str | bytes,
        stdin: bytes = b"",
        index: Path | None = None,
        env: Mapping[str, str] | None = None,
        who: As = As.OVN,
        timeout: float = 600,
        ok: Sequence[int] = (0,),
    ) -> Answer:
        """Run ``git ARGS`` in the work tree and return its answer.

        ``index`` names a private index file; ``ok`` lists the exit codes that are answers.
        Raises GitTimeout after ``timeout`` seconds, NoSpace and ReadOnlyRepository for what
        git's words say, else GitFailed with them.
        """
        with self.start(*args, stdin=stdin, index=index, env=env, who=who) as started:
            return started.answer(timeout, ok)

    def start(
        self,
        *args: str | bytes,
        stdin: bytes = b"",
        index: Path | None = None,
        env: Mapping[str, str] | None = None,
        who: As = As.OVN,
    ) -> Started:
        """Start ``git ARGS`` as ``run`` does and do something else before asking for its answer."""
        place = self.location.top or self.location.git_dir
        return Started(args, self._command(who), place, self._environment(index, env, who), stdin)

    def converse(self, *args: str) -> subprocess.Popen[bytes]:
        """Start a git that answers questions about objects, by pipes. It ends with us.

        It sees no replacement objects. It does not stand in the work tree: nobody should take
        it for a git that works there. Its own words are lost: who asks finds the answer missing.
        """
        where = {
            "GIT_DIR": str(self.location.git_dir),
            "GIT_COMMON_DIR": str(self.location.common_dir),
            "GIT_NO_REPLACE_OBJECTS": "1",
        }
        return subprocess.Popen(
            [*self._command(As.OVN), *args],
            cwd=os.sep,
            env=self._environment(None, where, As.OVN),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _command(self, who: As) -> list[str]:
        settings = self._overrides if who is As.USER else (*HARDENED, *self._overrides)
        switches = [part for setting in settings for part in ("-c", setting)]
        return ["git", "--no-pager", "--literal-pathspecs", *switches]

    def _environment(self, index: Path | None, env: Mapping[str, str] | None, who: As) -> dict[str, str]:
        clean = {**environment(), **self._pinned()}
        if index is not None:
            clean["GIT_INDEX_FILE"] = str(index)
        if who is As.OVN:
            clean.update(IDENTITY)
        clean.update(env or {})
        return clean

    def _pinned(self) -> dict[str, str]:
        """Return what keeps git in the located repository where GIT_DIR and its like chose it.

        A person may work with ``--git-dir`` and ``--work-tree``, and a hook inherits both; or
        ``core.worktree`` says that the files lie elsewhere. git would not find that repository
        by looking around. Elsewhere it finds it itself.
        """
        top = self.location.top
        if not CHOOSING.intersection(os.environ) and (top is None or os.path.lexists(f"{top}/.git")):
            return {}
        chosen = {"GIT_DIR": str(self.location.git_dir), "GIT_COMMON_DIR": str(self.location.common_dir)}
        if self.location.top is not None:
            chosen["GIT_WORK_TREE"] = str(self.location.top)
        return chosen


class Started:
    """A git that runs, in a session of its own; at the end of a ``with`` block it does no more.

    Its own session: no terminal to ask at, and one group to end with all its children. Output
    goes to files, not pipes: a background process that a hook leaves would hold a pipe open,
    and we would wait for it although git is done.
    """

    def __init__(
        self,
        args: Sequence[str | bytes],
        command: Sequence[str],
        place: Path,
        env: Mapping[str, str],
        stdin: bytes,
    ) -> None:
        self._args = args
        with ExitStack() as files:
            given, self._out, self._err = (files.enter_context(_scratch()) for _ in range(3))
            given.write(stdin)
            given.seek(0)
            self._process = subprocess.Popen(
                [*command, *args],
                cwd=place,
                env=env,
                stdin=given,
                stdout=self._out,
                stderr=self._err,
                start_new_session=True,
            )
            self._files = files.pop_all()

    def answer(self, timeout: float = 600, ok: Sequence[int] = (0,)) -> Answer:
        """Wait for git's end and return what it said; raises what ``Git.run`` raises."""
        try:
            code = _wait(self._process, timeout)
        except subprocess.TimeoutExpired as error:
            raise GitTimeout(f"'git {_show(self._args)}' did not end within {timeout:g} s") from error
        self._out.seek(0)
        self._err.seek(0)
        answer = Answer(code, self._out.read(), self._err.read())
        if answer.code not in ok:
            raise failure(self._args, answer)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End git where nobody waited for it: time is up, or an exception went through here."""
        if self._process.returncode is None:
            _end(self._process)
        self._files.close()


def _wait(process: subprocess.Popen[bytes], timeout: float) -> int:
    """Return the exit code as soon as there is one. Raises subprocess.TimeoutExpired.

    ``Popen.wait`` with a timeout looks again after pauses of up to 50 ms: 2 ms more for each
    git command, 40 ms for a long one.
    """
    try:
        fd = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux, or one before 5.3
        return process.wait(timeout)
    try:
        ended = select.poll()
        ended.register(fd, select.POLLIN)
        if not ended.poll(timeout * 1000):
            raise subprocess.TimeoutExpired(process.args, timeout)
    finally:
        os.close(fd)
    return process.wait()


def _scratch() -> IO[bytes]:
    """Return an empty file that has no name and goes away when closed; in memory on Linux."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("git-ovn"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()  # type: ignore[unreachable, unused-ignore]  # macOS


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and all its children. It is asked first, so that it removes its lock files."""
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    process.wait()


def environment() -> dict[str, str]:
    """Return this process's environment as git may see it: scrubbed, never asking, plain English."""
    clean = {name: value for name, value in os.environ.items() if name not in SCRUBBED}
    clean = {
        name: value
        for name, value in clean.items()
        if not name.startswith(("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_TRACE"))
    }
    clean.update(
        GIT_TERMINAL_PROMPT="0", GIT_OPTIONAL_LOCKS="0", GIT_NO_LAZY_FETCH="1", GIT_EDITOR=":", LC_ALL="C"
    )
    return clean


def failure(args: Sequence[str | bytes], answer: Answer) -> GitFailed | NoSpace | ReadOnlyRepository:
    """Return the error that git's words mean."""
    words = answer.err.decode("utf-8", "replace").strip()
    if "No space left on device" in words or "Disk quota exceeded" in words:
        return NoSpace(f"no space left while running 'git {_show(args)}'")
    if "Read-only file system" in words:
        return ReadOnlyRepository(f"read-only file system while running 'git {_show(args)}'")
    last = words.splitlines()[-1].removeprefix("fatal: ").removeprefix("error: ") if words else "no message"
    return GitFailed(f"'git {_show(args)}' failed with {answer.code}: {last}", stderr=words, code=answer.code)


def _show(args: Sequence[str | bytes]) -> str:
    """Return the beginning of a command for people: the verb and what follows, no settings."""
    words = [arg.decode("utf-8", "backslashreplace") if isinstance(arg, bytes) else arg for arg in args]
    while words[:1] == ["-c"]:
        words = words[2:]
    return " ".join(words[:4]) + (" ..." if len(words) > 4 else "")
