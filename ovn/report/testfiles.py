"""Which tests a file holds, and how much each of them looks at. Pure; one reader for each language.

Python is read by its own parser, which knows where a test ends. Of the others a test goes from
its head to the next one's: enough to tell that one is gone, skipped, or asserts less.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections import Counter
from typing import TYPE_CHECKING

from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGEST = 1 << 20
"""Bytes of a file that is read; a larger one is data, whatever it is called."""


@dataclass(frozen=True, slots=True)
class Test:
    """One test: how many assertions stand in it, whether it is skipped, a digest of what it does."""

    __test__ = False

    assertions: int
    skipped: bool
    body: str


Tests = dict[str, Test]
"""By name; a method's has its class before it."""


def read(path: str, data: bytes) -> Tests | None:
    """Return the tests in a file; None for what is no test file by its name, or too large to be one."""
    reader = next((one for pattern, one in READERS if pattern.search(path)), None)
    if reader is None or len(data) > LARGEST:
        return None
    return reader(data.decode("utf-8", "replace"))


# -- Python ----------------------------------------------------------------------------


def _python(text: str) -> Tests:
    """Return pytest's and unittest's tests: functions ``test*``, and methods of that name in classes.

    Text that this Python cannot parse is read by its lines, as other languages are.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of somebody else's escapes and comparisons
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _by_lines(text, *_PYTHON_LINES)
    return dict(_functions(tree.body, "", skipped=False))


def _functions(body: list[ast.stmt], prefix: str, *, skipped: bool) -> Iterator[tuple[str, Test]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            off = skipped or _has_skip(node.decorator_list)
            yield from _functions(node.body, f"{prefix}{node.name}.", skipped=off)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield f"{prefix}{node.name}", _test(node, skipped=skipped or _has_skip(node.decorator_list))


def _test(node: ast.FunctionDef | ast.AsyncFunctionDef, *, skipped: bool) -> Test:
    inside = [one for statement in node.body for one in ast.walk(statement)]
    calls = [_called(one) for one in inside if isinstance(one, ast.Call)]
    asserted = sum(isinstance(one, ast.Assert) for one in inside)
    asserted += sum(_asserts(name) for name in calls)
    off = skipped or any(name in _SKIPPING for name in calls)
    return Test(asserted, off, _digest("".join(ast.dump(one) for one in node.body)))


_SKIPPING = frozenset(("pytest.skip", "self.skipTest", "pytest.xfail"))


def _has_skip(decorators: list[ast.expr]) -> bool:
    named = [_called(one) if isinstance(one, ast.Call) else _name(one) for one in decorators]
    return any(re.search(r"(^|\.)(skip\w*|xfail|expectedFailure)$", name) for name in named)


def _asserts(name: str) -> bool:
    """Tell whether a call is an assertion by its name: ``self.assertEqual``, ``pytest.raises``."""
    last = name.rpartition(".")[2]
    return last.startswith(("assert", "fail_unless")) or name in ("pytest.raises", "pytest.fail", "self.fail")


def _called(call: ast.Call) -> str:
    return _name(call.func)


def _name(node: ast.expr) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id if isinstance(node, ast.Name) else "", *reversed(parts)])


# -- languages read by their lines -----------------------------------------------------


def _by_lines(text: str, head: str, asserts: str, skips: str) -> Tests:
    """Return the tests whose heads ``head`` finds (its group ``name``).

    ``skips`` is looked for in the head's own lines and in the body, ``asserts`` in the body.
    Two tests of one name (in two ``describe``) are told apart by their order.
    """
    heads = list(re.finditer(head, text, re.MULTILINE))
    found: Tests = {}
    seen: Counter[str] = Counter()
    for at, one in enumerate(heads):
        end = heads[at + 1].start() if at + 1 < len(heads) else len(text)
        body = text[one.end() : end]
        skipped = re.search(skips, one[0]) is not None or re.search(skips, body) is not None
        name = " ".join(one["name"].split())
        seen[name] += 1
        key = f"{name} #{seen[name]}" if seen[name] > 1 else name
        found[key] = Test(len(re.findall(asserts, body)), skipped, _digest(" ".join(body.split())))
    return found


_PYTHON_LINES = (
    r"^[ \t]*(?:async[ \t]+)?def[ \t]+(?P<name>test\w*)",
    r"\bassert\b|\bself\.assert\w+\(|\bpytest\.raises\(",
    r"\bpytest\.(?:skip|xfail)\(|\bself\.skipTest\(",
)
_JAVASCRIPT = (
    (
        r"(?<![\w.])(?:x?it|x?test)(?:\.\w+)*[ \t]*\([ \t]*"
        r"""(?P<quote>['"`])(?P<name>(?:(?!(?P=quote)).){1,300})"""
    ),
    r"\bexpect(?:\.\w+)?\(|\bassert(?:\.\w+)*\(|\.should\b",
    r"\A(?:xit|xtest)\b|\A\w+\.(?:skip|todo|failing)\b",
)
_GO = (
    r"^func[ \t]+(?P<name>(?:Test|Fuzz|Example|Benchmark)\w*)[ \t]*\(",
    r"\bt\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(|\b(?:assert|require)\.\w+\(",
    r"\bt\.(?:Skip|Skipf|SkipNow)\(",
)
_RUST = (
    r"#\[(?:\w+::)*test(?:\([^)\]]*\))?\](?:\s*(?:#\[[^\]]*\]|//[^\n]*))*\s*(?:pub\s+)?(?:async\s+)?fn\s+(?P<name>\w+)",
    r"\b(?:debug_)?assert\w*!|\bpanic!",
    r"#\[ignore",
)
_JAVA = (
    r"@(?:Test|ParameterizedTest|RepeatedTest)\b(?:\s*@\w+(?:\([^)]*\))?|\([^)]*\))*\s*(?:public\s+|fun\s+)?(?:void\s+)?(?P<name>\w+)\s*\(",
    r"\bassert\w*\s*[(.]|\bverify\(|\bfail\(",
    r"@(?:Disabled|Ignore)\b",
)


def _lines(rules: tuple[str, str, str]) -> Callable[[str], Tests]:
    return lambda text: _by_lines(text, *rules)


READERS: tuple[tuple[re.Pattern[str], Callable[[str], Tests]], ...] = (
    (re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test|tests?)\.py$"), _python),
    (re.compile(r"\.(?:test|spec)\.[cm]?[jt]sx?$|(?:^|/)__tests__/.*\.[cm]?[jt]sx?$"), _lines(_JAVASCRIPT)),
    (re.compile(r"_test\.go$"), _lines(_GO)),
    (re.compile(r"\.rs$"), _lines(_RUST)),
    (re.compile(r"(?:Tests?|IT)\.(?:java|kt)$"), _lines(_JAVA)),
)
"""(what the path looks like, its reader). Rust keeps tests beside the code they test."""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
