"""Hints, and how a person silences them."""

from __future__ import annotations

import pytest


def test_a_hint_is_given_until_somebody_does_not_want_it(store, ovn, repo):
    assert "hint: nothing can prove it yet" in ovn("feature", "add", "one").err
    repo.git("config", "ovn.advice.feature", "false")
    assert "hint:" not in ovn("feature", "add", "two").err
    assert "hint:" in ovn("feature", "show", "none", code=None).err


def test_hints_of_one_kind_of_error_can_be_silenced(store, ovn, repo):
    ovn("start", "s1", code=None)
    assert "hint:" in ovn("start", "s2", code=11).err
    repo.git("config", "ovn.advice.lease-held", "false")
    said = ovn("start", "s2", code=11).err
    assert said.startswith("error: ")
    assert "hint:" not in said


@pytest.mark.parametrize("value", ["false", "no", "0", "off"])
def test_all_hints_can_be_silenced(store, ovn, repo, value):
    repo.git("config", "ovn.advice", value)
    assert "hint:" not in ovn("feature", "add", "one").err
    assert "hint:" not in ovn("frob", code=129).err


def test_the_document_of_an_error_has_its_hint_all_the_same(store, ovn, repo):
    repo.git("config", "ovn.advice", "false")
    assert ovn("feature", "show", "none", "--json", code=None).json["error"]["hint"]


def test_outside_of_a_repository_hints_are_given(ovn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "hint: " in ovn("status", code=None).err
