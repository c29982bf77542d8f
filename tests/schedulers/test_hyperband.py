"""Our brackets against Ray's, on the same reports, without starting Ray."""

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopeft.schedulers import Decision
from autopeft.schedulers.hyperband import Hyperband, shares
from autopeft.spec.scheduler import HyperbandScheduler


@dataclass
class FakeTrial:
    """What Ray's scheduler reads of a trial."""

    trial_id: str


def ray_brackets(*, grace: int, reduction: float, steps: int, brackets: int) -> Any:
    from ray.tune.schedulers import AsyncHyperBandScheduler

    return AsyncHyperBandScheduler(
        brackets=brackets, time_attr="step", metric="score", mode="max",
        grace_period=grace, reduction_factor=reduction, max_t=steps,
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _ray_tune_is_loaded() -> None:
    """Import Ray Tune (seconds) before hypothesis measures."""
    ray_brackets(grace=1, reduction=2, steps=4, brackets=1)


@settings(max_examples=80)
@given(
    grace=st.integers(1, 8),
    reduction=st.sampled_from([2, 2.5, 3]),
    rungs=st.integers(1, 10),
    every=st.integers(1, 8),
    trials=st.integers(1, 14),
    dice=st.randoms(use_true_random=True),
)
def test_the_same_decisions_as_rays_brackets(
    grace: int, reduction: float, rungs: int, every: int, trials: int, dice: Random
) -> None:
    steps = grace * rungs
    ours = Hyperband(HyperbandScheduler(grace_steps=grace, reduction=reduction), steps=steps)
    count = len(ours.state()["brackets"])
    rays = ray_brackets(grace=grace, reduction=reduction, steps=steps, brackets=count)
    fakes = {f"t{index}": FakeTrial(f"t{index}") for index in range(trials)}
    for trial in fakes:  # Ray draws a trial's bracket from numpy's global generator
        rays._trial_info[trial] = rays._brackets[ours.bracket_of(trial)]
    reached = dict.fromkeys(fakes, 0)
    while reached:
        trial = dice.choice(sorted(reached))
        reached[trial] += every
        loss = dice.choice([dice.random(), 0.25, 0.5])
        mine = ours.on_report(trial, reached[trial], loss)
        result = {"step": reached[trial], "score": -loss}
        is_over = reached[trial] >= steps
        if is_over:
            rays.on_trial_complete(None, fakes[trial], result)
        else:
            assert mine.value == rays.on_trial_result(None, fakes[trial], result).lower()
        if is_over or mine is Decision.STOP:
            ours.on_end(trial)
            del reached[trial]
    theirs = [[len(reached) for _, reached in bracket._rungs] for bracket in rays._brackets]
    own = [[len(reached) for _, reached in b["rungs"]] for b in ours.state()["brackets"]]
    assert own == theirs


def test_trials_are_shared_out_as_hyperband_counts_them() -> None:
    ours = Hyperband(HyperbandScheduler(grace_steps=1, reduction=3), steps=81, seed=1)
    drawn = Counter(ours.bracket_of(f"t{number:04d}") for number in range(4000))
    expected = [81, 34, 15, 8, 5]  # table 1 of the paper
    assert shares(5, reduction=3) == [size / 143 for size in expected]
    for bracket, size in enumerate(expected):
        assert drawn[bracket] / 4000 == pytest.approx(size / 143, abs=0.02)


@pytest.mark.parametrize(("brackets", "found"), [(None, 3), (1, 1), (2, 2), (9, 3)])
def test_there_are_as_many_brackets_as_rungs_or_fewer(brackets: int | None, found: int) -> None:
    options = HyperbandScheduler(grace_steps=10, reduction=3, brackets=brackets)
    state = Hyperband(options, steps=90).state()
    milestones = [[milestone for milestone, _ in b["rungs"]] for b in state["brackets"]]
    assert milestones == [[90, 30, 10], [90, 30], [90]][:found]
