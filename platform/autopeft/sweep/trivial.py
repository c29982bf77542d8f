"""A trial that costs nothing: a formula in the place of training, for benchmarks and drills.

It speaks to the driver exactly as ``WarmTrainable`` does, so what is measured or broken is the
driver. Its behaviour hangs on the run's ``faults.json``: trial id (or ``all``) to ``nan``, ``oom``,
``error``, ``full`` (the disk), ``hang``, ``500ms`` (so much longer), ``500ms/report`` (each time),
``kill`` (the process kills itself once) or ``refuse``.
"""

import json
import math
import os
import platform
import signal
import time
from pathlib import Path
from typing import Any

from ray import tune

from autopeft.core.places import write_text
from autopeft.core.seeds import derive_seed
from autopeft.sweep.deadline import deadline
from autopeft.sweep.warm_up import is_warm_up


class TrivialTrainable(tune.Trainable):
    """Accuracy rises towards a height given by the configuration's seedless hash."""

    def setup(self, config: dict[str, Any]) -> None:
        """Take the configuration."""
        self._config = config
        self._attempt = ""
        self._step = 0
        self._is_resumed = False
        self._began = 0.0

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next configuration."""
        self._config = new_config
        return True

    def step(self) -> dict[str, Any]:
        """Build, then report at once."""
        if is_warm_up(self._config["attempt"]):
            return self._say("warm")
        spec = json.loads(self._config["spec"])
        trial = self._config["attempt"].partition(".")[0]
        fault = self._fault(trial)
        if self._attempt != self._config["attempt"]:
            return self._build(spec, fault)
        timeout, folder = self._config["timeout"], Path(self._config["folder"])
        with deadline(self._began, timeout_s=timeout, folder=folder):
            return self._break(fault, trial) or self._report(spec)

    def _build(self, spec: dict[str, Any], fault: str) -> dict[str, Any]:
        self._began = time.monotonic()
        self._attempt, self._step = self._config["attempt"], self._resumed()
        self._is_resumed = self._step > 0
        if fault == "refuse":
            return self._say("refused", reason="invalid: by order of faults.json")
        text = json.dumps([spec["method"], spec["training"], spec["seed"]])
        return self._say(
            "built",
            effective=f"{derive_seed(0, text):08x}",
            trainable_parameters=8,
            details={"process": os.getpid(), "host": platform.node()},
        )

    def _report(self, spec: dict[str, Any]) -> dict[str, Any]:
        training = spec["training"]
        if not self._is_resumed:  # as a session: first the report of its checkpoint again
            self._step = min(self._step + training["report_every"], training["steps"])
        self._is_resumed = False
        height = derive_seed(spec["seed"], json.dumps(spec["method"])) / 2**31
        accuracy = height * (1 - math.exp(-3 * self._step / training["steps"]))
        self._checkpoint()
        final = self._step >= training["steps"]
        metrics = {"accuracy": accuracy} | ({"test_accuracy": accuracy} if final else {})
        return self._say("report", step=self._step, metrics=metrics, final=final)

    def let_go(self) -> None:
        """Nothing runs on."""

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Nothing to add to the file written with each report."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing: the file is looked for when building."""

    def _break(self, fault: str, trial: str) -> dict[str, Any] | None:
        match fault:
            case "nan":
                return self._say("failed", reason="nan: by order of faults.json")
            case "oom" if json.loads(self._config["spec"])["training"]["accumulation"] == 1:
                return self._say("failed", reason="out of memory: by order of faults.json")
            case "error":
                return self._say("failed", reason="error: by order", log="Traceback …")
            case "full":
                return self._say("broken", reason="checkpoint.pt: No space left on device")
            case "hang" if self._step > 0:
                while True:
                    time.sleep(1)
            case _ if fault.endswith("ms") and self._step == 0:
                time.sleep(float(fault.removesuffix("ms")) / 1000)
            case _ if fault.endswith("ms/report"):
                time.sleep(float(fault.removesuffix("ms/report")) / 1000)
            case "kill" if self._first_time(trial) and self._step > 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return None

    def _first_time(self, trial: str) -> bool:
        return str(self._config["attempt"]) == f"{trial}.1"

    def _fault(self, trial: str) -> str:
        path = Path(self._config["folder"]).parent.parent / "faults.json"
        faults = json.loads(path.read_text()) if path.exists() else {}
        return str(faults.get(trial, faults.get("all", "")))

    def _checkpoint(self) -> None:
        folder = Path(self._config["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "checkpoint.pt", str(self._step))  # whole, as a real trial's

    def _resumed(self) -> int:
        path = Path(self._config["folder"]) / "checkpoint.pt"
        return int(path.read_text()) if path.exists() else 0

    def _say(self, phase: str, **content: Any) -> dict[str, Any]:
        return {"autopeft": json.dumps({"phase": phase, **content})}
