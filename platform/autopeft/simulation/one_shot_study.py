"""One configuration without any search: what a bridge's, or the past's, loses on a recorded domain.

Each is looked up on the domain held out and compared with the best of 30 configurations drawn at
random there: what a search that knew nothing would have found for 30 trainings.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from autopeft.bridge.evaluation import best_for_all
from autopeft.bridge.fitting import MEAN, predictor
from autopeft.simulation import bridge_study as study
from autopeft.simulation.domain_study import random_optimum
from autopeft.simulation.domains import Domain
from autopeft.simulation.recorded import Recorded
from autopeft.spec.space import Cube

FOR_ALL = "best of history"


def one_shots(table: str, *, repetitions: int) -> pd.DataFrame:
    """Return ``domain``, ``by``, ``stood_aside``, ``repetition`` and ``regret`` (accuracy).

    The regret is against the random optimum; negative where the one shot is better than 30 trials.

    Args:
        table: A folder of recorded domains.
        repetitions: Random optima of each domain.
    """
    domains = [domain for domain in study.domains_of(table) if not domain.misleads]
    return pd.DataFrame(
        [row for domain in domains for row in one_shots_on(table, domain, repetitions=repetitions)]
    )


def one_shots_on(table: str, domain: Domain, *, repetitions: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of one domain, held out."""
    assert isinstance(domain.target, Recorded), "one shots are looked up"
    model, seen = study.bridge_of(table, domain.name, 0)
    axes = domain.target_space.axes
    ways: dict[str, Cube] = {
        study.BRIDGE: model.predict()(seen).cube,
        MEAN: predictor(model.pairs, axes, MEAN, ())(seen).cube,
        FOR_ALL: best_for_all(study.past_targets(table, domain.name, 0), axes),
    }
    for by, cube in ways.items():
        loss = domain.target.curve(cube).truth
        for repetition in range(repetitions):
            optimum = random_optimum(domain.target, repetition=repetition, name=domain.name)
            yield {
                "domain": domain.name,
                "by": by,
                "stood_aside": by == study.BRIDGE and not model.has_signal,
                "repetition": repetition,
                "regret": loss - optimum,
            }
