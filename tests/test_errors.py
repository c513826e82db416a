"""The error tree: what scripts rely on (kind, exit code) and what people read (hint)."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from ovn import errors
from ovn.errors import OvnError, error_classes

CONTRACT = {
    1: "Refused",
    10: "NotInitialised",
    11: "LeaseHeld",
    12: "StateConflict",
    13: "HandoffRefused",
    14: "Unhealthy",
    15: "NeedsPerson",
    16: "FormatTooNew",
    17: "NotTrusted",
    20: "RunLimited",
    21: "CrashLoop",
    128: "OvnError",
    129: "UsageError",
}
"""Each published exit code and the class that begins it."""


@pytest.mark.parametrize(("code", "name"), CONTRACT.items())
def test_a_published_exit_code_belongs_to_one_class_and_those_below_it(code, name):
    family = [cls for cls in error_classes() if cls.exit_code == code]
    assert family[0].__name__ == name
    assert all(issubclass(cls, family[0]) for cls in family)


def test_no_other_exit_codes_exist():
    assert {cls.exit_code for cls in error_classes()} == set(CONTRACT)
    assert {errors.INTERRUPTED, errors.OUTPUT_CLOSED} == {130, 141}


def test_kinds_tell_the_classes_apart():
    kinds = [cls.kind for cls in error_classes()]
    assert len(set(kinds)) == len(kinds)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", kind) for kind in kinds)


@pytest.mark.parametrize("cls", error_classes(), ids=lambda cls: cls.__name__)
def test_hints_are_in_the_house_style(cls):
    """Lower case, no full stop: they stand after ``hint:``."""
    if cls.hint is not None:
        assert cls.hint[0].islower()
        assert not cls.hint.endswith(".")


def test_an_error_carries_its_sentence_its_hint_and_its_facts():
    error = errors.LeaseHeld("feature 'x' is held", holder="session-001")
    assert (str(error), error.hint, error.facts) == (
        "feature 'x' is held",
        errors.LeaseHeld.hint,
        {"holder": "session-001"},
    )
    assert errors.LeaseHeld("x", hint="wait").hint == "wait"
    assert errors.LeaseHeld.hint != "wait"


@pytest.mark.parametrize("cls", error_classes(), ids=lambda cls: cls.__name__)
def test_each_class_says_what_happened(cls):
    """The reference page is made of these."""
    assert cls.__doc__.strip()
    assert cls is OvnError or cls.__doc__ != cls.__base__.__doc__


def test_the_tree_is_one():
    found = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and value.__module__ == errors.__name__
    ]
    assert set(found) == set(error_classes())
    assert all(issubclass(cls, OvnError) for cls in found)


def test_the_public_names_of_the_package_are_loaded_on_first_use():
    script = (
        "import sys, ovn\n"
        "assert not [name for name in sys.modules if name.startswith('ovn.')]\n"
        "assert ovn.OvnError.__name__ == 'OvnError'\n"
        "assert 'ovn.errors' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_an_unknown_public_name_is_an_attribute_error():
    import ovn

    with pytest.raises(AttributeError, match="module 'ovn' has no attribute 'Frob'"):
        _ = ovn.Frob


def test_every_public_name_exists():
    import ovn

    for name in ovn.__all__:
        assert getattr(ovn, name) is not None
