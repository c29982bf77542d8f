"""Answers as tables, for what ``reports`` does not show."""

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from autopeft.predict import Scores
    from autopeft.sweep.repeat import Repetition

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


def repetition_table(repetition: "Repetition") -> Table:
    """Return every metric of a trial then and now, with all its digits where they differ."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"{repetition.trial} at step {repetition.step}", no_wrap=True)
    for heading in ("then", "now"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("same", no_wrap=True)
    for metric, then in repetition.then.items():
        now, same = repetition.now.get(metric), repetition.agrees_in(metric)
        numbers = [f"{then:.6g}", "–" if now is None else f"{now:.6g}"]
        if not same:
            numbers = [repr(then), "–" if now is None else repr(now)]
        table.add_row(metric, *numbers, "yes" if same else "no", style=None if same else "red")
    return table
