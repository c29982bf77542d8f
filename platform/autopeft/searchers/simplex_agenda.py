"""What is worth evaluating next: what a simplex waits for or may need, what a model advises."""

from collections.abc import Iterator

import numpy as np

from autopeft.searchers.base import INFEASIBLE
from autopeft.searchers.quadratic_model import coefficients_of, quadratic_step
from autopeft.searchers.simplex import Point, plain
from autopeft.searchers.simplex_ground import Ground
from autopeft.searchers.simplex_ledger import MODEL, Ledger, Role
from autopeft.searchers.simplex_stand import Stand


def agenda(
    stand: Stand, ledger: Ledger, ground: Ground, *, begun: bool
) -> Iterator[tuple[Role, Point]]:
    """Yield roles that were not asked yet and their points, the most useful first.

    Args:
        stand: Where the simplex stands.
        ledger: What is known.
        ground: Where it walks.
        begun: Whether there has been a simplex yet; before, the model waits.
    """
    models = model_points(stand, ledger, ground)
    if begun and ledger.owes_models:
        for model in models:
            yield model
            break
    for role, point in stand.targets(ground):
        if role not in stand.asked:
            yield role, point
    yield from models


def model_points(stand: Stand, ledger: Ledger, ground: Ground) -> Iterator[tuple[Role, Point]]:
    """Yield minima of the quadratic model, each fitted to another neighbourhood."""
    d, ways = len(ground.grains), ground.ways
    roles = [f"{MODEL} {k}" for k in range(ways.models)]
    if not (ways.parallel and d) or set(roles) <= stand.asked:
        return
    fit = [(point, loss) for point, loss in ledger.results if loss < INFEASIBLE]
    if len(fit) < (d + 2 if ways.round_model else 2 * d + 1):
        return
    points, losses = (np.asarray(part) for part in zip(*fit, strict=True))
    for k, role in enumerate(roles):
        if role in stand.asked:
            continue
        neighbours = coefficients_of(d) * 2**k + 1
        step = quadratic_step(points, losses, neighbours=neighbours, radius=ways.radius)
        if step is not None:
            yield role, plain(step.tolist())
