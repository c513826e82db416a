"""Every name the program uses in git, on disk and in the environment.

Refs, tags, trailers, paths on the state branch, files under ``.git/ovn/``, config keys and
environment variables are spelled here and nowhere else.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own, and re, would cost a git hook half of its time
if TYPE_CHECKING:
    from datetime import datetime

# -- refs ------------------------------------------------------------------------------

STATE_BRANCH = "overnight/state"
STATE_REF = "refs/heads/overnight/state"
KEEP_REF = "refs/ovn/keep/state"
OVN_REFS = "refs/ovn/"
CHECKPOINT_REFS = "refs/ovn/checkpoint/"
LEASE_REFS = "refs/ovn/lease/"
LOST_REFS = "refs/ovn/lost/"
TAG_REFS = "refs/tags/ovn/"
NIGHT_BRANCHES = "night/"


def checkpoint_ref(checkpoint: str) -> str:
    """Return the ref of a checkpoint id: ``refs/ovn/checkpoint/session-001/0003``."""
    return CHECKPOINT_REFS + checkpoint


def checkpoint_id(session: str, number: int) -> str:
    """Return the id of a session's n-th checkpoint: ``session-001/0003``."""
    return f"{session}/{number:04d}"


def tag_ref(session: str, label: str) -> str:
    """Return the ref of a named checkpoint's annotated tag."""
    return f"{TAG_REFS}{session}/{label}"


def lease_ref(kind: str, name: str) -> str:
    """Return the ref of a lease; ``kind`` is ``worktree``, ``session`` or ``feature``."""
    return f"{LEASE_REFS}{kind}/{name}"


# -- trailers --------------------------------------------------------------------------

TRAILER_EVENT = "Ovn-Event"
TRAILER_SESSION = "Ovn-Session"
TRAILER_FEATURE = "Ovn-Feature"
TRAILER_CHECKPOINT = "Ovn-Checkpoint"
TRAILER_EVIDENCE = "Ovn-Evidence"
TRAILER_RUN = "Ovn-Run"
TRAILER_LABEL = "Ovn-Label"
TRAILER_TAG = "Ovn-Tag"
TRAILER_TEXT = "Ovn-Text"
TRAILER_INDEX = "Ovn-Index"
TRAILER_META = "Ovn-Meta"
TRAILER_IN_PROGRESS = "Ovn-In-Progress"
TRAILER_KIND = "Ovn-Kind"
TRAILER_HEAD = "Ovn-Head"
TRAILER_BRANCH = "Ovn-Branch"
TRAILER_WORKTREE = "Ovn-Worktree"
TRAILER_CHANGED = "Ovn-Changed"
TRAILER_OMITTED = "Ovn-Omitted"
TRAILER_OPERATION = "Ovn-Operation"
TRAILER_REVERTS = "Ovn-Reverts"

# -- paths on the state branch ---------------------------------------------------------

PROJECT_FILE = "ovn.json"


def feature_file(feature: str) -> str:
    """Return the path of a feature's document on the state branch."""
    return f"features/{feature}.json"


def session_folder(session: str) -> str:
    """Return the folder of a session on the state branch."""
    return f"sessions/{session}"


def session_file(session: str) -> str:
    """Return the path of a session's document on the state branch."""
    return f"sessions/{session}/session.json"


def handoff_file(session: str) -> str:
    """Return the path of a shift's last words on the state branch."""
    return f"sessions/{session}/handoff.json"


def layer_file(session: str) -> str:
    """Return the path of what a session keeps in the layer SESSION on the state branch."""
    return f"sessions/{session}/layer.json"


def layer_folder(layer: str) -> str:
    """Return the folder of a layer that outlives sessions: ``persistent`` or ``long_term``."""
    return f"layers/{layer}"


def value_file(layer: str, key: str) -> str:
    """Return the path of one value: a file each, so that two clones never change the same one.

    A key that cannot be a file's name has the name of its digest.
    """
    import hashlib

    name = key if is_name(key) else f"_{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return f"{layer_folder(layer)}/{name}.json"


def result_file(session: str, first: int, oid: str) -> str:
    """Return the path of a step's result that is too large for the segment beginning at ``first``."""
    return f"{session_folder(session)}/results/{first // 100:010d}/{oid}.json"


def segment_file(session: str, first: int) -> str:
    """Return the path of the journal segment that begins with sequence number ``first``.

    Twelve digits, so that names sort as numbers for a million million records. A folder for
    each hundred numbers: a fold writes the folders it changes anew, and their size must not
    grow with the number of folds before it.
    """
    return f"{session_folder(session)}/journal/{first // 100:010d}/{first:012d}.jsonl"


def ended_folder(month: str, session: str) -> str:
    """Return where an ended session's folder is moved; ``month`` is ``yyyy-mm``."""
    return f"ended/{month}/{session}"


def run_file(run: str) -> str:
    """Return the path of a run's document on the state branch."""
    return f"runs/{run}.json"


def operation_file(operation: str) -> str:
    """Return the path of an operation's document on the state branch."""
    return f"operations/{operation}.json"


def question_file(question: str) -> str:
    """Return the path of a question's document on the state branch."""
    return f"questions/{question}.json"


def baseline_file(name: str) -> str:
    """Return the path of a baseline's document on the state branch."""
    return f"baseline/{name}.json"


# -- files under the common git folder and in the work tree ----------------------------

LOCAL_FOLDER = "ovn"
"""``.git/ovn/``: journals, private indexes, locks, beats, logs, what was set aside."""

ACTIVE_FOLDER = "active"
BEAT_FOLDER = "beat"
DEBT_FOLDER = "debt"
FENCE_FOLDER = "fence"
PRIVATE_FOLDER = "private"
HOOKS_FOLDER = "hooks"
DIRTY_FOLDER = "dirty"
BRIEF_FOLDER = "brief"
LOG_FOLDER = "log"
JOURNAL_FOLDER = "journal"
RESULTS_FOLDER = "results"
"""Folders in ``.git/ovn/``; the hook shim, which is sh, spells most of them too."""

OVERNIGHT_FOLDER = ".overnight"
CONFIG_FILE = ".overnight/config.yaml"
REGISTRY_VIEW = ".overnight/feature_registry.json"
PROGRESS_VIEW = ".overnight/claude-progress.txt"
REJECTED_FOLDER = ".overnight/rejected"
PROPOSAL_FILE = ".overnight/features.json"
"""What an initializer agent writes; taken over into the registry, then deleted."""

# -- environment and config ------------------------------------------------------------

ENV_SESSION = "OVN_SESSION"
ENV_RUN = "OVN_RUN_ID"
ENV_COMMAND = "OVN_COMMAND_OF"
"""The run that a project's own command works for: its mark, as ``OVN_RUN_ID`` is the agent's."""
ENV_FEATURE = "OVN_FEATURE"
ENV_ATTEMPT = "OVN_ATTEMPT"
ENV_GENERATION = "OVN_GENERATION"
ENV_CRASH = "OVN_CRASH_POINT"
ENV_TRUST = "OVN_TRUST"
ENV_CONTEXT = "OVN_CONTEXT_FILE"
ENV_COST = "OVN_COST_FILE"
ENV_HOOKS = "OVN_HOOKS_FILE"
ENV_WEB_TOKEN = "OVN_WEB_TOKEN"  # noqa: S105 - its name
ENV_PROPOSAL = "OVN_PROPOSAL_FILE"

CONFIG_PUSH_CHECKPOINTS = "ovn.pushCheckpoints"
CONFIG_COLOR = "color.ovn"
CONFIG_ADVICE = "ovn.advice"

MANUAL_SESSION = "manual"

# -- names that people and programs give -----------------------------------------------

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_LETTERS_AND_MARKS = _LETTERS | frozenset("._-")
_LONGEST = 64


def is_name(text: str) -> bool:
    """Tell whether ``text`` can be a label or an id: see ``check_name``."""
    fits = 0 < len(text) <= _LONGEST and text[0] in _LETTERS and _LETTERS_AND_MARKS.issuperset(text)
    return fits and ".." not in text and not text.endswith((".lock", "."))


def check_name(text: str, what: str = "name") -> str:
    """Return ``text`` if it can be a label or an id, else raise InvalidName.

    Narrower than git's ref rules on purpose: both git and libgit2 take ``-x``, ``$(id)``,
    ``HEAD`` and bidi overrides, and a component of 256 bytes fails on disk.
    """
    if not is_name(text):
        from ovn.errors import InvalidName  # all errors, which an agent's hook has no time for

        raise InvalidName(f"not a {what}: {text!r}")
    return text


def slug(text: str) -> str:
    """Return the name made from what a person typed; the text itself is kept elsewhere.

    ``"Fix the parser!"`` gives ``Fix-the-parser``. Raises InvalidName when nothing is left.
    """
    import re
    import unicodedata

    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    joined = re.sub(r"[^A-Za-z0-9._-]+", "-", plain)
    joined = re.sub(r"\.{2,}", ".", joined).strip("-._")[:64].rstrip("-._")
    while joined.endswith(".lock"):
        joined = joined[: -len(".lock")].rstrip("-._")
    return check_name(joined, "label") if joined else _nothing_left(text)


def _nothing_left(text: str) -> str:
    from ovn.errors import InvalidName

    raise InvalidName(f"nothing is left of {text!r} as a name")


def new_id(now: datetime) -> str:
    """Return an id that ovn makes: ``<yyyymmdd>-<4 base32>``, e.g. ``20261122-k3fz``."""
    import base64
    import os
    from datetime import UTC

    return f"{now.astimezone(UTC):%Y%m%d}-{base64.b32encode(os.urandom(3)).decode()[:4].lower()}"
