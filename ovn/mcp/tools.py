"""The tools: one row for each, with its arguments' schema, the verb behind it, its result's schema.

What an agent says goes to the verb as words after ``--`` or as JSON on stdin, so that no text
can become an option.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Arguments = Mapping[str, Any]
    Json = dict[str, Any]

LONG = 4 * 3600.0
"""Seconds that a verification may take; its commands have limits of their own."""


@dataclass(frozen=True, slots=True)
class Call:
    """What to run: the words after ``git ovn``, its stdin, and how long it may take."""

    words: tuple[str, ...]
    stdin: str = ""
    seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: name, what it does (for the model), arguments, the verb, and what its result holds.

    ``result`` names the parts of the result that are documents, by key ("" is all of it), and
    the schema that each obeys.
    """

    name: str
    text: str
    properties: Json
    required: tuple[str, ...]
    call: Callable[[Arguments], Call]
    result: tuple[tuple[str, str], ...] = ()

    def schema(self) -> Json:
        """Return the JSON Schema of the arguments."""
        return {
            "type": "object",
            "properties": self.properties,
            "required": list(self.required),
            "additionalProperties": False,
        }


def _text(what: str) -> Json:
    return {"type": "string", "minLength": 1, "maxLength": 20_000, "description": what}


def _name(what: str) -> Json:
    return {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", "description": what}


def _texts(what: str) -> Json:
    return {"type": "array", "maxItems": 100, "items": _text("one"), "description": what}


def _checkpoint(given: Arguments) -> Call:
    said = ("-m", given["text"]) if given.get("text") else ()
    return Call(("checkpoint", "--json", *said, "--", given["label"]))


def _verify(given: Arguments) -> Call:
    named = ("--", given["feature"]) if given.get("feature") else ()
    return Call(("feature", "verify", "--json", *named), seconds=LONG)


def _handoff(given: Arguments) -> Call:
    said = {key: given[key] for key in ("accomplished", "next", "blockers", "tried") if given.get(key)}
    wip = ("--wip",) if given.get("wip") else ()
    return Call(("handoff", "--json", "--from", "-", *wip), json.dumps(said), LONG)


def _ask(given: Arguments) -> Call:
    options = [word for option in given.get("options", ()) for word in ("--option", option)]
    default = ("--default", given["default"]) if given.get("default") else ()
    return Call(("ask", "--json", *options, *default, "--", given["question"]))


TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "status",
            "Where the work stands: session, feature, last checkpoint, what is uncommitted, what to do next.",
            {},
            (),
            lambda _: Call(("status", "--json")),
            (("session", "session"), ("feature", "feature")),
        ),
        Tool(
            "next_feature",
            "The feature that comes next in the registry, with what proves it; none when nothing is left.",
            {},
            (),
            lambda _: Call(("feature", "next", "--json")),
        ),
        Tool(
            "checkpoint",
            "Keep all files as they are now under a name, before something risky. 'git ovn restore NAME' "
            "brings them back.",
            {"label": _text("a short name"), "text": _text("why")},
            ("label",),
            _checkpoint,
            (("", "checkpoint"),),
        ),
        Tool(
            "verify_feature",
            "Run what proves a feature and record it. Only this makes it done; it must be committed first.",
            {"feature": _name("its id; by default the one you work on")},
            (),
            _verify,
            (("evidence", "evidence"),),
        ),
        Tool(
            "handoff",
            "End your shift: what is accomplished (a proven feature by its id), what comes next, what "
            "blocks, what was tried and failed. What is uncommitted is committed.",
            {
                "accomplished": _texts("what is done"),
                "next": _texts("what comes next"),
                "blockers": _texts("what stands in the way"),
                "tried": _texts("what was tried and failed, and why"),
                "wip": {"type": "boolean", "description": "keep uncommitted work in a checkpoint instead"},
            },
            (),
            _handoff,
            (("", "handoff"),),
        ),
        Tool(
            "ask_human",
            "Leave a question for a person. Nobody answers at night: go on with something else.",
            {
                "question": _text("the question"),
                "options": _texts("the answers to choose from"),
                "default": _text("what you go on with meanwhile"),
            },
            ("question",),
            _ask,
            (("question", "question"),),
        ),
        Tool(
            "note",
            "Remember something: it is in every later briefing of this session, also after a compaction.",
            {"text": _text("one fact or decision")},
            ("text",),
            lambda given: Call(("note", "--json", "--", given["text"])),
        ),
    )
}


def listed() -> list[Json]:
    """Return the tools as ``tools/list`` does."""
    return [
        {"name": tool.name, "description": tool.text, "inputSchema": tool.schema()} for tool in TOOLS.values()
    ]


def wrong_arguments(tool: Tool, given: Any) -> str | None:
    """Return what is wrong with the arguments, in one line; None when nothing is."""
    from jsonschema import Draft202012Validator

    found = next(Draft202012Validator(tool.schema()).iter_errors(given), None)
    if found is None:
        return None
    where = ".".join(map(str, found.absolute_path))
    return f"{where}: {found.message}" if where else str(found.message)


def wrong_result(tool: Tool, result: Json) -> str | None:
    """Return how a result breaks the schemas of its documents; None when it keeps them."""
    from ovn import schema

    for kind, part in _documents(tool, result):
        found = next(schema.problems(kind, part), None)
        if found is not None:
            return f"{kind}: {found}"
    return None


def _documents(tool: Tool, result: Json) -> Iterator[tuple[str, Json]]:
    """Yield each document in the result; what a verb adds beside its fields is not part of it."""
    from ovn import schema

    for key, kind in tool.result:
        part = result.get(key) if key else result
        if isinstance(part, dict):
            known: Any = schema.schema(kind).get("properties", {})
            yield kind, {name: value for name, value in part.items() if name in known}
