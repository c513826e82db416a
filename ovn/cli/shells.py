"""Completion for bash, zsh and fish, written from the verbs themselves.

bash: git's own completion calls ``_git_ovn`` for ``git ovn``, and loads this file by itself where
it is installed as ``git-ovn`` among bash-completion's files. zsh: its ``_git`` calls ``_git-ovn``.
fish: it reads the file of every ``git-*`` program that it finds. Names of features, sessions and
checkpoints come from plain git, which takes milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.cli import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ovn.cli.describe import Option, Page, Value

FILES = {"bash": "git-ovn", "zsh": "_git-ovn", "fish": "git-ovn.fish"}
"""The name that each shell's file has to have."""

GLOBAL = ("-C", "--version", "-h", "--help")

# What git says, in a form that all three shells can use.
_FEATURES = (
    "git ls-tree --full-tree --name-only overnight/state features/ 2>/dev/null | sed 's,.*/,,; s,[.]json$,,'"
)
_SESSIONS = "git ls-tree --full-tree -d --name-only overnight/state sessions/ 2>/dev/null | sed 's,.*/,,'"
_CHECKPOINTS = (
    "git for-each-ref --format='%(refname)' refs/ovn/checkpoint refs/tags/ovn 2>/dev/null"
    " | sed 's,^refs/ovn/checkpoint/,,; s,^refs/tags/ovn/,,'"
)
ASK = {"feature": _FEATURES, "session": _SESSIONS, "checkpoint": _CHECKPOINTS}


def script(shell: str) -> str:
    """Return the script of a shell: ``bash``, ``zsh`` or ``fish``. Imports every verb."""
    return _SCRIPTS[shell](list(describe.every()))


def _top(pages: list[Page]) -> list[Page]:
    return [page for page in pages if len(page.words) == 1]


def _single(text: str) -> str:
    """Return text for single quotes, in any of the three shells."""
    return "'" + text.replace("\\", "\\\\").replace("'", "'\\''") + "'"


# -- bash --------------------------------------------------------------------------------------

_BASH = """\
# Completion for 'git ovn' in bash, made by 'git ovn completion bash'. It needs git's own.

__git_ovn_words ()
{
	case "$1" in
%(words)s
	esac
}

__git_ovn_names ()
{
	case "$1" in
%(names)s
	esac
}

# What a value may be, by the verb and the option before it, or by the verb alone for an argument.
__git_ovn_kind ()
{
	case "$1" in
%(kinds)s
	esac
}

_git_ovn ()
{
	local i start=0 verb="" last=""
	for ((i = 0; i < cword; i++)); do
		case "${words[i]##*/}" in
		ovn | git-ovn) start=$i; break ;;
		esac
	done
	for ((i = start + 1; i < cword; i++)); do
		case "${words[i]}" in
		-C) i=$((i + 1)) ;;
		--) COMPREPLY=(); return ;;
		-*) ;;
		*)
			if [ -z "$verb" ]; then
				verb=${words[i]}
			elif [ -n "$(__git_ovn_words "$verb ${words[i]}")" ]; then
				verb="$verb ${words[i]}"
			fi
			;;
		esac
	done
	[ $((cword - 1)) -gt "$start" ] && last=${words[cword - 1]}
	local kind=""
	case "$cur,$last" in
	--*=*,*) kind=$(__git_ovn_kind "$verb ${cur%%%%=*}") ;;
	*,-*) kind=$(__git_ovn_kind "$verb $last") ;;
	esac
	if [ -z "$kind" ] && [ "${cur:0:1}" = "-" ]; then
		__gitcomp "$(__git_ovn_words "options $verb") --help"
		return
	fi
	[ -n "$kind" ] || kind=$(__git_ovn_kind "$verb")
	case "$kind" in
	path | "") [ -n "$verb" ] || __gitcomp "$(__git_ovn_words verbs)" ;;
	=*) __gitcomp "${kind#=}" "" "${cur##--*=}" ;;
	*) __gitcomp_nl "$(__git_ovn_names "$kind")" "" "${cur##--*=}" ;;
	esac
}

# 'git-ovn' typed as one word
if declare -f __git_complete >/dev/null 2>&1; then
	__git_complete git-ovn _git_ovn
fi
"""


def _bash(pages: list[Page]) -> str:
    words = [f"\tverbs) echo {_single(' '.join(page.words[0] for page in _top(pages)))} ;;"]
    kinds = []
    for page in pages:
        name = " ".join(page.words)
        options = " ".join(flag for option in page.options for flag in option.names if flag.startswith("--"))
        words.append(f"\t{_single(f'options {name}')}) echo {_single(options)} ;;")
        if len(page.words) > 1 or not page.pages:
            words.append(f"\t{_single(name)}) echo yes ;;")
        kinds += [f"\t{_single(case)}) echo {_single(kind)} ;;" for case, kind in _bash_kinds(page)]
    words.insert(1, f"\t'options ') echo {_single(' '.join(one for one in GLOBAL if one[:2] == '--'))} ;;")
    names = [f"\t{kind}) {line} ;;" for kind, line in ASK.items()]
    names.append("\tverb) __git_ovn_words verbs | tr ' ' '\\n' ;;")
    return _BASH % {"words": "\n".join(words), "names": "\n".join(names), "kinds": "\n".join(kinds)}


def _bash_kinds(page: Page) -> Iterator[tuple[str, str]]:
    name = " ".join(page.words)
    for option in page.options:
        if option.value:
            kind = _bash_kind(option.value) or "path"
            yield from ((f"{name} {flag}", kind) for flag in option.names)
    if page.pages:
        yield name, "=" + " ".join(nested.words[-1] for nested in page.pages)
    elif page.arguments and (kind := _bash_kind(page.arguments[0].value)):
        yield name, kind


def _bash_kind(value: Value) -> str:
    return "=" + " ".join(value.choices) if value.choices else value.kind


# -- zsh ---------------------------------------------------------------------------------------

_ZSH = """\
#compdef git-ovn
#description let coding agents work through the night
# Completion for 'git ovn' in zsh, made by 'git ovn completion zsh'.

%(names)s

(( $+functions[__git_ovn_verb] )) || __git_ovn_verb() {
  local -a verbs=(
%(verbs)s
  )
  _describe -t verbs 'git ovn verb' verbs
}

%(groups)s

_git-ovn() {
  local curcontext="$curcontext" state line ret=1
  typeset -A opt_args
  _arguments -C \\
    '*-C[work in this folder]:folder:_files -/' \\
    '(- *)--version[print the version]' \\
    '(- *)'{-h,--help}'[list the verbs]' \\
    '1: :__git_ovn_verb' \\
    '*:: :->verb' && ret=0
  if [[ $state == verb ]]; then
    curcontext="${curcontext%%:*}-$words[1]:"
    case $words[1] in
%(cases)s
    esac
  fi
  return ret
}

_git-ovn "$@"
"""

_ZSH_GROUP = """\
(( $+functions[__git_ovn_of_%(name)s] )) || __git_ovn_of_%(name)s() {
  local curcontext="$curcontext" state line ret=1
  typeset -A opt_args
  local -a verbs=(
%(verbs)s
  )
  _arguments -C '1: :->verb' '*:: :->args' && ret=0
  case $state in
    verb) _describe -t verbs '%(name)s verb' verbs && ret=0 ;;
    args)
      case $words[1] in
%(cases)s
      esac
      ;;
  esac
  return ret
}
"""

_ZSH_NAMES = """\
(( $+functions[__git_ovn_%(kind)s] )) || __git_ovn_%(kind)s() {
  local -a found=(${(f)"$(%(line)s)"})
  _wanted %(kind)ss expl %(kind)s compadd -a found
}
"""


def _zsh(pages: list[Page]) -> str:
    top = _top(pages)
    groups = [
        _ZSH_GROUP
        % {
            "name": page.words[0].replace("-", "_"),
            "verbs": _zsh_verbs(page.pages),
            "cases": "\n".join(_zsh_case(one, "        ") for one in page.pages),
        }
        for page in top
        if page.pages
    ]
    return _ZSH % {
        "names": "\n".join(_ZSH_NAMES % {"kind": kind, "line": line} for kind, line in ASK.items()).rstrip(),
        "verbs": _zsh_verbs(top),
        "groups": "\n".join(groups).rstrip(),
        "cases": "\n".join(_zsh_case(page, "      ") for page in top),
    }


def _zsh_verbs(pages: list[Page] | tuple[Page, ...]) -> str:
    return "\n".join(f"    {_single(f'{page.words[-1]}:{page.what}')}" for page in pages)


def _zsh_case(page: Page, indent: str) -> str:
    if page.pages:
        return f"{indent}{page.words[-1]}) __git_ovn_of_{page.words[-1].replace('-', '_')} && ret=0 ;;"
    specs = [_single("(- *)-h[show what it does]"), _single("(- *)--help[show what it does]")]
    specs += [spec for option in page.options for spec in _zsh_option(option)]
    for argument in page.arguments:
        star = "*" if argument.repeats else ""
        specs.append(_single(f"{star}:{_zsh_word(argument.value.name)}:{_zsh_action(argument.value)}"))
    joined = " \\\n".join(f"{indent}    {spec}" for spec in specs)
    return f"{indent}{page.words[-1]})\n{indent}  _arguments -s -S \\\n{joined} && ret=0\n{indent}  ;;"


def _zsh_option(option: Option) -> Iterator[str]:
    text = f"[{_zsh_word(option.help)}]"
    star = "*" if option.repeats else ""
    for flag in option.names:
        if option.value is None:
            yield _single(f"{star}{flag}{text}")
        else:
            equals = "=" if flag.startswith("--") else "+"
            value = option.value
            yield _single(f"{star}{flag}{equals}{text}:{_zsh_word(value.name)}:{_zsh_action(value)}")


def _zsh_word(text: str) -> str:
    for char in "\\:[]":
        text = text.replace(char, f"\\{char}")
    return text


def _zsh_action(value: Value) -> str:
    if value.choices:
        return f"({' '.join(value.choices)})"
    return {"path": "_files", "": " "}.get(value.kind, f"__git_ovn_{value.kind}")


# -- fish --------------------------------------------------------------------------------------

_FISH = """\
# Completion for 'git ovn' in fish, made by 'git ovn completion fish'.

# Prints the words after 'git ovn', without options.
function __git_ovn_words
    set -l tokens (commandline -opc)
    if test (count $tokens) -gt 0; and string match -qr '(^|/)git-ovn$' -- $tokens[1]
        set -e tokens[1]
    else if set -l at (contains -i -- ovn $tokens)
        set tokens $tokens[(math $at + 1)..-1]
    else
        return 1
    end
    for token in $tokens
        string match -q -- '-*' $token; or echo $token
    end
end

# Whether the first words after 'git ovn' are these.
function __git_ovn_at
    set -l words (__git_ovn_words); or return 1
    test (count $words) -ge (count $argv); or return 1
    for i in (seq (count $argv))
        test $words[$i] = $argv[$i]; or return 1
    end
end

# Whether nothing follows these words yet.
function __git_ovn_after
    __git_ovn_at $argv; and test (count (__git_ovn_words)) -eq (count $argv)
end

function __git_ovn_begins
    set -l words (__git_ovn_words); or return 1
    test (count $words) -eq 0
end

%(names)s

%(lines)s
"""


def _fish(pages: list[Page]) -> str:
    names = [f"function __git_ovn_{kind}\n    {line}\nend" for kind, line in ASK.items()]
    begins = "-n __git_ovn_begins -f"
    lines = [f"{begins} -a {page.words[0]} -d {_single(page.what)}" for page in _top(pages)]
    lines += [f"{begins} -l version -d 'Print the version'", f"{begins} -s C -r -d 'Work in this folder'"]
    for page in pages:
        lines += _fish_page(page)
    both = "\n".join(f"complete -c {program} {line}" for line in lines for program in ("git-ovn", "git"))
    return _FISH % {"names": "\n\n".join(names), "lines": both}


def _fish_page(page: Page) -> Iterator[str]:
    words = " ".join(page.words)
    here = f"-n '__git_ovn_at {words}'"
    for nested in page.pages:
        yield f"-n '__git_ovn_after {words}' -f -a {nested.words[-1]} -d {_single(nested.what)}"
    for option in page.options:
        flags = " ".join(
            f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.names
        )
        yield f"{here} {flags}{_fish_value(option.value)} -d {_single(option.help)}"
    for argument in page.arguments[:1]:
        if argument.value.choices or argument.value.kind in (*ASK, "verb"):
            yield f"{here}{_fish_value(argument.value).replace(' -x', ' -f')}"


def _fish_value(value: Value | None) -> str:
    if value is None:
        return ""
    if value.choices:
        return f" -x -a {_single(' '.join(value.choices))}"
    if value.kind in ASK:
        return f" -x -a '(__git_ovn_{value.kind})'"
    return " -r" if value.kind == "path" else " -x"


_SCRIPTS: dict[str, Callable[[list[Page]], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
