"""Which tests failed, by id, out of what a test command printed. Pure.

Counts lie: two tests mended and two broken are the same number. One parser for each runner's
own summary; the first that recognises the output speaks. Whatever else was run has no ids,
and is judged by its exit code.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING

from ovn.baseline import junit
from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

LONGEST = 1000
"""Characters of an id; what is longer (a parametrised test with a page of text) is cut."""

MOST = 5000
"""Ids that are kept; a suite that fails worse than that says nothing more by the rest."""

# CSI sequences, as in ECMA-48 5.4; what vitest and cargo colour their output with
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: the runner (None: nobody recognised it), failing ids in order, a last line."""

    runner: str | None
    failing: tuple[str, ...]
    summary: str


def read(output: str, exit_code: int) -> Reading:
    """Return what the output of a test command says.

    A green exit code is believed: output may well quote a failure. With a red one and no id,
    ``failing`` is empty: the command itself could not run its tests.
    """
    lines = _COLOUR.sub("", output).replace("\r\n", "\n").split("\n")
    runner, ids = next(
        ((name, _tidy(parse(lines))) for name, knows, parse in RUNNERS if knows(lines)), (None, ())
    )
    return Reading(runner, ids if exit_code else (), summary(lines))


def summary(lines: Sequence[str]) -> str:
    """Return the line that sums it up: the last one with words, without its frame."""
    last = next((line for line in reversed(lines) if re.search(r"\w", line)), "")
    return last.strip().strip("=").strip()[:LONGEST]


def _tidy(ids: Iterable[str]) -> tuple[str, ...]:
    clean = (re.sub(r"[\x00-\x1f\x7f]+", " ", name).strip()[:LONGEST] for name in ids)
    return tuple(dict.fromkeys(name for name in clean if name))[:MOST]


def _any(pattern: str) -> Callable[[Sequence[str]], bool]:
    compiled = re.compile(pattern)
    return lambda lines: any(compiled.search(line) for line in lines)


# -- pytest: 'FAILED path::test - why' in the short summary ------------------------------

_PYTEST_HEAD = re.compile(r"=+ short test summary info =+")
_PYTEST_END = r"^(=+ )?(\d+ [a-z]+, )*\d+ (passed|failed|errors?|skipped|deselected)\b.* in [\d.:]+"
_PYTEST = re.compile(r"(?:FAILED|ERROR) (\S+\.py\b.*|\S+::.*)")


def _pytest(lines: Sequence[str]) -> Iterator[str]:
    heads = [at for at, line in enumerate(lines) if _PYTEST_HEAD.match(line)]
    for line in lines[heads[-1] if heads else 0 :]:
        if found := _PYTEST.fullmatch(line):
            yield _without_reason(found[1])


def _without_reason(text: str) -> str:
    """Cut ' - AssertionError ...' off a node id; brackets of a parameter may hold ' - ' too."""
    bracket = re.match(r"[^\[]*?\[.*?\](?= - |$)", text) if "[" in text.split(" - ", maxsplit=1)[0] else None
    return bracket[0] if bracket else text.split(" - ", 1)[0]


# -- unittest: a frame of '=', then 'FAIL: test_x (module.Case.test_x)' -------------------

_UNITTEST = re.compile(r"(?:FAIL|ERROR): (\S+) \(([\w.<>]+)\)(.*)")


def _unittest(lines: Sequence[str]) -> Iterator[str]:
    for before, line in itertools.pairwise(lines):
        found = _UNITTEST.match(line) if before.startswith("=====") else None
        if found:
            name, where, rest = found[1], found[2], found[3].strip()
            # since 3.11 the parentheses hold the method too
            whole = where if where.endswith(f".{name}") else f"{where}.{name}"
            yield f"{whole} {rest}" if rest.startswith(("(", "[")) else whole


# -- go: '--- FAIL: TestX' before 'FAIL package', or 'go test -json' ----------------------

_GO = re.compile(r"\s*--- FAIL: (\S+)")
_GO_PACKAGE = re.compile(r"(FAIL|ok|\?)\s+(\S+/\S+|\S+\.\S+|\S+)\s+(?:[\d.]+s|\(cached\)|\[.*\])")


def _go(lines: Sequence[str]) -> Iterator[str]:
    waiting: list[str] = []
    for line in lines:
        if found := _GO.match(line):
            waiting.append(found[1])
        elif package := _GO_PACKAGE.match(line):
            yield from (f"{package[2]}.{name}" for name in waiting)
            if package[1] == "FAIL" and not waiting:
                yield package[2]
            waiting = []
    yield from waiting


def _go_json(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith('{"'):
            continue
        try:
            event = json.loads(line)
        except ValueError:
            continue  # a program under test prints what it likes
        if isinstance(event, dict) and event.get("Action") == "fail":
            name, package = event.get("Test"), str(event.get("Package", ""))
            yield f"{package}.{name}" if name else package


# -- cargo: 'test path::name ... FAILED' under 'Running unittests src/lib.rs (target/...)' --

_CARGO_TARGET = re.compile(r"\s*(?:Running (?:unittests )?(\S+) \(|Doc-tests (\S+))")
_CARGO = re.compile(r"test (.+?) \.\.\. FAILED")


def _cargo(lines: Sequence[str]) -> Iterator[str]:
    target = ""
    for line in lines:
        if header := _CARGO_TARGET.match(line):
            target = f"{header[1] or header[2]}::"
        elif found := _CARGO.fullmatch(line.rstrip()):
            yield target + found[1]


# -- jest: 'FAIL file', then a line with a bullet for each test ---------------------------

_JEST_FILE = re.compile(r"\s*FAIL\s+(\S+)")
_JEST_TEST = re.compile(r"\s*● (.+)")


def _jest(lines: Sequence[str]) -> Iterator[str]:
    file, named = "", True
    for line in lines:
        if found := _JEST_FILE.match(line):
            if not named:
                yield file
            file, named = found[1], False
        elif (test := _JEST_TEST.match(line)) and not test[1].startswith("Console"):
            named = True
            whole = test[1] != "Test suite failed to run"
            yield f"{file} \u203a {test[1]}" if whole else file
    if not named:
        yield file


# -- vitest: ' FAIL  file > suite > test' --------------------------------------------------

_VITEST = re.compile(r"\s*FAIL\s+(?:\|.+?\| )?(\S+(?: > .+)?)(?: \[ .+ \])?")


def _vitest(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if found := _VITEST.fullmatch(line.rstrip()):
            yield found[1]


RUNNERS: tuple[tuple[str, Callable[[Sequence[str]], bool], Callable[[Sequence[str]], Iterable[str]]], ...] = (
    # name, does it recognise the output, the failing ids
    ("junit", junit.recognises, junit.failing),
    ("go-json", _any(r'^\{"(Time":.*"Action|Action)":"(run|start|pass|fail|output)"'), _go_json),
    ("go", _any(r"^(FAIL|ok)\s+\S+\s+([\d.]+s|\(cached\)|\[(build|setup) failed\])|^--- FAIL: "), _go),
    ("cargo", _any(r"^test result: (ok|FAILED)\. \d+ passed"), _cargo),
    ("vitest", _any(r"^\s*Test Files\s+.*\d+ (passed|failed)"), _vitest),
    ("jest", _any(r"^Test Suites:\s+.*\d+ total"), _jest),
    ("unittest", _any(r"^Ran \d+ tests? in [\d.]+s"), _unittest),
    ("pytest", _any(_PYTEST_END), _pytest),
)
"""Order matters where one output can hold another's words: the most particular mark first."""
