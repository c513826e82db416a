"""``git-ovn``: find the verb, run it, turn whatever happened into an exit code.

This module and what it imports at its top must be readable by every Python 3, so that an old
one gets a sentence and not a traceback; they import nothing heavy, so that help is quick.
Reference: the verbs are ``ovn.cli.verbs``, the exit codes ``ovn.errors``.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys

from ovn import __version__
from ovn.cli import verbs
from ovn.errors import NotFound, OvnError, UnsupportedPlatform, UsageError

MINIMUM_PYTHON = (3, 11)

COLLECT_EVERY = 50_000
"""New objects after which Python looks for garbage; its own 700 is for small programs."""

TYPE_CHECKING = False  # typing's own would be a tenth of the time that help takes
if TYPE_CHECKING:
    from collections.abc import Sequence
    from subprocess import Popen


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``git-ovn ARGV`` (default: this process's arguments) and return its exit code."""
    if argv is None:
        return _alone(sys.argv[1:])
    args = list(argv)
    _open_closed_streams()
    try:
        code = _run(args)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the one place where everything ends
        from ovn.cli.failures import settle

        return settle(error, args)
    return code


def _alone(args: list[str]) -> int:
    """Run in a process that does nothing else: spare it most of the search for garbage, and its end.

    Loading modules makes 40,000 objects, of which nearly none is garbage; looking through them
    again and again is a tenth of what a checkpoint costs, and to take them apart one by one in a
    process that ends a twentieth.
    """
    gc.set_threshold(COLLECT_EVERY)
    code = main(args)
    if "threading" not in sys.modules or sys.modules["threading"].active_count() == 1:
        atexit._run_exitfuncs()  # noqa: SLF001 - what Python itself would call now
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _run(args: list[str]) -> int:
    refusal = unsupported(sys.version_info[:3], sys.platform)
    if refusal is not None:
        raise refusal
    for stream in (sys.stdout, sys.stderr):  # a terminal that is not UTF-8 gets \u escapes
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    rest = _change_folder(args)
    if not rest:
        sys.stderr.write(verbs.overview())
        return UsageError.exit_code
    first = rest[0]
    if first in ("-h", "--help"):
        sys.stdout.write(verbs.overview())
    elif first == "--version":
        sys.stdout.write(f"git-ovn {__version__}\n")
    elif first.startswith("-"):
        raise UsageError(f"no such option '{first}'", hint="see 'git ovn -h'")
    else:
        return _run_verb(first, rest[1:])
    return 0


def unsupported(version: tuple[int, ...], platform: str) -> OvnError | None:
    """Return why this Python or this system cannot run git ovn; None if it can."""
    if version < MINIMUM_PYTHON:
        have, need = (".".join(map(str, numbers)) for numbers in (version, MINIMUM_PYTHON))
        return UnsupportedPlatform(
            f"git ovn needs Python {need} or later, this is {have}", hint="install it with a newer Python"
        )
    if platform == "win32":
        return UnsupportedPlatform(
            "git ovn does not run on Windows itself", hint="install and run it inside WSL"
        )
    return None


def _open_closed_streams() -> None:
    """Put /dev/null where a caller closed a standard stream (``>&-``), as git does.

    Otherwise the next file that is opened would become it, and be written to by mistake.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    fd = os.open(os.devnull, os.O_RDWR)
    while fd < 2:
        fd = os.dup(fd)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: SIM115, PTH123


def _change_folder(args: list[str]) -> list[str]:
    """Obey each leading ``-C DIR`` as git does, one after the other; return the rest."""
    while args and args[0] == "-C":
        if len(args) == 1:
            raise UsageError("no folder given for '-C'")
        try:
            os.chdir(args[1] or ".")
        except OSError as error:
            raise NotFound(f"cannot change to '{args[1]}': {error.strerror}") from error
        args = args[2:]
    return args


def _run_verb(name: str, args: list[str]) -> int:
    asked = _ask_where() if name in verbs.LOOKING else None
    from ovn.cli.context import Context

    with Context(verb=name, asked=asked) as surroundings:
        if name in verbs.LOOKING:
            surroundings.look_ahead()
        quick = verbs.quick(name, args)
        if quick is not None:
            quick(surroundings, *args)
            return 0
        command = verbs.load(name)
        # Not command.main(): it would print click's errors, in its words and with its exit codes.
        with command.make_context(f"git ovn {name}", args, obj=surroundings, **verbs.SETTINGS) as context:
            answer = command.invoke(context)
    return answer if isinstance(answer, int) else 0


def _ask_where() -> Popen[bytes] | None:
    """Ask git where the repository is before anything heavy is loaded; None when it cannot be asked."""
    from ovn.git.where import ask

    try:
        return ask()
    except OSError:  # whoever needs the repository asks again, and says what is wrong
        return None


if __name__ == "__main__":
    sys.exit(main())
