"""Lines added and deleted between trees: what moved, what is binary, what has a strange name."""

from __future__ import annotations

from ovn.git.run import Git
from ovn.git.sizes import sizes


def tree(repo) -> str:
    repo.commit("next")
    return repo.git("rev-parse", "HEAD^{tree}")


def test_each_pair_is_measured_by_itself(repo):
    first = tree(repo)
    repo.write("a", "1\n2\n3\n")
    second = tree(repo)
    repo.write("a", "1\n3\n")
    third = tree(repo)
    found = sizes(Git(repo.location), [(first, second), (second, third), (first, third), (first, second)])
    told = [[(one.path, one.added, one.deleted) for one in several] for several in found]
    assert told == [[(b"a", 3, 0)], [(b"a", 0, 1)], [(b"a", 2, 0)], [(b"a", 3, 0)]]


def test_equal_trees_and_no_pairs_give_nothing(repo):
    same = tree(repo)
    assert sizes(Git(repo.location), [(same, same)]) == [[]]
    assert sizes(Git(repo.location), []) == []


def test_a_moved_file_is_measured_under_its_new_path(repo):
    repo.write("old", "".join(f"{number}\n" for number in range(100)))
    before = tree(repo)
    (repo.path / "old").rename(repo.path / "new")
    repo.write("new", "".join(f"{number}\n" for number in range(101)))
    (only,) = sizes(Git(repo.location), [(before, tree(repo))])
    assert [(one.path, one.added, one.deleted) for one in only] == [(b"new", 1, 0)]


def test_binary_files_have_no_lines_and_any_name_is_read(repo):
    before = tree(repo)
    names = [b"bin", b"with\nnewline", b"tab\there", b"\xff", b" 1 2"]
    for name in names:
        repo.write(name, b"\0\1" if name == b"bin" else b"x\n")
    (found,) = sizes(Git(repo.location), [(before, tree(repo))])
    assert {one.path: (one.added, one.deleted) for one in found} == {
        name: (None, None) if name == b"bin" else (1, 0) for name in names
    }
