"""The arguments and options that several verbs share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

SearchFile: TypeAlias = Annotated[
    str, typer.Argument(metavar="FILE", help="A search file, such as search.yaml.")
]
Overrides: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH=VALUE", help="Changes, such as search.trials=48."),
]
Run: TypeAlias = Annotated[
    str, typer.Argument(metavar="RUN", help="A run folder, or how its name in runs/ begins.")
]
Runs: TypeAlias = Annotated[Path, typer.Option("--runs", help="Where run folders go.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
