"""Idle workers on hosts that leave are ended, all others kept as Tune would."""

from types import SimpleNamespace

import pytest
from ray.tune.execution.tune_controller import TrialRunnerWrapper
from ray.tune.utils.object_cache import _ObjectCache

from autopeft.sweep.idle_workers import IdleWorkers
from autopeft.sweep.ray_scheduler import ConductorScheduler
from autopeft.sweep.warm_up import WarmUp


class Actor:
    pass


@pytest.fixture
def gone() -> set[str]:
    return set()


@pytest.fixture
def idle(gone: set[str]) -> IdleWorkers:
    before = _ObjectCache(may_keep_one=True)
    before.increase_max("one CPU", by=2)
    return IdleWorkers(before, gone.__contains__)


@pytest.fixture
def pair(idle: IdleWorkers) -> tuple[Actor, Actor]:
    staying, leaving = Actor(), Actor()
    idle.lives(staying, "10.0.0.1")
    idle.lives(leaving, "10.0.0.2")
    return staying, leaving


def test_it_goes_on_where_tunes_own_was(idle: IdleWorkers, pair: tuple[Actor, Actor]) -> None:
    kept = [idle.cache_object("one CPU", actor) for actor in (*pair, Actor())]
    assert kept == [True, True, False]
    assert list(idle.flush_cached_objects()) == []
    assert idle.num_cached_objects == 2


def test_who_falls_idle_on_a_leaving_host_is_not_kept(
    idle: IdleWorkers, pair: tuple[Actor, Actor], gone: set[str]
) -> None:
    gone.add("10.0.0.2")
    assert [idle.cache_object("one CPU", actor) for actor in pair] == [True, False]


def test_who_is_idle_there_already_is_ended(
    idle: IdleWorkers, pair: tuple[Actor, Actor], gone: set[str]
) -> None:
    for actor in pair:
        idle.cache_object("one CPU", actor)
    gone.add("10.0.0.2")
    assert list(idle.flush_cached_objects()) == [pair[1]]
    assert idle.pop_cached_object("one CPU") is pair[0]
    assert idle.num_cached_objects == 0


def test_they_take_the_place_of_tunes_own() -> None:
    # Tune hands schedulers a wrapper that passes on what is read, and keeps what is written.
    controller = SimpleNamespace(
        _actor_cache=_ObjectCache(), update_max_pending_trials=lambda slots: None
    )
    wrapper = TrialRunnerWrapper(controller, trial_executor=None)
    warm_up = WarmUp(1)
    scheduler = ConductorScheduler(SimpleNamespace(), warm_up=warm_up, slots=lambda: 1)
    scheduler.on_trial_add(wrapper, SimpleNamespace(placement_group_factory="one CPU"))
    assert isinstance(controller._actor_cache, IdleWorkers)
    assert controller._actor_cache.total_max_objects == 1
