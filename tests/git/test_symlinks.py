"""A symlink in the way never leads a restore out of the work tree: 36 cases.

libgit2's forced checkout, in these cases, wrote outside of the work tree and into
``.git/hooks``, and said it was well. (RELIABILITY: never restore with it.)
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unmeasured

REPLACED = ("file", "folder/inner/file", "folder")
"""What the symlink stands in for: a tracked file, one deep inside, a whole tracked folder."""

TARGETS = {
    "an outside folder": "../outside",
    "an outside file": "../outside/file",
    "the hooks": ".git/hooks",
    "a tracked folder": "other",
    "an untracked folder": "loose",
    "nothing": "nowhere/at/all",
}


def leads_to(link: Path, top: Path, target: str) -> None:
    """Put a symlink to ``target`` (relative to the top, so absolute here) in the place of ``link``."""
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    else:
        link.unlink()
    link.symlink_to(top / target)


@pytest.mark.parametrize("with_index", [True, False], ids=["rollback", "restore"])
@pytest.mark.parametrize("target", sorted(TARGETS))
@pytest.mark.parametrize("replaced", REPLACED)
def test_nothing_is_written_through_a_symlink(
    replaced: str, target: str, with_index: bool, repo: Any, kit: Any, tmp_path: Path
) -> None:
    """What was replaced is back, as files and folders; what the link pointed to is untouched."""
    outside = tmp_path / "outside"
    for folder in (outside, outside / "inner"):
        folder.mkdir()
        (folder / "file").write_text("outside\n")
    for name in ("file", "folder/file", "folder/inner/file", "other/file", "other/inner/file"):
        repo.write(name, f"{name}\n")
    repo.commit("files")
    repo.write("loose/file", "loose\n")
    repo.write("loose/inner/file", "loose\n")
    repo.write("file", "edited before the snapshot\n")
    shot = kit.take()
    kit.hold(shot)
    wanted = kit.shape(exact=False)
    beyond = tree_of(outside) | tree_of(repo.git_dir / "hooks")

    leads_to(repo.path / replaced, repo.path, TARGETS[target])
    kit.bring_back(shot, with_index=with_index)

    assert kit.shape(exact=False) == wanted
    assert tree_of(outside) | tree_of(repo.git_dir / "hooks") == beyond


def tree_of(folder: Path) -> dict[str, bytes | None]:
    """Return everything in a folder."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.measured
def test_an_ignored_symlink_in_the_way_is_named_and_not_followed(repo: Any, kit: Any, tmp_path: Path) -> None:
    """It is in no snapshot, so it would be lost; with force it is set aside."""
    from ovn.errors import WouldLose
    from ovn.git import restore, writing

    outside = tmp_path / "outside"
    outside.mkdir()
    repo.write("folder/file", "tracked\n")
    repo.commit("files")
    shot = kit.take()
    kit.hold(shot)
    repo.write(".gitignore", "folder\n")
    leads_to(repo.path / "folder", repo.path, "../outside")
    plan, _ = kit.plan(shot)
    assert [(loss.path, loss.why) for loss in plan.would_lose] == [("folder", restore.IN_THE_WAY)]
    with pytest.raises(WouldLose):
        writing.apply(kit.git, kit.objects, plan)
    writing.set_aside(kit.git, plan, tmp_path / "aside")
    writing.apply(kit.git, kit.objects, plan)
    assert (repo.path / "folder" / "file").read_text() == "tracked\n"
    assert (tmp_path / "aside" / "folder").is_symlink()
    assert list(outside.iterdir()) == []
