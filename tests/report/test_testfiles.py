"""Which tests a file holds, language by language."""

from __future__ import annotations

import pytest

from ovn.report.testfiles import LARGEST, read

PYTHON = """
import pytest, unittest

def helper():
    assert False

def test_plain():
    assert 1
    with pytest.raises(ValueError):
        int("x")

@pytest.mark.skip(reason="later")
def test_skipped():
    assert 1

def test_gives_up():
    pytest.skip("no network")

async def test_waits():
    assert await something()

class TestGroup:
    def test_inside(self):
        self.assertEqual(1, 1)
        mock.assert_called_once()

@unittest.skipIf(True, "x")
class Case(unittest.TestCase):
    def test_off(self):
        self.assertTrue(1)
"""


def of(path: str, text: str) -> dict[str, tuple[int, bool]]:
    found = read(path, text.encode())
    assert found is not None
    return {name: (one.assertions, one.skipped) for name, one in found.items()}


def test_python_by_its_own_parser():
    assert of("tests/test_x.py", PYTHON) == {
        "test_plain": (2, False),
        "test_skipped": (1, True),
        "test_gives_up": (0, True),
        "test_waits": (1, False),
        "TestGroup.test_inside": (2, False),
        "Case.test_off": (1, True),
    }


def test_python_that_cannot_be_parsed_is_read_by_its_lines():
    text = "def test_a():\n    assert 1\n    assert 2\n\ndef test_b(:\n    pytest.skip('x')\n"
    assert of("test_x.py", text) == {"test_a": (2, False), "test_b": (0, True)}


def test_javascript():
    text = """
describe("sums", () => {
  it("adds", () => { expect(1 + 1).toBe(2); expect(2).toBe(2) })
  test.skip('goes', () => { expect(1).toBe(1) })
  xit(`waits`, () => {})
  it("adds", async () => { assert.equal(1, 1) })
  submit("no test", 1)
})
"""
    assert of("src/sums.test.ts", text) == {
        "adds": (2, False), "goes": (1, True), "waits": (0, True), "adds #2": (1, False),
    }  # fmt: skip


def test_go_rust_and_java():
    go = 'func TestA(t *testing.T) {\n if x { t.Fatal("a") }\n require.Equal(t, 1, 1)\n}\n'
    go += "func TestB(t *testing.T) { t.Skip() }\n"
    assert of("pkg/a_test.go", go) == {"TestA": (2, False), "TestB": (0, True)}
    rust = (
        "#[test]\nfn a() { assert_eq!(1, 1); assert!(true); }\n#[tokio::test]\n#[ignore]\nasync fn b() {}\n"
    )
    assert of("src/lib.rs", rust) == {"a": (2, False), "b": (0, True)}
    java = '@Test\n@Disabled("x")\npublic void a() { assertEquals(1, 1); }\n@Test void b() { verify(x); }\n'
    assert of("src/SumTest.java", java) == {"a": (1, True), "b": (1, False)}


@pytest.mark.parametrize(
    "path", ["ovn/testing.py", "src/contest.js", "go.mod", "tests/data.json", "a_test.gox"]
)
def test_other_files_hold_no_tests(path):
    assert read(path, b"def test_x():\n    assert 1\n") is None


def test_ten_thousand_tests_of_one_name_are_told_apart():
    text = 'it("same", () => {})\n' * 10_000
    assert len(of("a.test.js", text)) == 10_000


def test_what_is_too_large_is_data():
    assert read("test_x.py", b"#" * (LARGEST + 1)) is None


def test_bytes_that_are_no_text_do_not_stop_it():
    assert read("test_x.py", b"\xff\x00def test_a(): assert 1\n") is not None
