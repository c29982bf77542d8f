"""Slots follow the hosts, host by host."""

from autopeft.spec.resources import Resources
from autopeft.sweep.slots import LOOK_EVERY_S, Node, Slots, fitting, fixed


def node(address: str, cpus: float, gpus: float = 0) -> Node:
    return Node(address, {"CPU": cpus, "GPU": gpus})


def test_what_is_left_over_on_two_hosts_makes_no_slot() -> None:
    assert fitting([node("a", 3), node("b", 3)], Resources(cpus=2)) == 2
    assert fitting([node("a", 8, 1), node("b", 8, 2)], Resources(cpus=1, gpus=2)) == 1
    assert fitting([node("a", 8, 1), node("b", 8, 1)], Resources(cpus=1, gpus=0.25)) == 8
    assert fitting([node("a", 8)], Resources(cpus=1, max_concurrent=3)) == 3
    assert fitting([], Resources()) == 0


def test_parts_of_two_gpus_make_no_slot() -> None:
    assert fitting([Node("a", {"CPU": 8.0, "GPU": 2.0})], Resources(cpus=1, gpus=0.4)) == 4


def test_they_come_and_go_with_hosts_and_those_that_leave_take_no_more() -> None:
    now, nodes, gone = [0.0], [node("a", 2)], set[str]()
    slots = Slots(lambda: nodes, Resources(), leaving=lambda: gone, clock=lambda: now[0])
    assert slots() == 2
    nodes.append(node("b", 4))
    assert slots() == 2
    now[0] += LOOK_EVERY_S
    assert slots() == 6
    gone.add("b")
    now[0] += LOOK_EVERY_S
    assert slots() == 2
    assert slots.is_leaving("b")
    assert not slots.is_leaving("a")


def test_fixed_ones_stay() -> None:
    assert fixed(3)() == 3
