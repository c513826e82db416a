"""What an agent wrote for git to run does not run: hooks and settings are put back after each attempt.

How they were when the night began is kept beside the trusted commands, outside of the repository,
so that it survives the runner and is out of a sandbox's reach.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from ovn.errors import GitFailed, NeedsPerson
from ovn.git import surfaces
from ovn.git.surfaces import File, Surfaces
from ovn.model import canonical

if TYPE_CHECKING:
    from pathlib import Path

    from ovn.git.locate import Location

FOLDER = "nights"
"""Below the folder of trust; a file for each night that is not over."""


class Guard:
    """Remembers what git would run in a work tree before any agent came."""

    def __init__(self, location: Location, home: Path, run: str) -> None:
        self._location = location
        self._file = home / FOLDER / f"{run}.json"
        self._aside = location.local / "aside" / f"surfaces-{run}"
        self._before = self._known()

    def mend(self) -> list[str]:
        """Put back what changed in the git folder; return its paths and keys.

        Raises NeedsPerson for what cannot be put back, as an included file outside of it, and
        where git cannot read its configuration any more.
        """
        try:
            now = surfaces.take(self._location)
            changed = surfaces.differences(self._before, now)
            if not changed:
                return []
            surfaces.put_back(self._location, self._before, now, self._aside)
            left = [one for one in self._left() if not self._is_work(one)]
        except (GitFailed, OSError) as error:
            raise NeedsPerson(f"what git runs here cannot be put back: {error}", hint="look at it") from error
        if left:
            raise NeedsPerson(
                f"what git runs here was changed, and cannot be put back: {self._short(left[0])}",
                hint="look at it; a new night takes it as it is then",
            )
        return [self._short(one) for one in changed if not self._is_work(one)]

    def in_the_work(self) -> list[str]:
        """Return the hooks in the work tree that are not as they were: they are part of the work."""
        return [self._short(one) for one in self._left() if self._is_work(one)]

    def forget(self) -> None:
        """Drop what was kept: the night is over."""
        self._file.unlink(missing_ok=True)

    def _left(self) -> list[str]:
        return surfaces.differences(self._before, surfaces.take(self._location))

    def _is_work(self, path: str) -> bool:
        """Tell whether it is a file of the work tree, which has its own ways back."""
        top, git = str(self._location.tree()), str(self._location.common_dir)
        return path.startswith(f"{top}/") and not path.startswith(f"{git}/")

    def _short(self, path: str) -> str:
        for folder in (self._location.common_dir, self._location.tree()):
            path = path.removeprefix(f"{folder}/")
        return path

    def _known(self) -> Surfaces:
        """Return what was kept when the night began; what is there now where nothing was."""
        if self._file.exists():
            return _decode(canonical.load(self._file.read_bytes(), str(self._file)))
        found = surfaces.take(self._location)
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = self._file.with_suffix(".new")
        scratch.write_bytes(canonical.dump(_encode(found)))
        scratch.replace(self._file)
        return found


def _encode(found: Surfaces) -> dict[str, object]:
    hooks = {
        path: [base64.b64encode(one.data).decode("ascii"), one.mode] for path, one in found.hooks.items()
    }
    config = {path: [list(one) for one in rows] for path, rows in found.config.items()}
    programs = sorted(([*one] for one in found.programs), key=str)
    return {"config": config, "programs": programs, "hooks": hooks}


def _decode(value: Any) -> Surfaces:
    """Return what ``_encode`` made. Raises NeedsPerson for anything else."""
    try:
        config = {path: tuple((key, text) for key, text in rows) for path, rows in value["config"].items()}
        hooks = {path: File(base64.b64decode(data), mode) for path, (data, mode) in value["hooks"].items()}
        return Surfaces(config, frozenset((key, text) for key, text in value["programs"]), hooks)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NeedsPerson("what is kept of the night cannot be read", hint="begin a new night") from error
