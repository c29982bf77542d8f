"""The contract of a dialect, over the table of dialects: a new one is tested by being listed."""

# What is printed is shown as it is, however long.
# ruff: noqa: E501, W291

import json

import pytest

from autopeft.clusters import DIALECTS, pbs, sge, slurm
from autopeft.clusters.base import JobState, Seen, key
from autopeft.clusters.submission import script_of
from autopeft.core.errors import ClusterError
from autopeft.spec.cluster import PROFILE_RECORDS

PENDING, RUNNING, DONE, FAILED, LOST = JobState
every_dialect = pytest.mark.parametrize("kind", DIALECTS)

# Replies as they are printed: by the commands' own versions, wrappers and banners of sites included.
REPLIES = {
    "slurm": {
        "4711": "4711",
        "4711;gpu": "4711",
        "Submitted batch job 4711": "4711",
        "Submitted batch job 4711 on cluster gpu": "4711",
        "sbatch: Welcome to the site\nsbatch: 12 GPU hours left\nSubmitted batch job 4711\n": "4711",
        "4711\n\n*** maintenance on 12 May ***": "4711",
    },
    "sge": {
        'Your job 4711 ("prep") has been submitted': "4711",
        'Your job-array 4711.1-10:2 ("prep") has been submitted': "4711",
        "4711": "4711",
        "4711.1-10:2": "4711",
        'Unable to run job: warning: no suitable queues.\nYour job 4711 ("a b") has been submitted.\n'
        "Exiting.": "4711",
        '*Take notice of the maintenance*\nYour job 4711 ("12") has been submitted': "4711",
    },
    "pbs": {
        "4711.pbs01": "4711.pbs01",
        "4711[].pbs01": "4711[].pbs01",
        "4711": "4711",
        "4711.pbs-head.site.example": "4711.pbs-head.site.example",
        "INFO: 3 hours charged\n4711.pbs1\n": "4711.pbs1",
    },
}
NO_REPLIES = ["", "\n", "error: invalid partition specified: nope", "job rejected", "-1"]


def qstat_xml(*jobs):
    rows = "".join(
        f"<job_list state='running'><JB_job_number>{number}</JB_job_number><JAT_prio>0.5</JAT_prio>"
        f"<JB_name>a &amp; b</JB_name><state>{state}</state><queue_name/><slots>1</slots>"
        f"{f'<tasks>{tasks}</tasks>' if tasks else ''}</job_list>"
        for number, state, tasks in jobs
    )
    return f"<?xml version='1.0'?>\n<job_info><queue_info>{rows}</queue_info><job_info/></job_info>"


def qstat_f(*jobs):
    return "".join(
        f"Job Id: {name}\n    Job_Name = prep\n    job_state = {state}\n"
        f"    Resource_List.select = 1:ncpus=4\n    Variable_List = PBS_O_HOME=/home/me,\n"
        f"\tPBS_O_PATH=/bin\n{extra}\n"
        for name, state, extra in jobs
    )


SGE_STATES = {
    "qw": PENDING, "hqw": PENDING, "hRwq": PENDING, "hRqw": PENDING, "Rq": PENDING,
    "r": RUNNING, "t": RUNNING, "Rr": RUNNING, "Rt": RUNNING, "hr": PENDING,
    "s": PENDING, "ts": PENDING, "S": PENDING, "tS": PENDING, "T": PENDING, "tT": PENDING,
    "Rs": PENDING, "RS": PENDING, "RT": PENDING, "N": PENDING, "P": PENDING,
    "dr": RUNNING, "dt": RUNNING, "dRr": RUNNING, "Eqw": FAILED, "Ehqw": FAILED, "EhRqw": FAILED,
}  # fmt: skip
SEEN = {
    "slurm": [
        ("4711|PENDING|Priority", {"4711": Seen(PENDING, None, "Priority")}),
        ("4711_3|RUNNING|None\n4711_4|PENDING|Resources", {
            "4711_3": Seen(RUNNING), "4711_4": Seen(PENDING, None, "Resources")}),
        ("4711_[1-5:2%4]|PENDING|Priority", {
            f"4711_{i}": Seen(PENDING, None, "Priority") for i in (1, 3, 5)}),
        ("4711|PENDING|ReqNodeNotAvail, UnavailableNodes:n[1-2]", {
            "4711": Seen(PENDING, None, "ReqNodeNotAvail, UnavailableNodes:n[1-2]")}),
        ("4711|TIMEOUT|TimeLimit", {"4711": Seen(FAILED, None, "the walltime was over (TimeLimit)")}),
        ("4711|FAILED|RaisedSignal:9(Killed)", {
            "4711": Seen(FAILED, 137, "RaisedSignal:9(Killed)")}),
        ("4711|NEW_STATE|None", {"4711": Seen(PENDING, None, "in a state unknown here: NEW_STATE")}),
        ("", {}),
        *((f"1|{word}|None", {"1": state}) for word, state in slurm.STATES.items()),
    ],
    "sge": [
        (qstat_xml((4711, "qw", "1-5:2,9")), {f"4711_{i}": PENDING for i in (1, 3, 5, 9)}),
        (qstat_xml((4711, "r", "2"), (4711, "qw", "3-4:1"), (12, "r", "")), {
            "4711_2": RUNNING, "4711_3": PENDING, "4711_4": PENDING, "12": RUNNING}),
        (qstat_xml(), {}),
        ("", {}),
        *((qstat_xml((1, letters, "")), {"1": state}) for letters, state in SGE_STATES.items()),
    ],
    "pbs": [
        (qstat_f(("4711[].pbs01", "B", ""), ("4711[3].pbs01", "R", ""), ("4711[4].pbs01", "X",
            "    Exit_status = 3\n")), {
            "4711": RUNNING, "4711_3": RUNNING, "4711_4": Seen(FAILED, 3)}),
        (qstat_f(("4711.pbs01", "F", "    Exit_status = 0\n")), {"4711": Seen(DONE, 0)}),
        (qstat_f(("4711.pbs01", "F", "    Exit_status = 265\n")), {
            "4711": Seen(FAILED, 137, "killed by a signal")}),
        (qstat_f(("4711.pbs01", "F", "    Exit_status = 143\n")), {"4711": Seen(FAILED, 143)}),
        (qstat_f(("4711.pbs01", "F", "    Exit_status = -29\n    comment = walltime exceeded\n")), {
            "4711": Seen(FAILED, None, "walltime exceeded")}),
        (qstat_f(("4711.pbs01", "F", "")), {
            "4711": Seen(FAILED, None, "ended without having run")}),
        (qstat_f(("4711.torque", "C", "    exit_status = 3\n")), {"4711": Seen(FAILED, 3)}),
        (qstat_f(("1.a", "Y", "")), {"1": Seen(PENDING, None, "in a state unknown here: Y")}),
        ("", {}),
        *((qstat_f(("1.a", letter, "    Exit_status = 0\n")), {"1": state})
          for letter, state in pbs.STATES.items()),
    ],
}  # fmt: skip


def qacct_j(*records):
    return "".join(
        f"{'=' * 62}\nqname        all.q\nowner        me\njobname      prep\njobnumber    {number}\n"
        f"taskid       {task}\nqsub_time    Fri Nov 20 17:18:51 2026\nfailed       {failed}\n"
        f"exit_status  {status}\nru_wallclock 3s\n{more}"
        for number, task, failed, status, more in records
    )


RECORDED_QACCT = """\
==============================================================
qname        all.q               
hostname     n1                  
group        grp                 
owner        me                  
project      NONE                
department   defaultdepartment   
jobname      prep                
jobnumber    4711                
taskid       undefined
account      sge                 
priority     0                   
qsub_time    Fri Nov 20 18:12:58 2026
granted_pe   NONE                
slots        1                   
failed       0    
exit_status  3                   
ru_wallclock 0s
==============================================================
owner        me                  
jobnumber    4712                
taskid       3                   
failed       100 : assumedly after job
exit_status  137                  (Killed)
Total System Usage
    WALLCLOCK         UTIME         STIME           CPU             MEMORY                 IO
======================================================================================================================
            0         0.000         0.000         0.000              0.000              0.000
"""
ENDED = {
    "slurm": [
        ("4711|COMPLETED|0:0", {"4711": Seen(DONE, 0)}),
        ("4711_2|FAILED|3:0", {"4711_2": Seen(FAILED, 3)}),
        ("4711|FAILED|0:9", {"4711": Seen(FAILED, 137)}),
        ("4711|CANCELLED by 1000|0:15", {"4711": Seen(FAILED, 143, "cancelled")}),
        ("4711_[3-4]|CANCELLED|0:0", {f"4711_{i}": Seen(FAILED, None, "cancelled") for i in (3, 4)}),
        ("4711|OUT_OF_MEMORY|0:125", {"4711": Seen(FAILED, 253, "out of memory")}),
        ("4711|NODE_FAIL|0:0", {"4711": Seen(LOST, None, "its host was lost")}),
        ("4711|CANCELLED+|0:0", {"4711": Seen(FAILED, None, "cancelled")}),
        ("", {}),
    ],
    "sge": [
        (qacct_j((4711, "undefined", "0", "0", "")), {"4711": Seen(DONE, 0)}),
        (qacct_j((4711, "2", "0", "3", ""), (4711, "3", "0", "0", "")), {
            "4711_2": Seen(FAILED, 3), "4711_3": Seen(DONE, 0)}),
        (qacct_j((4711, "undefined", "100 : assumedly after job", "137                  (Killed)",
            "")), {"4711": Seen(FAILED, 137, "killed by a signal")}),
        (qacct_j((4711, "undefined", "37  : qmaster enforced h_rt, h_cpu, or h_vmem limit", "137",
            "")), {"4711": Seen(FAILED, 137, "the walltime was over")}),
        (qacct_j((4711, "undefined", "26  : opening input/output file", "0", "")), {
            "4711": Seen(FAILED, None, "opening input/output file")}),
        (qacct_j((4711, "undefined", "0", "0", "pe_taskid    NONE\n"),
                 (4711, "undefined", "0", "1", "pe_taskid    1.n2\n")), {"4711": Seen(DONE, 0)}),
        # as qacct 8.1.9 printed it
        (RECORDED_QACCT, {"4711": Seen(FAILED, 3), "4712_3": Seen(FAILED, 137, "killed by a signal")}),
        ("Total System Usage\n    WALLCLOCK         UTIME\n", {}),
        ("", {}),
    ],
    "pbs": [
        (qstat_f(("4711.pbs01", "F", "    Exit_status = 3\n"), ("12.pbs01", "R", "")), {
            "4711": Seen(FAILED, 3)}),
        ("", {}),
    ],
}  # fmt: skip
UNKNOWN = {
    "slurm": ["slurm_load_jobs error: Invalid job id specified",
              "scancel: error: Kill job error on job id 3: Job/step already completing or completed"],
    "sge": ['denied: job "4711" does not exist', "error: job id 4711 not found",
            "job 4711 is already in deletion"],
    "pbs": ["qstat: Unknown Job Id 4711.pbs01", "qdel: Job has finished 4711.pbs01"],
}  # fmt: skip


@pytest.fixture
def dialect(kind):
    return DIALECTS.load(kind)()


def test_every_dialect_has_a_profile_and_cases():
    assert set(DIALECTS) == set(PROFILE_RECORDS) - {"local"}
    assert set(DIALECTS) == set(REPLIES) == set(SEEN) == set(ENDED) == set(UNKNOWN)


@every_dialect
def test_every_known_reply_holds_an_id(kind, dialect):
    for reply, job_id in REPLIES[kind].items():
        assert dialect.job_id(reply) == job_id, reply
        assert key(job_id) == "4711"


@every_dialect
@pytest.mark.parametrize("reply", NO_REPLIES)
def test_a_reply_without_an_id_is_shown(kind, dialect, reply):
    with pytest.raises(ClusterError, match="no job id in its reply") as caught:
        dialect.job_id(reply)
    assert (reply.strip() or "(nothing)") in str(caught.value)


@every_dialect
def test_every_state_text_is_known(kind, dialect):
    for answer, expected in SEEN[kind]:
        found = dialect.seen(answer)
        shown = {
            name: (seen if isinstance(expected.get(name), Seen) else seen.state)
            for name, seen in found.items()
        }
        assert shown == expected, answer


@every_dialect
def test_the_accounting_is_understood(kind, dialect):
    for answer, expected in ENDED[kind]:
        assert dialect.ended(answer) == expected, answer


@every_dialect
def test_what_failed_never_has_the_exit_code_0(kind, dialect):
    said = [dialect.seen(answer) for answer, _ in SEEN[kind]]
    said += [dialect.ended(answer) for answer, _ in ENDED[kind]]
    for found in said:
        assert all((seen.exit_code == 0) == (seen.state is DONE) for seen in found.values())


@every_dialect
def test_one_query_and_one_cancel_hold_any_number_of_jobs(kind, dialect):
    ids = [f"{number}.pbs01" if kind == "pbs" else str(number) for number in range(4711, 4761)]
    for command in (dialect.query("me", ids), dialect.accounting("me", ids), dialect.cancel(ids)):
        assert all(isinstance(word, str) for word in command)
    assert set(ids) <= set(dialect.cancel(ids))


@every_dialect
def test_that_a_job_is_not_there_is_told_from_trouble(kind, dialect):
    assert all(dialect.is_unknown(words) for words in UNKNOWN[kind])
    for words in (
        "Unable to contact slurm controller",
        "cannot connect to server",
        "timed out",
        "",
    ):
        assert not dialect.is_unknown(words)


@every_dialect
def test_directives_come_first_and_none_is_empty(kind, dialect, make_job):
    lines = script_of(make_job(kind, tasks=3)).splitlines()
    options = list(dialect.options(make_job(kind, tasks=3)))
    assert lines[1 : len(options) + 1] == [f"{dialect.directive} {option}" for option in options]
    assert all(option.strip() == option and option for option in options)


def test_grid_engine_says_when_its_xml_is_none():
    with pytest.raises(ClusterError, match="qstat: what it printed is no XML"):
        sge.Sge().seen("error: commlib error")


def test_a_cached_answer_is_json():
    assert json.loads(json.dumps([DONE.value, 0, ""])) == ["done", 0, ""]


# What is said of a job that is not taken, and the word of the profile that it is about.
REFUSED = {
    "slurm": [
        ("sbatch: error: invalid partition specified: nosuch", "queue"),
        (
            "sbatch: error: Batch job submission failed: Invalid account or account/partition "
            "combination specified",
            "account",
        ),
        ("sbatch: error: Batch job submission failed: Invalid qos specification", "qos"),
        (
            "sbatch: error: Batch job submission failed: Requested time limit is invalid (missing "
            "or exceeds some limit)",
            "walltime",
        ),
        ("sbatch: error: Memory specification can not be satisfied", "memory_gb"),
        ("sbatch: error: Invalid generic resource (gres) specification", "gpus_per_host"),
        ("sbatch: unrecognized option '--nosuch'", "native"),
        ("sbatch: error: Unable to contact slurm controller (connect failure)", None),
        ("sbatch: error: QOSMaxSubmitJobPerUserLimit", None),
    ],
    "sge": [
        (
            'Unable to run job: Job was rejected because job requests unknown queue "nosuch.q".',
            "queue",
        ),
        ('job rejected: the project "nosuch" does not exist', "account"),
        (
            'job rejected: the requested parallel environment "ray" does not exist',
            "parallel_environment",
        ),
        ('Unable to run job: unknown resource "node_x".', "resource_type"),
        ('qsub: Unknown option "-nosuch"', "native"),
        ("error: commlib error: got select error (Connection refused)", None),
    ],
    "pbs": [
        ("qsub: Unknown queue", "queue"),
        ("qsub: Invalid account", "account"),
        ("qsub: Job violates queue and/or server resource limits", "hosts"),
        ("qsub: invalid option -- 'z'", "native"),
        ("qsub: cannot connect to server pbs01 (errno=15010)", None),
    ],
}


@every_dialect
def test_a_refusal_names_the_word_it_is_about(kind):
    dialect = DIALECTS.load(kind)()
    assert [dialect.concerns(words) for words, _ in REFUSED[kind]] == [
        word for _, word in REFUSED[kind]
    ]
    known = PROFILE_RECORDS[kind].model_fields
    assert all(word in known for _, word in REFUSED[kind] if word is not None)


@every_dialect
def test_how_a_job_goes_on_is_shell_and_its_exit_code_says_so(kind, make_job):
    dialect = DIALECTS.load(kind)()

    pe = ["parallel_environment=mpi"] if kind == "sge" else []
    for hosts in (1, 2):
        job = make_job(kind, "mpi", max_requeues=1, words=[f"hosts={hosts}", *pe])
        assert list(dialect.go_on(job))
        assert 0 < dialect.again(job) < 128
