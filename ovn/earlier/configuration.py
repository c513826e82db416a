"""The configuration of earlier harnesses (``config/overnight.yaml``), as far as we know its keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ovn import config, names
from ovn.errors import InvalidConfig, WouldLose
from ovn.frozen import dataclass
from ovn.model import strictyaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ovn.git.locate import Location
    from ovn.model.canonical import Json


@dataclass(frozen=True, slots=True)
class Taken:
    """What an earlier file says in our keys, as text, and each line that it says in others."""

    text: str
    left_out: tuple[str, ...]


def configuration(data: bytes, what: str, environ: Mapping[str, str]) -> Taken:
    """Return what can be taken over of an earlier configuration. Raises InvalidConfig."""
    page = strictyaml.load(data, what)
    if not isinstance(page.value, dict):
        raise InvalidConfig(f"{what}: a mapping is needed")
    known = config.known()
    kept: dict[str, Json] = {}
    left_out: list[str] = []
    for section, value in _with_webhook(page.value).items():
        if section in known and isinstance(value, dict):
            inner = {key: one for key, one in value.items() if key in known[section]}
            left_out += [
                f"{section}.{key} ({page.keys.get(f'{section}.{key}')})" for key in value if key not in inner
            ]
            kept |= {section: inner} if inner else {}
        elif section == "project" and isinstance(value, str):
            kept[section] = value
        else:
            left_out.append(f"{section} ({page.keys.get(section)})")
    kept, refused = _valid(kept, environ)
    return Taken(_text(kept), tuple(left_out + refused))


WEBHOOKS = ("discord_webhook", "slack_webhook", "webhook_url", "webhook")
"""What an address was called. The address itself is a secret, and is never taken over."""


def _with_webhook(page: dict[str, Json]) -> dict[str, Json]:
    """Return the page with one webhook from the environment for those that it names."""
    section = page.get("notifications")
    if not isinstance(section, dict) or not any(section.get(name) for name in WEBHOOKS):
        return page
    kept = {key: value for key, value in section.items() if key not in WEBHOOKS}
    return {**page, "notifications": {"webhook": "${OVN_WEBHOOK:-}", **kept}}


def _valid(kept: dict[str, Json], environ: Mapping[str, str]) -> tuple[dict[str, Json], list[str]]:
    """Return the sections that our schema takes, and why the others are left out."""
    taken, refused = {}, []
    for section, value in kept.items():
        try:
            config.parse(_text({section: value}).encode(), environ, what=section)
        except InvalidConfig as error:
            refused.append(str(error))
        else:
            taken[section] = value
    return taken, refused


def _text(value: Mapping[str, Json]) -> str:
    """Return YAML: a line for each section, its values as JSON, which YAML includes."""
    lines = (f"{key}: {json.dumps(inner, ensure_ascii=False)}\n" for key, inner in value.items())
    return "".join(lines) or "# nothing\n"


def write(location: Location, taken: Taken) -> None:
    """Write it as ``.overnight/config.yaml``, which must not be there. Raises WouldLose."""
    path = location.tree() / names.CONFIG_FILE
    if path.parent.is_symlink():
        raise WouldLose(f"'{names.OVERNIGHT_FOLDER}' is a symbolic link", hint="make it a folder")
    path.parent.mkdir(exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(taken.text)
