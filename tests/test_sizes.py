"""The size rule, and the tool that measures it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).resolve().parent.parent
_spec = importlib.util.spec_from_file_location("sizes", ROOT / "tools" / "sizes.py")
sizes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sizes)


def test_no_module_and_no_function_is_too_large():
    assert sizes.too_large(sizes.measure()) == []


def test_the_limits_are_inclusive_and_generated_files_are_not_counted(tmp_path):
    package = tmp_path / "ovn" / "model"
    package.mkdir(parents=True)
    (package / "validators.py").write_text("x = 1\n" * 1000)
    (package / "fits.py").write_text("def f():\n" + "    x = 1\n" * 79 + "y = 1\n" * 320)
    (package / "large.py").write_text(
        "class A:\n    async def f(self):\n" + "        x = 1\n" * 80 + "y = 1\n" * 319
    )
    assert sizes.too_large(sizes.measure(tmp_path)) == [
        "ovn/model/large.py: 401 lines, at most 400",
        "ovn/model/large.py:2 f: 81 lines, at most 80",
    ]
