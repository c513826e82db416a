"""YAML with its traps taken out, each value with its place."""

from __future__ import annotations

import contextlib
import random
import time

import pytest
import yaml

from ovn.errors import InvalidConfig
from ovn.model import strictyaml
from ovn.model.strictyaml import Place

pytestmark = pytest.mark.unmeasured


@pytest.fixture(params=["libyaml", "PyYAML"], autouse=True)
def loader(request, monkeypatch):
    """Run each test with both of PyYAML's parsers: not every build has libyaml."""
    chosen = {"libyaml": getattr(yaml, "CSafeLoader", None), "PyYAML": yaml.SafeLoader}[request.param]
    if chosen is None:
        pytest.skip("this PyYAML was built without libyaml")
    monkeypatch.setattr(strictyaml, "_loader", lambda _: chosen)


def value(text: str):
    return strictyaml.load(text.encode(), "config.yaml").value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: no", "no"),
        ("a: yes", "yes"),
        ("a: on", "on"),
        ("a: y", "y"),
        ("a: 010", "010"),
        ("a: 0o10", "0o10"),
        ("a: 0x10", "0x10"),
        ("a: 1_000", "1_000"),
        ("a: 1:30:00", "1:30:00"),
        ("a: 2026-01-02", "2026-01-02"),
        ("a: 2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("a: .nan", ".nan"),
        ("a: .inf", ".inf"),
        ("a: 1e400", "1e400"),
        ("a: 99999999999999999999", "99999999999999999999"),
        ("a: '12'", "12"),
        ('a: "true"', "true"),
        ("a: 'null'", "null"),
        ("a: |\n  no\n", "no\n"),
        ("a: true", True),
        ("a: False", False),
        ("a: 12", 12),
        ("a: -3", -3),
        ("a: 1.50", 1.5),
        ("a: 1e3", 1000.0),
        ("a: null", None),
        ("a: ~", None),
        ("a:", None),
        ("a: grün 日本", "grün 日本"),
        ("a: ${OVN_X:-5}", "${OVN_X:-5}"),
        ("a: [1, [two, {b: c}]]", [1, ["two", {"b": "c"}]]),
        ("a: =", "="),
    ],
)
def test_a_scalar_means_what_it_looks_like(text, expected):
    found = value(text)["a"]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("key", ["no", "1", "null", "<<", "2026-01-02"])
def test_a_key_is_always_a_text(key):
    assert value(f"{key}: 1") == {key: 1}


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n", "\n\n"])
def test_an_empty_file_says_nothing(text):
    assert value(text) is None


REFUSED = {
    "an anchor": ("a: &x 1\n", "line 1, column 4: the anchor '&x' is not taken"),
    "an alias": ("b: *x\n", "line 1, column 4: the alias '*x' is not taken"),
    "an anchored list": ("a:\n  - &y [1]\n", "line 2, column 5: the anchor '&y'"),
    "a tag": ("a: !!int '1'", "line 1, column 4: the tag 'tag:yaml.org,2002:int'"),
    "a python tag": ("a: !!python/object/apply:os.system [id]", "the tag 'tag:yaml.org,2002:python/object"),
    "a local tag": ("a: !x b", "the tag '!x' is not taken"),
    "an anchored key": ("&k a: 1", "line 1, column 1"),
    "a list as key": ("? [a]\n: b", "line 1, column 3: a key must be a plain word"),
    "a key twice": ("a: 1\nb: 2\na: 3\n", "line 3, column 1: the key 'a' stands twice"),
    "a key twice, in quotes": ("a: {b: 1, 'b': 2}", "line 1, column 11: the key 'b' stands twice"),
    "two documents": ("a: 1\n---\nb: 2\n", "a second document"),
    "a directive": ("%YAML 1.1\n---\na: 1\n", "directives"),
    "a tag directive": ("%TAG ! tag:x,2000:\n---\na: 1\n", "directives"),
    "a tab for indentation": ("a:\n\t- b\n", "line 2, column 1"),
    "an open list": ("a: [1, 2", "line "),
    "two colons": ("a: b: c", "line 1, column 5"),
    "a control character": ("a: \x01", "line 1, column 4: the character U+0001 is not allowed"),
    "half a surrogate pair": ('a: "\\ud83d"', "line 1, column"),
    "too deep": ("[" * 17 + "]" * 17, "line 1, column 17: nested deeper than 16"),
    "5000 lists": ("[" * 5000, "nested deeper than 16"),
    "5000 list items in one line": ("- " * 5000, "nested deeper than 16"),
    "5000 mappings": ("{a: " * 5000, "nested deeper than 16"),
    "too large": ("#" * 65537, "65537 bytes, the limit is 65536"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_reader_refuses_saying_where(name):
    text, words = REFUSED[name]
    with pytest.raises(InvalidConfig) as refusal:
        value(text)
    assert str(refusal.value).startswith("config.yaml: ")
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a: 1\nb: gr\xfcn\n", "line 2, column 6: not UTF-8"),
        ("a: 1".encode("utf-16"), "line 1, column 1: not UTF-8"),
        ("\ufeffa: 1".encode(), "begins with a byte order mark"),
    ],
)
def test_the_reader_takes_utf8_only(data, words):
    with pytest.raises(InvalidConfig, match=words):
        strictyaml.load(data, "config.yaml")


def test_an_alias_bomb_is_refused_before_it_grows():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(
        f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(InvalidConfig, match="the anchor '&a' is not taken"):
        value(bomb)


def test_every_value_and_every_key_has_its_place():
    page = strictyaml.load(b"project: x\nsession:\n  silence: 5\nlist: [a, 'b',\n  {c: d}]\n", "it")
    assert page.places["session.silence"] == Place(3, 12)
    assert page.keys["session.silence"] == Place(3, 3)
    assert page.places["list[1]"] == Place(4, 11)
    assert page.places["list[2].c"] == Place(5, 7)
    assert page.plain == {"project", "session.silence", "list[0]", "list[2].c"}


PIECES = (
    *(
        "a: ",
        "- ",
        "  ",
        "\n",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "? ",
        ": ",
        "&a ",
        "*a",
        "!!str ",
        "! ",
        "|",
        ">-",
        "---\n",
    ),
    *(
        '"',
        "'",
        "\\u",
        "#",
        "%YAML",
        "@",
        "`",
        "\t",
        "\x00",
        "\x85",
        "\u2028",
        "1e9",
        "~",
        "<<: ",
        "no",
        "${OVN_X}",
    ),
)


def fuzz(rounds, seed):
    source = random.Random(seed)
    taken = 0
    for _ in range(rounds):
        text = "".join(source.choices(PIECES, k=source.randint(1, 40)))
        before = time.process_time()
        try:
            strictyaml.load(text.encode(), "it")
            taken += 1
        except InvalidConfig as error:
            assert str(error).startswith("it: ")
        assert time.process_time() - before < 1, text
    return taken


@pytest.mark.measured
def test_hostile_text_is_read_or_refused_in_our_own_words():
    assert 0 < fuzz(300, seed=1) < 300


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_thousands_of_hostile_texts_are_read_or_refused_in_our_own_words(seed):
    assert 0 < fuzz(5000, seed) < 5000


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "a: " + "x" * 65000,
        "".join(f"k{n}: {n}\n" for n in range(6000)),
        "a: [" + "1, " * 21000 + "1]",
        "a:\n" + "- b\n" * 16000,
        "a: |\n" + "  x\n" * 16000,
        "{" * 65000,
        "? " * 32000,
        "a" * 1025 + ": b\n",
        '"' + "\\x41" * 16000 + '": 1',
        "#\n" * 32000,
    ],
    ids="scalar keys flow items block braces questions long-key escapes comments".split(),
)
def test_64_kilobytes_of_anything_take_less_than_a_second(text, request):
    before = time.process_time()
    with contextlib.suppress(InvalidConfig):
        value(text)
    limit = 3 if "PyYAML" in request.node.name else 1  # in Python, and only where libyaml is missing
    assert time.process_time() - before < limit
