"""Write the schemas of what verbs print with ``--json`` from the classes they print; ``--check`` compares.

These documents are only ever written by us, so that the class is the truth and the schema
follows; readers ignore what they do not know. What is stored has schemas written by hand.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from pathlib import Path
from typing import Any

from ovn.report import explaining, model, reviewing

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "schemas" / "output"

OUTPUTS: dict[str, tuple[type, str]] = {
    "explain": (explaining.Explanation, "why something is there: git ovn explain --json"),
    "morning": (model.Night, "what a night came to: git ovn morning --json"),
    "review": (reviewing.Reviewed, "what a night built, and what was decided: git ovn review --json"),
}
"""name -> (the class, what it is). The document is the class's fields and ``version``."""

SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
}


def schema(name: str) -> str:
    """Return the text of a schema."""
    cls, what = OUTPUTS[name]
    defs: dict[str, Any] = {}
    body = _object(cls, defs)
    body["required"] = ["version", *body["required"]]
    body["properties"] = {"version": {"const": 1}, **body["properties"]}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:git-ovn:schema:output:{name}:1",
        "title": name,
        "description": what,
    }
    return json.dumps({**head, **body, "$defs": dict(sorted(defs.items()))}, indent=2) + "\n"


def _object(cls: type, defs: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    fields = [field.name for field in dataclasses.fields(cls)]
    properties = {field: _part(hints[field], defs) for field in fields}
    return {"type": "object", "required": fields, "properties": properties}


def _part(hint: Any, defs: dict[str, Any]) -> dict[str, Any]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in SCALARS:
        return dict(SCALARS[hint])
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_part(arg, defs) for arg in args]}
    if origin is tuple:
        return {"type": "array", "items": _part(args[0], defs)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _part(args[1], defs)}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        key = f"{hint.__module__.rpartition('.')[2]}.{hint.__name__}".lower()
        if key not in defs:
            defs[key] = {}
            defs[key].update(_object(hint, defs))
        return {"$ref": f"#/$defs/{key}"}
    return {}  # Json: any value


def main() -> int:
    """Write every schema, or with ``--check`` name those that differ and return 1."""
    checking = "--check" in sys.argv
    stale = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in OUTPUTS:
        target = FOLDER / f"{name}.schema.json"
        text = schema(name)
        if not (target.exists() and target.read_text(encoding="utf-8") == text):
            stale.append(str(target.relative_to(ROOT)))
            if not checking:
                target.write_text(text, encoding="utf-8")
    if stale:
        print(*stale, "are out of date; run ./dev docs" if checking else "written", sep="\n")
    return 1 if stale and checking else 0


if __name__ == "__main__":
    sys.exit(main())
