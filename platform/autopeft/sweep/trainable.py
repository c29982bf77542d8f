"""A trial as Ray Tune sees it: the actor stays, trials come and go.

Tune loses a trial whose ``reset_config`` fails or returns False, without telling the searcher. So
``reset_config`` only takes the configuration; all work, and every doubt about the worker, belongs
in ``step``. What goes wrong inside a configuration is a result, not an exception: the actor lives.
Only a doubtful worker raises, and Tune then replaces the actor.
"""

import json
import time
from pathlib import Path
from typing import Any

from ray import tune

from autopeft.core.errors import AutopeftError, InvalidConfiguration, RunFolderError
from autopeft.spec.trial import AnyTrial, read_trial
from autopeft.sweep.deadline import deadline
from autopeft.sweep.warm_up import is_warm_up
from autopeft.trial import Runner, Session, open_runner
from autopeft.trial.failures import WorkerDoubtful, disk_trouble, log_of, reason_of


class WarmTrainable(tune.Trainable):
    """Steps through a session; the first step only builds, so that duplicates end there."""

    def setup(self, config: dict[str, Any]) -> None:
        """Take the configuration; what a trial needs is loaded in the first step."""
        self._config = config
        self._runner: Runner[Any] | None = None
        self._session: Session | None = None
        self._is_warm, self._doubt = False, ""
        self._trial = ""
        self._began = 0.0

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial's configuration; its first ``step`` does the rest."""
        self._config = new_config
        return True

    def step(self) -> dict[str, Any]:
        """Build, or go on up to the next report; failures come back as results."""
        try:
            if is_warm_up(self._config["attempt"]):
                return self._result(self._warm())
            is_new = self._trial != self._config["attempt"]
            if is_new:
                self._began = time.monotonic()
            timeout, folder = self._config["timeout"], Path(self._config["folder"])
            with deadline(self._began, timeout_s=timeout, folder=folder):
                return self._result("built", **self._build()) if is_new else self._advance()
        except WorkerDoubtful:
            raise
        except Exception as error:  # whatever a configuration does, the sweep goes on
            return self._told(error)

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Name the attempt: the session has written the checkpoint itself, with its report."""
        return {"attempt": self._config["attempt"]}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing to do: the session looks for its own checkpoint when it is built."""

    def let_go(self) -> None:
        """Close the trial that was stopped or paused; without this it stays until the next one."""
        session, self._session = self._session, None
        try:
            if session is not None:
                session.close()
        except Exception as error:  # nobody listens here; the next trial gets another worker
            self._doubt = f"the last trial could not be closed: {error}"

    def cleanup(self) -> None:
        """Leave nothing running; checkpoints stay for a resume."""
        self.let_go()
        if self._runner is not None:
            self._runner.close()

    def _warm(self) -> str:
        """Load what all trials need; asked again, wait a little for the other slots."""
        if self._is_warm:
            time.sleep(0.1)
            return "warm"
        spec = self._spec()
        self._open_runner(spec).warm(spec)
        self._is_warm = True
        return "warm"

    def _open_runner(self, spec: AnyTrial) -> Runner[Any]:
        if self._runner is None:
            config = self._config
            self._runner = open_runner(
                spec, cache=Path(config["cache"]), cpus=config["cpus"], gpus=config["gpus"]
            )
        return self._runner

    def _spec(self) -> AnyTrial:
        return read_trial(self._config["spec"])

    def _build(self) -> dict[str, Any]:
        self.let_go()
        if self._doubt:
            raise WorkerDoubtful(self._doubt)
        self._trial = self._config["attempt"]
        spec, timeout = self._spec(), self._config["timeout"]
        self._session = self._open_runner(spec).open(
            spec,
            folder=Path(self._config["folder"]),
            score_test=self._config["score_test"],
            until=None if timeout is None else self._began + timeout,
        )
        building = self._session.building
        return {
            "effective": building.effective,
            "trainable_parameters": building.trainable_parameters,
            "details": dict(building.details),
        }

    def _advance(self) -> dict[str, Any]:
        assert self._session is not None, "a trial that was let go does not go on"
        report = self._session.advance()
        if self._is_too_late() and not report.final:
            return self._failed("timeout: search.trial_timeout is over")
        return self._result(
            "report", step=report.step, metrics=dict(report.metrics), final=report.final
        )

    def _is_too_late(self) -> bool:
        timeout = self._config["timeout"]
        return timeout is not None and time.monotonic() - self._began > timeout

    def _told(self, error: Exception) -> dict[str, Any]:
        """Return what went wrong as a result, by whose fault it is.

        ``broken`` is the machine's: no trial can go on, and this one has not failed.
        """
        trouble = disk_trouble(error)
        if isinstance(error, RunFolderError):
            return self._result("broken", reason=str(error))
        if trouble:
            folder = self._config["folder"]
            reason = f"{folder}: cannot be written: {trouble}; free some space"
            return self._result("broken", reason=reason)
        if isinstance(error, InvalidConfiguration):
            return self._result("refused", reason=f"invalid: {error}")
        if isinstance(error, AutopeftError):
            return self._failed(str(error))
        return self._failed(reason_of(error), log=log_of(error))

    def _failed(self, reason: str, log: str = "") -> dict[str, Any]:
        return self._result("failed", reason=reason, log=log)

    def _result(self, phase: str, **content: Any) -> dict[str, Any]:
        """Pack as text: Tune flattens dicts and chokes on what it does not know."""
        return {"autopeft": json.dumps({"phase": phase, **content})}
