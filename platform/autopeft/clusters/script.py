"""A job as a script: pure text, the same for every scheduler but for its directives.

The command runs in the background and the script waits for it, so that a signal is handled at once
and passed on. The exit trap writes the exit code into a marker file; a job that was told to
terminate never reports success.
"""

from collections.abc import Iterator
from shlex import join, quote

from autopeft.clusters.base import BEGAN, CONTINUE, Job, ScriptWords

HEARTBEAT_EVERY_S = 15

# What every script shares. `wait` returns early when a trapped signal comes, and the command lives
# on: it is waited for again, and its own exit code counts (127: it was waited for before).
TRAPS = """\
child='' beat='' stopped='' again=''
pass_on() { # NAME NUMBER
  again=yes
  if [ "$1" != USR1 ]; then stopped=$((128 + $2)); fi
  if [ -n "$child" ]; then kill -s "$1" "$child" 2>/dev/null
  elif [ -n "$stopped" ]; then exit "$stopped"; fi
}
trap finish EXIT
trap 'pass_on TERM 15' TERM
trap 'pass_on TERM 2' INT
trap 'pass_on TERM 1' HUP
trap 'pass_on USR1 10' USR1
"""

WAIT = """\
child=$!
wait "$child"
code=$?
while [ -n "$again" ]; do
  again=''
  wait "$child" 2>/dev/null
  late=$?
  if [ "$late" -ne 127 ]; then code=$late; fi
done
# A job that was told to terminate has not succeeded, whatever its command says.
if [ "$code" -eq 0 ] && [ -n "$stopped" ]; then code=$stopped; fi
exit "$code"
"""


def render(job: Job, dialect: ScriptWords) -> str:
    """Return the script of ``job``; the same job gives the same text."""
    return "\n".join(_lines(job, dialect)) + "\n"


def _lines(job: Job, dialect: ScriptWords) -> Iterator[str]:
    yield "#!/bin/bash"
    yield from (f"{dialect.directive} {option}" for option in dialect.options(job))
    yield ""
    yield "# shellcheck disable=SC2317  # what traps call is reached"
    yield from _names(job, dialect)
    yield ""
    yield from _finish(job, dialect)
    yield TRAPS
    yield 'rm -f "$marker"'
    yield 'exec >>"$log" 2>&1'
    yield f'echo "# $(date "+%F %T") $(hostname) job ${{{dialect.job_variable}:-$$}}"'
    if job.warning_s:
        yield f"{BEGAN}=$(date +%s)"
        yield f"export {BEGAN}"
    if job.max_requeues:
        yield from _count(job, dialect)
    if dialect.directive:
        yield ""
        yield from _heartbeat(job, dialect)
    yield ""
    yield from _shell(job)
    yield ""
    words = [*(dialect.launch(job) if job.processes else ()), *job.command]
    yield f"{join(words)} </dev/null &"
    yield WAIT.rstrip()


def _names(job: Job, dialect: ScriptWords) -> Iterator[str]:
    """Yield where this job, or this element, writes; and which tasks are its own."""
    if not job.chunks:
        yield f"log={quote(str(job.log))}"
        yield f"marker={quote(str(job.marker(None)))}"
        if dialect.directive:
            yield f"alive={quote(str(job.heartbeat(None)))}"
        if job.max_requeues:
            yield f"starts={quote(str(job.starts))}"
        return
    yield f"starts=({' '.join(str(chunk.start) for chunk in job.chunks)})"
    yield f"sizes=({' '.join(str(chunk.size) for chunk in job.chunks)})"
    yield f"element=$((${{{dialect.task_variable}:-1}} - 1))"
    yield 'export TASK_INDEX="${starts[element]}" TASK_STEPSIZE="${sizes[element]}"'
    yield f"export TASK_COUNT={job.task_count}"
    stem, suffix = str(job.log.with_suffix("")), job.log.suffix
    yield f'log={quote(stem)}."$TASK_INDEX"{quote(suffix) if suffix else ""}'
    yield f'marker={quote(str(job.records))}/exit."$TASK_INDEX"'
    if dialect.directive:
        yield f'alive={quote(str(job.records))}/alive."$TASK_INDEX"'
    if job.task_list:
        yield f'export TASK_LIST={quote(str(job.records))}/tasks."$TASK_INDEX"'


def _count(job: Job, dialect: ScriptWords) -> Iterator[str]:
    """Yield how starts are counted, those after a lost host too; the limit holds for all."""
    yield f'echo "$(date "+%F %T") $(hostname) ${{{dialect.job_variable}:-$$}}" >>"$starts"'
    yield f'if [ "$(wc -l <"$starts")" -gt {job.max_requeues + 1} ]; then exit {CONTINUE}; fi'


def _go_on(job: Job, dialect: ScriptWords) -> Iterator[str]:
    """Yield how a job that wants to is run once more, unless somebody has stopped it.

    PBS says that the walltime is over by the same TERM as a cancellation: the command knows which,
    by its clock (clusters.in_job).
    """
    yield f'  if [ "$code" -eq {CONTINUE} ] && [ ! -e {quote(str(job.stop))} ] &&'
    yield f'    [ "$(wc -l <"$starts")" -le {job.max_requeues} ] && go_on; then'
    yield '    echo "# $(date "+%F %T") goes on in a new allocation"'
    yield f"    exit {dialect.again(job)}"
    yield "  fi"


def _finish(job: Job, dialect: ScriptWords) -> Iterator[str]:
    """Yield the exit trap: what must happen however the script ends."""
    if job.max_requeues:
        yield "go_on() {"
        yield from (f"  {line}" for line in dialect.go_on(job))
        yield "}"
    if job.profile.scratch:
        yield "scratch=''"
    yield "finish() {"
    yield "  code=$?"
    yield "  # A child that is ended between fork and exec would still run this (bash 5.2)."
    yield '  if [ "$BASHPID" != "$$" ]; then trap - EXIT; exit "$code"; fi'
    yield "  trap - EXIT"
    yield "  trap '' HUP INT TERM USR1"
    yield '  if [ -n "$beat" ]; then kill "$beat" 2>/dev/null; fi'
    if job.profile.epilogue:
        yield "  export JOB_EXIT_CODE=$code"
        yield "  ("
        yield from job.profile.epilogue.rstrip("\n").splitlines()
        yield "  ) || echo '# the epilogue failed'"
    if job.profile.scratch:
        yield '  if [ -n "$scratch" ]; then rm -rf -- "$scratch"; fi'
    yield '  echo "# $(date "+%F %T") ended with exit code $code"'
    if job.max_requeues:
        yield from _go_on(job, dialect)
    yield '  printf "%s\\n" "$code" >"$marker.$$" && mv -f "$marker.$$" "$marker"'
    yield '  exit "$code"'
    yield "}"


def _heartbeat(job: Job, dialect: ScriptWords) -> Iterator[str]:
    """Yield the loop by which a silent host is noticed; it also warns before the walltime."""
    warns = bool(job.warning_s) and not dialect.warns_itself
    yield "# Written to while the job lives, so that a host that falls silent is noticed."
    yield "watch_over() {"
    yield "  trap 'kill \"$nap\" 2>/dev/null; exit' TERM"
    yield "  trap '' USR1"
    if warns:
        yield f"  warn_at={job.profile.walltime - job.warning_s}"  # type: ignore[union-attr]
    yield '  while kill -0 "$$" 2>/dev/null; do'
    yield '    echo "$SECONDS" >"$alive"'
    yield f"    rest={HEARTBEAT_EVERY_S}"
    if warns:
        yield '    if [ -n "$warn_at" ]; then'
        yield "      left=$((warn_at - SECONDS))"
        yield '      if [ "$left" -le 0 ]; then kill -s USR1 "$$"; warn_at=""'
        yield '      elif [ "$left" -lt "$rest" ]; then rest=$left; fi'
        yield "    fi"
    yield '    sleep "$rest" &'
    yield "    nap=$!"
    yield '    wait "$nap"'
    yield "  done"
    yield "}"
    yield "watch_over </dev/null >/dev/null 2>&1 &"
    yield "beat=$!"


def _shell(job: Job) -> Iterator[str]:
    """Yield how the shell is prepared; the first step that fails ends the job."""
    profile = job.profile
    yield "set -e"
    for name, value in job.environment.items():
        yield f"export {name}={quote(value)}"
    if profile.modules:
        yield "# shellcheck disable=SC1091"
        yield "command -v module >/dev/null || . /etc/profile.d/modules.sh"
        yield from (f"module load {quote(module)}" for module in profile.modules)
    for name, value in profile.environment.items():
        yield f"export {name}={quote(value)}"
    if profile.scratch:
        yield f'scratch=$(mktemp -d "{profile.scratch}/autopeft.XXXXXX")'
        yield 'export TMPDIR="$scratch"'
    if profile.prologue:
        yield from profile.prologue.rstrip("\n").splitlines()
    yield f"cd {quote(str(job.workdir))}"
    yield "set +e"
