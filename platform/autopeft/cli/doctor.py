"""``autopeft doctor``: what on this machine would bite, and how to mend it."""

import typer

from autopeft.cli.output import answer, answer_json, say
from autopeft.cli.words import Json

EXAMPLE = "autopeft doctor"


def doctor(json: Json = False) -> None:
    """Check Python, packages, CUDA, Ray, limits, disk, MLflow and sound formats of this machine.

    Every finding that is not OK says how to mend it; the exit code is 1 if anything FAILs.
    """
    from autopeft.doctor import examine, failed, finding_text

    findings = []
    for finding in examine():
        findings.append(finding)
        if not json:
            answer(finding_text(finding))
    if json:
        answer_json([finding.as_dict() for finding in findings])
    if failed(findings):
        say("something here would bite; the lines marked FAIL say how to mend it")
        raise typer.Exit(1)
