"""``.overnight/config.yaml``: what a person sets for a repository, read strictly, with defaults.

Only variables named ``OVN_*`` are expanded, after parsing and in values alone, so that no
variable can change what the file means. The environment is passed in, not read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from ovn import names
from ovn.errors import InvalidConfig
from ovn.frozen import dataclass, field, replace
from ovn.model import codec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ovn.model.canonical import Json
    from ovn.model.strictyaml import Page


@dataclass(frozen=True, slots=True)
class Shift:
    """``session:`` limits of one shift.

    ``stuck_failures``: failures of one tool without progress, ``stuck_minutes``: time without any.
    """

    max_runtime_hours: float = 10
    max_idle_minutes: float = 30
    silence_minutes: float = 10
    checkpoint_interval_minutes: float = 15
    start_deadline_seconds: float = 60
    stuck_minutes: float = 90
    stuck_failures: int = 20


@dataclass(frozen=True, slots=True)
class Budget:
    """``budget:`` what a night may cost; ``max_cost_usd`` and ``max_tokens`` None are without a limit."""

    max_cost_usd: float | None = 50.0
    max_tokens: int | None = None
    warning_threshold_pct: float = 80
    max_sessions: int = 40
    max_attempts_per_feature: int = 3


@dataclass(frozen=True, slots=True)
class Recovery:
    """``recovery:`` how often, and how soon, to try again."""

    max_restarts: int = 5
    backoff_base_seconds: float = 30
    backoff_max_seconds: float = 600


@dataclass(frozen=True, slots=True)
class Enforcement:
    """``enforcement:`` what the hooks refuse; ``handoff`` is ``required`` or ``optional``.

    ``red_baseline`` is what failing tests mean before a night: ``known``, ``repair`` or ``block``.
    """

    handoff: str = "required"
    protect_registry: bool = True
    red_baseline: str = "known"


@dataclass(frozen=True, slots=True)
class Commands:
    """``commands:`` None: there is none; nothing is guessed, for a guess would run unasked."""

    setup: str | tuple[str, ...] | None = None
    baseline: str | tuple[str, ...] | None = None
    health: tuple[str | tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Agent:
    """``agent:`` who works. ``argv`` is the template of the agent ``command``."""

    name: str = "claude"
    argv: tuple[str, ...] | None = None
    model: str | None = None
    permission_mode: str | None = "acceptEdits"
    allowed_tools: tuple[str, ...] = ()
    keep_failed_work: bool = True


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """``checkpoints:`` how many stay, and how large one may be; a MB is a million bytes."""

    keep: int = 200
    max_file_mb: int = 50
    max_total_mb: int = 1000


@dataclass(frozen=True, slots=True)
class Notifications:
    """``notifications:`` whom to tell; empty or None: nobody.

    An address is a secret: it stands in the environment, and here as ``${OVN_WEBHOOK:-}``.
    """

    webhook: str | None = None
    command: str | tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Addressed(Notifications):
    """Notifications of a file that names a webhook; ``template`` is it before any variable."""

    template: str = ""


@dataclass(frozen=True, slots=True)
class Logging:
    """``logging:`` of the runner."""

    level: str = "INFO"
    format: str = "text"


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file; ``Config()`` is what an empty one says."""

    project: str | None = None
    session: Shift = field(default_factory=Shift)
    budget: Budget = field(default_factory=Budget)
    recovery: Recovery = field(default_factory=Recovery)
    enforcement: Enforcement = field(default_factory=Enforcement)
    commands: Commands = field(default_factory=Commands)
    agent: Agent = field(default_factory=Agent)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    notifications: Notifications = field(default_factory=Notifications)
    logging: Logging = field(default_factory=Logging)


_VARIABLE = r"\$\{(OVN_[A-Z0-9_]+)(?::-([^}]*))?\}"  # seldom needed: compiled then


def load(top: Path, environ: Mapping[str, str]) -> Config:
    """Return the configuration of the work tree ``top``; the defaults where it has no file.

    Raises InvalidConfig with line and column.
    """
    data = _read(top / names.CONFIG_FILE)
    return Config() if data is None else parse(data, environ)


def parse(data: bytes, environ: Mapping[str, str], what: str = names.CONFIG_FILE) -> Config:
    """Return what the file's bytes say; ``what`` names it in errors. Raises InvalidConfig."""
    from ovn.model import strictyaml

    page = strictyaml.load(data, what)
    value = {} if page.value is None else page.value
    if isinstance(value, dict):
        _refuse_unknown(value, page, what)
        # 'agent:' with every line below it commented out is an empty section, not a mistake
        value = {key: {} if inner is None and key != "project" else inner for key, inner in value.items()}
    _validate(expanded := _expand(value, "", page, environ, what), page, what)
    config: Config = codec.decode(Config, expanded)
    return _with_template(config, value, page, what)


def _read(path: Path) -> bytes | None:
    """Return the file's bytes, at most one more than allowed; never waits on a pipe."""
    import os
    import stat

    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidConfig(f"cannot read '{path}': {(error.strerror or '').lower()}") from error
    from ovn.model.strictyaml import MAX_BYTES  # only where there is a file: 3 ms

    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise InvalidConfig(f"'{path}' is no file")
        with os.fdopen(os.dup(fd), "rb") as file:
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(fd)


# -- unknown keys ------------------------------------------------------------------------------


def known() -> dict[str, tuple[str, ...]]:
    """Return each section's keys; the file's own keys under the empty name."""
    from ovn import schema

    sections = schema.schema("config")["properties"]
    nested = {name: tuple(part["properties"]) for name, part in sections.items() if "properties" in part}
    return {"": tuple(sections), **nested}


def _refuse_unknown(value: dict[str, Json], page: Page, what: str) -> None:
    keys = known()
    for section, inner in [("", value), *value.items()]:
        if not isinstance(inner, dict) or section not in keys:
            continue
        for key in inner:
            if key not in keys[section]:
                path = f"{section}.{key}".removeprefix(".")
                where = f"in '{section}'" if section else "at the top"
                raise InvalidConfig(
                    f"{what}: {page.keys[path]}: unknown key '{key}' {where}",
                    hint=_nearest(key, section, keys),
                )


def _nearest(key: str, section: str, keys: Mapping[str, tuple[str, ...]]) -> str:
    from difflib import get_close_matches

    home = next((name for name, inner in keys.items() if key in inner), None)
    if home is not None:
        return f"'{key}' belongs in '{home}'" if home else f"'{key}' belongs at the top"
    near = get_close_matches(key, keys[section], n=1)
    return f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(keys[section])}"


# -- variables ---------------------------------------------------------------------------------


def _expand(value: Json, path: str, page: Page, environ: Mapping[str, str], what: str) -> Json:
    if isinstance(value, dict):
        inner = ((key, f"{path}.{key}".removeprefix("."), part) for key, part in value.items())
        return {key: _expand(part, place, page, environ, what) for key, place, part in inner}
    if isinstance(value, list):
        return [_expand(part, f"{path}[{at}]", page, environ, what) for at, part in enumerate(value)]
    if not isinstance(value, str) or "${OVN_" not in value:
        return value

    def lookup(found: re.Match[str]) -> str:
        name, default = found.groups()
        if environ.get(name) or default is None:
            return environ[name] if name in environ else _unset(name, page, path, what)
        return str(default)

    text = re.sub(_VARIABLE, lookup, value)
    from ovn.model import strictyaml

    # A number from the environment is a number, unless it stands in quotes.
    return strictyaml.scalar(text) if path in page.plain and re.fullmatch(_VARIABLE, value) else text


def _unset(name: str, page: Page, path: str, what: str) -> NoReturn:
    raise InvalidConfig(
        f"{what}: {page.places[path]}: the variable '{name}' is not set",
        hint=f"set it, or give a default: ${{{name}:-...}}",
    )


# -- the webhook -------------------------------------------------------------------------------

_LOOPBACK = r"(?:\w+\+)?https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:/|\Z)"


def from_environment(template: str) -> bool:
    """Return whether variables alone say all of a value: nothing of it was chosen by the file. Pure."""
    return not re.sub(_VARIABLE, lambda found: found[2] or "", template).strip()


def _with_template(config: Config, value: Json, page: Page, what: str) -> Config:
    """Keep the webhook as it is written. Raises InvalidConfig for an address in the file itself."""
    section = value.get("notifications") if isinstance(value, dict) else None
    template = section.get("webhook") if isinstance(section, dict) else None
    if not isinstance(template, str):
        return config
    secret = any(not found[2] for found in re.finditer(_VARIABLE, template))
    if "://" in template and not (secret or re.match(_LOOPBACK, template)):
        raise InvalidConfig(
            f"{what}: {page.places.get('notifications.webhook')}: notifications.webhook: "
            "the address of a webhook is a secret and must not stand in a file",
            hint='write "${OVN_WEBHOOK:-}" here, and set OVN_WEBHOOK where the night is started',
        )
    wanted = config.notifications
    return replace(config, notifications=Addressed(wanted.webhook, wanted.command, template))


# -- the schema --------------------------------------------------------------------------------


def _validate(value: Json, page: Page, what: str) -> None:
    from ovn.model import validators

    try:
        validators.VALIDATORS["config"](value)
    except validators.Invalid as error:
        found = list(_problems(value, page)) or [f"{error}"]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        hint = "; ".join(found[1:4]) or None
        raise InvalidConfig(f"{what}: {found[0]}{more}", hint=hint, problems=found) from error


def _problems(value: Json, page: Page) -> Iterator[str]:
    from ovn import schema

    for problem in schema.problems("config", value):
        place = page.places.get(problem.path)
        where = f"{place}: " if place else ""
        yield f"{where}{problem.path or 'the file'}: {problem.fix}"
