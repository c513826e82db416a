"""The person's git configuration, read by git: includes, work tree configuration, ``git -c``."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ovn import names
from ovn.errors import InvalidConfig
from ovn.frozen import dataclass
from ovn.git.run import As, Git

TYPE_CHECKING = False  # typing's own would keep git's look waiting
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ovn.git.locate import Location
    from ovn.git.run import Started

_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "": False}
_NUMBER = r"\s*([+-]?(?:0[xX][0-9a-fA-F]+|\d+))([kKmMgG]?)\Z"  # seldom needed: compiled then
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_OWN = frozenset(("local", "worktree"))
"""Scopes of the repository's own files; what the person's own say too is the person's."""

_ASKED = r"GIT_CONFIG_(PARAMETERS|COUNT|KEY_\d+|VALUE_\d+)\Z"  # compiled when one begins like it


@dataclass(frozen=True, slots=True)
class Settings:
    """All values of all keys, as they were when read; a key without ``=`` has the value None.

    ``own`` are those that the repository's own files give, which somebody else may have written.
    """

    values: Mapping[str, tuple[str | None, ...]]
    own: frozenset[tuple[str, str | None]] = frozenset()

    def all(self, key: str) -> tuple[str | None, ...]:
        """Return every value of a key, the last wins; keys compare as git compares them."""
        return self.values.get(_canonical(key), ())

    def text(self, key: str, default: str | None = None) -> str | None:
        """Return a value as text; ``default`` when it is not set."""
        found = self.all(key)
        return (found[-1] or "") if found else default

    def boolean(self, key: str, *, default: bool = False) -> bool:
        """Return a value by git's rules: true yes on 1, false no off 0; no value is true, empty false."""
        found = self.all(key)
        if not found:
            return default
        if found[-1] is None:
            return True
        word = found[-1].lower()
        return _BOOLEANS[word] if word in _BOOLEANS else self.number(key, 0) != 0

    def number(self, key: str, default: int) -> int:
        """Return a whole number, with git's units k, m and g; raises InvalidConfig."""
        found = self.text(key)
        if found is None:
            return default
        match = re.match(_NUMBER, found)
        if match is None:
            raise InvalidConfig(
                f"bad value '{found}' for '{key}'", hint=f"look with 'git config --show-origin {key}'"
            )
        digits = match[1].lower()
        base = 16 if "0x" in digits else 8 if digits.lstrip("+-").startswith("0") else 10
        try:
            return int(digits, base) * _UNITS[match[2].lower()]
        except ValueError as error:  # 08 is no octal number
            raise InvalidConfig(f"bad value '{found}' for '{key}'") from error

    def path(self, key: str) -> Path | None:
        """Return a path, ``~`` and ``~user`` expanded; None when it is not set or empty."""
        found = self.text(key)
        return Path(found).expanduser() if found else None

    def advice(self, key: str) -> bool:
        """Return whether a hint may be shown: neither ``ovn.advice`` nor ``ovn.advice.KEY`` is false."""
        general = self.boolean(names.CONFIG_ADVICE, default=True)
        return general and self.boolean(f"{names.CONFIG_ADVICE}.{key}", default=True)


def read(location: Location) -> Settings:
    """Read the configuration that holds in a work tree, once: one process, 3 ms.

    ``git -c KEY=VALUE ovn ...`` counts, although no git command that we run for ourselves
    inherits it. Raises GitFailed with git's words for a file that git cannot read.
    """
    with ask(location) as asked:
        return answer(asked)


def ask(location: Location) -> Started:
    """Let git read the configuration; something else can be done before its ``answer`` is needed."""
    near = {name: value for name, value in os.environ.items() if name.startswith("GIT_CONFIG_")}
    given = {name: value for name, value in near.items() if re.match(_ASKED, name)}
    return Git(location).start("config", "--list", "--show-scope", "-z", env=given, who=As.USER)


def answer(asked: Started) -> Settings:
    """Return what git read; raises what ``read`` raises."""
    words = asked.answer().out.decode("utf-8", "surrogateescape").split("\0")[:-1]
    values: dict[str, tuple[str | None, ...]] = {}
    scopes: dict[tuple[str, str | None], set[str]] = {}
    for scope, item in zip(words[::2], words[1::2], strict=True):
        key, equals, text = item.partition("\n")
        value = text if equals else None
        values[key] = (*values.get(key, ()), value)
        scopes.setdefault((key, value), set()).add(scope)
    return Settings(values, frozenset(setting for setting, found in scopes.items() if found <= _OWN))


def get(location: Location, key: str, default: str | None = None) -> str | None:
    """Return one value as text; read ``read`` once for more."""
    return read(location).text(key, default)


def get_bool(location: Location, key: str, *, default: bool = False) -> bool:
    """Return one value as git's boolean; raises InvalidConfig."""
    return read(location).boolean(key, default=default)


def advice(location: Location, key: str) -> bool:
    """Return whether the hint ``key`` may be shown; see ``Settings.advice``."""
    return read(location).advice(key)


def _canonical(key: str) -> str:
    """Return a key as git lists it: section and variable in lower case, the subsection as it is."""
    section, _, rest = key.partition(".")
    subsection, _, variable = rest.rpartition(".")
    parts = (
        [section.lower(), subsection, variable.lower()] if subsection else [section.lower(), variable.lower()]
    )
    return ".".join(parts)
