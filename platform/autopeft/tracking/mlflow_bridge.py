"""A bridge in MLflow: one run that holds its pairs, its fit and its predictions.

The run lies in the experiment of the target's sweeps and is found again by the tag
``autopeft.sweep`` = ``bridge-NAME``; what is logged anew takes the place of what was there.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autopeft.spec.sweep import Sweep
from autopeft.tracking.mlflow_store import MlflowStore
from autopeft.tracking.mlflow_target import resolve_target
from autopeft.tracking.mlflow_words import PARENT, Row, RunRows, metric_key, ms, param, text
from autopeft.tracking.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class BridgeFacts:
    """What a bridge has to tell.

    Attributes:
        name: The bridge's.
        sources: The sweeps it learnt from, by the names of their run folders.
        tags: What it came to in words; may change from fit to fit.
        metrics: And in numbers.
        files: Pairs, model, evaluation; those that are there.
    """

    name: str
    sources: Sequence[str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    files: Sequence[Path] = field(default=())


def log_bridge(facts: BridgeFacts, runs: Path, target: Sweep) -> str:
    """Write what a bridge came to; return where to look at it.

    Args:
        facts: What to write.
        runs: The folder of its sweeps' run folders: the default store lies beside it.
        target: A sweep of its target, whose tracking settings count.

    Raises:
        TrackingError: The store does not answer (known within seconds).
    """
    settings = target.settings.tracking
    store = MlflowStore(
        resolve_target(RunFolder(runs / "any"), target),
        sweep=f"bridge-{facts.name}",
        experiment=settings.experiment or target.name,
    )
    now, known = ms(time.time()), store.run_ids(facts.sources)
    rows = RunRows(
        name=f"bridge {facts.name}",
        start_ms=now,
        tags={
            "kind": "bridge",
            "bridge.sources": text(", ".join(facts.sources)),
            "bridge.runs": text(", ".join(known.values())),
            **{key: text(value) for key, value in facts.tags.items()},
        },
        params={"bridge": param(facts.name)},
        metrics=[Row(metric_key(key), value, now, 0) for key, value in facts.metrics.items()],
        status="FINISHED",
        end_ms=now,
    )
    store.write(PARENT, rows)
    for path in facts.files:
        store.upload(PARENT, path)
    return store.target.how_to_look
