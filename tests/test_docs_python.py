"""Every block of the guide runs in a repository of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ovn.state.store import StateStore

pytestmark = pytest.mark.unmeasured

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "python.md"
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_of_the_guide_runs(number, location, monkeypatch):
    store = StateStore.open(location)
    store.init("guide")
    store.close()
    monkeypatch.chdir(location.tree())
    code = compile(BLOCKS[number], f"{GUIDE.name}, block {number + 1}", "exec")
    exec(code, {"__name__": "guide"})


def test_the_guide_has_its_examples():
    assert len(BLOCKS) >= 9
