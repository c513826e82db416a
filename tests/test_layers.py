"""Who may do what: the rules of the house that no type checker knows.

Which layer may import which is a contract of import-linter in pyproject.toml.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.unmeasured,
    pytest.mark.xdist_group("layers"),  # the package is parsed once for all of them
]

ROOT = Path(__file__).resolve().parent.parent
LIGHT = ("ovn/errors.py", "ovn/names.py", "ovn/clock.py", "ovn/host.py", "ovn/crash.py", "ovn/resources.py",
         "ovn/model/", "ovn/schema.py", "ovn/config.py")  # fmt: skip
"""Layers 0 and 1."""

MAY_READ_THE_ENVIRONMENT = {
    "ovn/cli/": "its business",
    "ovn/githooks/": "the entry of git's hooks",
    "ovn/agents/": "the entry of the agents' hooks",
    "ovn/agenthooks/": "the entry of the agents' hooks",
    "ovn/demo/agent.py": "a process of its own: the agent of the demo",
    "ovn/crash.py": "armed by the tests, in whatever process it is",
    "ovn/git/run.py": "hands a scrubbed copy to git and to commands",
    "ovn/git/where.py": "asks git where it is, with GIT_DIR as it was given",
    "ovn/git/settings.py": "hears 'git -c KEY=VALUE', which git passes on in it",
}
MAY_PRINT = {
    "ovn/cli/": "its business",
    "ovn/githooks/": "the entry of git's hooks",
    "ovn/agents/": "the entry of the agents' hooks",
    "ovn/agenthooks/": "the entry of the agents' hooks",
    "ovn/runner/launch.py": "a process of its own: what becomes the agent",
    "ovn/runner/janitor.py": "a process of its own: what ends the agents of a killed runner",
    "ovn/state/rollup.py": "a process of its own: what rolls packs up",
    "ovn/demo/agent.py": "a process of its own: the agent of the demo",
}
BANNED = {
    "create_commit": "returns an id although the write failed (libgit2 1.9.7); write it as an object",
    "amend_commit": "returns an id although the write failed (libgit2 1.9.7)",
    "checkout_tree": "follows symlinks out of the work tree; restore with git itself",
    "checkout_index": "follows symlinks out of the work tree; restore with git itself",
    "checkout_head": "follows symlinks out of the work tree; restore with git itself",
    "add_all": "stores filtered files raw and fails while a file grows; snapshot with git itself",
    "create_reference_direct": "loses concurrent writes when forced; compare and swap",
    "system": "a shell with whatever is in the string",
    "popen": "a shell with whatever is in the string",
}


def imported(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the modules that importing this body imports: not in functions, not for types only."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.If) and getattr(node.test, "id", "") != "TYPE_CHECKING":
            yield from imported([*node.body, *node.orelse])
        elif isinstance(node, ast.Try | ast.With | ast.ClassDef):
            yield from imported(node.body)


def attributes(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield ``(value, attribute)`` of every attribute of a plain name, e.g. ``("os", "environ")``."""
    for node in walked(tree, ast.Attribute, ast.ImportFrom):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


@cache
def modules() -> dict[str, ast.Module]:
    """Return every module of the package, parsed, by its path."""
    paths = sorted((ROOT / "ovn").rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in paths}


def others(exceptions: dict[str, str] | None = None) -> Iterator[tuple[str, ast.Module]]:
    """Yield the modules that are not one of the exceptions and do not lie in one."""
    kept = tuple(exceptions or {"ovn/git/": "its business"})
    return ((name, tree) for name, tree in modules().items() if not name.startswith(kept))


def walked(tree: ast.Module, *kinds: type[ast.AST]) -> Iterator[Any]:
    """Yield the nodes of these kinds."""
    return (node for node in nodes(tree) if isinstance(node, kinds))


@cache
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Return every node of a module; all the rules go through them."""
    return tuple(ast.walk(tree))


def test_only_the_git_package_knows_pygit2():
    for module, tree in others():
        names = {alias.name for node in walked(tree, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in walked(tree, ast.ImportFrom)}
        assert not any(name.split(".")[0] == "pygit2" for name in names), module


def test_only_the_git_package_runs_git():
    for module, tree in others({"ovn/git/": "", "ovn/agenthooks/denials.py": "reads commands, runs none"}):
        lists = (node for node in walked(tree, ast.List, ast.Tuple) if not isinstance(node.ctx, ast.Store))
        first = [node.elts[0].value for node in lists if node.elts and isinstance(node.elts[0], ast.Constant)]
        assert "git" not in first, module


def test_the_library_does_not_read_the_environment():
    reads = {
        ("os", "environ"),
        ("os", "environb"),
        ("os", "getenv"),
        ("os.path", "expanduser"),
        ("Path", "home"),
    }
    for module, tree in others(MAY_READ_THE_ENVIRONMENT):
        assert set(attributes(tree)) & reads == set(), module


def test_the_library_does_not_touch_the_terminal():
    streams = {("sys", "stdout"), ("sys", "stderr"), ("sys", "stdin"), ("sys", "argv"), ("click", "echo")}
    for module, tree in others(MAY_PRINT):
        assert set(attributes(tree)) & streams == set(), module
        calls = {node.func.id for node in walked(tree, ast.Call) if isinstance(node.func, ast.Name)}
        assert calls & {"print", "input"} == set(), module


def test_calls_that_lose_data_are_banned():
    for module, tree in modules().items():
        called = {node.func.attr for node in walked(tree, ast.Call) if isinstance(node.func, ast.Attribute)}
        assert {name: BANNED[name] for name in called & set(BANNED)} == {}, module


def test_the_lowest_layers_load_nothing_but_the_standard_library():
    for module in filter(lambda name: name.startswith(LIGHT), modules()):
        found = {name.split(".")[0] for name in imported(modules()[module].body)}
        assert found <= {*sys.stdlib_module_names, "ovn"}, module


def test_no_package_loads_anything_heavy():
    heavy = {"pygit2", "jsonschema", "yaml", "click", "asyncio"}
    for module in filter(lambda name: name.endswith("__init__.py"), modules()):
        assert {name.split(".")[0] for name in imported(modules()[module].body)} & heavy == set(), module


def test_the_journal_loads_with_the_standard_library_alone():
    """Git's hooks append to it from ``python -I -S``, which has no site-packages."""
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import ovn.state.journal; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)
    assert loaded <= {"ovn", "__main__"}


def test_every_module_says_what_it_is_for():
    assert [module for module, tree in modules().items() if not ast.get_docstring(tree)] == []
