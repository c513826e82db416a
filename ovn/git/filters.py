"""Programs that the repository's own configuration defines: they run only after trust.

Clean and smudge filters, and merge drivers, from the user's own configuration (git-lfs)
always run. Those of ``.git/config`` may have been written by a sandboxed agent for the
unsandboxed supervisor to run; a path that needs one is refused, never stored raw.
"""

from __future__ import annotations

from ovn.errors import NotTrusted
from ovn.frozen import dataclass
from ovn.git import settings
from ovn.git.paths import quote

TYPE_CHECKING = False  # typing's own would keep git's look waiting
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ovn.git.run import Git
    from ovn.git.settings import Settings

_PROGRAMS = {"filter": ("clean", "smudge", "process"), "merge": ("driver",)}


@dataclass(frozen=True, slots=True)
class Guard:
    """A git in which untrusted programs are silent, and their names."""

    git: Git
    names: frozenset[str]
    attribute: str

    def check(self, paths: Iterable[bytes]) -> None:
        """Raise NotTrusted when a path needs an untrusted program."""
        wanted = list(paths)
        if not self.names or not wanted:
            return
        listing = b"".join(path + b"\0" for path in wanted)
        words = self.git.run("check-attr", "-z", "--stdin", self.attribute, stdin=listing).paths()
        for path, value in zip(words[::3], words[2::3], strict=True):
            name = value.decode("utf-8", "surrogateescape")
            if name in self.names:
                raise NotTrusted(
                    f"'{quote(path)}' needs the {self.attribute} '{name}', "
                    "which the repository's own configuration defines",
                    path=quote(path),
                )


def guard(git: Git, *, trusted: bool, attribute: str = "filter") -> Guard:
    """Return what to run git with, ``attribute`` being ``filter`` or ``merge``."""
    names = frozenset() if trusted else untrusted(git, attribute)
    return Guard(git.silencing(sorted(names)) if names and attribute == "filter" else git, names, attribute)


def untrusted(git: Git, section: str) -> frozenset[str]:
    """Return the drivers whose programs only the repository's own configuration names, as it is now."""
    return untrusted_in(settings.read(git.location), section)


def untrusted_in(found: Settings, section: str) -> frozenset[str]:
    """Return the same of settings that were read. Pure.

    One that the user's own configuration names with the same program is the user's.
    """
    names = set()
    for key, value in found.own:
        first, _, rest = key.partition(".")
        driver, _, last = rest.rpartition(".")
        if value and first == section and last in _PROGRAMS[section]:
            names.add(driver)
    return frozenset(names)
