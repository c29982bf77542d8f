"""From events to what MLflow should hold: runs, params, metrics, tags. Pure; no MLflow here."""

from typing import assert_never

from pydantic import ValidationError

from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Opening
from autopeft.tracking.configuration import spec_of
from autopeft.tracking.events import (
    Amended,
    AnyEvent,
    Asked,
    Built,
    DriverFailed,
    Ended,
    Kind,
    Paused,
    Planned,
    Promoted,
    RayStarted,
    Reported,
    Retried,
    SweepEnded,
    SweepResumed,
    SweepStarted,
    WarmStarted,
)
from autopeft.tracking.history import History
from autopeft.tracking.mlflow_summary import flat, spec_params, summary_tags, test_metrics
from autopeft.tracking.mlflow_words import (
    LONGEST_TAG,
    PARENT,
    RUN_STATUS,
    SOURCES,
    Row,
    RunRows,
    metric_key,
    ms,
    param,
    run_name,
    text,
)
from autopeft.tracking.trial_history import TrialHistory


class MlflowView:
    """The journal folded into rows for MLflow; ``take_pending`` hands over what is new.

    Everything follows from the events alone (also time stamps), so writing the same journal twice
    changes nothing.
    """

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.history = History(sweep.settings.search)
        self._pending: dict[str, RunRows] = {}
        self._counted = 0
        self._best_loss = float("inf")

    def take_pending(self) -> dict[str, RunRows]:
        """Return the rows of every run that changed and forget them; the parent is among them."""
        if self._pending:
            self._parent().tags |= summary_tags(self.history)
        pending, self._pending = self._pending, {}
        return pending

    def apply(self, event: AnyEvent) -> None:
        """Take one more event into account."""
        before = self._reports(event)
        self.history.apply(event)
        match event:
            case SweepStarted():
                self._start(event)
            case WarmStarted():
                self._parent().tags |= _lineage(event.opening)
            case SweepResumed():
                self._resume(event)
            case Amended():
                number = len(self.history.amendments)
                self._parent().tags[f"amendment.{number}"] = text("; ".join(event.changes))
            case RayStarted():
                where = f"{event.dashboard} on {event.host}" if event.host else event.dashboard
                tags = {"dashboard": where if event.dashboard else "", "slots": str(event.slots)}
                self._parent().tags.update(tags)
            case Asked() | Planned():
                self._propose(self.history.trials[event.trial])
            case Built():
                rows = self._child(event.trial)
                rows.tags["effective"] = event.effective
                if event.trainable_parameters is not None:
                    size = float(event.trainable_parameters)
                    rows.metrics.append(Row("trainable_parameters", size, ms(event.time), 0))
            case Reported():
                if (
                    self._reports(event) > before
                ):  # a step repeated after a restart is not a second point
                    self._child(event.trial).metrics += _metric_rows(event)
            case Retried():
                retries = self.history.trials[event.trial].retries
                tags = {"retries": str(len(retries)), "last_retry": text(event.reason)}
                self._child(event.trial).tags.update(tags)
            case Paused():
                self._set_status(event.trial)
            case Promoted():
                self._set_status(event.trial)
                self._child(event.trial).tags.update(_exploit_tags(event, self.history))
            case Ended():
                self._end(event)
            case DriverFailed():
                pass  # its run in MLflow goes on with the next driver
            case SweepEnded():
                self._finish(event)
            case _:
                assert_never(event)

    def _reports(self, event: AnyEvent) -> int:
        return len(self.history.trials[event.trial].reports) if isinstance(event, Reported) else 0

    def interrupt(self) -> None:
        """Close what is still open, since no driver is there; a resumed sweep opens it again."""
        if self.history.is_over or self.history.started is None:
            return
        end = ms(self.history.last_time)
        unfinished = [*self.history.running, *self.history.paused]
        for rows in (self._parent(), *(self._child(t.id) for t in unfinished)):
            rows.status, rows.end_ms, rows.tags["status"] = "KILLED", end, "interrupted"

    def _start(self, event: SweepStarted) -> None:
        rows = self._parent()
        rows.status = "RUNNING"
        rows.params = {metric_key(k): param(v) for k, v in spec_params(self.sweep).items()}
        rows.tags |= {
            "kind": "sweep",
            "status": "running",
            "seed": str(event.seed),
            "host": event.host,
            **{f"version.{name}": version for name, version in event.versions.items()},
            **_git(event.git_commit),
        }

    def _resume(self, event: SweepResumed) -> None:
        rows = self._parent()
        rows.status, rows.tags["status"] = "RUNNING", "running"
        rows.tags["resumes"] = str(len(self.history.resumes))
        rows.tags |= {f"version.{name}": version for name, version in event.versions.items()}
        if event.remark:
            rows.tags["remark"] = text(event.remark)
        for trial in (*event.unfinished, *(trial.id for trial in self.history.paused)):
            self._set_status(trial)

    def _set_status(self, trial: str) -> None:
        """Say how a trial stands that is not over."""
        status, child = self.history.trials[trial].status, self._child(trial)
        child.status, child.tags["status"] = RUN_STATUS[status], status.value

    def _propose(self, trial: TrialHistory) -> None:
        rows = self._child(trial.id)
        rows.status = "RUNNING"
        given = {**_configuration(self.sweep, trial), **trial.values}
        rows.params = {metric_key(key): param(value) for key, value in given.items()}
        started = self.history.started
        seed = self.sweep.settings.seed if trial.seed is None else trial.seed
        rows.tags |= {
            "kind": trial.kind.value,
            "status": trial.status.value,
            "seed": str(seed),
            **_method_tags(self.sweep, trial),
            **_git(started.git_commit if started else None),
        }
        if trial.of is not None:
            rows.tags["of"] = trial.of

    def _end(self, event: Ended) -> None:
        trial = self.history.trials[event.trial]
        rows = self._child(event.trial)
        rows.status, rows.end_ms = RUN_STATUS[event.status], ms(event.time)
        rows.tags |= {"status": event.status.value, "reason": text(event.reason)}
        if event.duplicate_of is not None:
            rows.tags["duplicate_of"] = event.duplicate_of
        if event.log:
            rows.tags["log"] = event.log[-LONGEST_TAG:]
        if trial.seconds is not None:
            rows.metrics.append(Row("wall_seconds", trial.seconds, ms(event.time), trial.step))
        if trial.kind is Kind.TRIAL:
            self._note_best(trial, event.time)

    def _note_best(self, trial: TrialHistory, time: float) -> None:
        """Add the best objective so far to the parent, over the number of trials that count."""
        self._counted += trial.status.counts
        loss = self.history.loss(trial.metrics)
        whole = trial.has_run_its_course and self.history.is_feasible(trial)
        if whole and loss < self._best_loss:
            self._best_loss = loss
            name = next(iter(self.sweep.settings.search.objectives))
            row = Row(metric_key(f"best_{name}"), trial.metrics[name], ms(time), self._counted)
            self._parent().metrics.append(row)

    def _finish(self, event: SweepEnded) -> None:
        rows = self._parent()
        rows.status, rows.end_ms = "FINISHED", ms(event.time)
        rows.tags |= {"status": "finished", "reason": text(event.reason)}
        rows.metrics += [
            Row(metric_key(key), value, ms(event.time), self._counted)
            for key, value in test_metrics(self.history).items()
        ]

    def _parent(self) -> RunRows:
        started = self.history.started
        start = started.time if started else self.history.last_time
        return self._pending.setdefault(PARENT, RunRows(self.sweep.name, ms(start)))

    def _child(self, trial: str) -> RunRows:
        known = self.history.trials[trial]
        return self._pending.setdefault(trial, RunRows(run_name(known), ms(known.asked)))


def _metric_rows(event: Reported) -> list[Row]:
    return [
        Row(metric_key(key), value, ms(event.time), event.step)
        for key, value in event.metrics.items()
    ]


def _exploit_tags(event: Promoted, history: History) -> dict[str, str]:
    """Return whose copy a trial became and with which values, by the step where it did."""
    if event.source is None:
        return {}
    exploits = history.trials[event.trial].exploits
    words = ", ".join(f"{name} {value:.3g}" for name, value in event.values.items())
    return {
        "exploits": str(len(exploits)),
        f"exploit.{exploits[-1].step}": text(f"{event.source}: {words}"),
    }


def _lineage(opening: Opening) -> dict[str, str]:
    """Return what a sweep learnt from; a source is the tag `autopeft.sweep` of its parent run."""
    return {
        "warm_start": opening.kind,
        SOURCES: text(", ".join(opening.sources)),
        "warm_start.points": str(len(opening.first)),
        **({"warm_start.remarks": text(" ".join(opening.remarks))} if opening.remarks else {}),
    }


def _git(commit: str | None) -> dict[str, str]:
    return (
        {}
        if commit is None
        else {
            "git_commit": commit,
            "mlflow.source.git.commit": commit.removesuffix("-dirty"),
        }
    )


def _configuration(sweep: Sweep, trial: TrialHistory) -> dict[str, str]:
    """Return all that decides a trial's numbers but the data: its defaults and its seed too."""
    try:
        spec = spec_of(sweep, trial)
    except ValidationError:  # refused before training
        return {}
    return dict(flat(spec.model_dump(mode="json", exclude={"task": {"data"}})))


def _method_tags(sweep: Sweep, trial: TrialHistory) -> dict[str, str]:
    """Return method and roles; a baseline is its own method."""
    if trial.kind is Kind.BASELINE:
        return {"method": trial.name, "baseline": trial.name}
    try:
        method = getattr(sweep.trial(trial.values), "method", None)
    except ValidationError:  # refused before training: the reason is in the tag `reason`
        return {}
    if method is None:
        return {"task": sweep.task.kind}
    roles = getattr(method, "roles", None)
    return {"method": method.kind} | ({"roles": roles} if roles else {})
