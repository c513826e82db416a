"""What ended a verb other than its own end: the sentence, the hint, the exit code.

A bug is not hidden and not shouted: its traceback goes to a file that can be pasted into a
report, and one line names the file (the habit is pre-commit's).
"""

from __future__ import annotations

import errno
import os
import select
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ovn import __version__
from ovn.cli import verbs
from ovn.cli.context import Context, state_home
from ovn.cli.output import Output
from ovn.clock import SYSTEM, rfc3339
from ovn.errors import (
    INTERRUPTED,
    OUTPUT_CLOSED,
    DiskFailed,
    GitFailed,
    NoSpace,
    OvnError,
    ReadOnlyRepository,
    UnsupportedPlatform,
    UsageError,
)
from ovn.shown import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

FROM_ERRNO: dict[int, tuple[type[OvnError], str]] = {
    errno.ENOSPC: (NoSpace, "no space left on the disk"),
    errno.EDQUOT: (NoSpace, "disk quota exceeded"),
    errno.EFBIG: (NoSpace, "a file became larger than the limit on files"),
    errno.EROFS: (ReadOnlyRepository, "read-only file system"),
    errno.EACCES: (ReadOnlyRepository, "permission denied"),
    errno.EPERM: (ReadOnlyRepository, "operation not permitted"),
    errno.EIO: (DiskFailed, "input or output error"),
    errno.EMFILE: (DiskFailed, "too many open files"),
    errno.ENFILE: (DiskFailed, "too many open files on this machine"),
}
"""Errors of the operating system that a user can meet anywhere, and the named ones they are."""


def settle(error: BaseException, args: Sequence[str]) -> int:
    """Print what has to be said about the exception that ended ``git-ovn ARGS``.

    Returns the exit code. Raises nothing but SystemExit, and that only as it was given.
    """
    if isinstance(error, SystemExit):
        raise error
    code, said = _verdict(error, args)
    try:
        if said is not None:
            _report(said, as_json=_wants_json(args))
        sys.stdout.flush()
    except OSError:
        code = OUTPUT_CLOSED if _reader_is_gone() else code
        # Python would try once more at its end what stdout would not take, and exit with 120.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _verdict(error: BaseException, args: Sequence[str]) -> tuple[int, OvnError | None]:
    """Return the exit code, and the error to print where something is to be said."""
    if isinstance(error, BrokenPipeError) and _reader_is_gone():
        return OUTPUT_CLOSED, None
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return INTERRUPTED, None
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code, None
    named = _named(error, args)
    return named.exit_code, named


def _reader_is_gone() -> bool:
    """Tell whether it is stdout that broke, and not a pipe to some process of ours."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), select.POLLOUT)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _wants_json(args: Sequence[str]) -> bool:
    """Tell whether ``--json`` is among the options, also where they could not be parsed."""
    words = list(args)
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def _report(error: OvnError, *, as_json: bool) -> None:
    out = Output(sys.stdout, sys.stderr, colour=lambda: False)
    if as_json:
        fixed = {"kind": error.kind, "message": str(error), "hint": error.hint, "exit_code": error.exit_code}
        out.json({"error": {**error.facts, **fixed}})
    else:
        out.error(str(error))
        if error.hint and _is_wanted(error):
            out.hint(error.hint)


def _is_wanted(error: OvnError) -> bool:
    """Tell whether nobody silenced this hint; where even that cannot be read, nobody did."""
    try:
        return Context().advice(error.kind)
    except OSError:
        return True


def _named(error: BaseException, args: Sequence[str]) -> OvnError:
    """Return the error of our own tree that this exception is."""
    if isinstance(error, GitFailed):
        return _too_old() or error
    if isinstance(error, OvnError):
        return error
    if isinstance(error, click.ClickException):
        return _usage(error, args)
    if isinstance(error, OSError) and error.errno in FROM_ERRNO:
        cls, words = FROM_ERRNO[error.errno]
        return cls(f"{words}: '{error.filename}'" if error.filename else words)
    return _bug(error, args)


def _too_old() -> OvnError | None:
    """Return what there is to say of the installed git, where it is why something failed."""
    from ovn.git.locate import require_git

    try:
        require_git()
    except UnsupportedPlatform as error:
        return error
    return None


def _usage(error: click.ClickException, args: Sequence[str]) -> UsageError:
    """Return click's complaint in git's manner: one line; every one of them is exit 129."""
    message = " ".join(error.format_message().rstrip(".").split())
    context = getattr(error, "ctx", None)  # click's parser gives none where an option lacks its value
    verb = next((word for word in args if word in verbs.table()), "")
    asked = context.command_path if context else f"git ovn {verb}".rstrip()
    return UsageError(message[:1].lower() + message[1:], hint=f"see '{asked} -h'")


def _bug(error: BaseException, args: Sequence[str]) -> OvnError:
    found = f"{type(error).__name__}: {error}".removesuffix(": ")
    try:
        log = _write_log(error, args)
    except OSError as refusal:
        return OvnError(f"this is a bug: {found}", hint=f"its details could not be written: {refusal}")
    return OvnError(f"this is a bug: {found}", hint=f"please report it with '{log}'", log=str(log))


def _write_log(error: BaseException, args: Sequence[str]) -> Path:
    """Write what a report needs and return where. The values of arguments are left out."""
    import platform
    import tempfile
    import traceback

    now = SYSTEM.now()
    words = " ".join(word if word.startswith("-") or at == 0 else "..." for at, word in enumerate(args))
    text = "".join(traceback.format_exception(error))
    lines = [f"git-ovn {__version__}", f"python {platform.python_version()}", platform.platform()]
    lines += [rfc3339(now), f"git-ovn {words}", "", text]
    name = f"crash-{now:%Y%m%d-%H%M%S}-{os.getpid()}.log"
    content = escape("\n".join(lines), lines=True)
    for folder in (state_home(), Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Only new files, only ours to read: the second folder is everybody's.
            fd = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as refusal:
            last = refusal
            continue
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(content)
        return folder / name
    raise last
