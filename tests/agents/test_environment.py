"""The allow-list of an agent's environment."""

from __future__ import annotations

from ovn.agents.environment import allowed


def test_only_what_an_agent_needs_reaches_it() -> None:
    environ = {
        "PATH": "/bin",
        "HOME": "/home/a",
        "LC_ALL": "C",
        "ANTHROPIC_API_KEY": "k",
        "GIT_SSL_CAINFO": "/ca",
        "GIT_AUTHOR_NAME": "A",
        "GIT_DIR": "/elsewhere/.git",
        "GIT_INDEX_FILE": "/elsewhere/index",
        "AWS_SECRET_ACCESS_KEY": "s",
        "GITHUB_TOKEN": "s",
        "OVN_CRASH_POINT": "x",
        "OVN_SESSION": "of-another",
        "PWD": "/where/the/person/is",
    }
    kept = ["ANTHROPIC_API_KEY", "GIT_AUTHOR_NAME", "GIT_SSL_CAINFO", "HOME", "LC_ALL", "PATH"]
    assert sorted(allowed(environ)) == kept


def test_there_is_always_a_path() -> None:
    assert allowed({}) == {"PATH": "/usr/local/bin:/usr/bin:/bin"}
