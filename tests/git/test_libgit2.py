"""What only libgit2 does, and what is made of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pygit2
import pytest

from ovn import names
from ovn.errors import OvnError
from ovn.git.libgit2 import Libgit2Store

WORDS = "failed to open directory 'refs/heads/overnight' for fsync: No such file or directory"


@pytest.fixture
def store(repo):
    return Libgit2Store(repo.location)


def commit(store, text):
    return store.write_commit(store.write_tree({}), [], text, when=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_ref_packed_between_its_rename_and_its_sync_was_moved(repo, store, monkeypatch):
    """'git pack-refs' removes the folder that libgit2 is about to sync."""
    real = pygit2.ReferenceTransaction.commit

    def overtaken(transaction):
        real(transaction)
        repo.git("pack-refs", "--all")
        raise pygit2.GitError(WORDS)

    monkeypatch.setattr(pygit2.ReferenceTransaction, "commit", overtaken)
    made = commit(store, "one")
    store.update_ref(names.STATE_REF, made, None, "test")
    assert store.resolve(names.STATE_REF) == made


def test_it_was_moved_also_when_another_has_moved_it_on(repo, store, monkeypatch):
    real = pygit2.ReferenceTransaction.commit
    made, later = commit(store, "one"), commit(store, "two")

    def overtaken(transaction):
        real(transaction)
        repo.git("update-ref", names.STATE_REF, later, made)
        repo.git("pack-refs", "--all")
        raise pygit2.GitError(WORDS)

    monkeypatch.setattr(pygit2.ReferenceTransaction, "commit", overtaken)
    store.update_ref(names.STATE_REF, made, None, "test")
    assert store.resolve(names.STATE_REF) == later


def test_an_error_before_the_ref_was_moved_is_one(store, monkeypatch):
    def failing(transaction):
        raise pygit2.GitError(WORDS)

    monkeypatch.setattr(pygit2.ReferenceTransaction, "commit", failing)
    with pytest.raises(OvnError, match="for fsync"):
        store.update_ref(names.STATE_REF, commit(store, "one"), None, "test")
    monkeypatch.undo()
    assert store.resolve(names.STATE_REF) is None
