"""This repository is its own example: its configuration is one that git ovn takes."""

from __future__ import annotations

from pathlib import Path

from ovn import config

ROOT = Path(__file__).resolve().parent.parent


def test_our_own_configuration_is_valid() -> None:
    """Read strictly, with nothing from the environment."""
    ours = config.load(ROOT, {})
    assert ours.project == "git-ovn"
    assert ours.agent.argv is not None
    assert any("{prompt_file}" in word for word in ours.agent.argv)
