import pytest

from autopeft.core.errors import InputError
from autopeft.spec.load import load_sweep
from autopeft.spec.resources import Resources
from autopeft.sweep import machine
from autopeft.sweep.machine import gpus_here, slots_here, what_does_not_fit

RAW = {"name": "a", "task": {"data": {"kind": "procedural"}}, "method": {"kind": "lora"}}


@pytest.fixture
def eight_cpus(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)))


@pytest.mark.parametrize(
    ("resources", "slots"),
    [
        ({"cpus": 1}, 8),
        ({"cpus": 3}, 2),
        ({"cpus": 16}, 0),
        ({"cpus": 1, "gpus": 0.25}, 8),
        ({"cpus": 1, "gpus": 0.4}, 4),  # two on each GPU; what is left of both makes no fifth
        ({"cpus": 1, "gpus": 1}, 2),
        ({"cpus": 1, "max_concurrent": 3}, 3),
    ],
)
def test_slots(resources, slots, eight_cpus, monkeypatch):
    monkeypatch.setattr(machine, "gpus_here", lambda: 2)
    assert slots_here(Resources(**resources)) == slots


def test_gpus_are_those_made_visible(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    assert gpus_here() == 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus_here() == 0


@pytest.mark.parametrize(
    ("resources", "gpus", "sentences"),
    [
        ({"cpus": 8, "gpus": 0}, 0, []),
        ({"cpus": 1, "gpus": 0.5}, 1, []),
        ({"cpus": 900}, 0, ["a trial is to get 900, this machine has 8: write at most 8"]),
        ({"gpus": 0.5}, 0, ["a trial is to get 0.5, this machine has none: write 0"]),
        ({"gpus": 3}, 2, ["a trial is to get 3, this machine has 2: write at most 2"]),
    ],
)
def test_what_this_machine_has_not_is_said(resources, gpus, sentences, eight_cpus, monkeypatch):
    monkeypatch.setattr(machine, "gpus_here", lambda: gpus)
    sweep = load_sweep({**RAW, "resources": resources})
    assert [problem.message for problem in what_does_not_fit(sweep)] == sentences


def test_of_another_machine_nothing_is_known(eight_cpus, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert list(what_does_not_fit(load_sweep({**RAW, "resources": {"cpus": 900}}))) == []


def test_more_than_a_gpu_comes_in_whole_ones():
    with pytest.raises(InputError, match=r"resources.gpus: found 1.5; above 1 a whole number"):
        load_sweep({**RAW, "resources": {"gpus": 1.5}})
