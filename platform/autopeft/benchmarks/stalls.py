"""What tracking costs the driver: its stall per thousand reports, however the server is."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from autopeft.benchmarks.child import call
from autopeft.benchmarks.stores import free_port, late, mlflow_server
from autopeft.benchmarks.tables import Table, Target, spread

MOST_S = 2.0
ARRIVES_S = 20.0  # within so long after the last report, if the server is as it should be
UP, SLOW, DOWN, NONE = "up", "slow (answers 1 s late)", "down", "no tracking, journal alone"
COLUMNS = ("tracking server", "stall per 1,000 reports", "longest single report", "rounds")


def measure(
    folder: Path, *, rounds: int, reports: int, per_second: float, say: Callable[[str], None]
) -> Table:
    """Report so many times to each kind of server in turn, ``rounds`` times.

    Args:
        folder: For run folders and the server's files; empty.
        rounds: How often.
        reports: How many reports a round has; the table says what a thousand would cost.
        per_second: The pace of the reports, so that the tracker works while they are written.
        say: Told what happens next.
    """
    folder.mkdir(parents=True)
    answers: dict[str, list[dict[str, Any]]] = {UP: [], SLOW: [], DOWN: [], NONE: []}
    say("tracking: starting an MLflow server")
    with mlflow_server(folder) as server, late(server) as slow_server:
        address = {UP: server, SLOW: slow_server, DOWN: f"http://127.0.0.1:{free_port()}"}
        for turn in range(rounds):
            for state, found in answers.items():
                say(f"tracking, round {turn + 1} of {rounds}: {state}")
                uri = ["--uri", address[state]] if state in address else []
                pace = ["--reports", reports, "--per-second", per_second]
                patience = ["--patience", ARRIVES_S if state == UP else 0]
                runs = folder / f"{turn}-{len(found)}-{state[:2]}" / "runs"
                runs.mkdir(parents=True)
                found.append(call("tracking_side", runs, *pace, *patience, *uri, folder=folder))
    assert all(answer["arrived"] for answer in answers[UP]), "not everything reached the server"
    return _table(answers, rounds=rounds, reports=reports, per_second=per_second)


def _table(
    answers: dict[str, list[dict[str, Any]]], *, rounds: int, reports: int, per_second: float
) -> Table:
    scale = 1000 / reports
    spent = {state: [a["spent_s"] * scale for a in found] for state, found in answers.items()}
    longest = {state: [a["longest_s"] for a in found] for state, found in answers.items()}
    milliseconds = {state: [1000 * s for s in found] for state, found in longest.items()}
    return Table(
        "tracking",
        "Tracking: what the driver waits",
        COLUMNS,
        [
            [state, spread(spent[state], "s", digits=2), spread(milliseconds[state], "ms"),
             str(rounds)]
            for state in answers
        ],
        [
            Target(f"server {state.split()[0]}: seconds per 1,000 reports", median(spent[state]),
                   at_most=MOST_S)
            for state in (UP, SLOW, DOWN)
        ],
        (f"{reports} reports of 10 metrics, {per_second:g} a second",),
        {"spent_s": spent, "longest_s": longest},
    )  # fmt: skip
