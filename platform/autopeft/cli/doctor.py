"""``autopeft doctor``: what on this machine would bite, and how to mend it."""

from typing import Annotated

import typer

from autopeft.cli.output import answer, answer_json, say
from autopeft.cli.words import Json

EXAMPLE = "autopeft doctor"


def doctor(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="A search file, to try its tracking.uri.")
    ] = None,
    json: Json = False,
) -> None:
    """Check Python, packages, CUDA, Ray, limits, disk, MLflow and sound formats of this machine.

    Every finding that is not OK says how to mend it; the exit code is 1 if anything FAILs.
    """
    from autopeft.doctor import examine, failed, finding_text
    from autopeft.spec.load import load_sweep

    tracking = load_sweep(file).settings.tracking if file else None
    findings = []
    for finding in examine(tracking):
        findings.append(finding)
        if not json:
            answer(finding_text(finding))
    if json:
        answer_json([finding.as_dict() for finding in findings])
    if failed(findings):
        say("something here would bite; the lines marked FAIL say how to mend it")
        raise typer.Exit(1)
