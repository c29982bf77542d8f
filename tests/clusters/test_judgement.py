"""What is concluded from the scheduler's word and the marker: every story ends."""

import itertools

import pytest

from autopeft.clusters.base import JobState, Seen
from autopeft.clusters.judgement import SILENT_S, Evidence, Memory, judge

PENDING, RUNNING, DONE, FAILED, LOST = JobState
EVERY_S = 10


def told(*looks, marker=None, accounted=None, beats=None, interval=EVERY_S):
    """Play looks, one per interval; return what was concluded at each.

    A look is what the queue says, or ``None``; whoever is missing is asked about every other time,
    as the poller does. The last look is repeated up to a minute.
    """
    memory, found, queries, accountings = Memory(), [], 0, 0
    looks = [*looks, *[looks[-1]] * 8]
    last, missing = "", False
    for number, look in enumerate(looks):
        if missing and last == "queue":
            accountings, last = accountings + 1, "accounting"
        else:
            queries, last, current = queries + 1, "queue", look
        seen, memory = judge(
            memory,
            Evidence(
                seen=current,
                accounted=accounted if accountings else None,
                queries=queries,
                accountings=accountings,
                marker=marker[1] if marker and number >= marker[0] else None,
                heartbeat=str(min(number, beats)) if beats is not None else "",
                now=number * float(interval),
            ),
        )
        found.append(seen)
        missing = current is None and not seen.state.is_final
        if seen.state.is_final:
            return found
    return found


RUN, END, BAD = Seen(RUNNING), Seen(DONE, 0), Seen(FAILED, 3)


@pytest.mark.parametrize(
    ("looks", "more", "expected"),
    [
        # both say the same
        ((RUN, END), {"marker": (1, 0)}, Seen(DONE, 0)),
        ((RUN, BAD), {"marker": (1, 3)}, Seen(FAILED, 3)),
        # the queue forgets at once, as Grid Engine's does: the marker tells
        ((RUN, None), {"marker": (1, 0)}, Seen(DONE, 0)),
        ((RUN, None), {"marker": (1, 3)}, Seen(FAILED, 3)),
        # the marker comes late, over a slow file system
        ((RUN, END), {"marker": (2, 0)}, Seen(DONE, 0)),
        ((RUN, None), {"marker": (3, 3)}, Seen(FAILED, 3)),
        # killed with -9: no marker, the scheduler knows
        ((RUN, Seen(FAILED, 137)), {}, Seen(FAILED, 137)),
        ((RUN, None), {"accounted": Seen(FAILED, 137, "killed")}, Seen(FAILED, 137, "killed")),
        # deleted while queued: Slurm knows, Grid Engine has no record
        ((Seen(PENDING), Seen(FAILED, None, "cancelled")), {}, Seen(FAILED, None, "cancelled")),
        ((Seen(PENDING), None), {}, LOST),
        # the scheduler says well, the marker does not
        ((RUN, END), {"marker": (1, 143)}, Seen(FAILED, 143)),
        ((RUN, END), {}, FAILED),
        # the marker says well, the scheduler does not
        ((RUN, Seen(FAILED, None, "out of memory")), {"marker": (1, 0)}, FAILED),
        ((RUN, Seen(LOST, None, "its host was lost")), {"marker": (1, 0)}, LOST),
        # the host is lost
        ((RUN, Seen(LOST, None, "its host was lost")), {}, Seen(LOST, None, "its host was lost")),
        ((RUN, RUN), {"beats": 1}, LOST),
        # the scheduler goes on listing what has ended
        ((RUN, RUN), {"marker": (1, 3)}, FAILED),
        # a requeued job's old marker is not its end
        ((RUN, Seen(PENDING)), {"marker": (1, 143)}, PENDING),
        # nothing has happened
        ((RUN, RUN), {"beats": 99}, RUNNING),
        ((RUN, RUN), {}, RUNNING),
    ],
)
def test_a_story_ends_within_a_minute_or_not_at_all(looks, more, expected):
    found = told(*looks, **more)
    if isinstance(expected, Seen):
        assert found[-1] == expected
    else:
        assert found[-1].state is expected
        assert expected not in (FAILED, LOST) or found[-1].reason
    if found[-1].state.is_final:
        happened = 1  # everything happens at the second look
        assert (len(found) - 1 - happened) * EVERY_S <= 60


def test_success_is_never_concluded_without_a_marker_of_0():
    words = [None, RUN, END, BAD, Seen(PENDING), Seen(LOST), Seen(FAILED, None, "cancelled")]
    for looks in itertools.product(words, repeat=3):
        for marker in (None, (0, 3), (1, 143), (2, 0)):
            found = told(*looks, marker=marker)
            if found[-1].state is DONE:
                assert marker is not None
                assert marker[1] == 0
            assert (found[-1].exit_code == 0) == (found[-1].state is DONE)


def test_silence_of_a_suspended_job_is_no_loss():
    suspended = Seen(PENDING, None, "suspended")
    assert told(RUN, suspended, suspended, suspended, beats=1)[-1] == suspended


def test_a_scheduler_that_does_not_answer_concludes_nothing():
    memory = Memory()
    for now in range(0, 600, 10):
        seen, memory = judge(memory, Evidence(None, None, 0, 0, None, "", float(now)))
        assert seen.state is PENDING
    seen, memory = judge(memory, Evidence(RUN, None, 1, 0, None, "", 600.0))
    for now in range(610, 900, 10):  # the same old answer
        seen, memory = judge(memory, Evidence(RUN, None, 1, 0, None, "", float(now)))
    assert seen.state is RUNNING


def test_silence_is_reported_within_a_minute():
    assert SILENT_S + EVERY_S <= 60
