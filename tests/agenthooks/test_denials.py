"""What a tool call is refused for: the rules by example, and that no spelling gets around them."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.agenthooks import denials, gitrules, shell

DENIED = {
    "push-force": [
        "git push --force",
        "git push -f",
        "git push -uf origin main",
        "git push --force-with-lease origin main",
        "git push --force-with-lease=main:abc origin",
        "git push origin +main",
        "git push origin +HEAD:refs/heads/main",
        "git push --mirror backup",
        "git -C sub --no-pager push -f",
    ],
    "no-verify": [
        "git commit --no-verify -m x",
        "git commit -n -m x",
        "git commit -anm x",
        "git commit --no-veri -m x",
        "git push --no-verify",
        "git merge --no-verify topic",
        "git rebase --no-verify main",
        "git -c core.hooksPath=/dev/null commit -m x",
        "git -c CORE.HOOKSPATH= commit -m x",
        "git config core.hooksPath /dev/null",
        "git config set core.hooksPath /dev/null",
        "git config --unset core.hooksPath",
        "HUSKY=0 git commit -m x",
        "git -c alias.c='commit --no-verify' c -m x",
    ],
    "state": [
        "git branch -D overnight/state",
        "git branch --delete overnight/state",
        "git branch -m overnight/state old",
        "git branch -f overnight/state HEAD~9",
        "git checkout overnight/state",
        "git switch overnight/state",
        "git push origin --delete overnight/state",
        "git push origin :refs/heads/overnight/state",
        "git push origin :refs/tags/ovn/session-001/start",
        "git update-ref -d refs/ovn/checkpoint/session-001/0001",
        "git update-ref refs/heads/overnight/state HEAD",
        "git for-each-ref --format='%(refname)' refs/ovn | xargs -n 1 git update-ref -d",
        "git for-each-ref refs/ovn | git update-ref --stdin",
        "git tag -d ovn/session-001/before_x",
        "git tag -f ovn/session-001/before_x HEAD",
        "git tag -l 'ovn/*' | xargs git tag -d",
        "git symbolic-ref refs/heads/overnight/state refs/heads/main",
    ],
    "git": [
        "rm -rf .git",
        "rm -rf .git/ovn",
        "rm -rf ./src/../.git//ovn/",
        "rm -r .g*",
        "rm -rf .git/{ovn,refs}",
        "sudo rm -rf /home/a/project/.git/ovn",
        "mv .git/ovn /tmp/x",
        "find .git/ovn -type f -delete",
        "find . -name ovn -exec rm -rf .git/ovn ;",
        "echo x > .git/config",
        "echo x >> .git/hooks/pre-commit",
        "printf x | tee .git/hooks/pre-commit",
        "cp evil .git/hooks/pre-commit",
        "sed -i s/a/b/ .git/config",
        "truncate -s 0 .git/ovn/journal/s/journal",
        "dd if=/dev/zero of=.git/packed-refs",
        "ln -sf /tmp/x .git/hooks/post-commit",
        "chmod -x .git/hooks/pre-commit",
    ],
    "registry": [
        "sed -i 's/pending/done/' .overnight/feature_registry.json",
        "echo '{}' > .overnight/feature_registry.json",
        "rm -rf .overnight",
        "rm .overnight/config.yaml",
        "git ovn feature edit parser --verify true",
        "git-ovn feature edit parser --title x",
        "git ovn feature edit --depends-on a b",
        "git ovn feature edit parser --remove",
        "apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: .overnight/config.yaml\n*** End Patch\nEOF",
    ],
    "stash": ["git stash drop", "git stash drop stash@{2}", "git stash clear"],
    "clean-ignored": ["git clean -fdx", "git clean -xdff", "git clean -f -X"],
    "worktree": ["git worktree remove --force ../other", "git worktree remove -f ../other"],
    "person": [
        "git ovn deinit --purge",
        "git ovn trust",
        "git ovn trust --revoke",
        "git ovn hooks uninstall",
    ],
    "marks": [
        "OVN_SESSION= git commit -m x",
        "unset OVN_SESSION",
        "export OVN_SESSION=other",
        "env -u OVN_SESSION git commit -m x",
        "env -uOVN_RUN_ID git commit -m x",
        "env --unset=OVN_SESSION git commit",
    ],
    "rm": ["rm -rf /", "rm -rf ~", 'rm -rf "$HOME"', "rm -fr /*"],
}

GUARDED = [
    "git reset --hard",
    "git reset --hard HEAD~3",
    "git reset --har",
    "git checkout -- .",
    "git checkout .",
    "git checkout HEAD -- src/a.py",
    "git checkout HEAD~1 src/a.py",
    "git checkout -f main",
    "git switch --discard-changes main",
    "git switch -f main",
    "git restore .",
    "git restore --source=HEAD~1 src",
    "git restore --staged --worktree src",
    "git clean -fd",
    "git clean -df src",
    "git rm -f src/a.py",
    "rm -rf src",
    "rm -r build",
    "find . -name '*.pyc' -delete",
]

ALLOWED = [
    "",
    "ls -la",
    "git status",
    "git push",
    "git push -u origin main",
    "git push --follow-tags origin main",
    "git push origin main:topic",
    "git commit -m 'no --no-verify here'",
    "git commit -am 'n'",
    "git commit -mn",
    "git commit -F notes",
    "git commit --amend --no-edit",
    "git merge --no-ff -n topic",
    "git rebase -n main",
    "git push -n",
    "git reset HEAD~1",
    "git reset --soft HEAD~1",
    "git checkout main",
    "git checkout -b topic main",
    "git checkout -B topic main",
    "git switch -c topic",
    "git restore --staged .",
    "git clean -n",
    "git clean -fdn",
    "git stash",
    "git stash pop",
    "git stash list",
    "git branch -D topic",
    "git branch -d ovn-like",
    "git tag -d v1.0",
    "git tag -a v1.0 -m x",
    "git config user.name",
    "git config core.hooksPath",
    "git config --get core.hooksPath",
    "git config get core.hooksPath",
    "git log overnight/state",
    "git show refs/ovn/checkpoint/session-001/0001",
    "git diff overnight/state..HEAD",
    "git ovn trust --show",
    "git ovn checkpoint before-x",
    "git ovn feature edit parser --complete design",
    "git ovn handoff --next 'git push --force'",
    "rm notes.txt",
    "rm -f .git/index.lock",
    "cat .git/config",
    "grep -r 'push --force' .git/hooks",
    "cp .git/hooks/pre-commit.sample /tmp/x",
    "cat .overnight/feature_registry.json",
    "echo git push --force",
    "echo 'git reset --hard'",
    "cat > notes <<'EOF'\ngit push --force\nrm -rf .git\nEOF",
    "git commit -m \"$(cat <<'EOF'\nexplain\n\ngit push --force is bad\nEOF\n)\"",
    "pytest -q 2>&1 | tail -5",
    "pytest -q > /dev/null 2>/dev/null",
    "a=1 b=2 make test && echo done",
    "for f in *.py; do echo $f; done",
    "sed -n 1,5p .git/config",
    "ls # rm -rf .git",
    "echo a#b; ls",
]


def rule_of(text: str) -> str | None:
    """Return the rule of the verdict on a line; None when nothing speaks against it."""
    found = denials.judge(text)
    return found.rule if found else None


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in DENIED.items() for text in texts])
def test_what_harms_is_denied(rule, text):
    found = denials.judge(text)
    assert found is not None
    assert (found.rule, found.denied) == (rule, True)


@pytest.mark.parametrize("text", GUARDED)
def test_what_discards_work_needs_a_checkpoint_first(text):
    found = denials.judge(text)
    assert found is not None
    assert (found.rule, found.denied) == ("guard", False)


@pytest.mark.parametrize("text", ALLOWED)
def test_ordinary_work_is_let_alone(text):
    assert rule_of(text) is None


def test_every_denial_says_what_to_do_instead_or_why_there_is_nothing():
    for texts in DENIED.values():
        said = str(denials.judge(texts[0]))
        assert said.startswith("git ovn refused this: ")
        assert len(said) > 60


def test_a_denial_is_graver_than_a_checkpoint():
    assert rule_of("git reset --hard; git push --force") == "push-force"
    assert rule_of("git push --force; git reset --hard") == "push-force"


def test_where_the_registry_is_not_protected_its_rules_do_not_hold():
    for text in DENIED["registry"]:
        found = denials.judge(text, protect=False)
        assert found is None or not found.denied


ALL = [text for texts in DENIED.values() for text in texts]
ONE_LINE = [text for text in ALL if "\n" not in text]
INNOCENT = st.sampled_from(["ls", "cd src", "echo 'a b'", 'echo "$(date)"', "x=1", "true", "cat <<< 'x'"])
JOIN = st.sampled_from([" && ", "; ", " || ", "\n", " ; : | "])


@given(st.sampled_from(ONE_LINE), st.lists(st.tuples(INNOCENT, JOIN), max_size=3), st.data())
def test_what_stands_before_and_after_changes_nothing(text, before, data):
    start = "".join(command + join for command, join in before)
    end = data.draw(st.sampled_from(["", " && ls", "; true", " | cat", " > out.txt", " 2>&1", "\nls", " &"]))
    assert rule_of(start + text + end) == rule_of(text)


WRAPPINGS = [
    "bash -c {quoted}",
    "bash -lc {quoted}",
    "sh -ec {quoted}",
    "sudo -u me sh -c {quoted}",
    "eval {quoted}",
    "( {text} )",
    "{{ {text}; }}",
    "if true; then {text}; fi",
    "for i in 1 2; do {text}; done",
    "echo $({text})",
    'echo "a $({text}) b"',
    "! {text}",
    "bash <<'EOF'\n{text}\nEOF",
    "A=1 {text}",
    "cd /somewhere && {text}",
]


@given(st.sampled_from(ONE_LINE), st.lists(st.sampled_from(WRAPPINGS), min_size=1, max_size=3))
def test_shells_inside_of_shells_change_nothing(text, wrappings):
    wrapped = text
    for wrapping in wrappings:
        wrapped = wrapping.format(text=wrapped, quoted=shlex.quote(wrapped))
    assert rule_of(wrapped) == rule_of(text)


def test_what_is_hidden_too_deep_is_refused_and_not_let_through():
    deep = "ls"
    for _ in range(8):
        deep = f"eval {shlex.quote(deep)}"
    assert rule_of(deep) == "depth"


def test_many_wrappers_take_no_time():
    """Each word is tried once, and not once more for every wrapper before it."""
    assert rule_of("sudo " * 300 + "git push --force") == "push-force"
    assert rule_of("find " * 300 + "-delete") == "guard"


def test_a_mark_that_is_only_looked_for_is_no_change():
    assert rule_of("timeout 5 grep -r OVN_SESSION src") is None
    assert rule_of("timeout 5 env -u OVN_SESSION git commit") == "marks"


@given(
    st.sampled_from(ONE_LINE),
    st.sampled_from(["timeout 5", "nohup", "sudo", "env X=1", "nice -n 5", "command"]),
)
def test_a_program_in_front_changes_nothing(text, wrapper):
    words = shell.commands(text)[0].words
    if (
        len(shell.commands(text)) == 1
        and words
        and "=" not in words[0]
        and words[0] not in ("unset", "export", "echo", "printf")
    ):
        assert rule_of(f"{wrapper} {text}") == rule_of(text)


@given(st.sampled_from(ONE_LINE), st.randoms(use_true_random=False))
def test_quotes_inside_of_words_change_nothing(text, random):
    """``g"i"t pu'sh' --for\\ce`` is what the shell runs."""
    changed = []
    for command in shell.commands(text)[:1]:
        for word in command.words:
            if "$" in word or "~" in word or "*" in word or "{" in word or "=" in word:
                return
            at = random.randrange(len(word) + 1)
            quote = random.choice(["'{}'", '"{}"'])
            changed.append(word[:at] + (quote.format(word[at:]) if word[at:] else ""))
        if len(shell.commands(text)) == 1 and not command.writes:
            assert rule_of(" ".join(changed)) == rule_of(text)


@given(st.sampled_from(ALL))
def test_talking_about_it_is_allowed(text):
    quoted = shlex.quote(text)
    for line in (f"git commit -m {quoted}", f"grep -r {quoted} docs", f"git ovn handoff --tried {quoted}"):
        assert rule_of(line) is None


@given(st.text(alphabet="git puhs-forc\"'`$(){}<>|&;\\\n\t#*=.r", max_size=60))
def test_no_text_stops_the_rules(text):
    denials.judge(text)
    shell.commands(text)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6))
def test_quoted_words_are_read_as_the_shell_reads_them(words):
    found = shell.commands(" ".join(map(shlex.quote, words)))
    assert [command.words for command in found] == [words]


@given(st.lists(st.text(alphabet="abc $'\"\\;&|<>`(#", min_size=1, max_size=8), min_size=1, max_size=4))
def test_our_words_are_those_of_shlex(words):
    text = " ".join(map(shlex.quote, words))
    assert shell.commands(text)[0].words == shlex.split(text)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/repo/.git/hooks/pre-commit", "git"),
        (".git/ovn/active/main", "git"),
        ("/repo/.overnight/feature_registry.json", "registry"),
        (".overnight/config.yaml", "registry"),
        (".overnight/claude-progress.txt", None),
        ("src/.gitignore", None),
        (".github/workflows/ci.yml", None),
        ("src/git/hooks/x", None),
        (".git/COMMIT_EDITMSG", None),
    ],
)
def test_files_that_tools_may_not_write(path, rule):
    found = denials.judge_path(path)
    assert (found.rule if found else None) == rule


def test_every_rule_for_git_is_shown_by_an_example():
    shown = {word for texts in (*DENIED.values(), GUARDED) for text in texts for word in text.split()}
    assert set(gitrules.RULES) - shown <= {"am", "cherry-pick", "revert", "pull"}
