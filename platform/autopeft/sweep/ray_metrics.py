"""The sweep's own numbers beside Ray's, at the metrics endpoint of the driver's host.

Ray exports them with the prefix ``ray_``, for Prometheus to collect; the journal stays the truth.
"""

from collections import deque
from typing import Any

from autopeft.tracking.events import AnyEvent, Kind, RayStarted, Reported, Status, SweepEnded
from autopeft.tracking.history import History

PUBLISH_EVERY_S = 1.0
# Steps per second are those of the last minute.
WINDOW_S = 60.0


class RayMetrics:
    """A journal listener that publishes from the moment Ray is up.

    Args:
        sweep: The run folder's name, a label of every number.
        history: What happened before.
        gpus: What one trial has.
    """

    def __init__(self, sweep: str, history: History, *, gpus: float) -> None:
        self._labels, self._history, self._gpus = {"sweep": sweep}, history, gpus
        self._steps: deque[tuple[float, int]] = deque()
        self._ray_up_at: float | None = None
        self._published_at = float("-inf")
        self._gpu_seconds = 0.0
        self._metrics: dict[str, Any] = {}

    def __call__(self, event: AnyEvent) -> None:
        """Take one event; publish now and then."""
        before = self._history.last_time
        busy = len(self._history.running)
        step = self._history.trials[event.trial].step if isinstance(event, Reported) else 0
        self._history.apply(event)
        if isinstance(event, RayStarted):
            self._ray_up_at = event.time
            self._metrics = _metrics()
        if self._ray_up_at is None:
            return
        if not isinstance(event, RayStarted):
            self._gpu_seconds += max(event.time - before, 0.0) * busy * self._gpus
        if isinstance(event, Reported) and event.step > step:
            self._steps.append((event.time, event.step - step))
        due = event.time - self._published_at >= PUBLISH_EVERY_S
        if due or isinstance(event, SweepEnded):
            self._publish(event.time)

    def steps_per_second(self, now: float) -> float:
        """Return how many steps all trials together made a second, in the last minute."""
        while self._steps and now - self._steps[0][0] > WINDOW_S:
            self._steps.popleft()
        since = max(self._ray_up_at or 0.0, now - WINDOW_S)
        return sum(steps for _, steps in self._steps) / max(now - since, 1.0)

    def _publish(self, now: float) -> None:
        self._published_at = now
        best = self._history.best
        if best is not None:
            name = next(iter(self._history.search.objectives))
            labels = {**self._labels, "metric": name}
            self._metrics["best_value"].set(best.metrics[name], tags=labels)
        statuses = [trial.status for trial in self._history.of_kind(Kind.TRIAL)]
        for status in Status:
            labels = {**self._labels, "state": status.value}
            self._metrics["trials"].set(statuses.count(status), tags=labels)
        self._metrics["steps_per_second"].set(self.steps_per_second(now), tags=self._labels)
        if self._gpu_seconds > 0:
            self._metrics["gpu_seconds"].inc(self._gpu_seconds, tags=self._labels)
            self._gpu_seconds = 0.0


def _metrics() -> dict[str, Any]:
    from ray.util.metrics import Counter, Gauge

    return {
        "best_value": Gauge(
            "autopeft_best_value",
            description="The best value of the objective on validation, so far.",
            tag_keys=("sweep", "metric"),
        ),
        "trials": Gauge(
            "autopeft_trials",
            description="Search trials by state.",
            tag_keys=("sweep", "state"),
        ),
        "steps_per_second": Gauge(
            "autopeft_steps_per_second",
            description="Training steps of all trials together, in the last minute.",
            tag_keys=("sweep",),
        ),
        "gpu_seconds": Counter(
            "autopeft_gpu_seconds",
            description="GPUs of running trials times seconds, since the driver started.",
            tag_keys=("sweep",),
        ),
    }
