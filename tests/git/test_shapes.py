"""Every shape of repository: equal to 'git add -A' or named, nothing touched, and all of it brought back.

Promise P7 of the design: a checkpoint's tree is the tree of ``git add -A`` on a copy of the
index, over all shapes that were found to matter; else what is missing is named.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ovn.git import inprogress, selection
from ovn.git.paths import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from _pytest.mark import ParameterSet

pytestmark = pytest.mark.unmeasured


@dataclass(frozen=True)
class Shape:
    build: Callable[[Any, Path], Any]
    omits: dict[str, str]
    fresh: bool
    limits: dict[str, int]
    compare: bool
    stays: tuple[str, ...]
    lossy: bool


SHAPES: dict[str, Shape] = {}


def shape(
    *,
    omits: dict[str, str] | None = None,
    fresh: bool = False,
    compare: bool = True,
    stays: tuple[str, ...] = (),
    lossy: bool = False,
    **limits: int,
) -> Callable[[Callable[[Any, Path], Any]], Callable[[Any, Path], Any]]:
    """Register a builder. ``omits``: path and reason; ``fresh``: compared on HEAD's own index;
    ``stays``: files that the changes afterwards leave alone; ``lossy``: line ends that git itself
    normalises, so that the bytes that come back are git's (the tree is the same)."""

    def note(build: Callable[[Any, Path], Any]) -> Callable[[Any, Path], Any]:
        SHAPES[build.__name__] = Shape(build, omits or {}, fresh, limits, compare, stays, lossy)
        return build

    return note


def base(repo: Any) -> None:
    """Commit a handful of files in folders."""
    for name in ("a.txt", "b.txt", "dir/one.txt", "dir/two.txt", "dir/deep/three.txt", "other/four.txt"):
        repo.write(name, f"{name}\n" * 3)
    repo.write("tool.sh", "#!/bin/sh\n", executable=True)
    (repo.path / "link").symlink_to("a.txt")
    repo.commit("base")


@shape()
def clean(repo: Any, tmp: Path) -> None:
    base(repo)


@shape()
def modified(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("a.txt", "changed\n")
    repo.write("dir/deep/three.txt", "changed\n")


@shape()
def staged(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("a.txt", "staged\n")
    repo.write("new.txt", "staged\n")
    repo.git("add", "-A")


@shape()
def staged_then_edited(repo: Any, tmp: Path) -> None:
    staged(repo, tmp)
    repo.write("a.txt", "edited after\n")
    repo.write("new.txt", "edited after\n")


@shape()
def staged_then_put_back(repo: Any, tmp: Path) -> None:
    base(repo)
    was = repo.read("a.txt")
    repo.write("a.txt", "staged only\n")
    repo.git("add", "a.txt")
    repo.write("a.txt", was)


@shape()
def deleted(repo: Any, tmp: Path) -> None:
    base(repo)
    (repo.path / "a.txt").unlink()
    shutil.rmtree(repo.path / "dir")


@shape()
def deletion_staged(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("rm", "-q", "-r", "dir", "a.txt")


@shape()
def everything_deleted(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("rm", "-q", "-r", ".")


@shape()
def removed_from_the_index_only(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("rm", "-q", "--cached", "a.txt", "dir/one.txt")


@shape()
def renamed(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("mv", "a.txt", "renamed.txt")
    repo.git("mv", "dir", "folder")


@shape()
def untracked(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("loose.txt", "loose\n")
    repo.write("new/folder/loose.txt", "loose\n")
    repo.write("dir/loose.txt", "loose\n")


@shape()
def executable_bit(repo: Any, tmp: Path) -> None:
    base(repo)
    (repo.path / "a.txt").chmod(0o755)
    (repo.path / "tool.sh").chmod(0o644)
    repo.write("new.sh", "#!/bin/sh\n", executable=True)


@shape()
def file_mode_not_trusted(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("config", "core.fileMode", "false")
    repo.write("tool.sh", "#!/bin/sh\necho\n")
    repo.write("new.sh", "#!/bin/sh\n", executable=True)
    (repo.path / "new.sh").chmod(0o644)


@shape()
def symlinks(repo: Any, tmp: Path) -> None:
    base(repo)
    (repo.path / "dangling").symlink_to("nowhere")
    (repo.path / "to_folder").symlink_to("dir")
    (repo.path / "outside").symlink_to(tmp)
    (repo.path / "link").unlink()
    (repo.path / "link").symlink_to("b.txt")


@shape()
def file_became_symlink(repo: Any, tmp: Path) -> None:
    base(repo)
    (repo.path / "a.txt").unlink()
    (repo.path / "a.txt").symlink_to("b.txt")


@shape()
def symlink_became_file(repo: Any, tmp: Path) -> None:
    base(repo)
    (repo.path / "link").unlink()
    repo.write("link", "a file\n")


@shape()
def file_became_folder(repo: Any, tmp: Path) -> None:
    base(repo)
    (repo.path / "a.txt").unlink()
    repo.write("a.txt/inner/file", "inner\n")


@shape()
def folder_became_file(repo: Any, tmp: Path) -> None:
    base(repo)
    shutil.rmtree(repo.path / "dir")
    repo.write("dir", "a file\n")


@shape()
def folder_became_symlink(repo: Any, tmp: Path) -> None:
    base(repo)
    shutil.rmtree(repo.path / "dir")
    (repo.path / "dir").symlink_to("other")


@shape()
def folder_became_file_in_the_index(repo: Any, tmp: Path) -> None:
    folder_became_file(repo, tmp)
    repo.git("add", "-A")
    (repo.path / "dir").unlink()
    repo.write("dir/back.txt", "a folder again\n")


@shape()
def intent_to_add(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("intended.txt", "intended\n")
    repo.write("intended dir/é.sh", "intended\n", executable=True)
    repo.git("add", "-N", ".")


@shape()
def intent_to_add_then_deleted(repo: Any, tmp: Path) -> None:
    intent_to_add(repo, tmp)
    (repo.path / "intended.txt").unlink()


@shape()
def empty_file_deleted(repo: Any, tmp: Path) -> None:
    repo.write("empty", "")
    base(repo)
    (repo.path / "empty").unlink()
    repo.write("empty too", "")
    repo.git("add", "-N", "empty too")
    (repo.path / "empty too").unlink()


@shape()
def intent_to_add_over_a_removed_file(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("rm", "-q", "--cached", "a.txt")
    repo.git("add", "-N", "a.txt")
    repo.write("a.txt", "anew\n")


@shape(stays=("secret.env", "build/out.o"))
def ignored(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write(".gitignore", "*.env\nbuild/\n")
    repo.commit("ignore")
    repo.write("secret.env", "TOKEN\n")
    repo.write("build/out.o", "object\n")
    repo.write("a.txt", "changed\n")


@shape()
def ignored_but_tracked(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("kept.log", "tracked\n")
    repo.commit("a log")
    repo.write(".gitignore", "*.log\n")
    repo.write("kept.log", "tracked and edited\n")


@shape()
def folder_now_ignored(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write(".gitignore", "dir\n")
    repo.write("dir/one.txt", "edited\n")


@shape()
def empty_files_and_folders(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("empty", "")
    (repo.path / "nothing" / "inside").mkdir(parents=True)


@shape()
def racy_edit_of_equal_size(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("a.txt", "x" * 18)
    repo.git("add", "a.txt")
    repo.write("a.txt", "y" * 18)
    entry, index = repo.path / "a.txt", repo.git_dir / "index"
    for path in (entry, index):
        os.utime(path, ns=(10**18, 10**18))


@shape()
def hostile_names(repo: Any, tmp: Path) -> None:
    base(repo)
    names = [b"-x", b"--stdin", b" lead", b"trail ", b'quo"te', b"back\\slash", b"tab\there"]
    names += [b"new\nline", b":(top)magic", b":!no", b"*.txt", b"[a]", b"\xff\xfe"]
    names += ["ü/ñ".encode(), b"$(id)", b"\x1b[31m", b"a\rb"]
    for name in names:
        repo.write(name, b"untracked " + name)
        repo.write(b"tracked/" + name, b"tracked")
    repo.git("add", "tracked")
    repo.commit("odd names", add=False)
    for name in names[::2]:
        repo.write(b"tracked/" + name, b"edited")
    for name in names[1::2]:
        (repo.path / os.fsdecode(b"tracked/" + name)).unlink()


@shape()
def path_of_three_thousand_bytes(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("/".join(["d" * 99] * 29) + "/file", "deep\n")
    repo.write("/".join(["e"] * 200) + "/file", "deep\n")


@shape()
def unborn(repo: Any, tmp: Path) -> None:
    repo.git("update-ref", "-d", "HEAD")
    repo.git("rm", "-q", "-r", "--cached", ".")
    (repo.git_dir / "index").unlink()
    repo.write("first.txt", "first\n")


@shape()
def unborn_and_staged(repo: Any, tmp: Path) -> None:
    unborn(repo, tmp)
    repo.git("add", "first.txt")
    repo.write("second.txt", "second\n")


@shape()
def unborn_and_empty(repo: Any, tmp: Path) -> None:
    unborn(repo, tmp)
    for name in ("first.txt", "README"):
        (repo.path / name).unlink()


@shape()
def detached(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("checkout", "-q", "--detach", "HEAD~1")
    repo.write("loose.txt", "loose\n")


def conflict(repo: Any) -> None:
    """Two branches that disagree about a.txt, b.txt (deleted on one), new.txt (added on both)."""
    base(repo)
    repo.git("checkout", "-q", "-b", "side")
    repo.write("a.txt", "side\n")
    repo.write("new.txt", "side\n")
    repo.write("side-only.txt", "side\n")
    repo.git("rm", "-q", "b.txt")
    repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.write("a.txt", "main\n")
    repo.write("b.txt", "main\n")
    repo.write("new.txt", "main\n")
    repo.commit("main")


@shape()
def merge_conflict(repo: Any, tmp: Path) -> None:
    conflict(repo)
    repo.git("merge", "side", ok=(1,))


@shape()
def merge_conflict_half_resolved(repo: Any, tmp: Path) -> None:
    merge_conflict(repo, tmp)
    repo.write("a.txt", "resolved\n")
    repo.git("add", "a.txt")
    repo.write("a.txt", "resolved, then edited\n")
    (repo.path / "new.txt").unlink()


@shape()
def merge_resolved_not_committed(repo: Any, tmp: Path) -> None:
    merge_conflict(repo, tmp)
    repo.git("add", "-A")


@shape()
def merge_of_binary_and_symlink(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("checkout", "-q", "-b", "side")
    repo.write("a.txt", b"\0side")
    (repo.path / "link").unlink()
    (repo.path / "link").symlink_to("dir")
    repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.write("a.txt", b"\0main")
    (repo.path / "link").unlink()
    (repo.path / "link").symlink_to("b.txt")
    repo.commit("main")
    repo.git("merge", "side", ok=(1,))


@shape()
def merge_squash(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("checkout", "-q", "-b", "side")
    repo.write("side.txt", "side\n")
    repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.git("merge", "--squash", "side")


@shape()
def merge_with_autostash(repo: Any, tmp: Path) -> None:
    conflict(repo)
    repo.write("other/four.txt", "dirty\n")
    repo.git("merge", "--autostash", "side", ok=(1,))


@shape()
def rebase_conflict(repo: Any, tmp: Path) -> None:
    conflict(repo)
    repo.git("rebase", "side", ok=(1,))


@shape()
def rebase_with_autostash(repo: Any, tmp: Path) -> None:
    conflict(repo)
    repo.write("other/four.txt", "dirty\n")
    repo.git("rebase", "--autostash", "side", ok=(1,))


@shape()
def rebase_apply_conflict(repo: Any, tmp: Path) -> None:
    conflict(repo)
    repo.git("rebase", "--apply", "side", ok=(1,))


@shape()
def am_conflict(repo: Any, tmp: Path) -> None:
    conflict(repo)
    patch = repo.git("format-patch", "--stdout", "-1", "side")
    repo.git("am", "-q", stdin=patch.encode(), ok=(128,))


@shape()
def cherry_pick_conflict(repo: Any, tmp: Path) -> None:
    conflict(repo)
    repo.git("cherry-pick", "side", ok=(1,))


@shape()
def cherry_pick_of_several(repo: Any, tmp: Path) -> None:
    conflict(repo)
    repo.git("checkout", "-q", "side")
    repo.write("later.txt", "later\n")
    repo.commit("later")
    repo.git("checkout", "-q", "main")
    repo.git("cherry-pick", "side~2..side", ok=(1,))


@shape()
def revert_conflict(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("a.txt", "second\n")
    second = repo.commit("second")
    repo.write("a.txt", "third\n")
    repo.commit("third")
    repo.git("revert", "--no-edit", second, ok=(1,))


@shape()
def bisecting(repo: Any, tmp: Path) -> None:
    base(repo)
    for number in range(6):
        repo.write("a.txt", f"{number}\n")
        repo.commit(f"{number}")
    repo.git("bisect", "start", "HEAD", "HEAD~5")
    repo.write("loose.txt", "loose\n")


@shape()
def linked_worktree(repo: Any, tmp: Path) -> Any:
    base(repo)
    repo.git("worktree", "add", "-q", "-b", "linked", str(tmp / "linked"))
    linked = type(repo)(tmp / "linked")
    linked.write("a.txt", "linked\n")
    linked.write("loose.txt", "loose\n")
    return linked


@shape()
def linked_worktree_in_a_merge(repo: Any, tmp: Path) -> Any:
    conflict(repo)
    repo.git("worktree", "add", "-q", "-b", "linked", str(tmp / "linked"))
    linked = type(repo)(tmp / "linked")
    linked.git("merge", "side", ok=(1,))
    return linked


@shape()
def linked_worktree_bisecting(repo: Any, tmp: Path) -> Any:
    bisecting(repo, tmp)
    repo.git("worktree", "add", "-q", "-b", "linked", str(tmp / "linked"), "main")
    linked = type(repo)(tmp / "linked")
    linked.git("bisect", "start", "HEAD", "HEAD~4")
    return linked


@shape()
def sparse_checkout(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("sparse-checkout", "set", "--cone", "dir")
    repo.write("dir/one.txt", "edited\n")
    repo.write("dir/loose.txt", "loose\n")


@shape()
def sparse_checkout_with_files_outside(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("sparse-checkout", "set", "--cone", "dir")
    repo.write("other/new.txt", "outside of the cone\n")
    repo.write("other/four.txt", "outside of the cone, edited\n")


@shape(lossy=True)
def sparse_attributes(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("dir/.gitattributes", "*.txt text eol=crlf\n")
    repo.commit("attributes")
    repo.git("update-index", "--skip-worktree", "dir/.gitattributes")
    (repo.path / "dir" / ".gitattributes").unlink()
    repo.write("dir/one.txt", "crlf\r\ncrlf\r\n")


@shape()
def sparse_index(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "dir")
    repo.write("dir/one.txt", "edited\n")


@shape()
def split_index(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("update-index", "--split-index")
    repo.write("a.txt", "staged\n")
    repo.git("add", "a.txt")
    repo.write("b.txt", "edited\n")


@shape()
def split_index_configured(repo: Any, tmp: Path) -> None:
    repo.git("config", "core.splitIndex", "true")
    split_index(repo, tmp)


@shape()
def index_version_four(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("update-index", "--index-version", "4")
    repo.write("dir/one.txt", "edited\n")


@shape()
def untracked_cache(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("update-index", "--force-untracked-cache")
    repo.git("status")
    repo.write("dir/loose.txt", "loose\n")


@shape()
def fsmonitor_is_never_run(repo: Any, tmp: Path) -> None:
    base(repo)
    hook = repo.write("../fsmonitor", f"#!/bin/sh\ntouch '{tmp}/ran'\n", executable=True)
    repo.git("update-index", "--fsmonitor", env={})
    repo.git("config", "core.fsmonitor", str(hook))
    repo.write("dir/one.txt", "edited\n")


def with_submodule(repo: Any, tmp: Path) -> Any:
    """Commit a submodule ``sub`` and return it."""
    base(repo)
    library = type(repo)(tmp / "library")
    library.path.mkdir()
    library.git("init", "-q")
    library.write("lib.txt", "one\n")
    library.commit("one")
    repo.git("submodule", "--quiet", "add", str(library.path), "sub")
    repo.commit("submodule")
    return type(repo)(repo.path / "sub")


@shape()
def submodule_clean(repo: Any, tmp: Path) -> None:
    with_submodule(repo, tmp)
    repo.write("a.txt", "edited\n")


@shape(stays=("sub/lib.txt",))
def submodule_with_a_new_commit(repo: Any, tmp: Path) -> None:
    sub = with_submodule(repo, tmp)
    sub.write("lib.txt", "two\n")
    sub.commit("two")


@shape(omits={"sub": selection.DIRTY}, stays=("sub/lib.txt", "sub/loose.txt"))
def submodule_dirty(repo: Any, tmp: Path) -> None:
    sub = with_submodule(repo, tmp)
    sub.write("lib.txt", "dirty\n")
    sub.write("loose.txt", "loose\n")


@shape(omits={"sub": selection.DIRTY}, stays=("sub/loose.txt",))
def submodule_ignored_by_configuration(repo: Any, tmp: Path) -> None:
    sub = with_submodule(repo, tmp)
    repo.git("config", "submodule.sub.ignore", "all")
    sub.write("loose.txt", "loose\n")


@shape()
def submodule_not_checked_out(repo: Any, tmp: Path) -> None:
    with_submodule(repo, tmp)
    repo.git("submodule", "--quiet", "deinit", "-f", "sub")
    repo.write("a.txt", "edited\n")


@shape()
def submodule_staged(repo: Any, tmp: Path) -> None:
    sub = with_submodule(repo, tmp)
    sub.write("lib.txt", "two\n")
    sub.commit("two")
    repo.git("add", "sub")


@shape(omits={"nested/": selection.NESTED}, stays=("nested/file",))
def nested_repository(repo: Any, tmp: Path) -> None:
    base(repo)
    nested = type(repo)(repo.path / "nested")
    nested.path.mkdir()
    nested.git("init", "-q")
    nested.write("file", "nested\n")
    nested.commit("nested")
    repo.write("a.txt", "edited\n")


@shape(omits={"nested/": selection.NESTED}, stays=("nested/file",))
def nested_repository_unborn(repo: Any, tmp: Path) -> None:
    base(repo)
    (repo.path / "nested").mkdir()
    type(repo)(repo.path / "nested").git("init", "-q")
    repo.write("nested/file", "nested\n")
    repo.write("a.txt", "edited\n")


def driver(repo: Any, tmp: Path, **keys: str) -> None:
    """Define the filter ``rot`` in the person's own configuration."""
    for key, value in keys.items():
        repo.git("config", "--file", os.environ["GIT_CONFIG_GLOBAL"], f"filter.rot.{key}", value)


@shape()
def clean_and_smudge_filter(repo: Any, tmp: Path) -> None:
    driver(repo, tmp, clean="tr a-z n-za-m", smudge="tr a-z n-za-m", required="true")
    repo.write(".gitattributes", "*.rot filter=rot\n")
    repo.write("tracked.rot", "secret\n")
    base(repo)
    repo.write("tracked.rot", "another secret\n")
    repo.write("new.rot", "a third\n")


@shape()
def filter_attribute_is_new(repo: Any, tmp: Path) -> None:
    driver(repo, tmp, clean="tr a-z n-za-m", smudge="tr a-z n-za-m", required="true")
    base(repo)
    repo.write(".gitattributes", "*.rot filter=rot\n")
    repo.write("new.rot", "a third\n")


@shape()
def working_tree_encoding(repo: Any, tmp: Path) -> None:
    repo.write(".gitattributes", "*.u16 text working-tree-encoding=UTF-16LE\n")
    repo.write("tracked.u16", "grüße\n".encode("utf-16-le"))
    base(repo)
    repo.write("tracked.u16", "größer\n".encode("utf-16-le"))
    repo.write("new.u16", "neu\n".encode("utf-16-le"))


@shape(lossy=True)
def autocrlf(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("config", "core.autocrlf", "true")
    repo.write("a.txt", "one\r\ntwo\r\n")
    repo.write("new.txt", "one\r\ntwo\r\n")


@shape(lossy=True)
def autocrlf_over_committed_crlf(repo: Any, tmp: Path) -> None:
    repo.write("crlf.txt", "one\r\ntwo\r\n")
    base(repo)
    repo.git("config", "core.autocrlf", "input")
    repo.write("crlf.txt", "one\r\ntwo\r\nthree\r\n")


@shape(lossy=True)
def text_auto_and_mixed_ends(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("config", "core.safecrlf", "true")
    repo.write(".gitattributes", "* text=auto\n*.bin -text\n*.crlf text eol=crlf\n")
    repo.commit("attributes")
    repo.write("plain.txt", "one\ntwo\n")
    repo.write("crlf.crlf", "one\r\ntwo\r\n")
    repo.write("blob.bin", "one\r\ntwo\n")


@shape(lossy=True)
def ident_keyword(repo: Any, tmp: Path) -> None:
    repo.write(".gitattributes", "*.c ident\n")
    repo.write("main.c", "/* $Id$ */\n")
    base(repo)
    repo.write("main.c", "/* $Id: 0123 $ */\nint x;\n")


@shape(lossy=True)
def attributes_deleted(repo: Any, tmp: Path) -> None:
    repo.write(".gitattributes", "*.txt text eol=crlf\n")
    base(repo)
    (repo.path / ".gitattributes").unlink()
    repo.write("a.txt", "one\r\ntwo\r\n")


@shape(fresh=True)
def assume_unchanged_and_edited(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("update-index", "--assume-unchanged", "a.txt", "dir/one.txt")
    repo.write("a.txt", "edited all the same\n")


@shape(fresh=True)
def skip_worktree_and_edited(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("update-index", "--skip-worktree", "a.txt", "dir/one.txt")
    repo.git("update-index", "--assume-unchanged", "--skip-worktree", "b.txt")
    repo.write("a.txt", "edited all the same\n")


@shape()
def skip_worktree_and_absent(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("update-index", "--skip-worktree", "a.txt")
    (repo.path / "a.txt").unlink()


@shape(fresh=True)
def assume_unchanged_and_absent(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("update-index", "--assume-unchanged", "a.txt")
    (repo.path / "a.txt").unlink()


@shape(omits={"x/.GIT/config": selection.REFUSED}, stays=("x/.GIT/config",))
def name_that_git_refuses(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("x/.GIT/config", "[core]\n")
    repo.write("x/fine", "fine\n")


@shape(omits={"big.bin": selection.TOO_LARGE}, stays=("big.bin",), max_file_bytes=1000)
def untracked_above_the_cap(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("big.bin", "x" * 1001)
    repo.write("fits.bin", "x" * 1000)


@shape(omits={"a.txt": selection.TOO_LARGE}, stays=("a.txt",), max_file_bytes=1000)
def tracked_grown_above_the_cap(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("a.txt", "x" * 1001)
    repo.write("b.txt", "edited\n")


@shape(omits={"a.txt": selection.TOO_LARGE}, stays=("a.txt",), max_file_bytes=1000)
def tracked_above_the_cap_and_staged(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("a.txt", "staged\n")
    repo.git("add", "a.txt")
    repo.write("a.txt", "x" * 1001)


@shape(omits={"a.txt": selection.TOO_LARGE}, stays=("a.txt",), compare=False, max_file_bytes=1000)
def conflicted_above_the_cap(repo: Any, tmp: Path) -> None:
    merge_conflict(repo, tmp)
    repo.write("a.txt", "x" * 1001)


@shape(omits={"one.bin": selection.TOO_MUCH}, stays=("one.bin",), max_total_bytes=1000)
def all_above_the_cap(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("one.bin", "x" * 600)
    repo.write("two.bin", "x" * 500)


@shape(omits={"a.txt": selection.SPECIAL}, stays=("a.txt",), compare=False)
def fifo_in_place_of_a_file(repo: Any, tmp: Path) -> None:
    base(repo)
    (repo.path / "a.txt").unlink()
    os.mkfifo(repo.path / "a.txt")


@shape()
def untracked_fifo(repo: Any, tmp: Path) -> None:
    base(repo)
    os.mkfifo(repo.path / "pipe")


@shape()
def shallow(repo: Any, tmp: Path) -> Any:
    base(repo)
    repo.write("a.txt", "again\n")
    repo.commit("again")
    repo.git("clone", "-q", "--depth=1", f"file://{repo.path}", str(tmp / "shallow"))
    clone = type(repo)(tmp / "shallow")
    clone.write("a.txt", "edited\n")
    return clone


@shape()
def alternates(repo: Any, tmp: Path) -> Any:
    base(repo)
    repo.git("clone", "-q", "--shared", str(repo.path), str(tmp / "clone"))
    clone = type(repo)(tmp / "clone")
    clone.write("a.txt", "edited\n")
    return clone


@shape(lossy=True)
def configuration_per_worktree(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("config", "extensions.worktreeConfig", "true")
    repo.git("config", "--worktree", "core.autocrlf", "input")
    repo.write("new.txt", "one\r\n")


@shape()
def precious_objects(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("config", "core.repositoryFormatVersion", "1")
    repo.git("config", "extensions.preciousObjects", "true")
    repo.write("a.txt", "edited\n")


@shape()
def packed_away(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.git("gc", "-q", "--prune=now")
    repo.write("a.txt", "edited\n")


@shape()
def stash_present(repo: Any, tmp: Path) -> None:
    base(repo)
    repo.write("a.txt", "stashed\n")
    repo.write("loose.txt", "stashed\n")
    repo.git("stash", "-u", "-q")
    repo.write("a.txt", "edited\n")


@shape()
def many_folders(repo: Any, tmp: Path) -> None:
    for number in range(300):
        repo.write(f"d{number}/e{number % 7}/file", f"{number}\n")
    base(repo)
    for number in range(0, 300, 3):
        repo.write(f"d{number}/e{number % 7}/file", "edited\n")
    for number in range(1, 300, 3):
        (repo.path / f"d{number}/e{number % 7}/file").unlink()


def disturb(repo: Any, shape: Shape) -> None:
    """Change as much as the shape allows: files, index, operation; HEAD stays."""
    target = inprogress.Unfinished()
    from ovn.git.locate import locate
    from ovn.git.run import Git

    inprogress.write(Git(locate(repo.path)), target)
    names = repo.git("ls-files", "-z").split("\0")[:-1]
    names += repo.git("ls-files", "-z", "-o", "--exclude-standard").split("\0")[:-1]
    alone = [name for name in dict.fromkeys(names) if not name.startswith(shape.stays) and name[-1:] != "/"]
    for number, name in enumerate(alone):
        path = repo.path / name
        if path.is_symlink() or not path.is_file() or name.startswith(".git"):
            continue
        if number % 3 == 0:
            path.unlink()
        elif number % 3 == 1:
            path.write_bytes(b"disturbed\n")
    repo.write("made since/new.txt", "new\n")
    repo.write("made since/staged.txt", "new\n")
    repo.git("add", "--sparse", "made since/staged.txt")
    if repo.run("rev-parse", "-q", "--verify", "HEAD", ok=(0, 1, 128)).returncode == 0:
        repo.git("-c", "core.fsmonitor=false", "reset", "-q")
    repo.git("add", "--sparse", "-N", "made since/new.txt")


MEASURED = {"empty_file_deleted", "linked_worktree_bisecting", "rebase_conflict"}
"""Shapes that reach lines which no other test of the suite does."""


def names() -> Iterator[ParameterSet]:
    """Yield the name of each shape."""
    for name in sorted(SHAPES):
        yield pytest.param(name, marks=pytest.mark.measured if name in MEASURED else ())


@pytest.mark.parametrize("name", list(names()))
def test_snapshot_is_git_add_and_comes_back(name: str, repo: Any, tmp_path: Path, kit_of: Any) -> None:
    """A snapshot equals 'git add -A' or names what it lacks, touches nothing, and restores everything."""
    shape = SHAPES[name]
    outside = tmp_path / "outside"
    outside.mkdir()
    kit = kit_of(shape.build(repo, outside) or repo)
    kit.limits |= shape.limits
    before = kit.shape(exact=True)
    (outside / "ran").unlink(missing_ok=True)
    shot = kit.take()
    assert not (outside / "ran").exists()
    assert kit.shape(exact=True) == before
    assert {one.path: one.why for one in shot.omitted} == shape.omits
    if shape.compare:
        left = [path.rstrip("/") for path in shape.omits if path != "sub"]
        assert shot.tree == kit.added(*left, fresh=shape.fresh)
    kit.hold(shot)
    wanted = kit.shape(exact=False)
    disturb(kit.repo, shape)
    assert kit.shape(exact=False) != wanted
    kit.bring_back(shot)
    back = kit.shape(exact=False)
    if shape.lossy:
        del back["files"], wanted["files"]
    assert back == wanted
    assert kit.take() == shot
    if shot.head:
        kit.repo.fsck()


def test_there_are_shapes_enough() -> None:
    """The design promises 57."""
    assert len(SHAPES) >= 57


def test_every_name_of_an_omission_reads_back() -> None:
    """Paths of omissions are text as JSON wants it."""
    assert quote(b"x/.GIT/config") == "x/.GIT/config"
