#!/bin/bash
#SBATCH --job-name=tiny-clap
#SBATCH --output='/work/my project/runs/tiny-clap-1/job/scheduler.%j.log'
#SBATCH --open-mode=append
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --time=1:00:00
#SBATCH --no-kill
#SBATCH --signal=B:USR1@120
#SBATCH --no-requeue

# shellcheck disable=SC2317  # what traps call is reached
log='/work/my project/runs/tiny-clap-1/job.log'
marker='/work/my project/runs/tiny-clap-1/job/exit'
alive='/work/my project/runs/tiny-clap-1/job/alive'

finish() {
  code=$?
  # A child that is ended between fork and exec would still run this (bash 5.2).
  if [ "$BASHPID" != "$$" ]; then trap - EXIT; exit "$code"; fi
  trap - EXIT
  trap '' HUP INT TERM USR1
  if [ -n "$beat" ]; then kill "$beat" 2>/dev/null; fi
  export JOB_EXIT_CODE=$code
  (
rsync -a out/ keep/
  ) || echo '# the epilogue failed'
  echo "# $(date "+%F %T") ended with exit code $code"
  printf "%s\n" "$code" >"$marker.$$" && mv -f "$marker.$$" "$marker"
  exit "$code"
}
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

rm -f "$marker"
exec >>"$log" 2>&1
echo "# $(date "+%F %T") $(hostname) job ${SLURM_JOB_ID:-$$}"
JOB_BEGAN=$(date +%s)
export JOB_BEGAN

# Written to while the job lives, so that a host that falls silent is noticed.
watch_over() {
  trap 'kill "$nap" 2>/dev/null; exit' TERM
  trap '' USR1
  while kill -0 "$$" 2>/dev/null; do
    echo "$SECONDS" >"$alive"
    rest=15
    sleep "$rest" &
    nap=$!
    wait "$nap"
  done
}
watch_over </dev/null >/dev/null 2>&1 &
beat=$!

set -e
ulimit -n 65536
cd '/work/my project/runs/tiny-clap-1'
set +e

autopeft drive '/work/my project/runs/tiny-clap-1' </dev/null &
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
