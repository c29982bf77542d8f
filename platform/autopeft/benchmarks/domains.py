"""The bridge between recorded domains: whether they differ, trials saved, and the one shot.

All from the recording and the raw results that ship; nothing is trained.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from autopeft.benchmarks.bridges import trials_table
from autopeft.benchmarks.tables import Table, Target
from autopeft.simulation import bridge_study
from autopeft.simulation import domain_study as study
from autopeft.simulation.domain_recording import FACTS
from autopeft.simulation.domains import Domain
from autopeft.simulation.one_shot_study import one_shots
from autopeft.simulation.raw_results import read_table
from autopeft.simulation.recorded import Recorded

REPETITIONS = 20


def tables(folder: Path, raw: Path) -> Iterator[Table]:
    """Yield what the domains are, the trials of each warm start, and the one-shot regrets.

    Args:
        folder: What ``autopeft bench domains`` wrote.
        raw: What ``autopeft bench bridge --recordings FOLDER --raw`` wrote.

    Raises:
        InputError: One of them is missing.
    """
    yield differences(folder)
    rows = read_table(raw, made_by=f"autopeft bench bridge --recordings {folder} --raw")
    yield trials_table(
        rows.assign(table=folder.name),
        name="domains-bridge",
        title="Warm starts on recorded domains, each held out in turn",
        regret="0.01 of accuracy",
    )
    yield one_shot(folder)


def differences(folder: Path) -> Table:
    """Return what is best on each domain, and what it loses with what is best elsewhere."""
    domains = [d for d in bridge_study.domains_of(str(folder)) if not d.misleads]
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    clips = {domain.name: facts[domain.name]["splits"]["test"] for domain in domains}
    scores = study.scores_of({d.name: _target(d) for d in domains}, clips)
    shared = study.one_for_all(scores)
    lost, low, high = study.interval(shared)
    others = ~np.eye(len(domains), dtype=bool)
    borrowed = study.borrowed(scores)
    mean, mean_low, mean_high = study.interval(borrowed.sum(axis=1) / others.sum(axis=1))
    clear = float((borrowed / study.noise(scores) > study.SIGMAS)[others].mean())
    return Table(
        "domains",
        "What is best on each recorded domain",
        ("domain", "clips", "learning rate", "rank", "alpha/rank", "roles", "validation", "test",
         "lost with one for all"),
        [_row(d, scores, row, shared[row]) for row, d in enumerate(domains)],
        (
            Target("low end of the interval of what is lost with one for all", low, at_least=0.01),
        ),
        (
            f"one for all, the best on all other domains together, loses {lost:.3f} of test "
            f"accuracy against the domain's own best (95 % interval {low:.3f} to {high:.3f}, "
            f"{len(domains)} domains)",
            f"the best of one other domain loses {mean:.3f} ({mean_low:.3f} to {mean_high:.3f}) in "
            f"the mean over {int(others.sum())} pairs; in {100 * clear:.0f} % of them more than "
            "two standard errors of the difference (by chance: 2 %)",
            f"{scores.test.shape[1]} configurations of every domain, one training each",
        ),
    )  # fmt: skip


def one_shot(folder: Path) -> Table:
    """Return what one configuration without a search loses against the best of 30 at random."""
    rows = one_shots(str(folder), repetitions=REPETITIONS)
    by_domain = rows.groupby(["by", "domain"], sort=False)["regret"].median().reset_index()
    aside = rows[rows["stood_aside"]]["domain"].nunique()
    return Table(
        "one-shot",
        "One configuration without a search, against the best of 30 random ones",
        ("by", "domains", "median regret", "quartiles over domains", "worst"),
        [_shot(str(by), found["regret"]) for by, found in by_domain.groupby("by", sort=False)],
        (),
        (
            f"regret in validation accuracy, below 0 where better than 30 trials; the median of "
            f"{REPETITIONS} random searches of each domain",
            f"the bridge has no signal on {aside} of {rows['domain'].nunique()} domains, and is "
            "the mean there",
        ),
    )


def _shot(by: str, regrets: pd.Series) -> tuple[str, ...]:
    low, middle, high = np.percentile(regrets, [25, 50, 75])
    quartiles = f"{low:.3f} to {high:.3f}"
    return by, str(len(regrets)), f"{middle:.3f}", quartiles, f"{regrets.max():.3f}"


def _row(domain: Domain, scores: study.Scores, row: int, shared: float) -> tuple[str, ...]:
    best = min(_target(domain).recordings, key=lambda r: -float(r.validation[:, -1].mean()))
    values = {name.rpartition(".")[2]: value for name, value in best.values.items()}
    return (
        domain.name,
        f"{domain.data['train clips']:.0f}",
        f"{float(str(values['learning_rate'])):.2g}",
        str(values["rank"]),
        f"{float(str(values['alpha_over_rank'])):.2g}",
        str(values["roles"]),
        f"{scores.validation[row].max():.3f}",
        f"{scores.test[row, scores.best[row]]:.3f}",
        f"{shared:+.3f}",
    )


def _target(domain: Domain) -> Recorded:
    assert isinstance(domain.target, Recorded), "a domain of a recording"
    return domain.target
