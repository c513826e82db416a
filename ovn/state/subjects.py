"""What ``git log overnight/state`` says of each record: subject, body and trailers. Pure.

One line per event that reads well with ``--oneline``; plain records of one fold share a
commit. Text from agents and repositories loses its control and direction characters here:
``git log`` in a pipe prints them raw.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ovn import names
from ovn.frozen import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ovn.model.records import Record

WIDTH = 100
"""Characters of a subject; what is longer ends in an ellipsis, and stands whole in the record."""

LISTED = 20
"""Names of steps that a commit's body lists."""

_UNSAFE = "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+"
"""Seldom needed: compiled then."""
_OID = 8


@dataclass(frozen=True, slots=True)
class Words:
    """The parts of a commit message."""

    subject: str
    event: str
    body: Sequence[str] = ()
    trailers: Mapping[str, str] = field(default_factory=dict)

    def message(self) -> str:
        """Return the message: trailers are its last paragraph, whatever the body looks like."""
        said = {names.TRAILER_EVENT: self.event, **self.trailers}
        last = "\n".join(f"{key}: {plain(value)}" for key, value in said.items() if plain(value))
        body = "\n".join(plain(line, width=None) for line in self.body)
        return "\n\n".join(part for part in (plain(self.subject), body, last) if part) + "\n"


def plain(text: str, *, width: int | None = WIDTH) -> str:
    """Return text as one line without control, zero-width and direction characters."""
    safe = text.isascii() and text.isprintable()
    line = (text if safe else re.sub(_UNSAFE, " ", text)).strip()
    return line if width is None or len(line) <= width else line[: width - 1].rstrip() + "…"


def of_event(session: str, seq: int, record: Record) -> Words:
    """Return the words of a record that has a meaning, and so a commit of its own."""
    kind, data = record["type"], record["data"]
    word, text, body = _EVENTS[kind](session, data)
    trailers = {names.TRAILER_SESSION: session} | {
        trailer: str(data[key]) for key, trailer in _TRAILERS.get(kind, {}).items() if data.get(key)
    }
    if kind == "evidence":
        trailers[names.TRAILER_EVIDENCE] = f"{session}/{seq}"
    return Words(f"{word}: {text}" if text else word, kind, body, trailers)


_TRAILERS: dict[str, dict[str, str]] = {
    # record type: {field of its data: trailer}
    "session.created": {"feature": names.TRAILER_FEATURE, "run": names.TRAILER_RUN},
    "session.feature": {"feature": names.TRAILER_FEATURE},
    "attempt.started": {"feature": names.TRAILER_FEATURE},
    "checkpoint": {"id": names.TRAILER_CHECKPOINT},
    "commit": {"feature": names.TRAILER_FEATURE},
    "feature.status": {"feature": names.TRAILER_FEATURE},
    "evidence": {"feature": names.TRAILER_FEATURE},
    "operation": {"feature": names.TRAILER_FEATURE, "id": names.TRAILER_OPERATION},
    "run": {"id": names.TRAILER_RUN},
}

Telling = tuple[str, str, "Sequence[str]"]


def _telling(word: str, text: Callable[[dict[str, Any]], str]) -> Callable[[str, dict[str, Any]], Telling]:
    return lambda session, data: (f"{word}({session})", text(data), ())


def _state(session: str, data: dict[str, Any]) -> Telling:
    until = f" until {data['until']}" if data.get("until") else ""
    return f"session({session})", data["state"] + until + _because(data.get("why")), ()


def _attempt_ended(session: str, data: dict[str, Any]) -> Telling:
    code = "killed" if data["exit_code"] is None else f"exit code {data['exit_code']}"
    return f"attempt({session})", f"{data['number']} ended, {code}{_because(data['reason'])}", ()


def _checkpoint(session: str, data: dict[str, Any]) -> Telling:
    number = data["id"].rpartition("/")[2]
    label = data["label"] or f"{number} {data['kind']}"
    body = [data["text"]] if data["text"] else []
    omitted = [f"omitted: {one['path']}: {one['why']}" for one in data["omitted"][:LISTED]]
    return f"checkpoint({session})", label, [*body, *omitted]


def _commit(session: str, data: dict[str, Any]) -> Telling:
    foreign = "foreign " if data["kind"] == "foreign" else ""
    bypassed = "hooks bypassed, " if data.get("bypassed") else ""
    subject = data.get("subject", "").partition("\n")[0]
    return f"commit({session})", f"{foreign}{bypassed}{data['commit'][:_OID]} {subject}".strip(), ()


def _feature_status(session: str, data: dict[str, Any]) -> Telling:
    return f"status({session})", f"{data['feature']} {data['status']}{_because(data.get('reason'))}", ()


def _evidence(session: str, data: dict[str, Any]) -> Telling:
    colour = "green" if data["green"] else "red"
    partial = f", partial: {data['partial']}" if data["partial"] else ""
    body = [f"{_command(one['command'])}: {one['exit_code']}, {one['summary']}" for one in data["commands"]]
    return f"evidence({session})", f"{data['feature']} {colour}{partial}", body


def _baseline(session: str, data: dict[str, Any]) -> Telling:
    failing = len(data["failing"])
    text = f"{failing} failing" if failing else "green" if data["exit_code"] == 0 else "red"
    return f"baseline({session})", f"{text}, {_command(data['command'])}", data["failing"][:LISTED]


_OPERATIONS = {"restore": "from {target}", "rollback": "to {target}", "undo": "of {undoes}", "commit": "made"}


def _operation(session: str, data: dict[str, Any]) -> Telling:
    said = "of feature {feature}" if data["feature"] else _OPERATIONS.get(data["verb"], "done")
    end = "" if data["state"] == "done" else f", {data['state']}"
    undone = f", undone by {data['undone_by']}" if data["undone_by"] else ""
    return f"{data['verb']}({session})", said.format(**data) + end + undone, ()


def _question(session: str, data: dict[str, Any]) -> Telling:
    if data["answer"] is None:
        return f"question({session})", data["text"], data["options"]
    return f"answer({session})", data["answer"], [data["text"]]


def _handoff(session: str, data: dict[str, Any]) -> Telling:
    said = ("accomplished", "next", "blockers", "tried")
    text = ", ".join(f"{len(data[key])} {key}" for key in said if data[key]) or "nothing said"
    return f"handoff({session})", text, [f"{key}: {line}" for key in said for line in data[key]]


def _run(session: str, data: dict[str, Any]) -> Telling:
    if data["state"] == "running":
        return f"run({data['id']})", f"{data['agent']} on {data['branch'] or session}", ()
    return f"run({data['id']})", f"ended{_because(data['stop'])}", ()


_EVENTS: dict[str, Callable[[str, dict[str, Any]], Telling]] = {
    "session.created": _telling(
        "start", lambda data: data.get("feature") or data.get("goal") or data["kind"]
    ),
    "session.state": _state,
    "session.code": _telling("code", lambda data: data["code"] or "no version"),
    "session.forked": _telling("fork", lambda data: f"of {data['session']}, up to {data['through']}"),
    "session.private": _telling(
        "private", lambda data: data["why"] or "no longer: a person said that it may be shared"
    ),
    "signal": _telling("signal", lambda data: data["name"]),
    "session.feature": _telling("feature", lambda data: data["feature"] or "none"),
    "attempt.started": _telling(
        "attempt",
        lambda data: f"{data['number']} started" + (f", {data['feature']}" if data["feature"] else ""),
    ),
    "attempt.ended": _attempt_ended,
    "checkpoint": _checkpoint,
    "commit": _commit,
    "feature.status": _feature_status,
    "evidence": _evidence,
    "baseline": _baseline,
    "operation": _operation,
    "question": _question,
    "recovery": _telling("recovery", lambda data: f"{data['verdict']}, {data['row']}"),
    "handoff": _handoff,
    "run": _run,
}


def of_plain(session: str, numbers: Sequence[int], run: Iterable[Record]) -> Words:
    """Return the words of records without a commit of their own: steps, notes, moves of HEAD."""
    kinds: dict[str, int] = {}
    names_of_steps: list[str] = []
    failed = 0
    for record in run:
        kinds[record["type"]] = kinds.get(record["type"], 0) + 1
        if record["type"] == "step":
            outcome = record["data"]["outcome"]
            failed += outcome == "failed"
            if len(names_of_steps) < LISTED:
                names_of_steps.append(record["data"]["name"] + ("" if outcome == "done" else f" ({outcome})"))
    reach = f"{numbers[0]}-{numbers[-1]}" if len(numbers) > 1 else str(numbers[0])
    trailers = {names.TRAILER_SESSION: session}
    if "step" not in kinds:
        counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        return Words(f"records({session}): {reach}, {counted}", "records", (), trailers)
    subject = f"steps({session}): {reach}" + (f", {failed} failed" if failed else "")
    return Words(subject, "steps", names_of_steps, trailers)


def _because(reason: str | None) -> str:
    return f", {reason}" if reason else ""


def _command(command: str | Sequence[str]) -> str:
    return command if isinstance(command, str) else " ".join(command)
