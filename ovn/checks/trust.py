"""Commands run only after somebody here said so: what they are, and which are trusted.

A command is trusted with the bytes of the scripts it names, in one repository on one machine;
the list lies under ``$XDG_STATE_HOME/git-ovn/``, never in the repository. Trust is kept for each
command, so that what a person types is trusted as typed, beside others that are not. The idea
is direnv's.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import stat
from typing import TYPE_CHECKING

from ovn.checks import commands
from ovn.config import Addressed, from_environment
from ovn.errors import InvalidDocument, NotTrusted
from ovn.frozen import dataclass
from ovn.git import filters, settings
from ovn.git.paths import quote
from ovn.git.run import Git
from ovn.model import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ovn.checks.commands import Command
    from ovn.config import Config
    from ovn.git.locate import Location
    from ovn.model.documents import Feature

FOLDER = "trust"
PREFIX = "sha256:"

MODEST = ("acceptEdits", "default", "plan", "auto_edit", "workspace-write", "read-only")
"""Permission modes that let an agent do no more than the one by default does."""

_PROGRAMS = {"filter": ("clean", "smudge", "process"), "merge": ("driver",)}
_INTERPRETERS = frozenset(
    "sh bash dash zsh ksh python python3 pypy3 node deno bun ruby perl php lua Rscript pwsh "
    "env exec nice nohup time timeout sudo xargs command source .".split()
)
"""After these the script is one of the next words; ``make`` and its like read files of their own."""

_FILES = {"make": "Makefile", "just": "justfile", "npm": "package.json", "yarn": "package.json"}
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_OPERATORS = frozenset(";|&()<>\n")


@dataclass(frozen=True, slots=True)
class Item:
    """One command that may run: where it stands, its text or words, the scripts it names.

    ``scripts`` are (path, SHA-256 of the bytes).
    """

    where: str
    command: Command
    scripts: tuple[tuple[str, str], ...] = ()

    @property
    def role(self) -> str:
        """What it is run for; features share one, so that a command may move between them."""
        return "verify" if self.where.startswith("verify of ") else self.where

    @property
    def digest(self) -> str:
        """What is trusted of it."""
        return _sha256([self.role, self.command, [list(pair) for pair in self.scripts]])


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


# -- what there is -----------------------------------------------------------------------------


def items(location: Location, config: Config, features: Iterable[Feature]) -> list[Item]:
    """Return everything that could be run for this repository, in a fixed order."""
    found = [*_of_config(config), *_of_features(features)]
    top = location.tree()
    made = [Item(where, command, scripts(command, top)) for where, command in found]
    return made + _of_settings(location)


def of_agent(location: Location, config: Config) -> list[Item]:
    """Return what the configuration wants of the agent that nobody may widen unasked."""
    return [one for one in items(location, config, ()) if one.where.startswith("agent.")]


def of_command(location: Location, where: str, command: Command) -> Item:
    """Return the item of one command, as typed."""
    return Item(where, command, scripts(command, location.tree()))


def _of_config(config: Config) -> Iterator[tuple[str, Command]]:
    rows: list[tuple[str, Command | None]] = [
        ("commands.baseline", config.commands.baseline),
        *(("commands.health", one) for one in config.commands.health),
        ("commands.setup", config.commands.setup),
        ("agent.argv", config.agent.argv),
        ("agent.permission_mode", _widened(config)),
        ("agent.allowed_tools", config.agent.allowed_tools),
        ("notifications.command", config.notifications.command),
        ("notifications.webhook", _webhook(config)),
    ]
    yield from ((where, command) for where, command in rows if command)


def _webhook(config: Config) -> str | None:
    """Return the webhook as the file has it: never the secret, which would stand in lists and messages.

    One that is nothing but the person's own variables sends nowhere that the repository chose.
    """
    wanted = config.notifications
    template = wanted.template if isinstance(wanted, Addressed) else wanted.webhook
    return None if not template or from_environment(template) else template


def _of_features(features: Iterable[Feature]) -> Iterator[tuple[str, Command]]:
    for feature in sorted(features, key=lambda one: one.id):
        yield from ((verify_of(feature.id), command) for command in feature.verify)


def _widened(config: Config) -> str | None:
    """Return the permission mode where it is not the one that every new configuration has.

    An agent that may do more than that is a person's decision, and so is one that asks others.
    """
    wanted = config.agent.permission_mode
    return wanted if wanted not in (None, *MODEST) else None


def verify_of(feature: str) -> str:
    """Return where the verify commands of a feature stand."""
    return f"verify of {feature}"


def _of_settings(location: Location) -> list[Item]:
    """Return the filters and merge drivers that the repository's own configuration defines."""
    git = Git(location)
    known = settings.read(location)
    found = []
    for section, keys in _PROGRAMS.items():
        for name in sorted(filters.untrusted(git, section)):
            for key in keys:
                program = known.text(f"{section}.{name}.{key}")
                if program:
                    where = f"{section}.{name}.{key}"
                    found.append(Item(where, program, scripts(program, location.tree())))
    return found


def scripts(command: Command, top: Path) -> tuple[tuple[str, str], ...]:
    """Return the files of the work tree that a command runs, each with the SHA-256 of its bytes.

    A program with a path, what an interpreter is given first, and what ``make`` and its like
    read. Arguments are not scripts: ``pytest tests/test_x.py`` does not name one.
    """
    names = dict.fromkeys(_named(list(command)) if isinstance(command, tuple) else _in_line(command))
    found = ((name, _digest_of(top / name, top)) for name in names)
    return tuple((quote(os.fsencode(name)), digest) for name, digest in found if digest is not None)


def _in_line(line: str) -> Iterator[str]:
    """Yield the scripts named in each simple command of a shell line."""
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:  # an open quote: the shell will refuse it, its words still count
        words = line.split()
    simple: list[str] = []
    for word in [*words, ";"]:
        if word and set(word) <= _OPERATORS:
            yield from _named(simple)
            simple = []
        else:
            simple.append(word)


def _named(words: list[str]) -> Iterator[str]:
    """Yield the files that a simple command runs: a program with a path, a script, a module."""
    given = False  # whether an interpreter was named before, whose script may lie right here
    for at, word in enumerate(words):
        program = word.rpartition("/")[2]
        if word == "-m" and given:
            module = "".join(words[at + 1 : at + 2]).replace(".", "/")
            yield from (f"{module}.py", f"{module}/__main__.py")
            return
        if word == "-c" and given:
            return
        if _is_passed_over(word):
            continue
        if program in _INTERPRETERS and (word == program or word.startswith("/")):
            given = True
            continue
        yield from filter(None, [_FILES.get(program)])
        if given or "/" in word:
            yield word
        return


def _is_passed_over(word: str) -> bool:
    """Tell options, variables that are set, and numbers (``timeout 60``) from what is run."""
    return word.startswith("-") or _ASSIGNMENT.match(word) is not None or word.rstrip("smhd").isdecimal()


def _digest_of(path: Path, top: Path) -> str | None:
    """Return the SHA-256 of a regular file inside of the work tree; None for anything else."""
    try:
        real = path.resolve()
        if not real.is_relative_to(top.resolve()) or not stat.S_ISREG(real.stat().st_mode):
            return None
        with real.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError, RuntimeError):  # gone, unreadable, a NUL, a circle of links
        return None


# -- what is trusted ---------------------------------------------------------------------------


def digest(location: Location, found: Iterable[Item]) -> str:
    """Return ``sha256:...`` over the repository's place and everything in it that could run."""
    rows = sorted([one.role, one.digest] for one in found)
    return PREFIX + _sha256([str(location.common_dir), rows])


class Book:
    """Which commands of one repository are trusted on this machine.

    ``home`` is ``$XDG_STATE_HOME/git-ovn``; ``given`` the value of ``OVN_TRUST``.
    """

    def __init__(self, home: Path, location: Location, given: str | None = None) -> None:
        self._location = location
        self._given = given or ""
        name = hashlib.sha256(os.fsencode(location.common_dir)).hexdigest()[:32]
        self.path = home / FOLDER / f"{name}.json"

    def trusted(self) -> frozenset[str]:
        """Return the digests of the trusted items. Raises InvalidDocument for a spoiled file."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return frozenset()
        value = canonical.load(data, str(self.path), limit=16 << 20)
        items = value.get("items") if isinstance(value, dict) else None
        if not isinstance(items, dict) or value.get("repository") != str(self._location.common_dir):
            raise InvalidDocument(
                f"'{self.path}' is not what git ovn wrote", hint="remove it, and trust again"
            )
        return frozenset(items)

    def untrusted(self, found: Iterable[Item]) -> list[Item]:
        """Return the items that nobody here allowed, in order."""
        found = list(found)
        if self._given and self._given == digest(self._location, found):
            return []
        known = self.trusted()
        return [one for one in found if one.digest not in known]

    def check(self, found: Iterable[Item]) -> None:
        """Raise NotTrusted (17) naming the first item that nobody here allowed."""
        missing = self.untrusted(found)
        if missing:
            first = missing[0]
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise NotTrusted(
                f"not trusted: {first.where}: {commands.show(first.command)[:200]!r}{more}",
                items=[one.where for one in missing],
            )

    def allow(self, found: Iterable[Item], *, only: bool = False) -> None:
        """Trust these items, beside those that are trusted; ``only``: no others."""
        added = {one.digest: f"{one.where}: {commands.show(one.command)}" for one in found}
        kept = {} if only else self._kept()
        if not only and set(added) <= set(kept):
            return
        document = {"version": 1, "repository": str(self._location.common_dir), "items": {**kept, **added}}
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self.path.with_suffix(f".{os.getpid()}")
        new.touch(0o600)
        new.write_bytes(canonical.dump(document))
        new.replace(self.path)

    def _kept(self) -> dict[str, str]:
        if not self.trusted():
            return {}
        kept: dict[str, str] = canonical.load(self.path.read_bytes(), str(self.path), limit=16 << 20)["items"]
        return kept

    def revoke(self) -> bool:
        """Trust nothing any more; False when nothing was trusted."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True


def allows_filters(book: Book, location: Location) -> bool:
    """Return whether the filters and merge drivers of the repository's configuration may run."""
    return not book.untrusted(_of_settings(location))


@dataclass(frozen=True, slots=True)
class Shown:
    """A line of ``git ovn trust --show``."""

    item: Item
    trusted: bool


def show(book: Book, found: Iterable[Item]) -> list[Shown]:
    """Return everything that could run, each with whether it is trusted; to be escaped as printed."""
    found = list(found)
    missing = {one.digest for one in book.untrusted(found)}
    return [Shown(one, one.digest not in missing) for one in found]
