"""``autopeft spaces``: the search files that come with autopeft."""

from pathlib import Path
from typing import Annotated

import typer

from autopeft.cli.help_text import ExampleFirst, ExamplesFirst, opening
from autopeft.cli.output import answer, short

EXAMPLE = "autopeft spaces cp tiny_clap.yaml search.yaml"
SUMMARY = "List and copy the search files that come with autopeft."

app = typer.Typer(
    cls=ExamplesFirst,
    help=opening(EXAMPLE, SUMMARY),
    rich_markup_mode=None,
    no_args_is_help=True,
)


def ls() -> None:
    """List them, each with its first line."""
    for name, path in _files().items():
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        answer(f"{name:28} {first.lstrip('# ')}")


def cp(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `autopeft spaces ls`.")],
    to: Annotated[Path, typer.Argument(metavar="TO", help="The new file, or a folder.")] = Path(),
) -> None:
    """Copy one, to be changed; a file that stands there already is kept."""
    from autopeft.core.choices import known_words
    from autopeft.core.errors import InputError

    known = _files()
    source = known.get(name) or known.get(f"{name}.yaml")
    if source is None:
        raise InputError(f"no search file named {name!r}{known_words(name, list(known))}")
    target = to / source.name if to.is_dir() else to
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(source.read_text(encoding="utf-8"))
    except FileExistsError:
        raise InputError(f"{target}: stands there already; choose another name") from None
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from error
    answer(short(target.resolve()))


def _files() -> dict[str, Path]:
    """Return the files by their names; those in a folder, such as bridges/, with its name."""
    from autopeft.core.places import shipped

    folder = shipped("search_spaces")
    paths = [*sorted(folder.glob("*.yaml")), *sorted(folder.glob("*/*.yaml"))]
    return {path.relative_to(folder).as_posix(): path for path in paths}


for _verb, _example in ((ls, "autopeft spaces ls"), (cp, EXAMPLE)):
    _summary = (_verb.__doc__ or "").partition("\n")[0]
    app.command(cls=ExampleFirst, help=opening(_example, _verb.__doc__), short_help=_summary)(_verb)
