"""The files that ship with the package."""

from __future__ import annotations

import pytest

from ovn import resources


def test_in_a_checkout_the_top_folders_are_read():
    assert resources.path("schemas").is_dir()
    assert resources.path("schemas", "session.schema.json").parent == resources.path("schemas")
    assert resources.read("schemas", "session.schema.json").startswith(b"{")


def test_in_a_wheel_the_shipped_ones_are_read(tmp_path, monkeypatch):
    (tmp_path / "_data" / "schemas").mkdir(parents=True)
    (tmp_path / "_data" / "schemas" / "x.json").write_bytes(b"shipped")
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path)
    assert resources.read("schemas", "x.json") == b"shipped"


def test_a_file_that_does_not_ship_is_not_found():
    with pytest.raises(FileNotFoundError):
        resources.read("schemas", "none.json")
