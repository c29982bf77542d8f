"""The one call of ``ray.tune.Tuner``."""

import logging
from typing import Any

from ray import tune

from autopeft.sweep.conductor import Conductor
from autopeft.sweep.interruption import asked, leaving
from autopeft.sweep.ray_scheduler import ConductorScheduler
from autopeft.sweep.ray_searcher import ConductorGenerator
from autopeft.sweep.slots import Slots, fixed
from autopeft.tracking.run_folder import RunFolder


def run_tune(
    conductor: Conductor,
    run: RunFolder,
    *,
    slots: int | Slots,
    trainable: type[tune.Trainable],
) -> None:
    """Let Tune run what the conductor assigns until nothing is left, or somebody asks to stop.

    Args:
        conductor: Decides.
        run: Where Tune may keep its own files (``ray/``; nothing of it is needed for a resume).
        slots: Trials at a time; on a cluster they follow its hosts.
        trainable: What a trial is.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    resources = conductor.sweep.settings.resources
    now = slots if isinstance(slots, Slots) else fixed(slots)
    generator = ConductorGenerator(
        conductor,
        run,
        resources=resources,
        slots=now,
        is_cancelled=lambda: conductor.is_broken or asked.is_set(),
        is_leaving=leaving.is_set,
    )
    wanted: dict[str, Any] = {"CPU": resources.cpus, "GPU": resources.gpus}
    tune.Tuner(
        tune.with_resources(trainable, tune.PlacementGroupFactory([wanted])),
        tune_config=tune.TuneConfig(
            search_alg=generator,
            scheduler=ConductorScheduler(
                conductor,
                warm_up=generator.warm_up,
                slots=now,
                is_leaving=now.is_leaving,
                is_over=leaving.is_set,
            ),
            num_samples=1,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(run.path / "ray"),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(
                checkpoint_frequency=0, checkpoint_at_end=False
            ),
            callbacks=[],
        ),
    ).fit()
