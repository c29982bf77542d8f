"""Our ASHA against Ray's, on the same reports, without starting Ray."""

from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopeft.schedulers import Decision
from autopeft.schedulers.asha import Asha
from autopeft.spec.scheduler import AshaScheduler


@dataclass
class FakeTrial:
    """What Ray's scheduler reads of a trial."""

    trial_id: str
    stub: bool = False


def ray_asha(*, grace: int, reduction: float, steps: int) -> Any:
    from ray.tune.schedulers import AsyncHyperBandScheduler

    return AsyncHyperBandScheduler(
        brackets=1, time_attr="step", metric="score", mode="max",
        grace_period=grace, reduction_factor=reduction, max_t=steps,
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _ray_tune_is_loaded() -> None:
    """Import Ray Tune (seconds) before hypothesis measures."""
    ray_asha(grace=1, reduction=2, steps=4)


@settings(max_examples=150)
@given(
    grace=st.integers(1, 12),
    reduction=st.sampled_from([1.5, 2, 2.5, 3, 4]),
    rungs=st.integers(1, 10),
    every=st.integers(1, 12),
    trials=st.integers(1, 12),
    dice=st.randoms(use_true_random=True),
)
def test_the_same_decisions_as_rays(
    grace: int, reduction: float, rungs: int, every: int, trials: int, dice: Random
) -> None:
    steps = grace * rungs
    ours = Asha(AshaScheduler(grace_steps=grace, reduction=reduction), steps=steps)
    rays = ray_asha(grace=grace, reduction=reduction, steps=steps)
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
        # As Tune calls: a trial that ended by itself is complete, one that was stopped is not.
        if reached[trial] >= steps:
            rays.on_trial_complete(None, fakes[trial], result)
            ours.on_end(trial)
            del reached[trial]
            continue
        assert mine.value == rays.on_trial_result(None, fakes[trial], result).lower()
        if mine is Decision.STOP:
            ours.on_end(trial)
            del reached[trial]
    theirs = [[milestone, losses] for milestone, losses in rays._brackets[0]._rungs]
    flipped = [[m, {t: [-loss] for t, loss in losses.items()}] for m, losses in theirs]
    assert ours.state()["rungs"] == flipped


def test_the_first_at_a_rung_goes_on_and_the_worse_stop() -> None:
    asha = Asha(AshaScheduler(grace_steps=10, reduction=3), steps=90)
    assert asha.on_report("first", 10, 0.9) is Decision.CONTINUE
    assert asha.on_report("worse", 10, 0.95) is Decision.STOP
    assert asha.on_report("better", 10, 0.1) is Decision.CONTINUE
    assert asha.on_report("better", 20, 0.1) is Decision.CONTINUE
    assert asha.on_report("better", 30, 0.1) is Decision.CONTINUE


@pytest.mark.parametrize(
    ("grace", "reduction", "steps", "milestones"),
    [
        (10, 3, 90, [90, 30, 10]),
        (10, 3, 80, [30, 10]),
        (10, 3, 9, []),
        (1, 2, 8, [8, 4, 2, 1]),
        (5, 5, 125, [125, 25, 5]),
    ],
)
def test_rungs_lie_where_they_should(
    grace: int, reduction: float, steps: int, milestones: list[float]
) -> None:
    asha = Asha(AshaScheduler(grace_steps=grace, reduction=reduction), steps=steps)
    assert [milestone for milestone, _ in asha.state()["rungs"]] == milestones


def get_job(rungs: list[dict[str, float]], promoted: list[set[str]], reduction: float) -> str:
    """Return whom algorithm 2 of the paper promotes, written down as it stands there."""
    for k in reversed(range(len(rungs))):
        top = sorted(rungs[k], key=lambda t: (rungs[k][t], list(rungs[k]).index(t)))
        candidates = top[: int(len(rungs[k]) / reduction + 1e-9)]
        for trial in candidates:
            if trial not in promoted[k]:
                promoted[k].add(trial)
                return trial
    return ""


@settings(max_examples=100)
@given(trials=st.integers(1, 40), reduction=st.sampled_from([2, 3, 4]), dice=st.randoms())
def test_one_worker_promotes_as_the_paper_does(trials: int, reduction: int, dice: Random) -> None:
    steps = reduction**3
    ours = Asha(AshaScheduler(grace_steps=1, reduction=reduction, mode="promote"), steps=steps)
    rungs: list[dict[str, float]] = [{} for _ in range(3)]
    promoted: list[set[str]] = [set() for _ in range(3)]
    height = dict.fromkeys((f"t{number}" for number in range(trials)), 0)
    waiting, running = list(height), ""
    while waiting or running:
        trial = running or waiting.pop(0)
        loss = dice.random()
        k = height[trial]
        height[trial] += 1
        decision = ours.on_report(trial, reduction**k, loss)
        if k < 3:
            rungs[k][trial] = loss
        expected = get_job(rungs, promoted, reduction)
        if decision is Decision.CONTINUE and k < 3:  # promoted at once
            assert trial == expected
            running = trial
            continue
        promotion = ours.next_to_promote()
        assert (promotion.trial if promotion else "") == expected
        running = expected
        if promotion:
            ours.on_promote(expected)


def test_the_last_to_be_promoted_make_a_result_of_a_small_search() -> None:
    asha = Asha(AshaScheduler(grace_steps=10, reduction=3, mode="promote"), steps=90)
    for trial, loss in (("worse", 0.5), ("better", 0.4)):
        assert asha.on_report(trial, 10, loss) is Decision.PAUSE
    assert asha.next_to_promote() is None
    promotion = asha.next_to_promote(last=True)
    assert promotion is not None
    assert promotion.trial == "better"
    asha.on_promote("better")
    asha.on_end("better")  # fails on its way
    promotion = asha.next_to_promote(last=True)
    assert promotion is not None
    assert promotion.trial == "worse"
