"""Seeded splits: every caption with its share, every group in one split.

Shapes: N clips.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from autopeft.core.errors import DataError
from autopeft.core.seeds import derive_seed
from autopeft.spec.data import Split

TRAIN: Final = 0

T = TypeVar("T")


def assign_splits(
    captions: Sequence[str], groups: Sequence[str], *, shares: Split, seed: int
) -> NDArray[np.int64]:
    """Return the split of every clip (N,): 0 train, 1 validation, 2 test.

    Clips of one group go together. A caption that stands in two groups or more is in train, one
    that stands in a single group too while train has room. Beyond that each group, the largest
    first, goes where its captions and the whole lack the most clips.

    Raises:
        DataError: There are fewer groups than splits.
    """
    bags: dict[str, Counter[str]] = {}
    for caption, group in zip(captions, groups, strict=True):
        bags.setdefault(group, Counter())[caption] += 1
    if len(bags) < 3:
        things = "clip" if len(bags) == len(captions) else "group"
        raise DataError(
            f"{len(bags)} {things}{'s' * (len(bags) != 1)} cannot make three splits; train, "
            f"validation and test need at least one {things} each"
        )
    order = _shuffled(sorted(bags), seed)
    plan = _Plan(bags, (shares.train, shares.validation, shares.test))
    for group in _one_group_per_caption(bags, order):
        if plan.has_room(TRAIN) or any(plan.spread[caption] > 1 for caption in bags[group]):
            plan.put(group, TRAIN)
    for group in sorted(order, key=lambda group: -bags[group].total()):
        if group not in plan.where:
            plan.put(group, plan.neediest(group))
    plan.fill_empty_splits()
    return np.array([plan.where[group] for group in groups])


def choose_clips(cells: Sequence[tuple[str, str]], count: int, *, seed: int) -> NDArray[np.int64]:
    """Return the places of ``count`` clips, in their old order.

    Args:
        cells: (caption, split) of every clip. Captions are balanced: a scarce one is kept whole
            before a common one gets more; the splits of a caption keep their proportions.
        count: How many; all if there are no more.
        seed: Of the choice.
    """
    order = _shuffled(list(range(len(cells))), seed)
    sizes, seen = Counter(cells), Counter[tuple[str, str]]()
    depth: dict[int, float] = {}  # how far down its caption's pile a clip lies, in (0, 1)
    for place in order:
        seen[cells[place]] += 1
        depth[place] = (seen[cells[place]] - 0.5) / sizes[cells[place]]
    piles = Counter[str]()
    rank = {}
    for place in sorted(order, key=lambda place: depth[place]):  # stable: ties stay shuffled
        piles[cells[place][0]] += 1
        rank[place] = piles[cells[place][0]]
    chosen = sorted(order, key=lambda place: rank[place])[:count]
    return np.array(sorted(chosen), dtype=np.int64)


class _Plan:
    """Where each group goes, and what every split still lacks."""

    def __init__(self, bags: dict[str, Counter[str]], shares: tuple[float, ...]) -> None:
        self.bags = bags
        self.where: dict[str, int] = {}
        self.shares = np.array(shares)
        clips: Counter[str] = Counter()
        for bag in bags.values():
            clips.update(bag)
        self.spread = Counter(caption for bag in bags.values() for caption in bag)
        self.lacks = {caption: self.shares * count for caption, count in clips.items()}
        self.lacks_in_all = self.shares * clips.total()

    def put(self, group: str, split: int) -> None:
        self.where[group] = split
        for caption, count in self.bags[group].items():
            self.lacks[caption][split] -= count
        self.lacks_in_all[split] -= self.bags[group].total()

    def has_room(self, split: int) -> bool:
        return bool(self.lacks_in_all[split] > 0)

    def neediest(self, group: str) -> int:
        # By themselves, captions of three clips would all go 1-1-1. What the whole lacks per
        # caption keeps the shares; weighed 5, those captions come out at .49/.26/.25, and captions
        # of ten clips still at 5-3-2 or 5-2-3.
        in_all = 5 * self.lacks_in_all / len(self.lacks)
        needs = sum(
            (count * (self.lacks[caption] + in_all) for caption, count in self.bags[group].items()),
            np.zeros(3),
        )
        return int(np.argmax(np.round(needs, 9)))

    def fill_empty_splits(self) -> None:
        """Give an empty split the smallest group of the split that has the most groups."""
        for empty in range(3):
            groups = [[g for g, split in self.where.items() if split == s] for s in range(3)]
            if not groups[empty]:
                giver = max(groups, key=len)
                self.put(min(giver, key=lambda group: self.bags[group].total()), empty)


def _one_group_per_caption(bags: dict[str, Counter[str]], order: Sequence[str]) -> list[str]:
    """Return groups that together hold every caption, the captions of fewest groups first."""
    holders: dict[str, list[str]] = {}
    for group in order:
        for caption in bags[group]:
            holders.setdefault(caption, []).append(group)
    chosen: dict[str, None] = {}
    for caption in sorted(holders, key=lambda caption: len(holders[caption])):
        if not any(group in chosen for group in holders[caption]):
            chosen[holders[caption][0]] = None
    return list(chosen)


def _shuffled(items: list[T], seed: int) -> list[T]:
    rng = np.random.default_rng(derive_seed(seed, "splits"))
    return [items[place] for place in rng.permutation(len(items))]
