"""One simplex at work in a unit cube, for as many workers as ask: no names, no Ray, no Optuna.

``ask`` never waits for a single result: beside the point that the decision of Nelder and Mead needs
it gives the moves that may be needed next (speculation), moves of other vertices (Lee & Wiswall),
and minima of a quadratic through the results so far (``simplex_agenda``). Whatever comes back joins
the simplex if it is better than the worst vertex and leaves a simplex, so that no evaluation is
lost and the best result always stays a vertex.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autopeft.searchers.simplex import Accept, Evaluated, Need, Point, Simplex, plain
from autopeft.searchers.simplex_agenda import agenda
from autopeft.searchers.simplex_ground import Ground, Ways
from autopeft.searchers.simplex_ledger import NO_ROLE, Ledger, Role, pairs, plain_pairs, usable
from autopeft.searchers.simplex_stand import Stand
from autopeft.searchers.simplex_starts import spanning
from autopeft.spec.space import Grain

MOST_RECALLS = 100


class SimplexWalk:
    """Gives points, takes losses; the same calls in the same order give the same points.

    Args:
        grains: Per axis, what can be told apart. Points given out lie where a value lies, the
            simplex keeps its own coordinates.
        ways: How it walks.
        seed: Of the restarts.
        start: The first points. The simplex stands on the best of them that span one; where they
            are too few or too flat, points beside the best are added.
        sizes: How far those lie from it, per axis.

    Attributes:
        ground: Where it walks.
        ledger: What it gave and was told.
        stand: Where the simplex stands.
        life: How often it has started anew.
        converged: Whether a simplex has come to its end.
    """

    def __init__(
        self,
        grains: Sequence[Grain],
        *,
        ways: Ways,
        seed: int,
        start: Sequence[Point],
        sizes: Sequence[float] | None = None,
    ) -> None:
        self._seed = seed
        self.ground = Ground(tuple(grains), ways, tuple(sizes or (ways.size,) * len(grains)))
        self.ledger = Ledger(self.ground)
        self.stand = Stand().next(None, {f"start {i}": point for i, point in enumerate(start)})
        self.life = 0
        self.converged = False
        self._late: list[Evaluated] = []

    @property
    def simplex(self) -> Simplex | None:
        """The present one, if there is one."""
        return self.stand.simplex

    # Asking

    @property
    def is_over(self) -> bool:
        """Whether it has converged and does not start anew, or has given every point there is."""
        return (self.converged and not self.ground.ways.restarts) or self.ledger.is_full

    @property
    def is_waiting(self) -> bool:
        """Whether results are still to come."""
        return self.ledger.is_waiting

    def ask(self, number: int) -> Point | None:
        """Return the point of number ``number``, or ``None`` if the simplex needs nothing now."""
        wanted = self._unknown()
        if wanted is None:
            return None
        role, point = wanted
        self.stand.asked.add(role)
        self.ledger.give(number, point, generation=self.stand.generation, role=role)
        self._recall()
        return self.ground.snapped(point)

    def _unknown(self) -> tuple[Role, Point] | None:
        """Return the first point that is wanted and not known yet.

        One that was evaluated before is recalled, not paid again; on a few levels that could go on
        for ever.
        """
        for _ in range(MOST_RECALLS + len(self.ledger.losses)):
            if self.is_over:
                return None
            role, point = self._first_wanted()
            if point is None:
                if not self._join():
                    return None
                continue
            place = self.ground.place(point)
            if place not in self.ledger.losses:
                return role, point
            self.stand.asked.add(role)
            self._take(point, self.ledger.losses[place], role)
        return None

    def hold(self, number: int, point: Point) -> None:
        """Know that somebody else evaluates ``point``; its result will be told as ``number``."""
        self.ledger.hold(number, point, generation=self.stand.generation)
        self._recall()

    def forget(self, number: int) -> None:
        """Know that point ``number`` will not be evaluated."""
        out = self.ledger.take(number)
        if out.generation == self.stand.generation:
            self.stand.asked.discard(out.role)
        self._recall()

    def _first_wanted(self) -> tuple[Role, Point | None]:
        out = self.ledger.places_out()
        begun = self.simplex is not None or self.life > 0
        for role, point in agenda(self.stand, self.ledger, self.ground, begun=begun):
            if self.ground.place(point) not in out:
                return role, point
        return NO_ROLE, None

    # Telling

    def tell(self, number: int, loss: float) -> None:
        """Take the loss of a point given out; infinite or NaN if there is none."""
        out = self.ledger.take(number)
        role = out.role if out.generation == self.stand.generation else NO_ROLE
        self._note(out.point, loss, role)
        self._recall()

    def add(self, point: Point, loss: float) -> None:
        """Take a result of somebody else's point; it may join the simplex."""
        self._note(point, loss, NO_ROLE)
        self._recall()

    def revise(self, point: Point, loss: float) -> None:
        """Take another loss of a point whose result was told or added before.

        Moves that the former loss led to stay made; the simplex stands, or decides, by this one.
        """
        loss = usable(loss)
        given = self.ledger.revise(point, loss)
        before, self.stand = self.stand, self.stand.revised(self.ground, given, loss)
        if self.ground.ways.parallel:  # a place that was recalled may be there by other coordinates
            place = self.ground.place(point)
            others = [pair for pair in self._late if self.ground.place(pair[0]) != place]
            self._late = [*others, (given, loss)]
        if self.stand.generation != before.generation and self.simplex is not None:
            self._stand(self.simplex)
        while self._settle_once():
            pass
        self._recall()

    def _recall(self) -> None:
        """One at a time, take what is known already: to ask in vain then changes nothing.

        A resume makes only those calls again that brought a point.
        """
        if not self.ground.ways.parallel:
            self._unknown()

    def _note(self, point: Point, loss: float, role: Role) -> None:
        loss = usable(loss)
        self.ledger.note(point, loss)
        self._take(point, loss, role)

    def _take(self, point: Point, loss: float, role: Role) -> None:
        self.stand.learn(role, loss)
        if self.ground.ways.parallel:
            self._late.append((point, loss))
        while self._settle_once():
            pass

    # Moving

    def _settle_once(self) -> bool:
        """Let the simplex move on if what is known allows it; whether it did."""
        self._give_up_on_the_overdue()
        if self.stand.goals:
            reached = self.stand.reached
            if reached is not None:
                self._stand_on(reached)
            return reached is not None
        if self.simplex is None or not self.ground.grains:
            return False
        verdict = self.stand.verdict(self.ground)
        if isinstance(verdict, Need):
            best = min((loss for _, loss in self._late), default=math.inf)
            return best < self.simplex.losses[0] and self._join()
        if isinstance(verdict, Accept):
            point = self.ground.moved(self.simplex, verdict.move)
            self._stand(self.simplex.replaced(-1, point, self.stand.loss_of(verdict.move)))
            return True
        if self._join():
            return True
        shrunken = self.simplex.shrunken(by=self.ground.ways.coefficients)
        goals = {f"shrink {i}": point for i, point in enumerate(shrunken)}
        self.stand = self.stand.next(self.simplex, goals, kept=self.simplex.evaluated[:1])
        return False

    def _give_up_on_the_overdue(self) -> None:
        """Take results that are needed and do not come for failures; they may join later."""
        overdue = self.ledger.places_overdue()
        for role, point in self.stand.waiting(self.ground) if overdue else ():
            if self.ground.place(point) in overdue:
                self.stand.known.setdefault(role, math.inf)

    def _stand_on(self, evaluated: list[Evaluated]) -> None:
        """Stand on these points, or first ask for those that a simplex lacks."""
        whole, count = Simplex.of(evaluated), len(self.ground.grains) + 1
        if len(evaluated) != count or self.ground.is_flat(whole):
            evaluated = spanning(evaluated)
        if len(evaluated) < count:
            self._begin_beside(self.simplex, evaluated)
        else:
            self._stand(Simplex.of(evaluated))

    def _stand(self, simplex: Simplex) -> None:
        """Make ``simplex`` the present one, joined by the late results; or start anew."""
        simplex = self.ground.joined(simplex, self._late)
        self._late = []
        self.stand = self.stand.next(simplex)
        if self.ground.is_at_its_end(simplex):
            self.converged = True
            if self.ground.ways.restarts and self.ground.grains:
                self._restart(simplex)

    def _join(self) -> bool:
        """Let late results into a standing simplex, without waiting for its decision."""
        if self.stand.goals or self.simplex is None or not self._late:
            return False
        joined = self.ground.joined(self.simplex, self._late)
        self._late = []
        if joined is self.simplex:
            return False
        self._stand(joined)
        return True

    def _restart(self, ended: Simplex) -> None:
        """Start a new life: from a flat simplex a full one, else around the incumbent or elsewhere.

        Around the incumbent it is as big as the first; elsewhere it is random. The two take turns.
        The quadratic model goes on with all results, and what it finds joins the new simplex: on
        BBOB in three dimensions, to forget the old results doubled the gap that remained.
        """
        self.life += 1
        worked, half = ended.losses[0] < math.inf, ended.diameter / 2
        if worked and self.ground.is_flat(ended) and half > self.ground.ways.tolerance:
            self._begin_beside(None, ended.evaluated[:1], most=half)
        elif worked and self.life % 2:
            best = min(self.ledger.results, key=lambda pair: pair[1])
            self._begin_beside(None, [best])
        else:
            d = len(self.ground.grains)
            start = np.random.default_rng([self._seed, self.life]).random((d + 1, d))
            goals = {f"start {i}": plain(row) for i, row in enumerate(start)}
            self.stand = self.stand.next(None, goals)

    def _begin_beside(
        self, simplex: Simplex | None, kept: Sequence[Evaluated], *, most: float = math.inf
    ) -> None:
        """Keep these and ask for the corners that are missing, at most so far from the first."""
        corners = self.ground.corners(kept, most=most)
        goals = {f"corner {i}": point for i, point in enumerate(corners)}
        self.stand = self.stand.next(simplex, goals, kept)

    # State

    def state(self) -> dict[str, Any]:
        """Return everything, as JSON."""
        return {
            "life": self.life,
            "converged": self.converged,
            "late": plain_pairs(self._late),
            **self.stand.state(),
            **self.ledger.state(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Stand where ``state`` was taken."""
        self.life, self.converged = state["life"], state["converged"]
        self._late = pairs(state["late"])
        self.stand = Stand.of(state)
        self.ledger.load(state)
