"""Our median rule against Ray's, on the same reports, without starting Ray."""

from dataclasses import dataclass
from random import Random
from statistics import fmean, median
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopeft.schedulers import Decision
from autopeft.schedulers.median import Median
from autopeft.schedulers.ranking import scores
from autopeft.spec.scheduler import MedianScheduler


@dataclass(frozen=True)
class FakeTrial:
    """What Ray's scheduler reads of a trial."""

    trial_id: str


class NobodyElse:
    """Ray's controller, without a trial that waits."""

    def get_live_trials(self) -> list[Any]:
        """Nobody waits for a slot."""
        return []


def ray_median(*, grace: int, min_trials: int) -> Any:
    from ray.tune.schedulers import MedianStoppingRule

    return MedianStoppingRule(
        time_attr="step", metric="score", mode="max",
        grace_period=grace, min_samples_required=min_trials,
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _ray_tune_is_loaded() -> None:
    """Import Ray Tune (seconds) before hypothesis measures."""
    ray_median(grace=1, min_trials=1)


@settings(max_examples=100)
@given(
    grace=st.integers(1, 12),
    min_trials=st.integers(1, 4),
    reports=st.integers(1, 8),
    every=st.integers(1, 6),
    trials=st.integers(1, 12),
    dice=st.randoms(use_true_random=True),
)
def test_the_same_decisions_as_rays(
    grace: int, min_trials: int, reports: int, every: int, trials: int, dice: Random
) -> None:
    steps = reports * every
    ours = Median(MedianScheduler(grace_steps=grace, min_trials=min_trials), steps=steps)
    rays = ray_median(grace=grace, min_trials=min_trials)
    fakes = {f"t{index}": FakeTrial(f"t{index}") for index in range(trials)}
    for fake in fakes.values():
        rays.on_trial_add(None, fake)
    reached = dict.fromkeys(fakes, 0)
    while reached:
        trial = dice.choice(sorted(reached))
        reached[trial] += every
        loss = dice.choice([dice.random(), 0.25, 0.5])
        mine = ours.on_report(trial, reached[trial], loss)
        result = {"step": reached[trial], "score": -loss}
        if reached[trial] >= steps:
            rays.on_trial_complete(None, fakes[trial], result)
        elif mine.value != rays.on_trial_result(NobodyElse(), fakes[trial], result).lower():
            pytest.fail(f"{trial} at {reached[trial]}: ours says {mine}")
        if mine is Decision.STOP or reached[trial] >= steps:
            ours.on_end(trial)
            del reached[trial]


def test_it_stops_what_was_never_as_good_as_the_others_are_on_average() -> None:
    rule = Median(MedianScheduler(grace_steps=10, min_trials=2), steps=30)
    for trial, losses in {"a": (0.5, 0.3), "b": (0.6, 0.4)}.items():
        for step, loss in zip((10, 20), losses, strict=True):
            assert rule.on_report(trial, step, loss) is Decision.CONTINUE
    assert rule.on_report("bad", 10, 0.7) is Decision.STOP
    assert rule.on_report("slow", 10, 0.54) is Decision.CONTINUE  # the median is 0.55
    assert rule.on_report("slow", 20, 0.54) is Decision.STOP  # here it is 0.45


def test_several_objectives_are_ranked_by_dominance() -> None:
    rule = Median(MedianScheduler(grace_steps=1, min_trials=3), steps=30)
    for index in range(3):
        rule.on_report(f"t{index}", 10, 0.5 + index * 0.1, 0.5 - index * 0.1)
    assert rule.on_report("dominated", 10, 0.8, 0.8) is Decision.STOP
    assert rule.on_report("dominating", 10, 0.1, 0.1) is Decision.CONTINUE


def by_definition(
    reports: dict[str, list[tuple[int, tuple[float, ...]]]], trial: str, *, grace: int, least: int
) -> Decision:
    """The rule worked out from all reports, at the last one of ``trial``."""
    step = reports[trial][-1][0]
    if step < grace:
        return Decision.CONTINUE
    means = []
    for other, said in reports.items():
        counted = [losses for at, losses in said if grace <= at <= step]
        if other != trial and said[-1][0] >= step and counted:
            means.append(tuple(fmean(column) for column in zip(*counted, strict=True)))
    if len(means) < least:
        return Decision.CONTINUE
    best = tuple(min(column) for column in zip(*(each for _, each in reports[trial]), strict=True))
    mine, *theirs = scores([best, *means])
    return Decision.STOP if mine > median(theirs) else Decision.CONTINUE


@given(
    grace=st.integers(1, 6),
    least=st.integers(1, 4),
    objectives=st.integers(1, 2),
    said=st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 12), st.sampled_from([0.1, 0.25, 0.5, 0.7])),
        max_size=40,
    ),
)
def test_what_is_kept_decides_as_all_reports_do(
    grace: int, least: int, objectives: int, said: list[tuple[int, int, float]]
) -> None:
    """Steps as they come: uneven ones, and trials that go back and say something again."""
    options = MedianScheduler(grace_steps=grace, min_trials=least)
    ours, reports = Median(options, steps=12), {}
    for number, (index, step, loss) in enumerate(said):
        losses = (loss, 1 - loss + 0.01 * index)[:objectives]
        reports.setdefault(f"t{index}", []).append((step, losses))
        if number == len(said) // 2:
            again = Median(options, steps=12)
            again.load(ours.state())
            ours = again
        expected = by_definition(reports, f"t{index}", grace=grace, least=least)
        assert ours.on_report(f"t{index}", step, *losses) is expected
