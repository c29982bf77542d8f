"""``autopeft export``: the winner as a folder to share."""

from pathlib import Path
from typing import Annotated

import typer

from autopeft.cli.output import answer, answer_json, short
from autopeft.cli.words import Json

EXAMPLE = "autopeft export runs/tiny-clap-20260110-120000 my-adapter"


def export(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run folder (its winner), or RUN/trials/ID of a baseline or retraining in it.",
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The new folder.")],
    merged: Annotated[
        bool, typer.Option("--merged", help="Fold the adapter into the base's weights.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the winner's adapter as plain `peft` loads it, with a model card that says how.

    Several parts are a folder each; bottleneck adapters want autopeft imported before.

    Of a sweep over a command or a function, the best parameters as JSON.
    """
    from autopeft.cli.terminal import hush

    hush()
    from autopeft.export import export as export_found

    done = export_found(source, out, merged=merged)
    if json:
        answer_json(done.as_dict())
        return
    answer(f"{short(done.folder)}: {done.summary}")
    if done.hint:
        answer(f"try it:  {done.hint.format(short(done.folder))}")
