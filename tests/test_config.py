"""``.overnight/config.yaml``: strict, placed errors, the contract's defaults."""

from __future__ import annotations

import dataclasses
import os
import random
import re
import time
import typing
from pathlib import Path

import pytest

from ovn import config, schema
from ovn.config import Config
from ovn.errors import InvalidConfig

CONTRACT = """\
project: trading-bot
session:     {max_runtime_hours: 10, max_idle_minutes: 30, silence_minutes: 10, checkpoint_interval_minutes: 15, start_deadline_seconds: 60}
budget:      {max_cost_usd: 50.0, warning_threshold_pct: 80, max_sessions: 40, max_attempts_per_feature: 3}
recovery:    {max_restarts: 5, backoff_base_seconds: 30, backoff_max_seconds: 600}
enforcement: {handoff: required, protect_registry: true}
commands:    {setup: ./init.sh, baseline: pytest -q, health: []}
agent:       {name: claude, argv: null, model: null, permission_mode: acceptEdits, allowed_tools: [], keep_failed_work: true}
checkpoints: {keep: 200, max_file_mb: 50, max_total_mb: 1000}
notifications: {webhook: "${OVN_WEBHOOK:-}", command: null}
logging:     {level: INFO, format: text}
"""  # noqa: E501


def parse(text, **environ):
    return config.parse(text.encode(), environ)


def refusal(text, **environ):
    with pytest.raises(InvalidConfig) as found:
        parse(text, **environ)
    return str(found.value), found.value.hint


def test_the_whole_file_says_what_it_says():
    found = parse(CONTRACT)
    assert found == dataclasses.replace(
        Config(),
        project="trading-bot",
        commands=config.Commands(setup="./init.sh", baseline="pytest -q"),
        notifications=config.Addressed(webhook="", template="${OVN_WEBHOOK:-}"),
    )


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "agent:\n", "session: {}\nbudget:\n", "project:\n", "project: ~"]
)
def test_every_key_may_be_left_out(text):
    assert parse(text) == Config()


def test_no_command_is_guessed():
    """A default such as ``pytest -q`` would be a command that nobody typed."""
    assert (Config().commands.setup, Config().commands.baseline, Config().commands.health) == (None, None, ())


def test_commands_are_a_line_or_words():
    found = parse(
        "commands: {setup: [make, all], baseline: pytest -q, health: [curl -f x, [df, -h]]}"
    ).commands
    assert found == config.Commands(("make", "all"), "pytest -q", ("curl -f x", ("df", "-h")))


# -- errors say where and what to do -----------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "words", "hint"),
    [
        (
            "budget:\n  max_sesions: 3\n",
            "line 2, column 3",
            "unknown key 'max_sesions' in 'budget'",
            "'max_sessions'?",
        ),
        (
            "project: a\nsesion: {}\n",
            "line 2, column 1",
            "unknown key 'sesion' at the top",
            "mean 'session'?",
        ),
        ("max_sessions: 3", "line 1, column 1", "unknown key 'max_sessions'", "belongs in 'budget'"),
        ("agent: {project: x}", "line 1, column 9", "unknown key 'project' in 'agent'", "belongs at the top"),
        (
            "logging: {zzz: 1}",
            "line 1, column 11",
            "unknown key 'zzz' in 'logging'",
            "known here: level, format",
        ),
        (
            "<<: {project: a}",
            "line 1, column 1",
            "unknown key '<<' at the top",
            "known here: project, session",
        ),
        ("\n\nsession:\n  silence_minutes: ten", "line 4, column 20", "must be a number, not 'ten'", None),
        ("session: {silence_minutes: 1:30}", "line 1, column 28", "must be a number, not '1:30'", None),
        ("session: {silence_minutes: 0}", "line 1, column 28", "must be more than 0", None),
        ("session: {silence_minutes: .inf}", "line 1, column 28", "must be a number, not '.inf'", None),
        ("budget: {max_sessions: 010}", "line 1, column 24", "must be a whole number, not '010'", None),
        ("budget: {max_sessions: 2.0}", "line 1, column 24", "must be a whole number, not 2.0", None),
        ("budget: {warning_threshold_pct: 101}", "line 1, column 33", "must be at most 100", None),
        ("enforcement: {protect_registry: no}", "line 1, column 33", "must be true or false, not 'no'", None),
        ("enforcement: {handoff: no}", "line 1, column 24", "must be one of 'required', 'optional'", None),
        ("logging: {level: info}", "line 1, column 18", "must be one of 'DEBUG', 'INFO'", None),
        (
            "commands: {setup: 5}",
            "line 1, column 19",
            "commands.setup: must be a text or a list or null, not 5",
            None,
        ),
        ("commands: {health: ls}", "line 1, column 20", "commands.health: must be a list, not 'ls'", None),
        ("agent: {argv: [a, 5]}", "line 1, column 19", "agent.argv[1]: must be a text, not 5", None),
        ("agent: {argv: []}", "line 1, column 15", "agent.argv: needs at least 1 items", None),
        ("agent: {name: ../x}", "line 1, column 15", "agent.name: '../x' does not match", None),
        ("project: 12", "line 1, column 10", "project: must be a text or null, not 12", None),
        ("session: 5", "line 1, column 10", "session: must be a mapping, not 5", None),
        ("- a", "line 1, column 1", "the file: must be a mapping, not ['a']", None),
        ("text", "line 1, column 1", "the file: must be a mapping, not 'text'", None),
        ("a: 1\na: 2", "line 2, column 1", "the key 'a' stands twice", None),
    ],
)
def test_a_mistake_is_told_with_line_column_and_what_would_be_right(text, place, words, hint):
    said, hinted = refusal(text)
    assert said.startswith(f".overnight/config.yaml: {place}: ")
    assert words in said
    assert (hint or "") in (hinted or "")


def test_several_mistakes_are_counted_and_the_next_ones_hinted():
    said, hint = refusal("budget:\n  max_sessions: a\n  max_cost_usd: b\n")
    assert said.endswith(" (and 1 more)")
    assert hint == "line 2, column 17: budget.max_sessions: must be a whole number, not 'a'"


# -- variables ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "environ", "webhook"),
    [
        ("${OVN_HOOK}", {"OVN_HOOK": "https://x"}, "https://x"),
        ("${OVN_HOOK:-none}", {}, "none"),
        ("${OVN_HOOK:-none}", {"OVN_HOOK": ""}, "none"),
        ("${OVN_HOOK:-}", {}, ""),
        ("${OVN_A}/${OVN_B}", {"OVN_A": "a", "OVN_B": "b"}, "a/b"),
        ("${HOME}", {"HOME": "/root"}, "${HOME}"),
        ("$OVN_A", {"OVN_A": "a"}, "$OVN_A"),
        ("${AWS_SECRET:-x}", {"AWS_SECRET": "s"}, "${AWS_SECRET:-x}"),
        ("${OVN_A}", {"OVN_A": "${OVN_B}", "OVN_B": "b"}, "${OVN_B}"),
        ("${OVN_A}", {"OVN_A": "x\n  command: rm"}, None),
    ],
)
def test_only_variables_of_ours_are_expanded_and_only_once(text, environ, webhook):
    source = f'notifications: {{webhook: "{text}"}}'
    if webhook is None:
        assert "webhook" in refusal(source, **environ)[0]
    else:
        assert parse(source, **environ).notifications.webhook == webhook


def test_a_variable_cannot_change_what_the_file_means():
    found = parse("commands:\n  baseline: ${OVN_A}\n", OVN_A="x\n  setup: evil\n")
    assert (found.commands.baseline, found.commands.setup) == ("x\n  setup: evil\n", None)


def test_keys_are_not_expanded():
    assert "unknown key '${OVN_A}'" in refusal("${OVN_A}: x", OVN_A="project")[0]


def test_a_number_may_come_from_the_environment_unless_it_stands_in_quotes():
    assert parse("budget:\n  max_sessions: ${OVN_N:-3}\n").budget.max_sessions == 3
    assert parse("budget:\n  max_sessions: ${OVN_N:-3}\n", OVN_N="7").budget.max_sessions == 7
    assert "must be a whole number, not '3'" in refusal('budget: {max_sessions: "${OVN_N:-3}"}')[0]


def test_a_variable_that_is_not_set_is_an_error_with_its_place():
    said, hint = refusal("project: ${OVN_NAME}\n")
    assert said == ".overnight/config.yaml: line 1, column 10: the variable 'OVN_NAME' is not set"
    assert hint == "set it, or give a default: ${OVN_NAME:-...}"


# -- the file ----------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    (tmp_path / ".overnight").mkdir()
    return tmp_path / ".overnight" / "config.yaml"


def test_a_work_tree_without_the_file_has_the_defaults(tmp_path):
    assert config.load(tmp_path, {}) == Config()


def test_the_file_is_read(tmp_path, file):
    file.write_text("project: ${OVN_P}\n")
    assert config.load(tmp_path, {"OVN_P": "x"}).project == "x"


def test_a_pipe_in_its_place_is_refused_and_not_waited_for(tmp_path, file):
    os.mkfifo(file)
    with pytest.raises(InvalidConfig, match="is no file"):
        config.load(tmp_path, {})


def test_a_folder_in_its_place_is_refused(tmp_path, file):
    file.mkdir()
    with pytest.raises(InvalidConfig, match="is no file"):
        config.load(tmp_path, {})


def test_a_link_that_leads_in_a_circle_is_refused(tmp_path, file):
    file.symlink_to(file)
    with pytest.raises(InvalidConfig, match=r"cannot read '.*': too many levels"):
        config.load(tmp_path, {})


def test_an_endless_file_is_not_read_to_its_end(tmp_path, file):
    with file.open("wb") as handle:
        handle.truncate(1 << 40)
    before = time.process_time()
    with pytest.raises(InvalidConfig, match="the limit is 65536"):
        config.load(tmp_path, {})
    assert time.process_time() - before < 1


# -- schema and classes ------------------------------------------------------------------------


def test_schema_and_classes_have_the_same_keys():
    sections = {field.name: field.type for field in dataclasses.fields(Config)}
    hints = typing.get_type_hints(Config)
    wanted = {"": tuple(sections)}
    wanted |= {
        name: tuple(field.name for field in dataclasses.fields(hints[name]))
        for name in sections
        if dataclasses.is_dataclass(hints[name])
    }
    assert config.known() == wanted


def test_the_defaults_obey_the_schema():
    from ovn.model import codec

    assert list(schema.problems("config", codec.encode(Config()))) == []


def test_a_configuration_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().session.silence_minutes = 5


# -- hostile text ------------------------------------------------------------------------------

VALUES = (
    "x",
    "[]",
    "{}",
    "-1",
    "1e9",
    "true",
    "null",
    "[[a]]",
    "${OVN_X}",
    "'a\\0b'",
    '"\\x1b[31m"',
    "!!x y",
    "&a b",
)


def fuzz(rounds, seed):
    source = random.Random(seed)
    lines = CONTRACT.splitlines(keepends=True)
    taken = 0
    for _ in range(rounds):
        text = "".join(source.sample(lines, k=source.randint(1, len(lines))))
        for _ in range(source.randint(0, 3)):
            at = source.randrange(len(text) + 1)
            text = text[:at] + source.choice(VALUES) + text[at + source.randint(0, 6) :]
        before = time.process_time()
        try:
            parse(text)
            taken += 1
        except InvalidConfig as error:
            assert str(error).startswith(".overnight/config.yaml: ")
        assert time.process_time() - before < 1, text
    return taken


def test_a_spoiled_file_is_read_or_refused_in_our_own_words():
    assert 0 < fuzz(300, seed=1) < 300


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_thousands_of_spoiled_files_are_read_or_refused_in_our_own_words(seed):
    assert 0 < fuzz(3000, seed) < 3000


@pytest.mark.parametrize(
    "address",
    ["https://hooks.slack.com/services/T/B/x", "${OVN_WEBHOOK:-https://example.com/x}", "slack+https://a/b"],
)
def test_the_address_of_a_webhook_must_not_stand_in_the_file(address):
    message, hint = refusal(f'notifications: {{webhook: "{address}"}}')
    assert "line 1, column 26: notifications.webhook: the address of a webhook is a secret" in message
    assert "set OVN_WEBHOOK where the night is started" in hint


# -- every key means something ---------------------------------------------------------

READERS = {path: path.read_text(encoding="utf-8") for path in Path(config.__file__).parent.rglob("*.py")}
NOT_READERS = ("config.py", "compat.py", "validators.py")


def keys():
    hints = typing.get_type_hints(Config)
    sections = {name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint)}
    found = [(name, one.name) for name, hint in sections.items() for one in dataclasses.fields(hint)]
    return [one for one in found if one[0] != "logging"]  # nobody reads it yet


@pytest.mark.parametrize(("section", "key"), keys())
def test_every_key_is_read_by_somebody(section, key):
    """``config.section.key``, or ``.key`` of what was taken from ``config.section`` in that module."""
    direct, taken = re.compile(rf"\.{section}\.{key}\b"), re.compile(rf"\.{section}\b(?!\.)")
    modules = [text for path, text in READERS.items() if path.name not in NOT_READERS]
    assert any(direct.search(text) or (taken.search(text) and f".{key}" in text) for text in modules)
