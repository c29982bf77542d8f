"""One warm worker per slot: at the beginning, and again for slots that come later."""

from autopeft.sweep.warm_up import PATIENCE_S, WarmUp


def test_none_ends_before_all_are_warm() -> None:
    warm = WarmUp(2)
    assert [warm.next(), warm.next(), warm.next()] == ["warm1", "warm2", None]
    assert not warm.on_report("warm1")
    assert warm.on_report("warm2")
    warm.on_end("warm1", lost=False)
    assert warm.is_over
    assert warm.next() is None


def test_one_that_dies_is_replaced_and_counted() -> None:
    warm = WarmUp(1)
    warm.next()
    warm.on_end("warm1", lost=True)
    assert warm.losses == 1
    assert warm.next() == "warm2"
    assert warm.on_report("warm2")


def test_a_slot_that_does_not_come_is_done_without() -> None:
    now = [0.0]
    warm = WarmUp(2, clock=lambda: now[0])
    warm.next(), warm.next()
    assert not warm.on_report("warm1")
    now[0] = PATIENCE_S + 1
    assert warm.is_over


def test_slots_that_come_later_are_warmed_beside_the_trials_that_run() -> None:
    busy = [0]
    warm = WarmUp(2, busy=lambda: busy[0])
    for attempt in (warm.next(), warm.next()):
        assert attempt is not None
        warm.on_report(attempt)
        warm.on_end(attempt, lost=False)
    busy[0] = 2
    warm.follow(3)
    assert not warm.is_over
    assert warm.next() == "warm3"
    assert warm.next() is None
    busy[0] = 1  # a trial has ended: its worker is held too, or the new one would never come up
    assert warm.next() == "warm4"
    assert not warm.on_report("warm4")
    assert warm.on_report("warm3")


def test_fewer_slots_are_waited_for_no_longer() -> None:
    warm = WarmUp(2)
    warm.next(), warm.next()
    warm.on_report("warm1")
    warm.follow(1)
    assert warm.is_over
