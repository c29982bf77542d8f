"""What ``run`` and ``resume`` share on a cluster: submit, watch from here, tell the end."""

import sys
from collections.abc import Callable

import typer

from autopeft.cli.ending import INTERRUPTED, tell_result
from autopeft.cli.output import say, short
from autopeft.clusters.queued import (
    end_in_words,
    exit_code_of,
    follow,
    stop_sweep,
)
from autopeft.clusters.standing import Standing
from autopeft.clusters.submission import Submission, submitted
from autopeft.clusters.sweep_job import job_of
from autopeft.clusters.telling import ending_of
from autopeft.core.errors import ClusterError
from autopeft.tracking.history import History
from autopeft.tracking.run_folder import RunFolder
from autopeft.tracking.tail import Tail

QUESTION = "the job goes on without us. [d]etach, or [c]ancel it? "


def submit_and_follow(
    run: RunFolder, submit: Callable[[], Submission], *, detach: bool, json: bool
) -> None:
    """Submit the sweep and hand over; who interrupts meanwhile is told of a job that is there.

    Raises:
        typer.Exit: As ``hand_over``.
        AutopeftError: It is not submitted.
    """
    before, heard = _submitted(run), _Heard(run)
    try:
        submission = submit()
    except KeyboardInterrupt:
        if _submitted(run) == before:
            raise
        _leave(run)
        raise typer.Exit(INTERRUPTED) from None
    hand_over(run, submission, detach=detach, json=json, heard=heard)


class _Heard:
    """A run's journal as far as it is known: what comes after is news, however soon it comes."""

    def __init__(self, run: RunFolder) -> None:
        self.tail, self.history = Tail(run.journal), History(run.sweep().settings.search)
        while events := self.tail.read():
            for event in events:
                self.history.apply(event)


def hand_over(
    run: RunFolder,
    submission: Submission,
    *,
    detach: bool,
    json: bool,
    heard: _Heard | None = None,
) -> None:
    """Say where the sweep is, and follow it to its end unless nobody wants to.

    Args:
        run: The run folder.
        submission: Its job.
        detach: Whether to leave it to itself.
        json: Whether the result is told as JSON.
        heard: What is no news; by default all that the journal holds now.

    Raises:
        typer.Exit: With the job's exit code, if that is not 0.
    """
    profile = run.sweep().profile
    say(f"job {submission.id} at {profile.name or profile.kind}")
    if detach:
        say(_how_to_come_back(run))
        return
    try:
        standing = _watch(run, heard or _Heard(run))
    except KeyboardInterrupt:
        _leave(run)
        raise typer.Exit(INTERRUPTED) from None
    _tell_end(run, standing, json=json)


def _submitted(run: RunFolder) -> Submission | None:
    return submitted(job_of(run.sweep(), run.path).records)


def _watch(run: RunFolder, heard: _Heard) -> Standing:
    """Show the sweep until its job is over."""
    from autopeft.cli.live import watching

    with watching(run, sys.stderr, history=heard.history) as view:
        return follow(
            run,
            heard.tail,
            hear=view,
            stands=lambda standing: view.stands(_machines(standing), up=_may_be_up(standing)),
        )


def _machines(standing: Standing) -> str:
    words = end_in_words(standing)
    if standing.requeues:
        words += f", started again {standing.requeues}×"
    if standing.trouble:
        words += f"; the scheduler does not answer, still waiting: {standing.trouble}"
    return words


def _may_be_up(standing: Standing) -> bool:
    return standing.seen.state.value == "running" and not standing.seen.reason


def _leave(run: RunFolder) -> None:
    """Ask what is to become of the job; without a terminal, or an answer, it goes on."""
    if _wants_to_cancel():
        say("cancelling …")
        try:
            say(end_in_words(stop_sweep(run)))
        except ClusterError as error:
            say(str(error))
        say(f"resume with: autopeft resume {short(run.path)}")
    else:
        say(_how_to_come_back(run))


def _wants_to_cancel() -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"\n{QUESTION}", end="", file=sys.stderr, flush=True)
    try:
        return sys.stdin.readline().strip().lower().startswith("c")
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return False


def _how_to_come_back(run: RunFolder) -> str:
    submission = _submitted(run)
    job = f"job {submission.id}" if submission else "the job"
    where = short(run.path)
    return f"{job} goes on; look: autopeft status {where}; watch again: autopeft resume {where}"


def _tell_end(run: RunFolder, standing: Standing, *, json: bool) -> None:
    code = exit_code_of(standing.seen)
    if code == 0:
        tell_result(run, json=json)
        return
    say(end_in_words(standing))
    for line in ending_of(job_of(run.sweep(), run.path)):
        say(f"  {line}")
    say(f"resume with: autopeft resume {short(run.path)}")
    raise typer.Exit(code)
