"""What the snapshot and restore tests share: taking, holding and bringing back, and a manifest."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ovn.git import inprogress, restore, snapshot, writing
from ovn.git.locate import locate
from ovn.git.opening import open_store
from ovn.git.run import Git

if TYPE_CHECKING:
    from collections.abc import Callable

    from ovn.git.objects import ObjectStore

KEPT_FLAGS = 0x60008000
"""Of 'ls-files --debug': skip-worktree, intent-to-add, assume-unchanged; the others live in memory."""

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Kit:
    """One repository under ovn's hands."""

    repo: Any
    limits: dict[str, int] = field(
        default_factory=lambda: {"max_file_bytes": 1 << 20, "max_total_bytes": 8 << 20}
    )
    trusted: bool = True
    held: int = 0

    @property
    def git(self) -> Git:
        return Git(locate(self.repo.path))

    @property
    def objects(self) -> ObjectStore:
        return open_store(locate(self.repo.path))

    def take(self) -> snapshot.Snapshot:
        return snapshot.take(self.git, self.objects, trusted=self.trusted, **self.limits)

    def hold(self, shot: snapshot.Snapshot) -> str:
        """Make commit and ref as a checkpoint does; everything in it must be there."""
        objects = self.objects
        parents = [shot.head] if shot.head else []
        for tree, keeps in ((shot.index_tree, ()), (shot.meta_tree, shot.keeps)):
            if tree is not None:
                up = list(dict.fromkeys([*([shot.head] if shot.head else []), *keeps]))
                parents.append(objects.write_commit(tree, up, "part", when=WHEN))
        commit = objects.write_commit(shot.tree, parents, "snapshot", when=WHEN)
        snapshot.verify(objects, commit, shot.head)
        self.held += 1
        objects.update_ref(f"refs/ovn/checkpoint/test/{self.held:04d}", commit, None, "test")
        return commit

    def plan(
        self, target: snapshot.Snapshot, *paths: str, with_index: bool = True
    ) -> tuple[restore.Plan, snapshot.Snapshot]:
        safety = self.take()
        self.hold(safety)
        wanted = restore.Target.of(target)
        made = restore.plan(self.git, self.objects, wanted, safety, paths=paths, with_index=with_index)
        return made, safety

    def bring_back(self, target: snapshot.Snapshot, *paths: str, with_index: bool = True) -> restore.Plan:
        """Restore, and find nothing wrong afterwards."""
        made, _ = self.plan(target, *paths, with_index=with_index)
        assert made.would_lose == ()
        writing.apply(self.git, self.objects, made, trusted=self.trusted)
        assert restore.differences(self.git, self.objects, made, self.take()) == []
        return made

    def added(self, *exclude: str, fresh: bool = False) -> str:
        """Return the tree that 'git add -A' makes on a copy of the index (``fresh``: on HEAD's)."""
        index = self.repo.git_dir / "test-index"
        real = self.repo.git_dir / "index"
        index.unlink(missing_ok=True)
        if real.exists():
            shutil.copy2(real, index)
        env = {"GIT_INDEX_FILE": str(index)}
        quiet = ("-c", "core.fsmonitor=false", "-c", "core.safecrlf=false", "-c", "core.splitIndex=false")
        if fresh:
            index.unlink(missing_ok=True)
            self.repo.git("read-tree", "HEAD", env=env)
        magic = [f":(top,exclude,literal){path}" for path in exclude]
        self.repo.git(*quiet, "add", "-A", "--sparse", "--", ":/", *magic, env=env)
        tree = str(self.repo.git(*quiet, "write-tree", env=env))
        index.unlink(missing_ok=True)
        return tree

    def files(self, *, times: bool) -> dict[bytes, tuple[object, ...]]:
        """Return every file of the work tree, ignored ones too, without following links."""
        found: dict[bytes, tuple[object, ...]] = {}
        top = os.fsencode(self.repo.path)
        for where, folders, names in os.walk(top):
            if where == top and b".git" in folders:
                folders.remove(b".git")
            links = [name for name in folders if os.path.islink(where + b"/" + name)]  # noqa: PTH114  bytes
            for name in names + links:
                path = where + b"/" + name
                status = os.lstat(path)
                content: object = None
                if stat.S_ISLNK(status.st_mode):
                    content = os.readlink(path)  # noqa: PTH115  bytes
                elif stat.S_ISREG(status.st_mode):
                    content = Path(os.fsdecode(path)).read_bytes()
                kind = (stat.S_IFMT(status.st_mode), bool(status.st_mode & stat.S_IXUSR), content)
                found[path[len(top) + 1 :]] = (*kind, status.st_mtime_ns) if times else kind
        return found

    def shape(self, *, exact: bool) -> dict[str, object]:
        """Return all that a snapshot must not change (``exact``), or that a restore must bring back."""
        repo, git_dir = self.repo, self.repo.git_dir
        flags = [
            line for line in repo.git("ls-files", "--debug").splitlines() if line.strip().startswith("size:")
        ]
        facts: dict[str, object] = {
            "HEAD": (git_dir / "HEAD").read_bytes(),
            "refs": [line for line in repo.git("for-each-ref").splitlines() if "refs/ovn/" not in line],
            "stash": repo.git("stash", "list"),
            "rows": repo.git("ls-files", "-s", "-v", "-z"),
            "flags": [int(line.partition("flags:")[2], 16) & KEPT_FLAGS for line in flags],
            "config": (locate(repo.path).common_dir / "config").read_bytes(),
            "hooks": sorted(hook.name for hook in (locate(repo.path).common_dir / "hooks").glob("*")),
            "files": self.files(times=exact),
            "operation": inprogress.read(self.git),
        }
        index = git_dir / "index"
        if exact and index.exists():
            facts["index"] = (index.read_bytes(), index.stat().st_mtime_ns, index.stat().st_ino)
            facts["here"] = sorted({path.name for path in git_dir.iterdir()} - {"ovn"})
        return facts


@pytest.fixture
def kit(repo: Any) -> Kit:
    """Return the fresh repository under ovn's hands."""
    return Kit(repo)


@pytest.fixture
def kit_of() -> Callable[..., Kit]:
    """Return ``kit_of(repo, ...) -> Kit``."""
    return Kit
