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
AllowCode: TypeAlias = Annotated[
    bool,
    typer.Option("--allow-code", help="Call a function that no installed package offers."),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Cluster: TypeAlias = Annotated[
    str | None, typer.Option("--cluster", metavar="P", help="A profile's name, or its file.")
]
Detach: TypeAlias = Annotated[
    bool, typer.Option("--detach", help="Submit the job, and do not wait for its end.")
]


def on_cluster(name: str | None) -> list[str]:
    """Return ``--cluster`` as the override that it is; a file is one of the current folder."""
    if name is None:
        return []
    is_file = name.endswith((".yaml", ".yml")) or "/" in name
    return [f"cluster={Path(name).expanduser().absolute() if is_file else name}"]
