"""The sweep's own numbers: counted from the journal, seen where Prometheus collects them."""

import runpy
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from autopeft.spec.load import load_sweep
from autopeft.sweep import ray_metrics
from autopeft.sweep.ray_metrics import RayMetrics
from autopeft.tracking.events import AnyEvent, Kind, RayStarted, Reported
from autopeft.tracking.history import History

SYNTHETIC = runpy.run_path(str(Path(__file__).parents[1] / "synthetic_sweep.py"))


@pytest.fixture(scope="module")
def sweep() -> Any:
    return load_sweep(SYNTHETIC["spec"]())


@pytest.fixture(scope="module")
def events(sweep: Any) -> list[AnyEvent]:
    return list(SYNTHETIC["events"](sweep))


class Kept:
    """In the place of Ray's metrics: the last value, or the sum, by its labels."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def set(self, value: float, tags: dict[str, str]) -> None:
        self.values[tags.get("state", "")] = value

    def inc(self, value: float, tags: dict[str, str]) -> None:
        assert value > 0, "Ray refuses anything else"
        self.values[""] = self.values.get("", 0.0) + value


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, Kept]:
    names = ("best_value", "trials", "steps_per_second", "gpu_seconds")
    metrics = {name: Kept() for name in names}
    monkeypatch.setattr(ray_metrics, "_metrics", lambda: metrics)
    return metrics


def test_the_end_stands_in_the_numbers(sweep, events, kept) -> None:
    listener = RayMetrics("a", History(sweep.settings.search), gpus=0.5)
    for event in events:
        listener(event)
    history = History(sweep.settings.search, events)
    assert kept["best_value"].values[""] == history.best.metrics["accuracy"]
    statuses = [trial.status.value for trial in history.of_kind(Kind.TRIAL)]
    for state, count in kept["trials"].values.items():
        assert statuses.count(state) == count
    assert sum(kept["trials"].values.values()) == 24


def test_gpu_seconds_are_those_of_running_trials_and_stop_with_the_driver(
    sweep, events, kept
) -> None:
    listener = RayMetrics("a", History(sweep.settings.search), gpus=0.5)
    for event in events[:5]:
        listener(event)
    busy = History(sweep.settings.search, events[:5])
    assert len(busy.running) == 1
    spent = (events[4].time - events[2].time) * 0.5  # since the first trial was asked for
    assert kept["gpu_seconds"].values[""] == pytest.approx(spent)
    # A day later another driver takes over: nobody has used a GPU meanwhile.
    later = RayMetrics("a", busy, gpus=0.5)
    kept["gpu_seconds"].values.clear()
    later(RayStarted(time=events[4].time + 86_400, slots=2))
    assert kept["gpu_seconds"].values == {}


def test_steps_per_second_are_those_of_the_last_minute(sweep, events, kept) -> None:
    listener = RayMetrics("a", History(sweep.settings.search), gpus=0)
    asked = next(event for event in events if event.event == "asked")
    for event in (
        events[0],
        RayStarted(time=1000, slots=1),
        asked.model_copy(update={"time": 1000}),
    ):
        listener(event)
    for second in range(10, 201, 10):
        listener(
            Reported(
                time=1000 + second, trial=asked.trial, step=3 * second, metrics={"accuracy": 0.1}
            )
        )
    assert listener.steps_per_second(1200) == pytest.approx(3, rel=0.2)
    assert listener.steps_per_second(1300) == 0
    assert kept["gpu_seconds"].values == {}


def test_a_step_repeated_after_a_restart_is_not_counted_twice(sweep, events, kept) -> None:
    listener = RayMetrics("a", History(sweep.settings.search), gpus=0)
    asked = next(event for event in events if event.event == "asked")
    for event in (RayStarted(time=1000, slots=1), asked.model_copy(update={"time": 1000})):
        listener(event)
    for _ in range(5):
        listener(Reported(time=1010, trial=asked.trial, step=20, metrics={"accuracy": 0.1}))
    assert listener.steps_per_second(1010) == 2


def test_nothing_is_published_before_ray_is_up(sweep, events, kept) -> None:
    listener = RayMetrics("a", History(sweep.settings.search), gpus=0)
    listener(events[0])
    assert all(metric.values == {} for metric in kept.values())


@pytest.mark.ray
@pytest.mark.slow
def test_ray_shows_them_where_prometheus_would_look(sweep, events, ray_of_two: None) -> None:
    import ray

    listener = RayMetrics("tiny-clap-1", History(sweep.settings.search), gpus=0.5)
    for event in events:
        listener(event)
    (node,) = ray.nodes()
    address = f"http://127.0.0.1:{node['MetricsExportPort']}/metrics"
    wanted = {
        f"ray_autopeft_{name}{{"
        for name in ("best_value", "trials", "steps_per_second", "gpu_seconds_total")
    }
    deadline, lines = time.monotonic() + 60, [""]
    while not all(any(line.startswith(name) for line in lines) for name in wanted):
        assert time.monotonic() < deadline, [line for line in lines if "autopeft" in line]
        time.sleep(0.5)
        with urllib.request.urlopen(address, timeout=10) as page:
            lines = page.read().decode().splitlines()
    (best,) = (line for line in lines if line.startswith("ray_autopeft_best_value{"))
    assert 'metric="accuracy"' in best
    assert 'sweep="tiny-clap-1"' in best
    history = History(sweep.settings.search, events)
    assert float(best.rpartition(" ")[2]) == pytest.approx(history.best.metrics["accuracy"])
