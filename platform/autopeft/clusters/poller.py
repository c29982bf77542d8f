"""One query of the scheduler per interval, whatever the number of jobs and of those who wait.

All dispatchers of a user on one host share a folder: who comes first after the interval asks for
all, behind a lock; the others read the answer. A query is either of the queue or, when a job has
gone missing there, of the accounting: never both in one interval.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from shutil import which
from typing import Any, Self

from filelock import FileLock, Timeout

from autopeft.clusters.base import Dialect, JobState, Seen, key
from autopeft.clusters.shell import Reply, capture
from autopeft.core.errors import ClusterError
from autopeft.core.places import private_folder, write_json

LOCK_WITHIN_S = 2.0
# By these a user chooses between several schedulers.
SITE_VARIABLES = (
    "SLURM_CONF", "SLURM_CLUSTERS", "SGE_ROOT", "SGE_CELL", "PBS_CONF_FILE", "PBS_SERVER",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answers:
    """What has been heard so far, from the queue and from the accounting.

    Attributes:
        seen: The last query's answer, by ``key``.
        ended: What the accounting said, by ``key``.
        queries: How many queries about each job have been answered, by its number.
        accountings: How often the accounting was asked about each job, by its number.
        trouble: What the scheduler said if the last query failed.
    """

    seen: dict[str, Seen]
    ended: dict[str, Seen]
    queries: dict[str, int]
    accountings: dict[str, int]
    trouble: str


class Poller:
    """Asks for all; use as a context, so that nobody asks for jobs that are no longer waited for.

    Args:
        dialect: The scheduler's words.
        every_s: The interval.
        folder: Shared with the user's other dispatchers.
        run: Runs a command.
        clock: Seconds on a clock that all processes of this host share.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        every_s: float,
        folder: Path | None = None,
        run: Callable[[Sequence[str]], Reply] = capture,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dialect = dialect
        self._every_s = every_s
        self._run = run
        self._clock = clock
        self._user = getuser()
        self._folder = private_folder((folder or user_folder()) / _site(dialect))
        self._book = self._folder / "answers.json"
        self._own = self._folder / f"{os.getpid()}-{id(self):x}.waiting"
        self._lock = FileLock(str(self._folder / "lock"), mode=0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._own.unlink(missing_ok=True)

    def ask(self, ids: Sequence[str], *, missing: Iterable[str] = ()) -> Answers:
        """Return what is known, asking the scheduler if the interval is over.

        Args:
            ids: The jobs waited for.
            missing: Those that stood in no answer any more and left no marker.
        """
        write_json(self._own, {"ids": list(ids), "missing": sorted(missing)})
        try:
            with self._lock.acquire(timeout=LOCK_WITHIN_S):
                book = self._read()
                now = self._clock()
                if not 0 <= now - book["asked_at"] < self._every_s:
                    self._query(book, now)
                    write_json(self._book, book)
        except Timeout:  # somebody is asking, and the scheduler is slow
            book = self._read()
        return Answers(
            seen=_unpacked(book["seen"]),
            ended=_unpacked(book["ended"]),
            queries=book["queries"],
            accountings=book["accountings"],
            trouble=book["trouble"],
        )

    def _query(self, book: dict[str, Any], now: float) -> None:
        """Ask the queue; or the accounting, if jobs are missing and the queue was asked last."""
        waiting = list(self._waiting())
        ids = sorted({job for entry in waiting for job in entry["ids"]})
        missing = sorted({job for entry in waiting for job in entry["missing"]})
        accounting = bool(missing) and book["last"] == "queue"
        book["asked_at"], book["last"] = now, "accounting" if accounting else "queue"
        dialect = self._dialect
        try:
            if accounting:
                for job in map(key, missing):
                    book["accountings"][job] = book["accountings"].get(job, 0) + 1
                # Not every site keeps accounts: that it knows nothing is an answer too.
                reply = self._run(dialect.accounting(self._user, missing))
                book["ended"] = book["ended"] | _packed(dialect.ended(reply.out))
            elif ids:
                reply = self._run(dialect.query(self._user, ids))
                # A job that is unknown is an answer; nothing else that fails is.
                bad = reply.code != 0 and not reply.out.strip()
                bad = bad and not dialect.is_unknown(reply.err)
                book["trouble"] = reply.words if bad else ""
                if not bad:
                    book["seen"] = _packed(dialect.seen(reply.out))
                    for job in map(key, ids):
                        book["queries"][job] = book["queries"].get(job, 0) + 1
        except ClusterError as error:
            book["trouble"] = "" if accounting else str(error)
        self._forget(book, {key(job) for job in ids})

    def _forget(self, book: dict[str, Any], wanted: set[str]) -> None:
        for name in ("ended", "accountings", "queries", "seen"):
            book[name] = {k: value for k, value in book[name].items() if k.split("_")[0] in wanted}

    def _waiting(self) -> Iterable[dict[str, Any]]:
        """Yield what each living dispatcher waits for; a dead one's note is removed."""
        for path in self._folder.glob("*.waiting"):
            pid = path.name.partition("-")[0]
            if not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
                path.unlink(missing_ok=True)
                continue
            try:
                yield json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):  # it has just ended
                continue

    def _read(self) -> dict[str, Any]:
        empty = {"asked_at": float("-inf"), "last": "", "seen": {}, "ended": {}, "queries": {},
                 "accountings": {}, "trouble": ""}  # fmt: skip
        try:
            return {**empty, **json.loads(self._book.read_text(encoding="utf-8"))}
        except (OSError, ValueError):
            return empty


def user_folder() -> Path:
    """Return this user's folder for what dispatchers share on this host.

    Raises:
        ClusterError: Somebody else made it.
    """
    path = Path(tempfile.gettempdir()) / f"autopeft-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    if path.lstat().st_uid != os.getuid() or path.is_symlink():
        raise ClusterError(f"{path} belongs to somebody else; set TMPDIR to a folder of your own")
    return private_folder(path)


def _site(dialect: Dialect) -> str:
    """Return a name for the scheduler that the commands here speak to: a host may know several."""
    command = which(dialect.query("", ("1",))[0]) or ""
    told = [f"{name}={os.environ.get(name, '')}" for name in SITE_VARIABLES]
    digest = hashlib.blake2b("\n".join([command, *told]).encode(), digest_size=6).hexdigest()
    return f"{dialect.kind}-{digest}"


def _packed(found: dict[str, Seen]) -> dict[str, list[Any]]:
    return {name: [seen.state.value, seen.exit_code, seen.reason] for name, seen in found.items()}


def _unpacked(packed: dict[str, list[Any]]) -> dict[str, Seen]:
    return {
        name: Seen(JobState(state), code, reason) for name, (state, code, reason) in packed.items()
    }
