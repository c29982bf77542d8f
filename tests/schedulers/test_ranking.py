"""Non-dominated ranking against its definition."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from autopeft.schedulers.ranking import dominates, fronts, scores

pairs = st.tuples(st.integers(0, 6).map(float), st.integers(0, 6).map(float))


@given(st.lists(pairs, min_size=1, max_size=25))
def test_what_dominates_ranks_better_and_equals_rank_equally(
    losses: list[tuple[float, ...]],
) -> None:
    ranks = scores(losses)
    for one, mine in zip(losses, ranks, strict=True):
        for other, theirs in zip(losses, ranks, strict=True):
            if dominates(one, other):
                assert mine < theirs
            if one == other:
                assert mine == theirs


@given(st.lists(pairs, min_size=1, max_size=25, unique=True))
def test_fronts_partition_and_nobody_dominates_within_one(losses: list[tuple[float, ...]]) -> None:
    found = fronts(losses)
    assert sorted(each for front in found for each in front) == sorted(losses)
    for front in found:
        assert not any(dominates(one, other) for one in front for other in front)
    for better, worse in pairwise(found):
        assert all(any(dominates(one, other) for one in better) for other in worse)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_one_objective_is_its_own_rank(losses: list[float]) -> None:
    assert scores([(loss,) for loss in losses]) == losses
