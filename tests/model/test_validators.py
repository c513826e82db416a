"""The generated validators against jsonschema: thousands of documents, right and wrong."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovn import schema
from ovn.model import validators

pytestmark = pytest.mark.unmeasured

NAMES = sorted(validators.VALIDATORS)
ROOT = Path(__file__).resolve().parents[2]
MANY = 500 if os.environ.get("OVN_TEST_SIZE") == "long" else 30
"""Of each kind of document so many are spoiled in twenty ways: in CI ten thousand altogether."""


def accepted(name: str, value: object) -> bool:
    """Say what the generated validator says."""
    try:
        validators.VALIDATORS[name](value)
    except validators.Invalid:
        return False
    return True


def compare(name: str, value: object) -> bool:
    """Fail unless both validators say the same; returns what they say.

    The first thing that jsonschema finds will do: to find all and word them takes half of the time.
    """
    ours = accepted(name, value)
    theirs = next(schema._validator(name).iter_errors(value), None)
    assert ours == (theirs is None), (name, value, str(theirs))
    return ours


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(data=st.data())
def test_both_validators_take_what_the_schema_allows(name, valid, data):
    assert compare(name, data.draw(valid(name)))


def _mutations(name, valid, spoil, examples, each):
    said = []

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(value=valid(name), seed=st.integers(0, 2**32))
    def run(value, seed):
        source = random.Random(seed)
        said.extend(compare(name, spoil(value, source)) for _ in range(each))

    run()
    return said


@pytest.mark.parametrize("name", NAMES)
def test_both_validators_say_the_same_about_spoiled_documents(name, valid, spoil):
    said = _mutations(name, valid, spoil, examples=10, each=10)
    assert said.count(False) >= len(said) // 4 > 0, "the corpus must not be all valid"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_both_validators_say_the_same_about_thousands_of_spoiled_documents(name, valid, spoil):
    said = _mutations(name, valid, spoil, examples=MANY, each=20)
    assert said.count(False) >= len(said) // 4 > 0
    assert True in said


@pytest.mark.parametrize("value", [1.0, True, "1", None, [1]])
def test_a_whole_number_is_nothing_but_a_whole_number(value):
    """JSON Schema takes 1.0 and Python takes True; then one value would have two encodings."""
    project = {"format": 1, "project_id": "0" * 32, "project": "p", "created": "2026-01-02T03:04:05.000Z"}
    assert compare("project", project)
    assert not compare("project", {**project, "format": value})


def test_the_generated_file_is_what_the_schemas_say():
    pytest.importorskip("fastjsonschema")
    command = [sys.executable, str(ROOT / "tools" / "validators.py"), "--check"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_generated_file_needs_the_standard_library_only():
    """Hooks load it under ``python -I -S``; jsonschema alone takes 75 ms."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import ovn.model.records, ovn.model.validators"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
