import os
import signal

import pytest

from autopeft.sweep.interruption import SIGNALS, asked, stoppable


def ask(number: int) -> None:
    os.kill(os.getpid(), number)
    for _ in range(1000):  # handlers run between two instructions of the interpreter
        pass


@pytest.mark.parametrize("number", SIGNALS)
def test_a_request_outside_of_tune_interrupts(number: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), stoppable():
        ask(number)
    assert not asked.is_set()
    assert signal.getsignal(number) is before


def test_tune_is_told_once_and_only_a_second_ctrl_c_insists() -> None:
    told: list[int] = []
    before = signal.getsignal(signal.SIGUSR1)
    with stoppable():
        signal.signal(signal.SIGUSR1, lambda number, frame: told.append(number))
        ask(signal.SIGTERM)
        ask(signal.SIGTERM)
        ask(signal.SIGHUP)
        assert told == [signal.SIGTERM]
        assert asked.is_set()
        with pytest.raises(KeyboardInterrupt):
            ask(signal.SIGINT)
    assert signal.getsignal(signal.SIGUSR1) is before


def test_what_the_caller_or_a_tune_of_before_listens_with_is_not_this_sweeps() -> None:
    told: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: told.append(number))
    try:
        with pytest.raises(KeyboardInterrupt), stoppable():
            ask(signal.SIGINT)
        assert told == []
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            ask(signal.SIGHUP)
            assert not asked.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)
