"""Which variables of a person's environment reach other people's code: an allow-list. Pure.

A night runs the project's tests and an agent unattended. Both need where programs, home and
certificates are; neither needs the tokens that a shell profile exports. An agent runs the
tests too, so what is there for them is there for it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TESTS = frozenset(
    "PATH HOME USER LOGNAME SHELL TERM TZ LANG LANGUAGE TMPDIR NO_COLOR CI "
    "XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_RUNTIME_DIR "
    "http_proxy https_proxy no_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY "
    "SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS "
    "GIT_SSL_CAINFO GIT_EXEC_PATH GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM "
    "VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV PYTHONPATH NODE_PATH PIP_CACHE_DIR PIP_INDEX_URL "
    "GOPATH GOROOT GOFLAGS GOPROXY GOCACHE CARGO_HOME RUSTUP_HOME RUSTFLAGS JAVA_HOME "
    "GRADLE_USER_HOME MAVEN_OPTS DOTNET_ROOT LD_LIBRARY_PATH PKG_CONFIG_PATH".split()
)
"""What a project's tests may see: no tokens, no agents, no sockets."""

AGENTS = TESTS | frozenset(
    "COLORTERM SSH_AUTH_SOCK GNUPGHOME GPG_TTY IS_SANDBOX PYTHONUNBUFFERED "
    "GIT_SSH GIT_SSH_COMMAND "
    "GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL".split()
)
"""What an agent may see besides: who the person is to git, and the way to their remotes.

Not PWD: it names the person's folder, and opencode works where it says instead of where it is."""

PATH = "/usr/local/bin:/usr/bin:/bin"


def pick(environ: Mapping[str, str], names: Iterable[str], prefixes: tuple[str, ...]) -> dict[str, str]:
    """Return the variables with one of these names or beginnings, and a PATH in any case."""
    wanted = frozenset(names)
    kept = {name: value for name, value in environ.items() if name in wanted or name.startswith(prefixes)}
    return {"PATH": PATH, **kept}
