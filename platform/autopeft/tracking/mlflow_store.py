"""One sweep's runs in an MLflow store: found by their tags, created, brought up to date.

Nothing is tried twice in here: whoever calls tries again later, after looking up what is there.
"""

import getpass
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, TypeVar

from autopeft.tracking.mlflow_client import answering, open_client, open_experiment, unless_there
from autopeft.tracking.mlflow_target import Target, check_alive
from autopeft.tracking.mlflow_words import PARENT, RunRows

METRICS_PER_CALL, PARAMS_PER_CALL, TAGS_PER_CALL = 1000, 100, 100  # MLflow's limits
MOST_LINKS = 100  # one question each
T = TypeVar("T")


@dataclass(slots=True)
class KnownRun:
    """A run that the store has: ``complete`` once its end has been written."""

    run_id: str
    complete: bool
    params: dict[str, str]
    artifact_uri: str


class MlflowStore:
    """One sweep's runs in one MLflow store; runs are found by their tags, else created.

    Raises:
        TrackingError: The store does not answer, within about four seconds.
    """

    def __init__(self, target: Target, *, sweep: str, experiment: str) -> None:
        self.target, self.sweep = target, sweep
        check_alive(target)
        with answering(target):
            self.client = open_client(target)
            self.experiment_id = open_experiment(self.client, target, experiment)
            self.runs = self._find_runs()

    def write(self, key: str, rows: RunRows) -> bool:
        """Bring one run up to date; return whether there was anything to do.

        The end of a run is written last, so a run that is complete holds everything.

        Raises:
            TrackingError: The store does not answer.
            RowsRefused: It answers, but not to these rows.
        """
        known = self.runs.get(key)
        if known is not None and known.complete and key != PARENT:
            return False
        with answering(self.target):
            run = self._create(key, rows) if known is None else known
            self._log(run, rows)
            if rows.end_ms is not None:
                self._log_tags(run, {"autopeft.complete": "true"} if _is_final(rows) else {})
                self.client.set_terminated(run.run_id, rows.status, rows.end_ms)
                run.complete = _is_final(rows)
            elif rows.status is not None and (known is not None or rows.status != "RUNNING"):
                self.client.update_run(run.run_id, status=rows.status)
        return True

    def ensure(self, key: str, rows: RunRows) -> None:
        """Create the run if the store lacks it, empty but for its tags of identity."""
        if key not in self.runs:
            with answering(self.target):
                self._create(key, rows)

    def close_strays(self, trials: Iterable[str]) -> None:
        """End child runs the journal knows nothing of: asked for, then lost with the machine."""
        known = {PARENT, *trials}
        with answering(self.target):
            for key, run in self.runs.items():
                if key not in known and not run.complete:
                    self._log_tags(run, {"status": "lost", "autopeft.complete": "true"})
                    self.client.set_terminated(run.run_id, "KILLED")

    def upload(self, key: str, path: Path, folder: str | None = None) -> None:
        """Attach a file or a whole folder to a run."""
        run_id = self.runs[key].run_id
        with answering(self.target):
            if path.is_dir():
                self.client.log_artifacts(run_id, str(path), folder)
            else:
                self.client.log_artifact(run_id, str(path), folder)

    def tag(self, key: str, tags: dict[str, str]) -> None:
        """Set tags of a run that is known."""
        with answering(self.target):
            self._log_tags(self.runs[key], tags)

    def run_ids(self, sweeps: Iterable[str]) -> dict[str, str]:
        """Return the parent runs of other sweeps, as far as this store holds them."""
        found: dict[str, str] = {}
        with answering(self.target):
            experiments = [e.experiment_id for e in self.client.search_experiments()]
            for name in islice(sweeps, MOST_LINKS):
                query = f"tags.`autopeft.sweep` = '{name.replace(chr(39), '')}'"
                oldest = self.client.search_runs(
                    experiments, query, max_results=1, order_by=["attributes.start_time ASC"]
                )
                if oldest and "autopeft.trial" not in oldest[0].data.tags:
                    found[name] = oldest[0].info.run_id
        return found

    def register(self, name: str, key: str, folder: str) -> str:
        """Return the version of model ``name`` that points at a run's folder; made if new."""
        run = self.runs[key]
        source = f"{run.artifact_uri}/{folder}"
        with answering(self.target):
            unless_there(lambda: self.client.create_registered_model(name))
            versions = self.client.search_model_versions(f"name='{name}'")
            for version in versions:
                if version.run_id == run.run_id and version.source == source:
                    return str(version.version)
            tags = {"autopeft.sweep": self.sweep}
            made = self.client.create_model_version(name, source, run.run_id, tags=tags)
        return str(made.version)

    def _create(self, key: str, rows: RunRows) -> KnownRun:
        tags = {"autopeft.sweep": self.sweep, "mlflow.source.name": "autopeft"}
        tags |= {"mlflow.source.type": "LOCAL", "mlflow.user": getpass.getuser()}
        if key != PARENT:
            tags |= {"autopeft.trial": key, "mlflow.parentRunId": self.runs[PARENT].run_id}
        run = self.client.create_run(
            self.experiment_id, start_time=rows.start_ms, tags=tags, run_name=rows.name
        )
        self.runs[key] = _known(run)
        return self.runs[key]

    def _log(self, run: KnownRun, rows: RunRows) -> None:
        from mlflow.entities import Metric, Param, RunTag

        tags = dict(rows.tags)
        new = {key: value for key, value in rows.params.items() if key not in run.params}
        for key, value in rows.params.items():  # params cannot change; what did becomes a tag
            if run.params.get(key, value) != value:
                tags[f"changed.{key}"] = value
        metrics = [Metric(m.key, m.value, m.time_ms, m.step) for m in rows.metrics]
        params = [Param(key, value) for key, value in new.items()]
        labels = [RunTag(key, value) for key, value in tags.items()]
        chunks = (
            _chunks(metrics, METRICS_PER_CALL),
            _chunks(params, PARAMS_PER_CALL),
            _chunks(labels, TAGS_PER_CALL),
        )
        for turn in range(max(map(len, chunks))):
            batch = [parts[turn] if turn < len(parts) else [] for parts in chunks]
            self.client.log_batch(run.run_id, *batch)
        run.params |= new

    def _log_tags(self, run: KnownRun, tags: dict[str, str]) -> None:
        from mlflow.entities import RunTag

        if tags:
            self.client.log_batch(run.run_id, tags=[RunTag(k, v) for k, v in tags.items()])

    def _find_runs(self) -> dict[str, KnownRun]:
        """Return this sweep's runs by trial; of two for one trial the younger is thrown away."""
        found: dict[str, KnownRun] = {}
        query, token = f"tags.`autopeft.sweep` = '{self.sweep}'", None
        for _ in count():
            page = self.client.search_runs(
                [self.experiment_id], query, page_token=token,
                order_by=["attributes.start_time ASC"],
            )  # fmt: skip
            for run in page:
                key = run.data.tags.get("autopeft.trial", PARENT)
                if key in found:
                    self.client.delete_run(run.info.run_id)
                else:
                    found[key] = _known(run)
            token = page.token
            if not token:
                break
        return found


def _known(run: Any) -> KnownRun:
    complete = run.data.tags.get("autopeft.complete") == "true" and run.info.status != "RUNNING"
    return KnownRun(run.info.run_id, complete, dict(run.data.params), run.info.artifact_uri)


def _is_final(rows: RunRows) -> bool:
    return rows.tags.get("status") != "interrupted"


def _chunks(items: Sequence[T], size: int) -> list[list[T]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
