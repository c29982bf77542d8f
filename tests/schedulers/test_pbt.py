"""Population based training: who copies whom, and when."""

from typing import Any

import pytest

from autopeft.schedulers import Decision, Promotion
from autopeft.schedulers.pbt import Pbt
from autopeft.spec.scheduler import PbtScheduler


def make(population: int = 4, **options: Any) -> Pbt:
    record = PbtScheduler(population=population, interval_steps=10, **options)
    return Pbt(record, steps=40, seed=1)


def report(pbt: Pbt, step: int, **losses: float) -> None:
    for trial, loss in losses.items():
        assert pbt.on_report(trial, step, loss) is Decision.PAUSE


def promote_all(pbt: Pbt, **options: Any) -> list[Promotion]:
    found = []
    while (promotion := pbt.next_to_promote(**options)) is not None:
        found.append(promotion)
        pbt.on_promote(promotion.trial)
    return found


def test_the_worst_become_copies_of_the_best_before_anybody_else_goes_on() -> None:
    pbt = make()
    report(pbt, 10, a=0.1, b=0.2, c=0.9, d=0.3)
    copied, *others = promote_all(pbt)
    assert (copied.trial, copied.source) == ("c", "a")
    assert [(each.trial, each.source) for each in others] == [("a", None), ("b", None), ("d", None)]


def test_nobody_goes_on_before_the_population_and_the_round_are_complete() -> None:
    pbt = make()
    report(pbt, 10, a=0.1, b=0.2, c=0.9)
    assert promote_all(pbt) == []
    report(pbt, 10, d=0.3)
    assert len(promote_all(pbt)) == 4
    report(pbt, 20, a=0.1, b=0.5, c=0.2)
    assert promote_all(pbt) == []
    pbt.on_end("d")  # has failed: nobody waits for it
    assert [p.source for p in promote_all(pbt)] == ["a", None, None]


def test_a_population_that_will_never_be_complete_goes_on_at_last() -> None:
    pbt = make()
    report(pbt, 10, a=0.1, b=0.2)
    assert pbt.next_to_promote() is None
    promotion = pbt.next_to_promote(last=True)
    assert promotion is not None
    assert (promotion.trial, promotion.source) == ("b", "a")


def test_only_trials_built_the_same_are_copied() -> None:
    pbt = make(quantile=0.5)
    report(pbt, 10, a=0.1, b=0.2, c=0.9, d=0.8)
    kind = {"a": 1, "b": 2, "c": 2, "d": 3}
    found = promote_all(pbt, alike=lambda one, other: kind[one] == kind[other])
    assert {each.trial: each.source for each in found} == {
        "a": None,
        "b": None,
        "c": "b",
        "d": None,
    }


def test_equals_do_not_copy_each_other() -> None:
    pbt = make()
    report(pbt, 10, a=0.5, b=0.5, c=0.5, d=0.5)
    assert {each.source for each in promote_all(pbt)} == {None}


def test_a_source_that_has_ended_is_no_source() -> None:
    pbt = make(quantile=0.5)
    report(pbt, 10, a=0.1, b=0.2, c=0.9, d=0.8)
    pbt.on_end("a")
    assert {p.trial: p.source for p in promote_all(pbt)} == {"b": None, "c": "b", "d": "b"}


def test_the_next_population_begins_where_this_one_is_full() -> None:
    pbt = make(population=2)
    report(pbt, 10, a=0.1, b=0.2, c=0.9)
    assert [p.trial for p in promote_all(pbt)] == ["b", "a"]
    report(pbt, 10, d=0.3)
    assert [(p.trial, p.source) for p in promote_all(pbt)] == [("c", "d"), ("d", None)]


def test_the_draw_hangs_on_seed_trial_and_round_alone() -> None:
    seeds = set()
    for _ in range(3):
        pbt = make(quantile=0.5)
        report(pbt, 10, a=0.1, b=0.2, c=0.9, d=0.8)
        promotion = pbt.next_to_promote()
        assert promotion is not None
        seeds.add((promotion.seed, promotion.source))
    assert len(seeds) == 1


def test_the_last_report_pauses_nobody() -> None:
    assert make().on_report("a", 40, 0.5) is Decision.CONTINUE


@pytest.mark.parametrize("step", [5, 9])
def test_before_the_interval_nobody_pauses(step: int) -> None:
    assert make().on_report("a", step, 0.5) is Decision.CONTINUE
