"""What of a person's environment an agent gets to see: an allow-list.

A night's agent runs other people's code unattended. It needs where programs, home and
certificates are, who the person is to git, and the keys of its own provider; it does not
need the tokens of everything else that a shell profile exports. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ALLOWED = frozenset(
    "PATH HOME USER LOGNAME SHELL TERM COLORTERM NO_COLOR TZ LANG LANGUAGE "
    "XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_RUNTIME_DIR "
    "http_proxy https_proxy no_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY "
    "SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS "
    "SSH_AUTH_SOCK GNUPGHOME GPG_TTY IS_SANDBOX CI "
    "GIT_SSL_CAINFO GIT_SSH GIT_SSH_COMMAND GIT_EXEC_PATH "
    "GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM "
    "GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL "
    "VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV PYTHONPATH PYTHONUNBUFFERED NODE_PATH "
    "GOPATH GOROOT GOFLAGS GOPROXY CARGO_HOME RUSTUP_HOME JAVA_HOME".split()
)

# not PWD: it names the person's folder, and opencode works where it says instead of where it is

PREFIXES = (
    "LC_",
    "ANTHROPIC_",
    "CLAUDE_",
    "OPENAI_",
    "CODEX_",
    "GEMINI_",
    "GOOGLE_",
    "OPENCODE_",
    "AIDER_",
    "OPENROUTER_",
    "DISABLE_",
)
"""Agents' own variables, and their providers'."""


def allowed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that may reach an agent, with a PATH in any case."""
    kept = {name: value for name, value in environ.items() if name in ALLOWED or name.startswith(PREFIXES)}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", **kept}
