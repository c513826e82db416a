"""Measure: no module beyond 400 lines, no function beyond 80. ``--all`` prints the largest.

Small modules can be read whole, and a review can hold a short function in mind. What is
generated is not counted.
"""

from __future__ import annotations

import ast
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("ovn", "tools", "bench")
GENERATED = {"ovn/model/validators.py"}
MODULE_LINES = 400
FUNCTION_LINES = 80


class Sizes(NamedTuple):
    """Lines of each module and of each function, by where they are."""

    modules: dict[str, int]
    functions: dict[str, int]


def measure(root: Path = ROOT) -> Sizes:
    """Return the sizes of every Python file in the measured folders."""
    sizes = Sizes({}, {})
    for path in sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if name in GENERATED:
            continue
        text = path.read_text(encoding="utf-8")
        sizes.modules[name] = len(text.splitlines())
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                sizes.functions[f"{name}:{node.lineno} {node.name}"] = node.end_lineno - node.lineno + 1
    return sizes


def too_large(sizes: Sizes) -> list[str]:
    """Return one sentence for each module or function beyond its limit."""
    limits = ((sizes.modules, MODULE_LINES), (sizes.functions, FUNCTION_LINES))
    return [
        f"{name}: {lines} lines, at most {limit}"
        for found, limit in limits
        for name, lines in found.items()
        if lines > limit
    ]


def main() -> int:
    """Print the medians and what is too large; return 1 if anything is."""
    sizes = measure()
    for what, found in sizes._asdict().items():
        print(f"{len(found)} {what}, median {statistics.median(found.values() or [0]):g} lines")
        if "--all" in sys.argv:
            largest = sorted(found.items(), key=lambda item: -item[1])[:10]
            print(*(f"   {lines:4} {name}" for name, lines in largest), sep="\n")
    problems = too_large(sizes)
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
