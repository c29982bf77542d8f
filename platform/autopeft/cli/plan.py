"""``autopeft plan``: what would run."""

from pathlib import Path
from typing import TYPE_CHECKING

from autopeft.cli.output import answer, answer_json, say
from autopeft.cli.words import Cluster, Json, Overrides, SearchFile, on_cluster

if TYPE_CHECKING:
    from autopeft.spec.sweep import Sweep

EXAMPLE = "autopeft plan search.yaml"


def plan(
    file: SearchFile,
    overrides: Overrides = None,
    cluster: Cluster = None,
    json: Json = False,
) -> None:
    """Print what would run: the first configurations, the baselines, how many at a time.

    For a cluster the script of the job follows. Nothing is started, submitted or written.
    """
    from autopeft.cli.terminal import hush
    from autopeft.sweep.plan import make_plan, plan_text
    from autopeft.sweep.preflight import load_checked

    hush()
    sweep, remarks = load_checked(file, [*(overrides or []), *on_cluster(cluster)], quick=True)
    for remark in remarks:
        say(str(remark))
    found, script = make_plan(sweep), _script(sweep)
    if json:
        answer_json({**found.as_dict(), "script": script})
        return
    answer(plan_text(found))
    if script:
        answer(f"\nthe job script for {sweep.profile.name} ({sweep.profile.kind}):\n")
        answer(script.rstrip("\n"))


def _script(sweep: "Sweep") -> str | None:
    """Return the script of the job that would drive the sweep; nothing on this machine."""
    from autopeft.clusters.submission import script_of
    from autopeft.clusters.sweep_job import job_of
    from autopeft.spec.cluster import LocalProfile

    if isinstance(sweep.profile, LocalProfile):
        return None
    return script_of(job_of(sweep, Path("runs").resolve() / f"{sweep.name}-TIME"))
