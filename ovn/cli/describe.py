"""The verbs as data: what the reference page, the man pages and the completions are written from."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Literal

import click

from ovn.cli import verbs
from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["", "choice", "path", "feature", "session", "checkpoint", "verb"]
"""What a value is, as far as it can be completed."""

_KINDS: dict[str, Kind] = {
    "feature": "feature",
    "features": "feature",
    "session": "session",
    "sessions": "session",
    "checkpoint": "checkpoint",
    "other": "checkpoint",
    "verb": "verb",
}


_LONGEST = 30
"""Characters of choices that stand in a usage line themselves."""


@dataclass(frozen=True, slots=True)
class Value:
    """What stands after an option or as an argument: its name, its kind, its choices."""

    name: str
    kind: Kind = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """One option: ``-m``, ``--message``, its value (None: it takes none), its help."""

    names: tuple[str, ...]
    value: Value | None
    help: str
    repeats: bool = False

    @property
    def spelling(self) -> str:
        """``-m | --message TEXT``, ``--hooks | --no-hooks``."""
        joined = " | ".join(self.names)
        return f"{joined} {self.value.name}" if self.value else joined


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument."""

    value: Value
    required: bool
    repeats: bool

    @property
    def spelling(self) -> str:
        """``PATH``, ``[CHECKPOINT]``, ``FEATURE...``."""
        name = self.value.name + ("..." if self.repeats else "")
        return name if self.required else f"[{name}]"


@dataclass(frozen=True, slots=True)
class Page:
    """One verb, or one verb of a group: ``words`` are what is typed after ``git ovn``."""

    words: tuple[str, ...]
    what: str
    text: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    pages: tuple[Page, ...] = ()

    @property
    def path(self) -> str:
        """``git ovn feature add``."""
        return " ".join(("git ovn", *self.words))

    @property
    def parts(self) -> list[str]:
        """What follows the path in the usage line, each in one piece."""
        options = [f"[{one.spelling}]" + ("..." if one.repeats else "") for one in self.options]
        return [*options, *(one.spelling for one in self.arguments), *(["VERB ..."] if self.pages else [])]

    @property
    def usage(self) -> str:
        """The whole usage line."""
        return " ".join([self.path, *self.parts])


def pages() -> dict[str, list[Page]]:
    """Return every verb by the heading that it stands under. Imports them all."""
    return {
        heading: [_page((name,), what, verbs.load(name)) for name, (_, what) in group.items()]
        for heading, group in verbs.VERBS.items()
        if group
    }


def every() -> Iterator[Page]:
    """Yield every verb, each followed by the verbs of its group."""
    for group in pages().values():
        for page in group:
            yield from _with_nested(page)


def _with_nested(page: Page) -> Iterator[Page]:
    yield page
    for nested in page.pages:
        yield from _with_nested(nested)


def _page(words: tuple[str, ...], what: str, command: click.Command) -> Page:
    shown = [param for param in command.params if not getattr(param, "hidden", False)]
    nested = list(_nested(words, command)) if isinstance(command, click.Group) else []
    text = inspect.cleandoc(command.help or "").partition("\f")[0].strip()
    extra = (
        [Argument(Value("-- PATH", "path"), required=False, repeats=True)] if _takes_paths(command) else []
    )
    return Page(
        words,
        what or text.partition("\n\n")[0].replace("\n", " ").rstrip("."),
        text,
        tuple(_option(one) for one in shown if isinstance(one, click.Option)),
        (*(_argument(one) for one in shown if isinstance(one, click.Argument)), *extra),
        tuple(nested),
    )


def _takes_paths(command: click.Command) -> bool:
    from ovn.cli.options import PathsCommand

    return isinstance(command, PathsCommand)


def _nested(words: tuple[str, ...], group: click.Group) -> Iterator[Page]:
    with click.Context(group, info_name=" ".join(words)) as context:
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            if found is not None and not found.hidden:
                yield _page((*words, name), "", found)


def _option(option: click.Option) -> Option:
    value = None
    if not (option.is_flag and option.flag_value != "") and not option.count:
        value = _value(option, option.metavar)
    about = option.help or ""
    if value and value.choices and "|" not in value.name:
        about = f"{about} One of {', '.join(value.choices)}.".strip()
    return Option((*option.opts, *option.secondary_opts), value, about, option.multiple)


def _argument(argument: click.Argument) -> Argument:
    known = bool(getattr(argument.type, "choices", ()))
    name = argument.metavar or ("" if known else (argument.name or "").upper())
    repeats = argument.nargs == -1
    return Argument(
        _value(argument, name.strip("[].")), required=argument.required and name[:1] != "[", repeats=repeats
    )


def _value(param: click.Parameter, name: str | None) -> Value:
    choices = tuple(map(str, getattr(param.type, "choices", ())))
    kind = _KINDS.get(param.name or "") or _KINDS.get((name or "").lower(), "")
    if choices:
        joined = "|".join(choices)
        short = joined if len(joined) <= _LONGEST else param.opts[-1].lstrip("-").upper()
        return Value(name or short, "choice", choices)
    if isinstance(param.type, (click.Path, click.File)):
        kind = "path"
    return Value(name or param.type.name.upper(), kind)
