"""How one configuration stands over its seeds: scores with spread, size, time. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autopeft.spec.objective import RUN_SECONDS
from autopeft.tracking.events import Kind
from autopeft.tracking.history import Group, History
from autopeft.tracking.trial_history import TrialHistory

BASELINES = {
    "zero-shot": "the base as it is, nothing trained",
    "head": "only a new head on frozen features",
    "uniform-lora": "the same LoRA everywhere, default rank",
    "full": "all weights trained",
}


@dataclass(frozen=True, slots=True)
class Score:
    """A metric over the seeds: the mean, the standard deviation, every value."""

    mean: float
    spread: float | None
    values: tuple[float, ...]

    def __str__(self) -> str:
        if self.spread is None:
            return number(self.mean)
        return f"{number(self.mean)} ± {number(self.spread, beside=self.mean)}"


@dataclass(frozen=True, slots=True)
class Standing:
    """One configuration, winner, rival or baseline, as it is compared.

    Attributes:
        name: ``winner``, ``zero-shot`` … or the trial's id.
        trial: The search trial it repeats; ``None`` for a baseline.
        meaning: In words.
        scores: Every metric of the last reports.
        trainable_parameters: The largest count over the seeds.
    """

    name: str
    trial: str | None
    meaning: str
    seeds: int
    values: Mapping[str, Any]
    scores: Mapping[str, Score]
    trainable_parameters: int | None

    def score(self, metric: str) -> Score | None:
        """The metric over the seeds; ``None`` if no run reported it."""
        return self.scores.get(metric)


def standings(history: History) -> list[Standing]:
    """Return the winner first, then its rivals, then the baselines; only what has finished."""
    winner = history.winner
    retrained = [group for group in history.groups(Kind.RETRAIN) if group.runs]
    first = [group for group in retrained if winner is not None and group.of == winner.of]
    rest = [group for group in retrained if group not in first]
    baselines = [group for group in history.groups(Kind.BASELINE) if group.runs]
    return [
        *(standing(group, "winner", "the best, run anew with fresh seeds") for group in first),
        *(standing(group, group.name, "a rival, run anew") for group in rest),
        *(standing(group, group.name, BASELINES.get(group.name, "")) for group in baselines),
    ]


def standing(group: Group, name: str, meaning: str) -> Standing:
    """Return how a group of runs stands."""
    metrics = sorted({metric for run in group.runs for metric in run.metrics})
    sizes = [r.trainable_parameters for r in group.runs if r.trainable_parameters is not None]
    return Standing(
        name, group.of, meaning, len(group.runs), group.runs[0].values if group.runs else {},
        {metric: score for metric in metrics if (score := _score(group, metric)) is not None},
        max(sizes, default=None),
    )  # fmt: skip


def _score(group: Group, metric: str) -> Score | None:
    values = tuple(value for value in group.values(metric) if math.isfinite(value))
    if not values:
        return None
    mean = sum(values) / len(values)
    spread = (
        math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
        if (len(values) > 1)
        else None
    )
    return Score(mean, spread, values)


def objective(history: History) -> tuple[str, str]:
    """Return the first objective's name and direction: what decides which trial is best."""
    return next(iter(history.search.objectives.items()))


def train_seconds(trial: TrialHistory) -> float | None:
    """Return how long the trial trained or ran, as it said; else its wall-clock time."""
    said = [trial.metrics[name] for name in ("train_seconds", RUN_SECONDS) if name in trial.metrics]
    return said[0] if said else trial.seconds


def fate(trial: TrialHistory) -> str:
    """Return why a trial ended and whose copy it became, if any; empty where nothing is to say."""
    copies = [f"copied {exploit.source} at step {exploit.step}" for exploit in trial.exploits]
    return "; ".join([*copies, *([trial.reason] if trial.reason else [])])


def number(value: float | None, *, beside: float | None = None) -> str:
    """Return a metric as a reader wants it.

    Args:
        value: The metric.
        beside: What it stands next to, as a spread beside its mean: it gets as many decimals.

    Example:
        >>> number(0.83149), number(12.345), number(1234.5), number(0.00012), number(None)
        ('0.831', '12.3', '1234', '0.00012', '–')
        >>> number(1.4e-16, beside=0.883), number(0.00084, beside=0.627)
        ('0.000', '0.001')
    """
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value if beside is None or not math.isfinite(beside) else beside)
    if size >= 1000:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.3f}" if size == 0 or size >= 0.001 else f"{value:.3g}"


def setting(value: Any) -> str:
    """Return a searched value as a reader wants it.

    Example:
        >>> setting(0.00333989338430595), setting("audio.all"), setting(8)
        ('0.00334', 'audio.all', '8')
    """
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def settings(values: Mapping[str, Any]) -> str:
    """Return a configuration on one line, without what all names share.

    Example:
        >>> settings({"method": "lora", "method.lora.rank": 8, "method.lora.learning_rate": 1e-3})
        'lora, rank 8, learning_rate 0.001'
        >>> settings({"method.parts.0.rank": 4, "method.parts.1.rank": 8})
        'parts.0.rank 4, parts.1.rank 8'
    """
    words = []
    for name, value in values.items():
        before, part, inside = name.rpartition("parts.")
        last = f"{part}{inside}" if before else name.rpartition(".")[2]
        words.append(setting(value) if name == "method" else f"{last} {setting(value)}")
    return ", ".join(words)
