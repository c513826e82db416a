#!/bin/sh
# git ovn: the same file for every hook. It knows which one it is by its name, keeps the hook that
# was here before as NAME.ovn-chained beside itself, and runs it. 'git ovn hooks status' explains,
# 'git ovn hooks uninstall' puts everything back. Where no session is at work it leaves at once.
#
# Called as a command, by other hook managers: ovn-hook.sh NAME [ARGUMENT]...

ovn_name=${0##*/}
ovn_name=${ovn_name%%.*} # pre-commit (the framework) keeps us as pre-commit.legacy
ovn_folder=${0%/*}
ovn_chained=$ovn_folder/$ovn_name.ovn-chained
if [ "$ovn_name" = ovn-hook ]; then
    ovn_name=${1-}
    ovn_chained=
    shift
fi
[ -x "$ovn_chained" ] || ovn_chained=

if [ "${1-}" = --ovn-probe ]; then # 'git ovn doctor' asks, through git, whether we are reached
    echo "$ovn_name" >>"$2"
    exit
fi

# Become the hook that was here before: its arguments, its stdin, its exit code.
chain() {
    [ -n "$ovn_chained" ] || exit 0
    if [ -f "$ovn_folder/h" ]; then # husky 9: its hooks know themselves by their own name
        exec sh -c '. "$0.ovn-chained"' "$ovn_folder/$ovn_name" "$@"
    fi
    exec "$ovn_chained" "$@"
}

# Half of the hooks of a commit are refs being prepared: none of our business.
case $ovn_name:${1-} in
    reference-transaction:committed) ;;
    reference-transaction:*) chain "$@" ;;
esac

say() {
    printf 'git ovn: %s\n' "$1" >&2
    [ -z "${2-}" ] || printf 'hint: %s\n' "$2" >&2
}

# -- where this is, and who works here ---------------------------------------------------

ovn_git=${GIT_DIR:-.git} # git exports GIT_DIR only where it is not .git
ovn_git=${ovn_git%/}
[ -d "$ovn_git" ] || ovn_git=$(git rev-parse --absolute-git-dir) || chain "$@"
ovn_common=$ovn_git
ovn_key=main
if [ -f "$ovn_git/commondir" ]; then # a linked work tree
    case $ovn_git in */*) ;; *) ovn_git=$(git rev-parse --absolute-git-dir) ;; esac
    IFS= read -r ovn_common <"$ovn_git/commondir"
    case $ovn_common in /*) ;; *) ovn_common=$ovn_git/$ovn_common ;; esac
    ovn_key=${ovn_git##*/}
    case $ovn_key in
        # ovn.git.locate.linked_key says the same
        main | [._-]* | *. | *..* | *.lock | *[!ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-]*)
            ovn_hash=$(printf %s "$ovn_key" | git hash-object --stdin)
            ovn_key=linked-${ovn_hash%"${ovn_hash#??????????}"}
            ;;
    esac
fi
ovn_home=$ovn_common/ovn
[ -d "$ovn_home" ] || chain "$@"

ovn_session='' ovn_feature='' ovn_kind=run ovn_run='' ovn_generation=0
if [ -f "$ovn_home/active/$ovn_key" ]; then
    while IFS='=' read -r ovn_field ovn_value; do
        case $ovn_field in
            session) ovn_session=$ovn_value ;;
            feature) ovn_feature=$ovn_value ;;
            kind) ovn_kind=$ovn_value ;;
            run) ovn_run=$ovn_value ;;
            generation) ovn_generation=$ovn_value ;;
        esac
    done <"$ovn_home/active/$ovn_key"
fi

if [ -z "$ovn_session" ] && [ -z "${OVN_SESSION-}" ]; then
    case $ovn_name in
        pre-commit | pre-push) ;; # a debt is said, a push of checkpoints refused, to people too
        *) chain "$@" ;;
    esac
fi

# Whose act is it? The runner's children say so; of other sessions every commit is own.
ovn_own=''
if [ -n "$ovn_session" ]; then
    if [ -n "${OVN_SESSION-}" ]; then
        [ "$OVN_SESSION" != "$ovn_session" ] || ovn_own=yes
    elif [ "$ovn_kind" != run ]; then
        ovn_own=yes
    fi
fi
if [ -n "$ovn_own" ]; then
    { true >"$ovn_home/beat/$ovn_session"; } 2>/dev/null # a sign of life: its mtime
fi

# -- the parts that are Python -----------------------------------------------------------

# Is it there?
find_python() {
    ovn_python='' ovn_entry=''
    { IFS= read -r ovn_python && IFS= read -r ovn_entry; } 2>/dev/null <"$ovn_home/hooks/python"
    [ -x "$ovn_python" ] && [ -f "$ovn_entry" ]
}

# ask FACT...: have ovn.githooks judge or record. 0 is fine, 3 a refusal that was said.
ask() {
    find_python || return 127
    "$ovn_python" -I -S "$ovn_entry" "$ovn_name" "$ovn_home" "$ovn_key" "$@"
}

# A refusing hook: closed for what carries OVN_SESSION, open for people.
judge() {
    ask "$@" && return
    ovn_code=$?
    [ "$ovn_code" -ne 3 ] || exit 1
    ovn_hint="run 'git ovn hooks install' with a git ovn that works"
    if [ -n "${OVN_SESSION-}" ]; then
        say "$ovn_name refused: its rules could not be run (exit code $ovn_code)" "$ovn_hint"
        exit 1
    fi
    say "the rules of $ovn_name could not be run (exit code $ovn_code)" "$ovn_hint"
}

# An observing hook: always open.
observe() {
    ask "$@" || say "$ovn_name was not recorded (exit code $?)" "run 'git ovn doctor'"
}

# -- the parts that are not --------------------------------------------------------------

# Could a rule of pre-commit have anything to say? $1 is what is staged of ours. Only what raises a
# doubt here is worth the 20 ms of a Python, which then decides.
is_doubtful() {
    [ -n "$ovn_own" ] && [ -z "$1" ] && find_python || return 0
    [ "${OVN_RUN_ID:-$ovn_run}" = "$ovn_run" ] || return 0
    [ "${OVN_GENERATION:-$ovn_generation}" = "$ovn_generation" ] || return 0
    ovn_value=$ovn_generation
    { read -r ovn_value <"$ovn_home/fence/$ovn_session"; } 2>/dev/null
    [ "$ovn_value" = "$ovn_generation" ] || return 0
    for ovn_debt in "$ovn_home"/debt/*; do
        [ ! -e "$ovn_debt" ] || return 0
    done
    return 1
}

# Tell people, who are never refused, that a session here ended without its handoff.
say_debts() {
    for ovn_debt in "$ovn_home"/debt/*; do
        [ -f "$ovn_debt" ] || continue
        IFS='=' read -r ovn_field ovn_value <"$ovn_debt"
        [ "$ovn_value" = "$ovn_key" ] || continue
        ovn_debt=${ovn_debt##*/}
        say "session '$ovn_debt' ended without a handoff" \
            "'git ovn resume $ovn_debt' goes on with it, 'git ovn start' writes its handoff from git"
    done
}

# Tell which of the commits about to be pushed to remote $1 skipped the hooks; stdin is git's.
say_bypassed() {
    [ -s "$ovn_home/log/bypassed" ] || return 0
    cut -d " " -f 2 | grep "[^0]" | git rev-list --max-count=1000 --stdin --not --remotes="$1" 2>/dev/null |
        grep -Fx -f "$ovn_home/log/bypassed" | while read -r ovn_new; do
            say "commit $ovn_new was made with --no-verify" "'git ovn explain $ovn_new' says by whom"
        done
}

# Is this commit made by merge, cherry-pick, revert or rebase?
is_derived() {
    for ovn_state in MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD rebase-merge rebase-apply sequencer; do
        [ ! -e "$ovn_git/$ovn_state" ] || return 0
    done
    case ${GIT_REFLOG_ACTION-} in
        merge* | pull* | cherry-pick* | revert* | rebase* | am*) return 0 ;;
    esac
    [ -n "$ovn_reverts" ] # a clean revert leaves no other trace
}

# Read the message in file $1 without starting a process: does it have words, does it say that it
# reverts, does a line of it look like a trailer that is not the session's to write?
scan_message() {
    ovn_words='' ovn_reverts='' ovn_claimed=''
    while IFS= read -r ovn_line || [ -n "$ovn_line" ]; do
        case $ovn_line in
            *'-- >8 --'*) break ;; # the rest is a diff to look at
            'This reverts commit '*) ovn_reverts=yes ;;
            "Ovn-Session: $ovn_session") ;;
            [Oo][Vv][Nn]-[Ss]* | [Oo][Vv][Nn]-[Ee]*) ovn_claimed=yes ;;
        esac
        case $ovn_line in *[![:space:]]*) ovn_words=yes ;; esac
    done <"$1"
}

# Put the session's trailers into the message in $1, unless they are there.
add_trailers() {
    set -- "$1" --trailer "Ovn-Session: $ovn_session"
    [ -z "$ovn_feature" ] || set -- "$@" --trailer "Ovn-Feature: $ovn_feature"
    ovn_message=$1
    shift
    git -c trailer.separators=: interpret-trailers --in-place --no-divider \
        --if-exists doNothing --if-missing add "$@" "$ovn_message" ||
        say "no trailers were added" "run 'git ovn doctor'"
}

# Print the Ovn-Session and Ovn-Evidence trailers of the message on stdin.
claims() {
    git -c trailer.separators=: interpret-trailers --parse --no-divider |
        grep -i -e '^ovn-session *:' -e '^ovn-evidence *:'
}

# Refuse trailers that only ovn or another session may write; $2 is a commit they may come from.
check_claims() {
    [ -n "$ovn_claimed" ] || return 0
    ovn_claims=$(claims <"$1")
    [ "$ovn_claims" != "Ovn-Session: $ovn_session" ] && [ -n "$ovn_claims" ] || return 0
    if [ -n "$2" ]; then
        ovn_inherited=$(git log -1 --no-show-signature --format=%B "$2" | claims)
        [ "$ovn_claims" != "$ovn_inherited" ] || return 0
    fi
    judge "$ovn_claims"
}

# Append what moved to the log of refs; stdin is git's. Never in the way: nothing here can refuse.
record_refs() {
    ovn_log=$ovn_home/log/refs
    case $$ in
        *0) # one time in ten, as it costs a process; 1 MiB, and one older file is kept
            [ -z "$(find "$ovn_log" -size +2048)" ] || mv -f "$ovn_log" "$ovn_log.1"
            ;;
    esac
    # sed, as a shell reads byte by byte: a fetch may bring 100,000 refs.
    sed "s/^/$(date -u +%Y-%m-%dT%H:%M:%SZ) $PPID /" >>"$ovn_log"
} 2>/dev/null

# -- the hooks ---------------------------------------------------------------------------

ovn_mark=$ovn_home/hooks/commit-$ovn_key # how far the commit in the making got

if [ "$ovn_name" = reference-transaction ]; then
    [ -n "$ovn_session" ] || chain "$@"
    if [ -z "$ovn_chained" ]; then
        record_refs
        exit 0
    fi
fi
case $ovn_name in
    post-rewrite | pre-push | reference-transaction)
        # Both we and the chained hook read the lines on stdin: kept to the last byte.
        ovn_input=$(cat && echo .)
        ovn_input=${ovn_input%.}
        ;;
esac

case $ovn_name in
    pre-commit)
        if [ -n "$ovn_own${OVN_SESSION-}" ]; then
            ovn_staged=$(git diff --cached --no-ext-diff --name-only -- \
                .overnight/config.yaml .overnight/feature_registry.json)
            if is_doubtful "$ovn_staged"; then
                judge "$ovn_staged"
            fi
        else
            say_debts
        fi
        chain "$@"
        ;;
    prepare-commit-msg)
        [ -z "$ovn_chained" ] || (chain "$@") || exit
        { echo "${2:-edit} ${3-}" >"$ovn_mark"; } 2>/dev/null
        case $ovn_own:${2-} in
            yes:message | yes:commit)
                scan_message "$1"
                # A trailer must not bring to life a message that is empty on purpose.
                [ -z "$ovn_words" ] || is_derived || add_trailers "$1"
                ;;
        esac
        ;;
    commit-msg)
        [ -z "$ovn_chained" ] || (chain "$@") || exit
        ovn_source='' ovn_commit=''
        { read -r ovn_source ovn_commit <"$ovn_mark"; } 2>/dev/null
        [ -z "$ovn_own" ] || scan_message "$1"
        if [ -n "$ovn_own" ] && ! is_derived; then
            if [ "$ovn_source" = edit ] && [ -n "$(git stripspace --strip-comments <"$1")" ]; then
                add_trailers "$1"
            fi
            check_claims "$1" "$ovn_commit"
        fi
        { echo verified >"$ovn_mark"; } 2>/dev/null # --no-verify comes neither here nor to pre-commit
        ;;
    post-commit)
        if [ -n "$ovn_session" ]; then
            ovn_verified=''
            { read -r ovn_verified <"$ovn_mark" && true >"$ovn_mark"; } 2>/dev/null
            ovn_described='' # the reflog tells it without a process
            [ -f "$ovn_git/logs/HEAD" ] || ovn_described=$(git log -1 --no-show-signature --format=%H%n%s)
            observe "$ovn_git" "$ovn_verified" "$ovn_described"
        fi
        chain "$@"
        ;;
    post-checkout)
        if [ -n "$ovn_session" ] && [ "$3" = 1 ]; then # 0: files were checked out, HEAD stays
            observe "$ovn_git" "$1" "$2"
        fi
        chain "$@"
        ;;
    post-merge)
        if [ -n "$ovn_session" ] && [ "$1" = 0 ]; then # 1: a squash, HEAD stays
            observe "$ovn_git" "$(git rev-parse -q --verify ORIG_HEAD)" "$(git rev-parse -q --verify HEAD)"
        fi
        chain "$@"
        ;;
    post-rewrite)
        [ -z "$ovn_session" ] || printf %s "$ovn_input" | observe "$1"
        printf %s "$ovn_input" | (chain "$@")
        exit
        ;;
    pre-push)
        ovn_zone=''
        case $ovn_input in
            *refs/tags/ovn/* | *refs/ovn/* | *refs/heads/overnight/state*) ovn_zone=yes ;;
        esac
        if [ -n "$ovn_own${OVN_SESSION-}$ovn_zone" ]; then
            printf %s "$ovn_input" | judge "${1-}" "$(git config --bool ovn.pushCheckpoints)" || exit
        fi
        [ -n "${OVN_SESSION-}" ] || say_debts
        printf %s "$ovn_input" | say_bypassed "${1-}"
        printf %s "$ovn_input" | (chain "$@")
        exit
        ;;
    reference-transaction)
        printf %s "$ovn_input" | record_refs
        printf %s "$ovn_input" | (chain "$@")
        exit
        ;;
    *) chain "$@" ;;
esac
