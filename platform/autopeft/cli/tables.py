"""Answers as tables, for what ``reports`` does not show."""

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from autopeft.predict import Scores

LIKELIEST = 5


def scores_table(scores: "Scores") -> Table:
    """Return each sound with its likeliest prompts."""
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("sound", overflow="fold")
    table.add_column("probability", justify="right", no_wrap=True)
    table.add_column("prompt", overflow="fold")
    for sound, ranking in scores.ranked():
        for place, (prompt, probability) in enumerate(ranking[:LIKELIEST]):
            table.add_row(Text("" if place else sound), f"{probability:.3f}", Text(prompt))
    return table
