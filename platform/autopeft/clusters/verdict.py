"""What was concluded of a job that is over, kept beside it so that nobody has to ask again."""

import json

from autopeft.clusters.base import Job, JobState, Seen
from autopeft.clusters.submission import Submission
from autopeft.core.places import write_json

FILE = "ended.json"


def conclude(job: Job, submission: Submission, seen: Seen) -> None:
    """Write down how the job ended."""
    words = {"id": submission.id, "state": seen.state.value, "exit_code": seen.exit_code}
    write_json(job.records / FILE, {**words, "reason": seen.reason})


def concluded(job: Job, submission: Submission) -> Seen | None:
    """Return how the job ended, if somebody found out; of an earlier job nothing is said."""
    try:
        words = json.loads((job.records / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if words["id"] != submission.id:
        return None
    return Seen(JobState(words["state"]), words["exit_code"], words["reason"])


def reopen(job: Job) -> None:
    """Forget the verdict; fine if there is none."""
    (job.records / FILE).unlink(missing_ok=True)
