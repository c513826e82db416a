"""What a verb knows of its surroundings. The one place that reads the environment.

``main`` makes a Context and click hands it to the verb as its ``obj``. Everything in it is
found when it is asked for, so that a verb pays only for what it uses.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path

from ovn import names
from ovn.errors import OvnError

TYPE_CHECKING = False  # typing's own would keep git's look waiting
if TYPE_CHECKING:
    from collections.abc import Mapping
    from subprocess import Popen
    from typing import Self

    from ovn.checks.trust import Book
    from ovn.cli.output import Output
    from ovn.clock import Clock
    from ovn.config import Config
    from ovn.git.glance import Glance
    from ovn.git.locate import Location
    from ovn.git.run import Started
    from ovn.git.settings import Settings
    from ovn.state.store import StateStore


class Context:
    """Repository, state, clock, output and environment of one call of one verb.

    ``verb`` is its name. ``json`` is true once ``--json`` was read: the verb then prints one
    document. ``asked``: git was asked already where the repository is (``ovn.git.where``).
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        verb: str = "",
        asked: Popen[bytes] | None = None,
    ) -> None:
        self._verb = verb
        self._asked = asked
        self.environ = os.environ if environ is None else environ
        self.json = False
        self._open = ExitStack()

    @cached_property
    def out(self) -> Output:
        """Where the verb says what it has to say."""
        from ovn.cli.output import Output

        return Output(sys.stdout, sys.stderr, colour=self.colour, advice=self._advice)

    @cached_property
    def clock(self) -> Clock:
        """The machine's clock."""
        from ovn.clock import SYSTEM

        return SYSTEM

    @cached_property
    def location(self) -> Location:
        """The repository around the current folder; raises NotARepository and its kin."""
        from ovn.git.locate import locate

        asked, self._asked = self._asked, None  # an answer can be read once
        return locate(asked=asked)

    @cached_property
    def store(self) -> StateStore:
        """The state of this repository; raises NotInitialised and what opening it raises."""
        from ovn import warn
        from ovn.git import offline
        from ovn.state.store import StateStore

        offline.promise(os.environ)
        # What the modules below warn of is escaped like anything else that a verb says.
        self._open.callback(warn.listen(self.out.warning))
        return StateStore.open(self.location)

    @cached_property
    def config(self) -> Config:
        """``.overnight/config.yaml``, the contract's defaults where it says nothing; raises InvalidConfig."""
        from ovn.config import load

        return load(self.location.tree(), self.environ)

    @cached_property
    def book(self) -> Book:
        """What the person trusts of this repository on this machine."""
        from ovn.checks.trust import Book

        return Book(self.state_home, self.location, self.environ.get(names.ENV_TRUST))

    @cached_property
    def glance(self) -> Glance:
        """A look at the work tree that git has begun, to be used once; see ``look_ahead``."""
        self._configuration  # noqa: B018 - git reads it while what follows is loaded
        from ovn.git.glance import begin
        from ovn.git.run import Git

        return self._open.enter_context(begin(Git(self.location), trusted=self.filters_trusted))

    def look_ahead(self) -> None:
        """Let git begin its look while the verb is loaded, which takes as long.

        What stands in its way is the verb's to say, after what is wrong with its arguments.
        """
        with suppress(OvnError):
            self.glance  # noqa: B018 - begun by being asked for

    def look_again(self) -> None:
        """Forget the look that was begun: files were changed since."""
        self.__dict__.pop("glance", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End what is still under way."""
        self._open.close()

    @cached_property
    def filters_trusted(self) -> bool:
        """Whether filters that the repository's own configuration defines may run; true for none."""
        from ovn.git.filters import untrusted_in

        if not untrusted_in(self.settings, "filter"):
            return True
        from ovn.checks.trust import allows_filters

        return allows_filters(self.book, self.location)

    @cached_property
    def settings(self) -> Settings:
        """The person's git configuration here; raises NotARepository and GitFailed."""
        from ovn.git.settings import answer

        return answer(self._configuration)

    @cached_property
    def _configuration(self) -> Started:
        from ovn.git.settings import ask

        return self._open.enter_context(ask(self.location))

    @property
    def session(self) -> str | None:
        """The session whose process this is (``OVN_SESSION``); None for a person."""
        return self.environ.get(names.ENV_SESSION) or None

    @property
    def run(self) -> str | None:
        """The run whose process this is (``OVN_RUN_ID``); None outside a run."""
        return self.environ.get(names.ENV_RUN) or None

    @property
    def state_home(self) -> Path:
        """The person's folder for what belongs to no repository: trust, crash logs."""
        return state_home(self.environ)

    def colour(self) -> bool:
        """``color.ovn``, else ``color.ui``, else automatic; ``NO_COLOR`` is above them."""
        if self.environ.get("NO_COLOR"):
            return False
        wish = self._wish()
        if wish == "always":
            return True
        terminal = sys.stdout.isatty() and self.environ.get("TERM", "dumb") != "dumb"
        return terminal and wish not in ("never", "false", "no", "off", "0")

    def advice(self, key: str) -> bool:
        """Return whether hints of a kind are wanted: ``ovn.advice``, ``ovn.advice.KEY``."""
        try:
            return self.settings.advice(key)
        except OvnError:  # no repository here, or none that can be read: nobody silenced anything
            return True

    def _advice(self) -> bool:
        return self.advice(self._verb)

    def _wish(self) -> str:
        try:
            settings = self.settings
        except OvnError:  # no repository here, or none that can be read: nobody wished anything
            return "auto"
        return (settings.text(names.CONFIG_COLOR) or settings.text("color.ui") or "auto").lower()


def state_home(environ: Mapping[str, str] | None = None) -> Path:
    """Return ``$XDG_STATE_HOME/git-ovn``, by default ``~/.local/state/git-ovn``.

    Relative values are ignored, as the XDG base directory specification says.
    """
    environ = os.environ if environ is None else environ
    base = Path(environ.get("XDG_STATE_HOME", ""))
    if not base.is_absolute():
        base = Path(environ.get("HOME") or os.path.expanduser("~")) / ".local" / "state"  # noqa: PTH111
    return base / "git-ovn"
