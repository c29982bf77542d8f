from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopeft.core.errors import DataError
from autopeft.data.splitting import assign_splits, choose_clips
from autopeft.spec.data import Split

clips = st.lists(
    st.tuples(st.sampled_from("abcdefg"), st.integers(0, 30).map(str)), min_size=1, max_size=80
)


@settings(max_examples=60, deadline=None)
@given(clips=clips, seed=st.integers(0, 5))
def test_groups_stay_together_and_every_caption_that_can_be_is_in_train(clips, seed):
    captions, groups = zip(*clips, strict=True)
    if len(set(groups)) < 3:
        with pytest.raises(DataError, match="cannot make three splits"):
            assign_splits(captions, groups, shares=Split(), seed=seed)
        return
    splits = assign_splits(captions, groups, shares=Split(), seed=seed)
    assert set(splits) == {0, 1, 2}
    assert all(len({s for s, g in zip(splits, groups, strict=True) if g == group}) == 1
               for group in set(groups))  # fmt: skip
    assert np.array_equal(splits, assign_splits(captions, groups, shares=Split(), seed=seed))
    in_train = {caption for caption, split in zip(captions, splits, strict=True) if split == 0}
    spread = Counter(caption for caption, _ in set(clips))
    if len(set(groups)) > 8:  # fewer, and an empty split may have to take one back
        assert {caption for caption, groups in spread.items() if groups > 1} <= in_train


@settings(max_examples=40, deadline=None)
@given(per_caption=st.integers(4, 40), captions=st.integers(2, 12), seed=st.integers(0, 5))
def test_ungrouped_clips_are_stratified(per_caption, captions, seed):
    labels = [str(index % captions) for index in range(per_caption * captions)]
    splits = assign_splits(labels, list(map(str, range(len(labels)))), shares=Split(), seed=seed)
    for caption in set(labels):
        counts = np.bincount(splits[np.array(labels) == caption], minlength=3)
        assert np.all(np.abs(counts - per_caption * np.array([0.5, 0.25, 0.25])) <= 2)


def test_the_order_of_the_rows_does_not_matter():
    captions, groups = ["a", "b"] * 20, [f"g{index // 2}" for index in range(40)]
    splits = dict(zip(groups, assign_splits(captions, groups, shares=Split(), seed=1), strict=True))
    back = assign_splits(captions[::-1], groups[::-1], shares=Split(), seed=1)
    assert dict(zip(groups[::-1], back, strict=True)) == splits


def test_another_seed_splits_otherwise():
    captions, groups = ["a", "b"] * 20, list(map(str, range(40)))
    one, other = (assign_splits(captions, groups, shares=Split(), seed=seed) for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_fewer_clips_are_balanced_over_captions_and_keep_split_proportions():
    cells = [("common", "train")] * 60 + [("common", "test")] * 30 + [("rare", "train")] * 10
    chosen = Counter(cells[place] for place in choose_clips(cells, 40, seed=0))
    assert chosen["rare", "train"] == 10
    assert chosen["common", "train"] == 20
    assert chosen["common", "test"] == 10
    assert len(choose_clips(cells, 1000, seed=0)) == 100
