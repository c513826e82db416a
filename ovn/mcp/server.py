"""The protocol: JSON-RPC, a message a line, over stdin and stdout. Nothing but the standard library.

https://modelcontextprotocol.io/specification/2025-06-18. One call at a time: each verb takes
locks, so a second one would wait for the first anyway.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from ovn import __version__, myself
from ovn.mcp import tools
from ovn.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    Json = dict[str, Any]
    Run = Callable[[tools.Call], "tuple[int, str, str]"]

PROTOCOLS = ("2025-06-18", "2025-03-26", "2024-11-05")
LARGEST = 4 << 20
"""Bytes of a message; a longer line is answered with an error."""

INSTRUCTIONS = (
    "git ovn keeps what you do through the night. Take a checkpoint before something risky, prove a feature "
    "with verify_feature when it is committed, and end with handoff: without it your shift is not over."
)

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602


class Fault(Exception):
    """An answer of the protocol that is an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def serve(reading: BinaryIO, writing: BinaryIO, run: Run) -> None:
    """Answer messages until stdin ends."""
    while line := reading.readline(LARGEST + 1):
        if len(line) > LARGEST:
            while line and not line.endswith(b"\n"):
                line = reading.readline(LARGEST)
            answers: list[Json] = [_error(None, PARSE_ERROR, "the message is too long")]
        elif not line.strip():
            continue
        else:
            answers = answer(line, run)
        writing.writelines(json.dumps(one).encode() + b"\n" for one in answers)
        writing.flush()


def answer(line: bytes, run: Run) -> list[Json]:
    """Return the answers to one line: one, none to a notification, several to a batch."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return [_error(None, PARSE_ERROR, "no JSON")]
    found = [_answer(one, run) for one in (message if isinstance(message, list) else [message])]
    return [one for one in found if one is not None]


def _answer(message: Any, run: Run) -> Json | None:
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        answers_us = isinstance(message, dict) and "method" not in message and "id" in message
        return None if answers_us else _error(None, INVALID_REQUEST, "no request")
    if "id" not in message:
        return None
    try:
        return {"jsonrpc": "2.0", "id": message["id"], "result": _result(message, run)}
    except Fault as fault:
        return _error(message["id"], fault.code, str(fault))


def _result(message: Json, run: Run) -> Json:
    method = METHODS.get(message["method"])
    if method is None:
        raise Fault(NO_METHOD, f"no method '{message['method']}'")
    params = message.get("params", {})
    if not isinstance(params, dict):
        raise Fault(INVALID_PARAMS, "params must be an object")
    return method(params, run)


def _error(number: Any, code: int, text: str) -> Json:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": text}}


def _initialize(params: Json, _: Run) -> Json:
    wanted = params.get("protocolVersion")
    return {
        "protocolVersion": wanted if wanted in PROTOCOLS else PROTOCOLS[0],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": "git-ovn", "version": __version__},
        "instructions": INSTRUCTIONS,
    }


def _call(params: Json, run: Run) -> Json:
    name = params.get("name")
    tool = tools.TOOLS.get(name) if isinstance(name, str) else None
    if tool is None:
        raise Fault(INVALID_PARAMS, f"no tool '{name}'; there are {', '.join(tools.TOOLS)}")
    given = params.get("arguments") or {}
    wrong = tools.wrong_arguments(tool, given)
    if wrong is not None:
        return _said(f"{tool.name} was not called: {wrong}", well=False)
    code, out, err = run(tool.call(given))
    document = _document(out)
    if document is None:
        return _said(redact(err or out or f"exit code {code}")[:8000], well=code == 0)
    if "error" in document:
        return _said(redact(_refusal(document["error"])), well=False, document=document)
    wrong = tools.wrong_result(tool, document)
    if wrong is not None:
        return _said(f"{tool.name} gave what its schema does not allow ({wrong})", well=False)
    return _said(json.dumps(document, indent=1), document=document)


def _refusal(error: Any) -> str:
    """Return a verb's error as the model reads it: why, and what to do."""
    if not isinstance(error, dict):
        return str(error)
    hint = f"\nhint: {error['hint']}" if error.get("hint") else ""
    return f"{error.get('message', 'it failed')}{hint}"


def _said(text: str, *, well: bool = True, document: Json | None = None) -> Json:
    told: Json = {"content": [{"type": "text", "text": text}], "isError": not well}
    return told if document is None else {**told, "structuredContent": document}


def _document(out: str) -> Json | None:
    try:
        found = json.loads(out)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


METHODS: dict[str, Callable[[Json, Run], Json]] = {
    "initialize": _initialize,
    "ping": lambda _, __: {},
    "tools/list": lambda _, __: {"tools": tools.listed()},
    "tools/call": _call,
}


def run_verb(call: tools.Call) -> tuple[int, str, str]:
    """Run a verb in the current folder; return its exit code, stdout and stderr."""
    try:
        done = subprocess.run(
            myself.argv(*call.words),
            input=call.stdin.encode("utf-8", "replace"),
            capture_output=True,
            timeout=call.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, "", f"'git ovn {call.words[0]}' was not done within {call.seconds:.0f} s"
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
