"""Exceptions as JSON, and back: a replayed failure raises what was raised, so ``except`` fits again."""

from __future__ import annotations

import importlib
import traceback
from typing import TYPE_CHECKING, Any

from ovn.errors import InvalidDocument, OvnError, StepFailed
from ovn.redaction import redact
from ovn.session import results

if TYPE_CHECKING:
    from ovn.model.canonical import Json

MESSAGE = 2000
TRACEBACK = 4000
"""Characters kept of a message and of the end of a traceback."""

OWN = "ovn/session/"
"""Frames of these files say nothing about the failure."""


def encode(error: BaseException) -> dict[str, Json]:
    """Return type, message, arguments where they are JSON, and the end of the traceback.

    Text passes redaction: it is for people. Arguments that hold a secret are left out.
    """
    kind = type(error)
    found: dict[str, Json] = {
        "type": f"{kind.__module__}:{kind.__qualname__}",
        "message": redact(_text(str(error)))[:MESSAGE],
        "traceback": redact(_text(_trace(error)))[-TRACEBACK:],
    }
    args = _args(error)
    if args is not None:
        found["args"] = args
    if isinstance(error, OvnError) and error.hint:
        found["hint"] = redact(_text(error.hint))[:MESSAGE]
    return found


def decode(data: dict[str, Json], call: str) -> BaseException:
    """Return the exception that was recorded for ``call``, with a note that says so.

    StepFailed where its class is not to be found in this program.
    """
    name, message = str(data.get("type", "")), str(data.get("message", ""))
    error = _again(_class(name), data, message) or StepFailed(
        f"{call} failed with {name.rpartition(':')[2]}: {message}", type=name
    )
    error.add_note(f"recorded in an earlier run, as the outcome of {call}:\n{data.get('traceback', '')}")
    return error


def line(error: BaseException | dict[str, Json]) -> str:
    """Return an exception, or a recorded one, as one line."""
    if isinstance(error, BaseException):
        error = encode(error)
    kind = str(error.get("type", "")).rpartition(":")[2]
    message = " ".join(str(error.get("message", "")).split())
    return f"{kind}: {message}" if message else kind


def _again(cls: type[BaseException] | None, data: dict[str, Json], message: str) -> BaseException | None:
    """Return an exception as it was: its ``__init__`` may want what nobody recorded, so it is not run."""
    if cls is None:
        return None
    try:
        args = results.decode(data["args"]) if "args" in data else (message,)
        error = cls.__new__(cls, *args)
        if not isinstance(error, OSError):  # which keeps the names of files apart from its arguments
            error.args = tuple(args)
    except (TypeError, ValueError, InvalidDocument):
        return None
    if isinstance(error, OvnError):
        error.facts = {}
        if "hint" in data:
            error.hint = str(data["hint"])
    return error


def _class(name: str) -> type[BaseException] | None:
    """Return the exception class of that name; nothing else is ever made from a journal."""
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        return None
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _args(error: BaseException) -> Json | None:
    try:
        args = error.__reduce__()[1] if isinstance(error, OSError) else error.args
        found = results.encode(args, "args")
        size = len(repr(found))
    except InvalidDocument:
        return None
    plain = repr(found)
    return found if size <= MESSAGE and redact(plain) == plain else None


def _trace(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if OWN not in frame.filename]
    return "".join(traceback.format_list(frames))


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
