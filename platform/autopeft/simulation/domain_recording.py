"""Records a bridge: the same configurations trained on every scenario, as proxy and as target.

A folder holds ``domains.parquet`` (a row per scenario, side, configuration and report),
``domains.json`` (what the scenarios are, and what is known of their data) and a search file of each
side, ``proxy.yaml`` and ``target.yaml``. While it is made, every curve lies in a file of its own
below ``parts/``.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from autopeft.core.errors import InputError
from autopeft.core.places import write_json, write_text
from autopeft.simulation.raw_results import write_table
from autopeft.simulation.recording import Job, gather, trained, training_jobs, unpack
from autopeft.spec.baselines import baseline_spec
from autopeft.spec.bridge import SIDES, Bridge, Scenario, Side
from autopeft.spec.trial import TrialSpec
from autopeft.tracking.run_folder import saved

TABLE, FACTS = "domains.parquet", "domains.json"
ZERO_SHOT = "zero-shot"


def record_domains(
    bridge: Bridge, out: Path, *, processes: int, progress: Callable[[int, int], None]
) -> pd.DataFrame:
    """Train what ``out`` lacks, scenario by scenario, write it and return all of it.

    The table grows by whole scenarios, so what is there can be used while the rest is trained.

    Args:
        bridge: Its scenarios, one seed each: the sweep's own.
        out: The folder; curves that are there are kept.
        processes: Trained side by side, one thread each.
        progress: Told ``(done, total)`` after every training.

    Raises:
        InputError: ``out`` holds another recording, or a side has no adapters to train.
    """
    by_scenario = {s.name: list(_jobs(bridge, s, out)) for _, s in bridge.scenarios()}
    _check_same(by_scenario, out)
    _unpack_table(bridge, out)
    jobs = [job for found in by_scenario.values() for job in found]
    waiting = {name for name, found in by_scenario.items() if not _are_done(found)}
    for done, total in trained(jobs, processes=processes):
        progress(done, total)
        ready = {name for name in waiting if _are_done(by_scenario[name])}
        if ready:
            waiting -= ready
            write_recording(bridge, out)
    return write_recording(bridge, out)


def write_recording(bridge: Bridge, out: Path) -> pd.DataFrame:
    """Write and return the scenarios of which every curve is there."""
    tables, facts = [], dict[str, Any]()
    for _, scenario in bridge.scenarios():
        jobs = list(_jobs(bridge, scenario, out))
        if not _are_done(jobs):
            continue
        for side in SIDES:
            sweep = bridge.sweep(scenario, side)
            table = gather(sweep, _folder(out, scenario.name, side))
            tables.append(table.assign(scenario=scenario.name, side=side))
            if not facts:
                write_text(out / f"{side}.yaml", saved(sweep))
        facts[scenario.name] = {
            **scenario.model_dump(mode="json", exclude_defaults=True, exclude={"name"}),
            **data_facts(bridge, scenario, out),
            "trainings": _digest(jobs),
        }
    if not facts:
        return pd.DataFrame()
    table = pd.concat(tables, ignore_index=True)
    write_json(out / FACTS, facts)
    write_table(out / TABLE, table)
    return table


def data_facts(bridge: Bridge, scenario: Scenario, out: Path) -> dict[str, dict[str, float]]:
    """Return what a scenario's data are: clips of its ``splits``, and what is ``known`` of them.

    Known before the target is tuned are how much there is and how it sounds, the zero-shot accuracy
    of the proxy's base on validation, and the scenario's own ``features``. Not known is what makes
    it what it is: the room, or how many captions are wrong.
    """
    from autopeft.data import open_data
    from autopeft.data.description import RATE_HZ, description

    job = _zero_shot_job(bridge, scenario, out)
    data = TrialSpec.model_validate_json(job.spec_json).task.data
    (report,) = json.loads(job.path.read_text(encoding="utf-8"))["reports"]
    known = {**description(data), ZERO_SHOT: float(report["validation"]), **scenario.features}
    splits = open_data(data, sample_rate_hz=RATE_HZ).splits
    return {"splits": {name: len(clips) for name, clips in splits.items()}, "known": known}


def _jobs(bridge: Bridge, scenario: Scenario, out: Path) -> Iterator[Job]:
    """Yield the trainings of a scenario: the proxy's base as it is, the proxy, the target."""
    yield _zero_shot_job(bridge, scenario, out)
    for side in SIDES:
        sweep = bridge.sweep(scenario, side)
        if not sweep.task.has_adapters:
            raise InputError(f"{bridge.name}: its {side} trains no adapters; there is no curve")
        folder = _folder(out, scenario.name, side)
        yield from training_jobs(sweep, folder, seeds=[sweep.settings.seed], cache=_cache(out))


def _zero_shot_job(bridge: Bridge, scenario: Scenario, out: Path) -> Job:
    sweep = bridge.sweep(scenario, "proxy")
    spec = baseline_spec(sweep, ZERO_SHOT, seed=sweep.settings.seed)
    return Job(spec.model_dump_json(), _zero_shot_path(out, scenario.name), str(_cache(out)))


def _zero_shot_path(out: Path, name: str) -> Path:
    return _folder(out, name, "proxy") / f"{ZERO_SHOT}.json"


def _are_done(jobs: Sequence[Job]) -> bool:
    return all(job.path.exists() for job in jobs)


def _folder(out: Path, name: str, side: Side) -> Path:
    return out / "parts" / f"{name}.{side}"


def _cache(out: Path) -> Path:
    return out / "parts" / "cache"


def _digest(jobs: Sequence[Job]) -> str:
    """Return a hash of everything that is trained."""
    text = "\n".join(job.spec_json for job in jobs)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _check_same(by_scenario: Mapping[str, Sequence[Job]], out: Path) -> None:
    """Note in ``out`` what each scenario trains.

    Raises:
        InputError: Something else was trained there under the same name.
    """
    facts = _facts(out)
    for name, jobs in by_scenario.items():
        digest, note = _digest(jobs), out / "parts" / f"{name}.digest"
        held = note.read_text(encoding="utf-8") if note.exists() else None
        if {held, facts.get(name, {}).get("trainings")} - {None, digest}:
            raise InputError(
                f"{out}: holds other trainings of {name!r} than this file makes; choose another "
                "folder"
            )
        note.parent.mkdir(parents=True, exist_ok=True)
        write_text(note, digest)


def _unpack_table(bridge: Bridge, out: Path) -> None:
    """Write the curves that the table holds as the files they are while it is made."""
    facts = _facts(out)
    table = pd.read_parquet(out / TABLE) if facts else pd.DataFrame()
    for _, scenario in bridge.scenarios():
        if scenario.name not in facts:
            continue
        for side in SIDES:
            is_its = (table["scenario"] == scenario.name) & (table["side"] == side)
            unpack(bridge.sweep(scenario, side), table[is_its], _folder(out, scenario.name, side))
        report = {"validation": facts[scenario.name]["known"][ZERO_SHOT]}
        write_json(_zero_shot_path(out, scenario.name), {"reports": [report]})


def _facts(out: Path) -> dict[str, Any]:
    path = out / FACTS
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found
