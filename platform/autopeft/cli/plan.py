"""``autopeft plan``: what would run."""

from autopeft.cli.output import answer, answer_json, say
from autopeft.cli.words import Json, Overrides, SearchFile

EXAMPLE = "autopeft plan search.yaml"


def plan(file: SearchFile, overrides: Overrides = None, json: Json = False) -> None:
    """Print what would run: the first configurations, the baselines, how many at a time.

    Nothing is started and nothing is written.
    """
    from autopeft.cli.terminal import hush
    from autopeft.spec.load import load_sweep
    from autopeft.sweep.plan import make_plan, plan_text
    from autopeft.sweep.preflight import preflight

    hush()
    sweep = load_sweep(file, overrides or [])
    for remark in preflight(sweep, quick=True):
        say(str(remark))
    found = make_plan(sweep)
    if json:
        answer_json(found.as_dict())
    else:
        answer(plan_text(found))
