"""What a reader sees: the documents at the tip, and over them what is acknowledged since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn import names
from ovn.errors import NotInitialised, StateConflict
from ovn.state.tip import Overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ovn.model.documents import (
        Baseline,
        Feature,
        Handoff,
        Layer,
        Operation,
        Project,
        Question,
        Run,
        Session,
        Value,
    )
    from ovn.state.tip import Damage, Tip


class View:
    """Immutable documents, read from ``commit`` when they are asked for; None where there is none.

    ``pending`` counts the records of each session that are not folded yet; their effect is in
    what you read. Any reading method may raise FormatTooNew and CorruptObject.
    """

    def __init__(
        self, tip: Tip, overlay: Overlay | None = None, pending: Mapping[str, int] | None = None
    ) -> None:
        self._tip = tip
        self._docs = overlay or Overlay(tip)
        self.pending = dict(pending or {})

    @property
    def commit(self) -> str | None:
        """The state commit underneath."""
        return self._tip.commit

    @property
    def damaged(self) -> list[Damage]:
        """What could not be read so far, and what stood in for it."""
        return list(self._tip.damaged.values())

    @property
    def project(self) -> Project:
        """The project. Raises NotInitialised, StateConflict when the branch is somebody else's."""
        if self._tip.commit is None:
            raise NotInitialised("this repository has no state yet")
        found: Project | None = self.get(names.PROJECT_FILE) or self._tip.missing(names.PROJECT_FILE)
        if found is None:
            raise StateConflict(
                f"the branch '{names.STATE_BRANCH}' holds no '{names.PROJECT_FILE}' that can be read",
                hint=f"if it is not git ovn's, rename it: 'git branch -m {names.STATE_BRANCH} other-name'",
            )
        return found

    def get(self, path: str) -> Any | None:
        """Return the document at a path of the state branch."""
        return self._docs.get(path)

    def _named(self, path: Callable[[str], str], name: str) -> Any | None:
        """Return the document of that name; of what can be no name, as a person may type, there is none."""
        return self.get(path(name)) if names.is_name(name) else None

    def feature(self, feature: str) -> Feature | None:
        return self._named(names.feature_file, feature)

    def features(self) -> dict[str, Feature]:
        """Return all features by id."""
        return self._all("features")

    def session(self, session: str) -> Session | None:
        """Return a session, live or ended."""
        return self._named(names.session_file, session)

    def sessions(self, *, ended: bool = False) -> dict[str, Session]:
        """Return the live sessions by id; with ``ended`` all there ever were."""
        wanted = [*self._docs.names("sessions"), *(self._tip.ended() if ended else ())]
        found = {session: self.session(session) for session in wanted}
        return {name: one for name, one in found.items() if one is not None and (ended or one.ended is None)}

    def handoff(self, session: str) -> Handoff | None:
        """Return a session's last words."""
        return self._named(names.handoff_file, session)

    def operation(self, operation: str) -> Operation | None:
        return self._named(names.operation_file, operation)

    def operations(self) -> dict[str, Operation]:
        """Return all operations by id."""
        return self._all("operations")

    def question(self, question: str) -> Question | None:
        return self._named(names.question_file, question)

    def questions(self) -> dict[str, Question]:
        """Return all questions by id."""
        return self._all("questions")

    def baseline(self, name: str) -> Baseline | None:
        return self._named(names.baseline_file, name)

    def baselines(self) -> dict[str, Baseline]:
        """Return all baselines by name."""
        return self._all("baseline")

    def run(self, run: str) -> Run | None:
        return self._named(names.run_file, run)

    def runs(self) -> dict[str, Run]:
        """Return all runs by id."""
        return self._all("runs")

    def layer(self, session: str) -> dict[str, Any]:
        """Return what a session keeps in the layer SESSION, by key."""
        found: Layer | None = self.get(names.layer_file(session))
        return dict(found.values) if found is not None else {}

    def values(self, layer: str) -> dict[str, Value]:
        """Return the values of ``persistent`` or ``long_term`` by key."""
        return {one.key: one for one in self._all(names.layer_folder(layer)).values()}

    def place(self, path: str) -> str:
        """Return where a document of a session lies at the tip: an ended one's folder is elsewhere."""
        return self._tip.place(path)

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder of the state branch, sorted."""
        return list(self._docs.names(folder))

    def _all(self, folder: str) -> dict[str, Any]:
        stems = [name.removesuffix(".json") for name in self._docs.names(folder) if name.endswith(".json")]
        found = {stem: self.get(f"{folder}/{stem}.json") for stem in stems}
        return {stem: document for stem, document in found.items() if document is not None}
