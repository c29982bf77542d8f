"""Journal on one side, MLflow store on the other: what is new goes across."""

from collections.abc import Callable

from autopeft.spec.sweep import Sweep
from autopeft.tracking.history import History
from autopeft.tracking.mlflow_client import RowsRefused
from autopeft.tracking.mlflow_rows import MlflowView
from autopeft.tracking.mlflow_store import MlflowStore
from autopeft.tracking.mlflow_target import resolve_target
from autopeft.tracking.mlflow_words import PARENT, SOURCES, RunRows, text
from autopeft.tracking.run_folder import RunFolder
from autopeft.tracking.tail import Tail

Progress = Callable[[int, int], None]


class Link:
    """A connection that carries the journal from its beginning and then follows it.

    Attributes:
        written: How many runs were created or changed, complete ones not counted.
        metrics: How many metric rows were sent.
        refused: What the server would not take, one sentence each.
    """

    def __init__(
        self,
        run: RunFolder,
        sweep: Sweep,
        *,
        warn: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.run, self.sweep = run, sweep
        self._warn = warn
        self.disconnect()

    def disconnect(self) -> None:
        """Forget the store and everything written; the next ``follow`` starts over."""
        self._store: MlflowStore | None = None
        self._tail = Tail(self.run.journal)
        self._view = MlflowView(self.sweep)
        self._settled = False
        self.refused: list[str] = []
        self.written: set[str] = set()
        self.metrics = 0

    @property
    def history(self) -> History:
        """What the journal said, as far as it was read."""
        return self._view.history

    @property
    def is_done(self) -> bool:
        """Whether the store holds all the journal does."""
        return self._settled and not self._tail.is_behind and not self.refused

    def follow(self, *, last: bool = False, progress: Progress | None = None) -> None:
        """Write everything that is new; with ``last`` also close what nobody will go on with.

        Raises:
            TrackingError: The store does not answer; ``disconnect`` and try again later.
            RunFolderError: The journal is damaged.
        """
        self._settled = False
        while events := self._tail.read():
            for event in events:
                self._view.apply(event)
            self._write(self._view.take_pending(), progress)
        if last:
            self._view.interrupt()
            self._write(self._view.take_pending(), progress)
        self._settled = True

    @property
    def store(self) -> MlflowStore:
        """The store, connected to if it is not yet.

        Raises:
            TrackingError: It does not answer.
        """
        if self._store is None:
            settings = self.sweep.settings.tracking
            started = self.history.started
            self._store = MlflowStore(
                resolve_target(self.run, self.sweep),
                sweep=started.sweep if started else self.run.path.name,
                experiment=settings.experiment or self.sweep.name,
            )
        return self._store

    def _write(self, pending: dict[str, RunRows], progress: Progress | None) -> None:
        """Write the rows of each run; what the server refuses is dropped with a warning."""
        if not pending:
            return
        parent = pending.pop(PARENT)
        self.store.ensure(PARENT, parent)
        for done, (key, rows) in enumerate(pending.items(), start=1):
            self._write_one(key, rows)
            if progress is not None:
                progress(done, len(pending))
        best = self.store.runs.get(parent.tags.get("best_trial", PARENT))
        if best is not None:
            parent.tags["best_run"] = best.run_id
        opening = self.history.opening
        if SOURCES in parent.tags and opening is not None:
            learnt_from = self.store.run_ids(opening.sources)
            parent.tags["warm_start.runs"] = text(", ".join(learnt_from.values()))
        self._write_one(PARENT, parent)  # last, so that a parent that has ended is whole

    def _write_one(self, key: str, rows: RunRows) -> None:
        try:
            if self.store.write(key, rows):
                self.written.add(key)
                self.metrics += len(rows.metrics)
        except RowsRefused as error:
            if not self.refused:
                self._warn(str(error))
            self.refused.append(str(error))
