"""Watch a sweep: a live table, or lines where nobody looks.

From the driver's own process, or from a terminal far from it that reads the journal.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Protocol, TextIO

from autopeft.cli.live_table import ended_line, headline, live_table
from autopeft.cli.output import console
from autopeft.core.units import duration
from autopeft.reports.standing import settings
from autopeft.spec.sweep import Sweep
from autopeft.sweep.interruption import asked
from autopeft.tracking.events import (
    AnyEvent,
    Ended,
    Promoted,
    RayStarted,
    Retried,
    SweepEnded,
    SweepResumed,
    SweepStarted,
)
from autopeft.tracking.history import History
from autopeft.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from rich.console import RenderableType

REFRESHES_PER_SECOND = 4
LINES_ABOVE_AND_BELOW = 8
LOOK_EVERY_S = 0.2


class View(Protocol):
    """What shows a sweep."""

    def __call__(self, event: AnyEvent) -> None:
        """Take one event."""
        ...

    def stands(self, machines: str, *, up: bool) -> None:
        """Take how the machines stand, in words; they are ``up`` if a driver may be at work."""
        ...


@contextmanager
def watching(run: RunFolder, terminal: TextIO, *, history: History | None = None) -> Iterator[View]:
    """Yield a journal listener that shows the sweep on ``terminal`` while the block lasts.

    Args:
        run: The run folder.
        terminal: Where to show it.
        history: What happened before; by default what the journal holds.
    """
    history = history or run.history()
    out = console(terminal)
    if out.is_terminal and not out.is_dumb_terminal:
        from rich.live import Live

        view = Table(run, history, rows=max(out.height - LINES_ABOVE_AND_BELOW, 2))
        with Live(
            get_renderable=view.render,
            console=out,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            view.note = lambda text: out.print(text, markup=False)
            with _telling_of_a_stop(view.stops):
                yield view
    else:
        lines = Lines(run, history, terminal)
        with _telling_of_a_stop(lines.note):
            yield lines


@contextmanager
def _telling_of_a_stop(say: Callable[[str], None]) -> Iterator[None]:
    """Say once that the driver is stopping, when it is asked to: that may take Ray a while."""
    over = Event()

    def tell() -> None:
        while not asked.wait(LOOK_EVERY_S):
            if over.is_set():
                return
        say("stopping …")

    thread = Thread(target=tell, name="stop-teller", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Table:
    """A listener whose ``render`` shows what it heard; drawn by another thread."""

    def __init__(self, run: RunFolder, history: History, *, rows: int) -> None:
        self._run, self._history, self._rows = run, history, rows
        self._sweep = run.sweep()
        self._lock = RLock()
        self._machines, self._since = "starting Ray", time.monotonic()
        self._ray_is_up = False
        self.note: Callable[[str], None] = print

    def __call__(self, event: AnyEvent) -> None:
        """Take one event; say above the table what will not stay in it."""
        with self._lock:
            self._history.apply(event)
        if isinstance(event, SweepResumed):
            self._ray_is_up = False
        if isinstance(event, RayStarted):
            self._ray_is_up = True
            self.note(dashboard_line(event, self._run, self._sweep))
        if isinstance(event, Retried):
            self.note(f"{event.trial} is tried again: {event.reason}")

    def stands(self, machines: str, *, up: bool) -> None:
        """Take how the machines stand."""
        with self._lock:
            if machines != self._machines:
                self._machines, self._since = machines, time.monotonic()
            self._ray_is_up &= up

    def stops(self, text: str) -> None:
        """Say above the table that the driver stops; Ray is not said to be starting any more."""
        self.note(text)
        self.stands("waiting for Ray to end", up=True)

    def render(self) -> "RenderableType":
        """Return the view at this moment."""
        with self._lock:
            if self._ray_is_up:
                return live_table(self._history, self._sweep, rows=self._rows)
            waited = f"{self._machines} … {duration(time.monotonic() - self._since)}"
            if not self._history.trials:
                return waited
            return f"{waited}\n{headline(self._history, self._sweep)}"


class Lines:
    """A listener that prints one line for each event worth a line."""

    def __init__(self, run: RunFolder, history: History, out: TextIO) -> None:
        self._run, self._history, self._out = run, history, out
        self._sweep: Sweep = run.sweep()
        self._machines = ""

    def __call__(self, event: AnyEvent) -> None:
        """Take one event; print its line if it has one."""
        self._history.apply(event)
        line = self._line(event)
        if line:
            self._print(event.time, line)

    def note(self, text: str) -> None:
        """Print a line that is of no event."""
        self._print(time.time(), text)

    def stands(self, machines: str, *, up: bool) -> None:
        """Print how the machines stand, if that is new."""
        if machines != self._machines:
            self._machines = machines
            self.note(machines)

    def _line(self, event: AnyEvent) -> str:
        match event:
            case SweepStarted():
                return f"{event.sweep} started"
            case SweepResumed():
                remark = f"; {event.remark}" if event.remark else ""
                return f"resumed; {len(event.unfinished)} unfinished trials go on{remark}"
            case RayStarted():
                return dashboard_line(event, self._run, self._sweep)
            case Retried():
                return f"{event.trial} is tried again: {event.reason}"
            case Promoted():
                return self._promoted(event)
            case Ended():
                counted = f"{self._history.counted}/{self._history.search.trials}"
                return f"{counted}  {ended_line(self._history.trials[event.trial], self._history)}"
            case SweepEnded():
                return headline(self._history, self._sweep)
            case _:
                return ""

    def _promoted(self, event: Promoted) -> str:
        """Say that a trial goes on; where all pause, little else happens for long."""
        trial = self._history.trials[event.trial]
        copy = f" as a copy of {event.source}: {settings(event.values)}" if event.source else ""
        return f"{event.trial} goes on from step {trial.step}{copy}"

    def _print(self, when: float, line: str) -> None:
        clock = time.strftime("%H:%M:%S", time.localtime(when))
        print(f"{clock}  {line}", file=self._out, flush=True)


def dashboard_line(ray: RayStarted, run: RunFolder, sweep: Sweep) -> str:
    """Return how many trials run at a time, and how to look at Ray's dashboard."""
    slots = f"{ray.slots} trials at a time"
    if not ray.dashboard:
        return slots
    if sweep.profile.kind != "local":
        return f"{slots}; dashboard: autopeft dashboard {run.path.name}"
    return f"{slots}; dashboard http://{ray.dashboard}, token in {run.path / 'ray-token'}"
