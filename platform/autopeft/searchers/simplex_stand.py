"""Where a simplex stands: which losses it knows, and which it needs to move on.

A stand is left whenever the simplex changes or asks for new corners. What it asked for carries its
generation, so that an answer that comes later means nothing to the next one but a result.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autopeft.searchers.base import number_as_json
from autopeft.searchers.simplex import (
    Accept,
    Evaluated,
    Move,
    Need,
    Point,
    Shrink,
    Simplex,
    decide,
)
from autopeft.searchers.simplex_ground import Ground
from autopeft.searchers.simplex_ledger import MODEL, NO_ROLE, Role, pairs, plain_pairs


@dataclass(slots=True)
class Stand:
    """A simplex, or the goals it is to stand on next.

    Attributes:
        simplex: The present one; ``None`` at the beginning of a life. While there are goals it is
            the one before.
        generation: How many stands there were before this one.
        goals: Points whose losses are needed, all of them, before anything else; by role.
        kept: What the next simplex keeps beside its goals.
        known: Losses by role: of goals, or of moves of the worst vertex.
        asked: Roles that were given out.
    """

    simplex: Simplex | None = None
    generation: int = 0
    goals: Mapping[Role, Point] = field(default_factory=dict)
    kept: Sequence[Evaluated] = ()
    known: dict[Role, float] = field(default_factory=dict)
    asked: set[Role] = field(default_factory=set)

    def next(
        self,
        simplex: Simplex | None,
        goals: Mapping[Role, Point] | None = None,
        kept: Sequence[Evaluated] = (),
    ) -> "Stand":
        """Return the stand after this one: on ``simplex``, or on the way to ``goals``."""
        return Stand(simplex, self.generation + 1, goals or {}, kept)

    @property
    def reached(self) -> list[Evaluated] | None:
        """What is kept and the goals with their losses; ``None`` while one is not known."""
        if not self.goals.keys() <= self.known.keys():
            return None
        goals = [(point, self.known[role]) for role, point in self.goals.items()]
        return [*self.kept, *goals]

    def learn(self, role: Role, loss: float) -> None:
        """Know the loss of what was asked for; minima of the model are results like any."""
        if role != NO_ROLE and not role.startswith(MODEL):
            self.known[role] = loss

    def revised(self, ground: Ground, point: Point, loss: float) -> "Stand":
        """Return the stand with another loss of a point that it knows.

        Where that puts the vertices into another order, their moves are others, and it is the next
        stand; goals stay what they are.
        """
        place = ground.place(point)

        def anew(evaluated: Sequence[Evaluated]) -> list[Evaluated]:
            return [(p, loss if ground.place(p) == place else old) for p, old in evaluated]

        before = self.simplex
        simplex = None if before is None else Simplex.of(anew(before.evaluated))
        is_reordered = before and simplex and before.vertices != simplex.vertices
        if is_reordered and not self.goals:
            return self.next(simplex)
        here = {role for role, p in self._places(ground) if ground.place(p) == place}
        known = {role: loss if role in here else old for role, old in self.known.items()}
        return Stand(simplex, self.generation, self.goals, anew(self.kept), known, self.asked)

    def _places(self, ground: Ground) -> list[tuple[Role, Point]]:
        """Return where the roles lie that a decision hangs on."""
        if self.goals or self.simplex is None or not ground.grains:
            return list(self.goals.items())
        return [(role_of(move), ground.moved(self.simplex, move)) for move in Move]

    def verdict(self, ground: Ground) -> Need | Accept | Shrink:
        """Return what becomes of the worst vertex, by what is known."""
        assert self.simplex is not None
        return decide(self.simplex, self._moves_known(self.simplex, ground))

    def loss_of(self, move: Move) -> float:
        """Return what is known of the worst vertex's move."""
        return self.known[role_of(move)]

    def waiting(self, ground: Ground) -> list[tuple[Role, Point]]:
        """Return what the stand cannot be left without: its goals, or one move."""
        if self.goals:
            return list(self.goals.items())
        if self.simplex is None or not ground.grains:
            return []
        verdict = self.verdict(ground)
        if not isinstance(verdict, Need):
            return []
        return [(role_of(verdict.move), ground.moved(self.simplex, verdict.move))]

    def targets(self, ground: Ground) -> Iterator[tuple[Role, Point]]:
        """Yield what the simplex can use, what it waits for first."""
        yield from self.waiting(ground)
        if self.goals or self.simplex is None or not ground.ways.parallel:
            return
        d = len(ground.grains)
        for vertex in range(min(ground.ways.vertices or d, d)):
            for move in Move:
                yield role_of(move, vertex), ground.moved(self.simplex, move, vertex)

    def _moves_known(self, simplex: Simplex, ground: Ground) -> dict[Move, float]:
        """Return the losses of moves; infinite where the edge of the cube made the move useless."""
        known = {move: self.loss_of(move) for move in Move if role_of(move) in self.known}
        stopped = {move for move in known if ground.is_stopped(simplex, move)}
        return {move: math.inf if move in stopped else known[move] for move in known}

    def state(self) -> dict[str, Any]:
        """Return everything, as JSON."""
        return {
            "simplex": None if self.simplex is None else plain_pairs(self.simplex.evaluated),
            "generation": self.generation,
            "goals": {role: list(point) for role, point in self.goals.items()},
            "kept": plain_pairs(self.kept),
            "known": {role: number_as_json(loss) for role, loss in self.known.items()},
            "asked": sorted(self.asked),
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Stand":
        """Return the stand that ``state`` was taken of."""
        simplex = state["simplex"]
        return cls(
            None if simplex is None else Simplex.of(pairs(simplex)),
            state["generation"],
            {role: tuple(point) for role, point in state["goals"].items()},
            pairs(state["kept"]),
            {role: float(loss) for role, loss in state["known"].items()},
            set(state["asked"]),
        )


def role_of(move: Move, vertex: int = 0) -> Role:
    """Return the role of a vertex's move, counted from the worst."""
    return f"{vertex} {move}"
