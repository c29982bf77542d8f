"""``autopeft sync``: bring MLflow up to date from the journal."""

from autopeft.cli.output import answer, say
from autopeft.cli.words import Run

EXAMPLE = "autopeft sync runs/tiny-clap-20260110-120000"


def sync(run: Run) -> None:
    """Write to MLflow what it does not hold yet, for instance after its server was down."""
    from autopeft.tracking.mlflow_tracker import sync as sync_run
    from autopeft.tracking.run_folder import open_run

    done = sync_run(open_run(run))
    for sentence in done.refused:
        say(sentence)
    answer(
        f"{done.written} of {done.trials} runs written to experiment {done.experiment!r} in "
        f"{done.seconds:.1f} s; look with: {done.look}"
    )
