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
from typing import Any

from generated import settle

from ovn.report import explaining, model, reviewing

FOLDER = "schemas/output"

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
    return settle({f"{FOLDER}/{name}.schema.json": schema(name) for name in OUTPUTS})


if __name__ == "__main__":
    sys.exit(main())
