"""What this machine has, and how many trials fit on it."""

import os
from collections.abc import Iterator
from pathlib import Path

from autopeft.core.errors import Problem
from autopeft.spec.resources import Resources
from autopeft.spec.sweep import Sweep
from autopeft.sweep.slots import on_gpus


def slots_here(resources: Resources) -> int:
    """Return how many trials fit on this machine at a time."""
    slots = cpus_here() // resources.cpus
    if resources.gpus:
        slots = min(slots, on_gpus(gpus_here(), resources.gpus))
    return min(slots, resources.max_concurrent or slots)


def what_does_not_fit(sweep: Sweep) -> Iterator[Problem]:
    """Yield what one trial wants and this machine has not; of another's nothing is known here."""
    if sweep.settings.cluster != "local" or os.environ.get("RAY_ADDRESS"):
        return
    resources, cpus, gpus = sweep.settings.resources, cpus_here(), gpus_here()
    if resources.cpus > cpus:
        yield sweep.problem(
            ("resources", "cpus"),
            f"a trial is to get {resources.cpus}, this machine has {cpus}: write at most {cpus}",
        )
    if resources.gpus > gpus:
        have, right = (gpus, f"at most {gpus}") if gpus else ("none", "0")
        yield sweep.problem(
            ("resources", "gpus"),
            f"a trial is to get {resources.gpus:g}, this machine has {have}: write {right}",
        )


def cpus_here() -> int:
    """Count the CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def gpus_here() -> int:
    """Count NVIDIA devices as Ray does by default: those made visible, else those there are."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([word for word in visible.split(",") if word.strip()])
    return len(list(Path("/dev").glob("nvidia[0-9]*")))
