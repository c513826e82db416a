"""The generated pages about documents: those of the state branch, and those that verbs print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markdown import code, table

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parent.parent

# -- schemas.md ------------------------------------------------------------------------


SCHEMAS_HEAD = """\
# The documents

What lies on the branch `overnight/state`, as JSON Schema in [schemas/](../../schemas). JSON is
canonical: sorted keys, two spaces, a final newline. A reader refuses a version newer than the
one it knows.
"""


def schemas() -> str:
    """Each document's fields and their rules, from its JSON Schema."""
    documents = sorted(
        path for path in (ROOT / "schemas").glob("*.schema.json") if path.name != "config.schema.json"
    )
    parts = [SCHEMAS_HEAD]
    for path in documents:
        schema = json.loads(path.read_text(encoding="utf-8"))
        parts += [f"## {schema['title']}\n", f"{schema.get('description', '')} (`{schema['$id']}`)\n"]
        parts.append(_fields(schema))
        for name, part in schema.get("$defs", {}).items():
            if "properties" in part:
                parts += [f"### {schema['title']}: {name.removeprefix('data.')}\n"]
                parts += [part["description"] + "\n"] if "description" in part else []
                parts.append(_fields(part))
    return "\n".join([*parts, words_of(documents)])


def words_of(schemas: Iterable[Path]) -> str:
    """Return the section that says what the names of rules stand for."""
    rows = ((code(name), rule) for name, rule in _shared(schemas).items())
    return "## Words used above\n\n" + table(("word", "rule"), rows)


def _shared(paths: Iterable[Path]) -> dict[str, str]:
    """Return the rule of each plain definition; they mean the same in every schema."""
    found: dict[str, str] = {}
    for path in paths:
        for name, part in json.loads(path.read_text(encoding="utf-8")).get("$defs", {}).items():
            if "properties" not in part:
                found[name] = rule_of(part)
    return dict(sorted(found.items()))


def _fields(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rules = {name: rule_of(part) for name, part in schema.get("properties", {}).items()}
    rows = (
        (code(name), rule + ("" if name in required else "; may be missing")) for name, rule in rules.items()
    )
    return table(("field", "rule"), rows)


LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxLength": "at most {} characters",
    "minLength": "at least {} characters",
    "maxItems": "at most {} of them",
    "minItems": "at least {} of them",
    "pattern": "`{}`",
}


def rule_of(part: dict[str, Any]) -> str:
    """Return what a (part of a) schema allows, in words."""
    if "$ref" in part:
        return code(part["$ref"].removeprefix("#/$defs/").removeprefix("data."))
    if "const" in part:
        return code(json.dumps(part["const"]))
    if "enum" in part:
        return " or ".join(code(json.dumps(value)) for value in part["enum"])
    for word in ("anyOf", "oneOf"):
        if word in part:
            return " or ".join(rule_of(choice) for choice in part[word])
    kinds = part.get("type", "any value")
    *plain, last = sorted([kinds] if isinstance(kinds, str) else kinds, key=lambda kind: kind == "null")
    text = " or ".join(plain or [last])
    if "items" in part:
        rule = rule_of(part["items"])
        text += f" of ({rule})" if " " in rule else f" of {rule}"
    values = part.get("additionalProperties")
    if isinstance(values, dict):
        text += f" with values {rule_of(values)}"
    text = ", ".join([text, *(words.format(part[limit]) for limit, words in LIMITS.items() if limit in part)])
    return f"{text} or {last}" if plain else text


# -- output.md -------------------------------------------------------------------------


OUTPUT_HEAD = """\
# What `--json` prints

One document on stdout, as JSON Schema in [schemas/output/](../../schemas/output). Readers ignore fields that
they do not know; what is listed here stays.
"""


def output() -> str:
    """The published documents that verbs print and pages serve."""
    parts = [OUTPUT_HEAD]
    for path in sorted((ROOT / "schemas" / "output").glob("*.schema.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        about = f"{schema['description']} (`{schema['$id']}`)\n"
        parts += [f"## {schema['title']}\n", about, _fields(schema)]
    return "\n".join(parts)
