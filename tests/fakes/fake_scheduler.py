"""Slurm, Grid Engine and PBS in one small file: what their commands print, over a state folder.

The folder is ``$FAKE_SCHEDULER``. Every call is a line of ``calls``. A job is ``ID.json``, an
element of it runs as a process group noted in ``ID_INDEX.pid`` and leaves ``ID_INDEX.code``. What a
test wants otherwise stands in ``wishes.json``:

- hold: submitted jobs stay queued;
- refuse: submissions fail with this text;
- down: queries fail with this text;
- no_accounting: the accounting fails with this text;
- reply: what a submission prints, with {id} and {size};
- frozen: jobs are shown as running whatever happens to them (their host is lost);
- slow_reply: what submits ends so many seconds after its job has begun;
- no_requeue: jobs are not run again: Slurm refuses, Grid Engine takes 99 for an exit code.

One call at a time: two that submit at once would else give two jobs one number.

A job of Slurm that was requeued, or one of Grid Engine that ended with 99, is queued again at once.
"""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

STATE = Path(os.environ["FAKE_SCHEDULER"])
LOCK = (STATE / "lock").open("w")
ARRAY = {"slurm": r"#SBATCH --array=1-(\d+)", "sge": r"#\$ -t 1-(\d+)", "pbs": r"#PBS -J 1-(\d+)"}
VARIABLES = {
    "slurm": ("SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID"),
    "sge": ("JOB_ID", "SGE_TASK_ID"),
    "pbs": ("PBS_JOBID", "PBS_ARRAY_INDEX"),
}
REPLIES = {
    "slurm": ("{id}", "{id}"),
    "sge": (
        'Your job {id} ("prep") has been submitted',
        'Your job-array {id}.1-{size}:1 ("prep") has been submitted',
    ),
    "pbs": ("{id}.pbs01", "{id}[].pbs01"),
}


def wishes():
    path = STATE / "wishes.json"
    return json.loads(path.read_text()) if path.exists() else {}


def fail(text, code=1):
    print(text, file=sys.stderr)
    sys.exit(code)


class Element:
    """One running, queued or ended element; a job without an array has one, without an index."""

    def __init__(self, job, index):
        self.job, self.index = job, index
        tag = job["id"] if index is None else f"{job['id']}_{index}"
        self.pid, self.code = STATE / f"{tag}.pid", STATE / f"{tag}.code"
        self.cancelled = STATE / f"{tag}.cancelled"
        self.again = STATE / f"{tag}.again"

    def start(self):
        if self.pid.exists() or self.cancelled.exists():
            return
        job, element = VARIABLES[self.job["kind"]]
        own = {job: self.job["id"], element: "undefined" if self.index is None else str(self.index)}
        if self.index is None:
            del own[element]
            os.environ.pop(element, None)
        line = f'bash "{self.job["script"]}"; echo $? >"{self.code}"'
        process = subprocess.Popen(
            ["sh", "-c", line], env={**os.environ, **own}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.pid.write_text(str(process.pid))

    def requeue(self):
        """Put an ended element that is to run once more back into the queue."""
        code = self.code.read_text().strip() if self.code.exists() else ""
        if self.job["kind"] == "sge" and code == "99" and not wishes().get("no_requeue"):
            self.again.touch()
        if self.again.exists() and self.code.exists() and not self.cancelled.exists():
            for path in (self.again, self.code, self.pid):
                path.unlink()

    def state(self):
        """Return queued, running, (ended, code), killed or cancelled."""
        if self.cancelled.exists() and not self.code.exists():
            return ("cancelled", None)
        if not self.pid.exists():
            return ("queued", None)
        if self.job["id"] in wishes().get("frozen", ()):
            return ("running", None)
        if self.again.exists():
            return ("queued", None)
        if self.code.exists() and self.code.read_text().strip():
            return ("ended", int(self.code.read_text()))
        alive = Path(f"/proc/{self.pid.read_text()}/stat")
        if alive.exists() and alive.read_text().split()[2] != "Z":
            return ("running", None)
        return ("killed", 9)

    def cancel(self):
        if self.state()[0] in ("ended", "killed", "cancelled"):
            return
        self.cancelled.touch()
        if self.pid.exists():
            group = int(self.pid.read_text())
            try:
                os.killpg(group, signal.SIGTERM)
                time.sleep(0.3)
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                pass


def jobs(kind):
    for path in sorted(STATE.glob("[0-9]*.json")):
        job = json.loads(path.read_text())
        if job["kind"] == kind:
            indices = range(1, job["size"] + 1) if job["size"] else [None]
            yield job, [Element(job, index) for index in indices]


def begin(kind):
    for _, elements in jobs(kind):
        for element in elements:
            element.requeue()
            if not wishes().get("hold"):
                element.start()


def submit(kind, arguments):
    if refusal := wishes().get("refuse"):
        fail(refusal)
    script = Path(arguments[-1])
    found = re.search(ARRAY[kind], script.read_text())
    size = int(found.group(1)) if found else 0
    number = 4711 + len(list(STATE.glob("[0-9]*.json")))
    job = {"id": str(number), "kind": kind, "script": str(script), "size": size}
    (STATE / f"{number}.json").write_text(json.dumps(job))
    reply = wishes().get("reply") or REPLIES[kind][bool(size)]
    print(reply.format(id=number, size=size))
    begin(kind)
    LOCK.close()
    time.sleep(wishes().get("slow_reply", 0))


def sbatch(arguments):
    submit("slurm", arguments)


def qsub(arguments):
    submit("pbs" if "#PBS" in Path(arguments[-1]).read_text() else "sge", arguments)


def scontrol(arguments):
    *verb, number = arguments
    if verb == ["--oneliner", "show", "job"]:
        [element] = next(elements for job, elements in jobs("slurm") if job["id"] == number)
        state, reason, _ = slurm_state(*element.state())
        print(f"JobId={number} JobState={state} Reason={reason}")
        return
    assert verb == ["requeue"]
    if refusal := wishes().get("no_requeue"):
        fail(refusal)
    (STATE / f"{number}.again").touch()


def slurm_state(state, code):
    if state == "ended":
        return (
            ("COMPLETED", "None", "0:0")
            if code == 0
            else ("FAILED", "NonZeroExitCode", f"{code}:0")
        )
    return {
        "queued": ("PENDING", "Priority", "0:0"),
        "running": ("RUNNING", "None", "0:0"),
        "killed": ("FAILED", "RaisedSignal:9(Killed)", "0:9"),
        "cancelled": ("CANCELLED", "None", "0:0"),
    }[state]


def squeue(arguments):
    begin("slurm")
    for job, elements in jobs("slurm"):
        for element in elements:
            name = job["id"] if element.index is None else f"{job['id']}_{element.index}"
            state, reason, _ = slurm_state(*element.state())
            print(f"{name}|{state}|{reason}")


def sacct(arguments):
    wanted = next(a for a in arguments if a.startswith("--jobs=")).partition("=")[2].split(",")
    for job, elements in jobs("slurm"):
        for element in elements if job["id"] in wanted else ():
            name = job["id"] if element.index is None else f"{job['id']}_{element.index}"
            state, _, code = slurm_state(*element.state())
            print(f"{name}|{state}|{code}")


def qstat(arguments):
    if "-xml" in arguments:
        return qstat_sge()
    begin("pbs")
    known, unknown = {job["id"]: (job, elements) for job, elements in jobs("pbs")}, 0
    for wanted in arguments[3:]:
        number = re.match(r"\d+", wanted).group()
        if number not in known:
            print(f"qstat: Unknown Job Id {wanted}", file=sys.stderr)
            unknown = 153
            continue
        job, elements = known[number]
        if job["size"]:
            print(f"Job Id: {number}[].pbs01\n    Job_Name = prep\n    job_state = B\n")
        for element in elements:
            state, code = element.state()
            tag = "" if element.index is None else f"[{element.index}]"
            letter = {"queued": "Q", "running": "R"}.get(state, "X" if tag else "F")
            print(f"Job Id: {number}{tag}.pbs01\n    Job_Name = prep\n    job_state = {letter}")
            print("    Variable_List = PBS_O_HOME=/home/me,PBS_O_LANG=C,\n\tPBS_O_PATH=/bin")
            if state in ("ended", "killed"):
                print(f"    Exit_status = {code if state == 'ended' else 256 + code}")
            print()
    sys.exit(unknown)


def qstat_sge():
    begin("sge")
    print("<?xml version='1.0'?><job_info><queue_info>")
    for job, elements in jobs("sge"):
        for element in elements:
            state = element.state()[0]
            if state not in ("queued", "running"):
                continue
            letters = {"queued": "qw", "running": "r"}[state]
            tasks = "" if element.index is None else f"<tasks>{element.index}</tasks>"
            print(
                f"<job_list state='x'><JB_job_number>{job['id']}</JB_job_number>"
                f"<JB_name>prep</JB_name><state>{letters}</state><slots>1</slots>{tasks}</job_list>"
            )
    print("</queue_info></job_info>")


def qacct(arguments):
    for job, elements in jobs("sge"):
        for element in elements:
            state, code = element.state()
            if state not in ("ended", "killed"):  # deleted while queued: no record
                continue
            task = "undefined" if element.index is None else element.index
            failed = "0" if state == "ended" else "100 : assumedly after job"
            status = code if state == "ended" else f"{128 + code}                  (Killed)"
            print("=" * 62)
            print(f"qname        all.q\njobname      prep\njobnumber    {job['id']}")
            print(f"taskid       {task}\nfailed       {failed}\nexit_status  {status}")


def cancel(kind, ids):
    known = {job["id"]: elements for job, elements in jobs(kind)}
    for wanted in ids:
        number = re.match(r"\d+", wanted).group()
        if number not in known:
            fail({"slurm": f"scancel: error: Kill job error on job id {number}: "
                  "Invalid job id specified",
                  "sge": f'denied: job "{number}" does not exist',
                  "pbs": f"qdel: Unknown Job Id {wanted}"}[kind])  # fmt: skip
        for element in known[number]:
            element.cancel()


def scancel(arguments):
    cancel("slurm", arguments)


def qdel(arguments):
    here = [kind for kind in ("sge", "pbs") if list(jobs(kind))]
    cancel(here[0] if here else "sge", arguments)


def main():
    fcntl.flock(LOCK, fcntl.LOCK_EX)
    command, *arguments = sys.argv[1:]
    with (STATE / "calls").open("a") as calls:
        calls.write(f"{time.monotonic():.3f} {command} {' '.join(arguments)}\n")
    if command in ("squeue", "qstat") and (trouble := wishes().get("down")):
        fail(trouble)
    if command in ("sacct", "qacct") and (trouble := wishes().get("no_accounting")):
        fail(trouble)
    globals()[command](arguments)


main()
