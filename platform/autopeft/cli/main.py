"""``autopeft``: what is typed becomes one call; what goes wrong becomes one sentence.

Nothing heavy is imported here: ``autopeft --help`` answers before torch or Ray would have loaded.
"""

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import Annotated

import typer

from autopeft import __version__
from autopeft.cli import (
    bench,
    bridge,
    check,
    dashboard,
    doctor,
    drive,
    export,
    grow,
    job,
    join,
    logs,
    plan,
    predict,
    report,
    rerun,
    resume,
    run,
    spaces,
    status,
    stop,
    sync,
)
from autopeft.cli import list as list_
from autopeft.cli.help_text import ExampleFirst, ExamplesFirst, opening
from autopeft.core.errors import AutopeftError

EXAMPLE = """\
autopeft spaces cp tiny_clap.yaml search.yaml
autopeft run search.yaml search.trials=8"""
VERBS = (
    check, plan, run, status, logs, list_, resume, stop, grow, dashboard, sync, rerun, report,
    export, predict, job, doctor,
)  # fmt: skip
HIDDEN = (drive, join)

app = typer.Typer(
    cls=ExamplesFirst,
    help=opening(EXAMPLE, "Search for the best parameter-efficient fine-tuning of a model."),
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autopeft {__version__}")
        raise typer.Exit


@app.callback()
def autopeft(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Nothing to do before a verb; options that concern all verbs stand here."""


def _add(module: ModuleType, *, hidden: bool = False) -> None:
    """Make the function named like its module a verb."""
    name = module.__name__.rpartition(".")[2]
    verb = getattr(module, name)
    help_text, summary = opening(module.EXAMPLE, verb.__doc__), verb.__doc__.partition("\n")[0]
    app.command(name, cls=ExampleFirst, help=help_text, short_help=summary, hidden=hidden)(verb)


for _module in VERBS:
    _add(_module)
for _module in HIDDEN:
    _add(_module, hidden=True)
app.add_typer(bench.app, name="bench", short_help=bench.SUMMARY)
app.add_typer(bridge.app, name="bridge", short_help=bridge.SUMMARY)
app.add_typer(spaces.app, name="spaces", short_help=spaces.SUMMARY)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 asked wrongly, 130 stopped."""
    try:
        typer.main.get_command(app).main(args=arguments, prog_name="autopeft")
    except SystemExit as over:
        return over.code if isinstance(over.code, int) else int(bool(over.code))
    except AutopeftError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except Exception as error:  # our own mistake: the user gets a sentence, the file the rest
        print(_confession(error), file=sys.stderr)
        return 1
    return 0


def _confession(error: Exception) -> str:
    """Write the traceback to a file; return the sentence that names it."""
    handle, path = tempfile.mkstemp(prefix="autopeft-", suffix=".log")
    with os.fdopen(handle, "w") as file:
        traceback.print_exception(error, file=file)
    first = (str(error).splitlines() or [""])[0]
    return f"autopeft failed: {type(error).__name__}: {first}; the traceback is in {path}"


if __name__ == "__main__":
    sys.exit(main())
