"""What happens in the demo's night: the features, their tests, and what the agent writes.

The code base is click's own source, as installed beside git ovn. The acceptance tests are
there before the night begins, as a person would have written them; the agent only writes
what makes them pass, or fails to.
"""

from __future__ import annotations

from ovn.frozen import dataclass

PACKAGE = "click"
"""An installed dependency of ours, pure Python, BSD-3-Clause; copied with its licence."""

PYTHON = "python3 -m unittest"

BASELINE = f"PYTHONPATH=src {PYTHON} discover -q -s tests/core"


@dataclass(frozen=True, slots=True)
class Planned:
    """A feature as the demo adds it, and the acceptance test that proves it."""

    id: str
    title: str
    priority: str
    test: str
    depends_on: tuple[str, ...] = ()

    @property
    def test_path(self) -> str:
        """Where its acceptance test lies."""
        return f"tests/features/test_{self.id.replace('-', '_')}.py"

    @property
    def verify(self) -> str:
        """The command that proves it; the tests of click's own behaviour must stay green too."""
        return f"PYTHONPATH=src {PYTHON} -q {self.test_path}"


@dataclass(frozen=True, slots=True)
class Write:
    """The agent writes a file, or adds to its end."""

    path: str
    text: str
    append: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """The agent commits all it did, by plain git."""

    message: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Half way: here the demo may kill the agent and the runner."""


Deed = Write | Commit | Hold

CORE_TESTS = {
    "tests/core/test_options.py": """\
import unittest

import click
from click.testing import CliRunner


@click.command()
@click.option("--count", default=1, type=click.IntRange(1, 9))
@click.option("--loud/--quiet", default=False)
@click.argument("name", default="world")
def hello(count, loud, name):
    line = f"hello {name}"
    for _ in range(count):
        click.echo(line.upper() if loud else line)


def run(*words):
    return CliRunner().invoke(hello, list(words))


class Options(unittest.TestCase):
    def test_defaults(self):
        self.assertEqual(run().output, "hello world\\n")

    def test_values_and_flags(self):
        self.assertEqual(run("--count", "2", "--loud", "you").output, "HELLO YOU\\n" * 2)

    def test_a_value_out_of_range_is_a_usage_error(self):
        answer = run("--count", "10")
        self.assertEqual(answer.exit_code, 2)
        self.assertIn("1<=x<=9", answer.output)

    def test_an_unknown_option_is_named(self):
        self.assertIn("--wrong", run("--wrong").output)
""",
    "tests/core/test_groups.py": '''\
import unittest

import click
from click.testing import CliRunner


@click.group()
def tool():
    """A tool."""


@tool.command()
def build():
    """Build it."""
    click.echo("built")


class Groups(unittest.TestCase):
    def test_a_command_runs(self):
        self.assertEqual(CliRunner().invoke(tool, ["build"]).output, "built\\n")

    def test_help_lists_the_commands(self):
        self.assertIn("Build it.", CliRunner().invoke(tool, ["--help"]).output)

    def test_an_unknown_command_fails(self):
        self.assertEqual(CliRunner().invoke(tool, ["destroy"]).exit_code, 2)
''',
}

FEATURES = (
    Planned(
        "duration",
        "A parameter type for durations such as 1h30m",
        "P0",
        """\
import unittest

import click
from click.testing import CliRunner


class Duration(unittest.TestCase):
    def test_units_add_up(self):
        found = [click.DURATION.convert(text, None, None) for text in ("90s", "1h30m", "0.5d")]
        self.assertEqual(found, [90, 5400, 43200])

    def test_nonsense_is_a_usage_error(self):
        @click.command()
        @click.option("--wait", type=click.DURATION)
        def tool(wait):
            click.echo(wait)

        answer = CliRunner().invoke(tool, ["--wait", "soon"])
        self.assertEqual(answer.exit_code, 2)
        self.assertIn("not a duration", answer.output)


if __name__ == "__main__":
    unittest.main()
""",
    ),
    Planned(
        "byte-size",
        "A parameter type for sizes such as 10MB",
        "P1",
        """\
import unittest

import click


class ByteSize(unittest.TestCase):
    def test_powers_of_ten_and_of_two(self):
        found = [click.BYTE_SIZE.convert(text, None, None) for text in ("512", "10MB", "4KiB")]
        self.assertEqual(found, [512, 10_000_000, 4096])

    def test_nonsense_is_refused(self):
        with self.assertRaises(click.BadParameter):
            click.BYTE_SIZE.convert("large", None, None)


if __name__ == "__main__":
    unittest.main()
""",
    ),
    Planned(
        "duration-range",
        "Durations between two bounds",
        "P1",
        """\
import unittest

import click


class DurationRange(unittest.TestCase):
    def test_within_its_bounds(self):
        self.assertEqual(click.DurationRange("1m", "1h").convert("30m", None, None), 1800)

    def test_outside_is_refused_and_the_bounds_are_named(self):
        with self.assertRaisesRegex(click.BadParameter, "1m.*1h"):
            click.DurationRange("1m", "1h").convert("2h", None, None)


if __name__ == "__main__":
    unittest.main()
""",
        depends_on=("duration",),
    ),
    Planned(
        "natural-order",
        "List step-2 before step-10 in a group's help",
        "P2",
        """\
import unittest

import click


class NaturalOrder(unittest.TestCase):
    def test_numbers_count_as_numbers(self):
        names = ["step-10", "step-2", "build", "step-1"]
        self.assertEqual(click.natural_order(names), ["build", "step-1", "step-2", "step-10"])

    def test_names_without_a_word_before_the_number(self):
        self.assertEqual(click.natural_order(["x", "3", "10"]), ["3", "10", "x"])


if __name__ == "__main__":
    unittest.main()
""",
    ),
)

_UNITS = '''\
"""A parameter type for durations such as ``1h30m``."""

from __future__ import annotations

import re

from .types import ParamType

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(ParamType):
    """Seconds as a float, from a number and a unit, or several of them."""

    name = "duration"

    def convert(self, value, param, ctx):
        parts = re.findall(r"(\\d+(?:\\.\\d+)?)([smhd])", str(value))
        if not parts or "".join(number + unit for number, unit in parts) != value:
            self.fail(f"{value!r} is not a duration such as 1h30m.", param, ctx)
        return sum(float(number) * UNITS[unit] for number, unit in parts)


DURATION = Duration()
'''

_RANGE = '''\


class DurationRange(Duration):
    """A duration between two others, both included."""

    name = "duration range"

    def __init__(self, least, most):
        self.bounds = (least, most)

    def convert(self, value, param, ctx):
        found = super().convert(value, param, ctx)
        least, most = (DURATION.convert(bound, None, None) for bound in self.bounds)
        if not least <= found <= most:
            self.fail(f"{value} is not between {self.bounds[0]} and {self.bounds[1]}.", param, ctx)
        return found
'''

_SIZE_BEGUN = '''\
"""A parameter type for sizes such as ``10MB``."""

from __future__ import annotations

from .types import ParamType

FACTORS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20}
'''

_SIZE_DONE = '''\


class ByteSize(ParamType):
    """Bytes as an int; KB is 1000, KiB is 1024."""

    name = "size"

    def convert(self, value, param, ctx):
        text = str(value).strip()
        digits = text.rstrip("KMGiBkmgb")
        factor = FACTORS.get(text[len(digits) :].upper())
        if not digits.isdecimal() or factor is None:
            self.fail(f"{value!r} is not a size such as 10MB.", param, ctx)
        return int(digits) * factor


BYTE_SIZE = ByteSize()
'''

_ORDER = {
    1: "def natural_order(names):\n    return sorted(names)\n",
    2: "def natural_order(names):\n    return sorted(names, key=lambda name: (len(name), name))\n",
}

_INIT = "src/click/__init__.py"


def deeds(feature: str, attempt: int) -> tuple[Deed, ...]:
    """Return what the agent does for a feature in its n-th attempt."""
    if feature == "natural-order":
        text = _ORDER.get(attempt, _ORDER[2])
        return (
            Write("src/click/ordering.py", text),
            Write(_INIT, "from .ordering import natural_order as natural_order\n", append=True),
            Commit(f"Sort the names of commands, try {attempt}"),
        )
    return _DEEDS[feature]


_DEEDS: dict[str, tuple[Deed, ...]] = {
    "duration": (
        Write("src/click/duration.py", _UNITS),
        Commit("Parse durations such as 1h30m"),
        Write(_INIT, "from .duration import DURATION as DURATION\n", append=True),
        Commit("Export the duration type"),
    ),
    "duration-range": (
        Write("src/click/duration.py", _RANGE, append=True),
        Write(_INIT, "from .duration import DurationRange as DurationRange\n", append=True),
        # left uncommitted: the runner commits what an agent forgot
    ),
    "byte-size": (
        Write("src/click/size.py", _SIZE_BEGUN),
        Hold(),
        Write("src/click/size.py", _SIZE_BEGUN + _SIZE_DONE),
        Write(_INIT, "from .size import BYTE_SIZE as BYTE_SIZE\n", append=True),
        Commit("Parse sizes such as 10MB"),
    ),
}
