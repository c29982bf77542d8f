"""The page: whole, self-contained, escaped, and honest about a sweep that has not got far."""

import json
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from autopeft.reports.choices import levels
from autopeft.reports.page import write_report
from autopeft.tracking.events import Asked, Ended, Planned, Status, SweepStarted
from autopeft.tracking.events import Kind as TrialKind
from autopeft.tracking.journal import Journal
from autopeft.tracking.run_folder import RunFolder

SECTIONS = ["summary", "comparison", "choices", "search", "trials", "failures", "how"]
SCRIPT = "<script>alert(1)</script>"


class Page(HTMLParser):
    """What a browser would find: ids, loaded addresses, number of scripts, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.scripts: list[int] = []
        self.text = ""
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.ids += [known["id"] or ""] if tag == "section" else []
        self.loads += [v for k, v in attrs if v and k in ("src", "href", "srcset", "data")]
        self._in_script = tag == "script"
        self.scripts += [0] if self._in_script else []

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += len(data)
        else:
            self.text += data


def page(run: RunFolder) -> Page:
    return Page(write_report(run).read_text(encoding="utf-8"))


def test_a_finished_sweep_has_every_section_and_loads_nothing(finished: RunFolder) -> None:
    seen = page(finished)
    assert seen.ids == SECTIONS
    assert all(address.startswith("#") for address in seen.loads)
    assert not re.search(r"@import|url\(", (finished.report.read_text()).partition("</style>")[0])


def test_plotly_is_there_once_and_only_if_something_is_drawn(
    finished: RunFolder, write_sweep: Callable[..., RunFolder]
) -> None:
    assert sum(length > 1_000_000 for length in page(finished).scripts) == 1
    empty = page(write_sweep(trials=0, over=False, name="empty"))
    assert max(empty.scripts) < 10_000


def test_of_a_sweep_that_goes_on_nobody_has_won(write_sweep: Callable[..., RunFolder]) -> None:
    run = write_sweep(over=False)
    winner = run.history().winner
    assert winner is not None
    text = page(run).text
    assert f"Best so far, and not final, is trial {winner.of}" in text
    assert "The winner is" not in text
    assert f"winner ({winner.of})" not in text
    assert f"best so far ({winner.of})" in text


def test_a_level_that_no_finished_trial_had_is_shown_without_numbers(
    write_sweep: Callable[..., RunFolder],
) -> None:
    run = write_sweep(trials=3)
    space = run.sweep().space
    found = list(levels(run.history(), space))
    choices = [d for d in space.dimensions if d.kind == "choice"]
    assert len(found) == sum(len(d.choices) for d in choices)
    absent = [level for level in found if not level.trials]
    assert absent
    assert all(math.isnan(level.best) for level in absent)
    assert "nan" not in page(run).text.lower().partition("the search")[0]


def test_the_page_says_who_won_and_by_how_much(finished: RunFolder) -> None:
    history = finished.history()
    assert history.winner is not None
    text = page(finished).text
    assert f"The winner is trial {history.winner.of}" in text
    for name in ("zero-shot", "head", "uniform-lora", "full"):
        assert f"better than {name}" in text or f"from {name}" in text
    for trial in history.trials:
        assert trial in text
    assert "out of memory" in text
    assert "0123456789abcdef" in text


def test_what_users_wrote_is_escaped(finished: RunFolder) -> None:
    journal = Journal(finished.journal)
    evil = f"{SCRIPT}</script><img src=x onerror=alert(1)>"
    journal.write(Planned(time=1.0, trial="b9", kind=TrialKind.BASELINE, name=evil, seed=1))
    journal.write(Asked(time=1, trial=evil, number=99, cube={}, values={"method": evil}))
    journal.write(Ended(time=2.0, trial=evil, status=Status.FAILED, reason=evil, log=evil))
    journal.close()
    html = write_report(finished).read_text(encoding="utf-8")
    assert SCRIPT not in html
    assert "<img" not in html.partition("</head>")[2]
    assert "&lt;script&gt;alert(1)" in html


def test_a_name_inside_a_figure_cannot_leave_its_script(
    write_sweep: Callable[..., RunFolder],
) -> None:
    run = write_sweep(over=False)
    text = run.journal.read_text(encoding="utf-8")
    evil = json.dumps("</script><script>alert(1)//")[1:-1]
    run.journal.write_text(text.replace('"t0002"', f'"{evil}"'), encoding="utf-8")
    assert "</script><script>alert(1)" not in write_report(run).read_text(encoding="utf-8")


@pytest.mark.parametrize("started", [False, True])
def test_a_run_without_trials_has_a_page(
    write_sweep: Callable[..., RunFolder], started: bool
) -> None:
    run = write_sweep(trials=0, over=False)
    if not started:
        run.journal.unlink()
    seen = page(run)
    assert "not finished" in seen.text
    assert "0 of 24 trials are done" in seen.text
    assert "failures" not in seen.ids


def test_a_run_in_which_all_failed_has_a_page(write_sweep: Callable[..., RunFolder]) -> None:
    run = write_sweep(trials=0, over=False)
    run.journal.unlink()
    journal = Journal(run.journal)
    journal.write(SweepStarted(time=0, sweep="s", name="n", seed=0, versions={}))
    for number in range(3):
        trial = f"t{number}"
        journal.write(Asked(time=1, trial=trial, number=number, cube={}, values={}))
        journal.write(Ended(time=2, trial=trial, status=Status.FAILED, reason="loss: not finite"))
    journal.close()
    text = page(run).text
    assert "3 failed" in text
    assert "loss" in text


def test_the_page_is_written_whole_or_not_at_all(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = write_report(finished).read_text(encoding="utf-8")
    monkeypatch.setattr("autopeft.reports.page.standings", lambda history: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(finished)
    assert finished.report.read_text(encoding="utf-8") == before
