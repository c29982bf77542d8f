"""A trial as Ray Tune sees it: the actor stays, trials come and go.

Tune loses a trial whose ``reset_config`` fails or returns False, without telling the searcher. So
``reset_config`` only takes the configuration; all work, and every doubt about the worker, belongs
in ``step``. What goes wrong inside a configuration is a result, not an exception: the actor lives.
Only a doubtful worker raises, and Tune then replaces the actor.
"""

import json
import time
import traceback
from pathlib import Path
from typing import Any

from ray import tune

from autopeft.core.errors import AutopeftError, InvalidConfiguration, RunFolderError
from autopeft.sweep.deadline import deadline
from autopeft.sweep.warm_up import is_warm_up


class WarmTrainable(tune.Trainable):
    """Steps through ``TrialSession``; the first step only builds, so that duplicates end there."""

    def setup(self, config: dict[str, Any]) -> None:
        """Take the configuration; torch is loaded in the first step."""
        self._config = config
        self._worker: Any = None
        self._session: Any = None
        self._trial = ""
        self._began = 0.0

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial's configuration; its first ``step`` does the rest."""
        self._config = new_config
        return True

    def step(self) -> dict[str, Any]:
        """Build, or train up to the next report; failures come back as results."""
        from autopeft.trial.worker import WorkerDoubtful

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

    def cleanup(self) -> None:
        """Nothing to do: the process ends, checkpoints stay for a resume."""

    def _warm(self) -> str:
        """Load base and data; asked again, wait a little for the other slots."""
        if self._worker is not None:
            time.sleep(0.1)
            return "warm"
        self._open_worker().task(self._spec())
        return "warm"

    def _open_worker(self) -> Any:
        from autopeft.trial.worker import Worker

        if self._worker is None:
            config = self._config
            self._worker = Worker(Path(config["cache"]), cpus=config["cpus"], gpus=config["gpus"])
        return self._worker

    def _spec(self) -> Any:
        from autopeft.spec.trial import TrialSpec

        return TrialSpec.model_validate_json(self._config["spec"])

    def _build(self) -> dict[str, Any]:
        from autopeft.trial.session import TrialSession

        if self._session is not None:
            self._session.close()
            self._session = None
        self._trial = self._config["attempt"]
        self._session = TrialSession(
            self._spec(),
            self._open_worker(),
            folder=Path(self._config["folder"]),
            score_test=self._config["score_test"],
        )
        building = self._session.building
        return {
            "effective": building.effective,
            "trainable_parameters": building.trainable_parameters,
            "details": dict(building.details),
        }

    def _advance(self) -> dict[str, Any]:
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
        from autopeft.trial.failures import disk_trouble, reason_of

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
        log = "".join(traceback.format_exception(error))
        return self._failed(reason_of(error), log=log)

    def _failed(self, reason: str, log: str = "") -> dict[str, Any]:
        return self._result("failed", reason=reason, log=log)

    def _result(self, phase: str, **content: Any) -> dict[str, Any]:
        """Pack as text: Tune flattens dicts and chokes on what it does not know."""
        return {"autopeft": json.dumps({"phase": phase, **content})}
