"""Failing test ids out of what real test runners printed."""

# ruff: noqa: RUF001 - jest's own marks

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.baseline.testids import LONGEST, MOST, Reading, read

if TYPE_CHECKING:
    from pathlib import Path

CARGO = """\
   Compiling tiny v0.1.0 (/tmp/rs)
    Finished `test` profile [unoptimized + debuginfo] target(s) in 1.91s
     Running unittests src/lib.rs (target/debug/deps/tiny-b8411d1b6389d6df)

running 2 tests
test tests::good ... ok
test tests::bad ... FAILED

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.18s

     Running tests/it.rs (target/debug/deps/it-66cd0eec21e170a5)

running 1 test
test outer ... FAILED

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.15s

   Doc-tests tiny

running 1 test
test src/lib.rs - f (line 1) ... FAILED

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.05s

error: 3 targets failed:
    `--lib`
"""

JEST = """\
FAIL src/a.test.js
  ● Console

    console.log

  ● suite › adds numbers

    expect(received).toBe(expected) // Object.is equality

  ● suite › inner › deep - one

    x

FAIL src/b.test.js
  ● Test suite failed to run

    Cannot find module './nothing' from 'src/b.test.js'

PASS src/c.test.js

Test Suites: 2 failed, 1 passed, 3 total
Tests:       2 failed, 1 passed, 3 total
Time:        0.792 s
Ran all test suites.
"""

VITEST = """\
\x1b[41m\x1b[1m FAIL \x1b[22m\x1b[49m v/b.test.js\x1b[2m [ v/b.test.js ]\x1b[22m
\x1b[31m\x1b[1mError\x1b[22m: Cannot find module './nothing' imported from /tmp/js/v/b.test.js\x1b[39m
\x1b[41m\x1b[1m FAIL \x1b[22m\x1b[49m v/a.test.js\x1b[2m > \x1b[22msuite\x1b[2m > \x1b[22madds numbers
\x1b[31m\x1b[1mAssertionError\x1b[22m: expected 2 to be 3 // Object.is equality\x1b[39m
\x1b[41m\x1b[1m FAIL \x1b[22m\x1b[49m |web| v/a.test.js\x1b[2m > \x1b[22msuite\x1b[2m > \x1b[22mdeep - one
\x1b[2m Test Files \x1b[22m \x1b[1m\x1b[31m2 failed\x1b[39m\x1b[22m\x1b[90m (2)\x1b[39m
\x1b[2m      Tests \x1b[22m \x1b[1m\x1b[31m2 failed\x1b[39m | \x1b[22m\x1b[1m\x1b[32m1 passed\x1b[39m
"""

GO = """\
=== RUN   TestAdd
--- FAIL: TestAdd (0.00s)
    --- FAIL: TestAdd/negative_numbers (0.00s)
        add_test.go:12: got 1, want 2
FAIL
FAIL\texample.com/calc\t0.003s
ok  \texample.com/other\t(cached)
?   \texample.com/none\t[no test files]
FAIL\texample.com/broken [build failed]
FAIL
"""

GO_JSON = """\
{"Time":"2026-01-02T03:04:05Z","Action":"start","Package":"example.com/calc"}
{"Action":"output","Package":"example.com/calc","Test":"TestAdd","Output":"--- FAIL: TestAdd (0.00s)\\n"}
{"Action":"fail","Package":"example.com/calc","Test":"TestAdd","Elapsed":0}
{"not json
{"Action":"fail","Package":"example.com/calc","Elapsed":0.003}
"""

JUNIT = """\
<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="a" tests="3">
  <testcase classname="pkg.Case" name="good"/>
  <testcase classname="pkg.Case" name="bad"><failure message="no">trace</failure></testcase>
  <testcase file="x_test.rb" name="worse"><error/></testcase>
  <testcase name="skipped"><skipped/></testcase>
</testsuite></testsuites>
"""

UNITTEST_OLD = """\
======================================================================
ERROR: test_b (tests.test_x.Case)
----------------------------------------------------------------------
Ran 2 tests in 0.001s

FAILED (errors=1)
"""

OUTPUTS = {
    "cargo": (
        CARGO,
        ("src/lib.rs::tests::bad", "tests/it.rs::outer", "tiny::src/lib.rs - f (line 1)"),
        "`--lib`",
    ),
    "jest": (
        JEST,
        (
            "src/a.test.js › suite › adds numbers",
            "src/a.test.js › suite › inner › deep - one",
            "src/b.test.js",
        ),
        "Ran all test suites.",
    ),
    "vitest": (
        VITEST,
        ("v/b.test.js", "v/a.test.js > suite > adds numbers", "v/a.test.js > suite > deep - one"),
        "Tests  2 failed | 1 passed",
    ),
    "go": (
        GO,
        ("example.com/calc.TestAdd", "example.com/calc.TestAdd/negative_numbers", "example.com/broken"),
        "FAIL",
    ),
    "go-json": (
        GO_JSON,
        ("example.com/calc.TestAdd", "example.com/calc"),
        '{"Action":"fail","Package":"example.com/calc","Elapsed":0.003}',
    ),
    "junit": (JUNIT, ("pkg.Case::bad", "x_test.rb::worse"), "</testsuite></testsuites>"),
    "unittest": (UNITTEST_OLD, ("tests.test_x.Case.test_b",), "FAILED (errors=1)"),
}


@pytest.mark.parametrize("runner", OUTPUTS)
def test_each_runner_is_recognised_and_read(runner: str) -> None:
    output, failing, last = OUTPUTS[runner]
    assert read(output, 1) == Reading(runner, failing, last)


@pytest.mark.parametrize("runner", OUTPUTS)
def test_a_green_exit_code_is_believed(runner: str) -> None:
    assert read(OUTPUTS[runner][0], 0).failing == ()


PYTEST = """
import pytest

@pytest.mark.parametrize("text", ["a - b", "c] d", "plain"])
def test_words(text):
    print("FAILED tests/not_me.py::test_x - a lie that a test printed")
    assert text == "plain", "one - two"

class TestCase:
    def test_method(self):
        raise ValueError

@pytest.fixture
def broken():
    raise OSError

def test_error(broken): ...
def test_good(): ...
"""


@pytest.mark.parametrize("switches", [["-q"], ["-v", "--color=yes"]])
def test_pytest_itself(tmp_path: Path, switches: list[str]) -> None:
    """Its short summary in every mood, brackets and dashes in parameters, a module that breaks."""
    (tmp_path / "test_a.py").write_text(PYTEST)
    (tmp_path / "test_b.py").write_text("import nothing_like_it\n")
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *switches]
    words += ["-p", "no:xdist", "-p", "no:hypothesispytest", "-p", "no:timeout"]
    words += ["--continue-on-collection-errors", "--capture=no", "test_a.py", "test_b.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = read(done.stdout, done.returncode)
    wanted = {
        "test_a.py::test_words[a - b]",
        "test_a.py::test_words[c] d]",
        "test_a.py::TestCase::test_method",
    }
    wanted |= {"test_a.py::test_error", "test_b.py"}
    assert found.runner == "pytest"
    assert set(found.failing) - {"tests/not_me.py::test_x"} == wanted


UNITTEST = """
import unittest
class Case(unittest.TestCase):
    def test_good(self): ...
    def test_bad(self): self.fail()
    def test_sub(self):
        for i in range(2):
            with self.subTest("named", i=i): self.fail()
class Broken(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise OSError
    def test_never(self): ...
"""


def test_unittest_itself(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(UNITTEST)
    (tmp_path / "test_y.py").write_text("import nothing_like_it\n")
    words = [sys.executable, "-m", "unittest", "discover"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = read(done.stderr, done.returncode)
    assert (found.runner, found.summary) == ("unittest", "FAILED (failures=3, errors=2)")
    assert set(found.failing) == {
        "test_x.Case.test_bad",
        "test_x.Case.test_sub [named] (i=0)",
        "test_x.Case.test_sub [named] (i=1)",
        "test_x.Broken.setUpClass",
        "unittest.loader._FailedTest.test_y",
    }


@pytest.mark.parametrize("output", ["", "make: *** [all] Error 1\n", "FAILED x.py::y\n", "<testsuite", "{\n"])
def test_what_nobody_recognises_has_no_ids(output: str) -> None:
    found = read(output, 2)
    assert (found.runner, found.failing) == (None, ())


@pytest.mark.parametrize("bomb", ['<!DOCTYPE x [<!ENTITY a "b">]>', "<!ENTITY a 'b'>"])
def test_an_xml_bomb_is_not_read(bomb: str) -> None:
    assert read(JUNIT.replace("<testsuites>", bomb + "<testsuites>"), 1).failing == ()
    assert read("<testsuites>" + bomb + "</testsuites>", 1).runner is None


def test_ids_are_one_line_short_unique_and_not_endless() -> None:
    long = "x.py::test[" + "a" * 5000 + "]"
    lines = [
        f"FAILED {long}",
        f"FAILED {long}",
        "FAILED x.py::a\x07b",
        *(f"FAILED x.py::t{n}" for n in range(MOST)),
    ]
    found = read("\n".join([*lines, "5003 failed in 1.0s"]), 1).failing
    assert len(found) == MOST
    assert found[:2] == (long[:LONGEST], "x.py::a b")


@given(
    st.text() | st.lists(st.sampled_from((CARGO + JEST + GO + GO_JSON + JUNIT).splitlines())).map("\n".join)
)
def test_no_output_breaks_it(output: str) -> None:
    found = read(output, 1)
    assert all(0 < len(name) <= LONGEST for name in found.failing)
