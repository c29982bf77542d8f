"""Help that opens with a working example, before usage and options."""

import inspect
from typing import Any

from typer.core import TyperCommand, TyperGroup


def opening(example: str, doc: str | None) -> str:
    r"""Return the help of a verb: the example as it stands, then the description.

    Example:
        >>> opening("autopeft stop RUN", "Stop a sweep.")
        '\x08\nautopeft stop RUN\n\nStop a sweep.'
    """
    return f"\b\n{example}\n\n{inspect.cleandoc(doc or '')}"


def _format_help(command: Any, context: Any, formatter: Any) -> None:
    command.format_help_text(context, formatter)
    formatter.write_paragraph()
    command.format_usage(context, formatter)
    command.format_options(context, formatter)
    command.format_epilog(context, formatter)


class ExampleFirst(TyperCommand):
    """A verb whose help opens with its example."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write description, usage and options, in this order."""
        _format_help(self, ctx, formatter)


class ExamplesFirst(TyperGroup):
    """A group of verbs whose help opens with an example."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write description, usage and verbs, in this order."""
        _format_help(self, ctx, formatter)
