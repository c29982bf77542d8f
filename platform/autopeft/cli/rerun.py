"""``autopeft rerun``: one trial again, to the same numbers."""

from typing import Annotated

import typer

from autopeft.cli.output import answer, answer_json, answer_table, say
from autopeft.cli.words import AllowCode, Json, Run

EXAMPLE = "autopeft rerun runs/tiny-clap-20260110-120000 t0007"


def rerun(
    run: Run,
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="A trial's id, such as t0007.")],
    allow_code: AllowCode = False,
    json: Json = False,
) -> None:
    """Run one trial again in this process and compare its numbers; exit 1 if they differ.

    The same numbers come on the same device with the same versions. Nothing is written.
    """
    from autopeft.cli.terminal import hush

    hush()
    from autopeft.cli.tables import repetition_table
    from autopeft.sweep.api import reopen_run
    from autopeft.sweep.repeat import repeat

    def progress(report: object) -> None:
        say(f"step {getattr(report, 'step', '?')}")

    repetition = repeat(reopen_run(run, allow_code=allow_code), trial, progress=progress)
    if json:
        answer_json(repetition.as_dict())
    else:
        answer_table(repetition_table(repetition))
        answer(verdict(repetition.differing, repetition.versions))
    if not repetition.agrees:
        raise typer.Exit(1)


def verdict(differing: list[str], versions: dict[str, tuple[str, str]]) -> str:
    """Return in a sentence whether the numbers are the same, and what may be the reason.

    Example:
        >>> verdict([], {})
        'the same numbers, to the last bit'
        >>> verdict(["accuracy"], {"torch": ("2.8", "2.9")})
        'other numbers: accuracy; then torch 2.8, now 2.9'
    """
    if not differing:
        return "the same numbers, to the last bit"
    changed = ", ".join(f"then {name} {old}, now {new}" for name, (old, new) in versions.items())
    reason = changed or "the versions are the same: another device, or other data?"
    return f"other numbers: {', '.join(differing)}; {reason}"
