#!/bin/bash
#$ -S /bin/bash
#$ -N tiny-clap
#$ -j y
#$ -o '/work/my project/runs/tiny-clap-1/job'
#$ -l h_rt=1:00:00
#$ -l node_f=2
#$ -g tga-mine
#$ -r y

# shellcheck disable=SC2317  # what traps call is reached
log='/work/my project/runs/tiny-clap-1/job.log'
marker='/work/my project/runs/tiny-clap-1/job/exit'
alive='/work/my project/runs/tiny-clap-1/job/alive'
starts='/work/my project/runs/tiny-clap-1/job/starts'

go_on() {
  id=$(qsub -terse '/work/my project/runs/tiny-clap-1/job/script.sh' |
    grep -E '^[0-9]+(\.[[:alnum:]_.-]+)?$' | tail -n 1)
  [ -n "$id" ] || return
  printf '{"id": "%s", "kind": "sge", "chunks": []}\n' "$id" >'/work/my project/runs/tiny-clap-1/job/submitted.json'.new
  mv -f '/work/my project/runs/tiny-clap-1/job/submitted.json'.new '/work/my project/runs/tiny-clap-1/job/submitted.json'
}
finish() {
  code=$?
  # A child that is ended between fork and exec would still run this (bash 5.2).
  if [ "$BASHPID" != "$$" ]; then trap - EXIT; exit "$code"; fi
  trap - EXIT
  trap '' HUP INT TERM USR1
  if [ -n "$beat" ]; then kill "$beat" 2>/dev/null; fi
  echo "# $(date "+%F %T") ended with exit code $code"
  if [ "$code" -eq 75 ] && [ ! -e '/work/my project/runs/tiny-clap-1/job/stop' ] &&
    [ "$(wc -l <"$starts")" -le 10 ] && go_on; then
    echo "# $(date "+%F %T") goes on in a new allocation"
    exit 75
  fi
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
echo "# $(date "+%F %T") $(hostname) job ${JOB_ID:-$$}"
JOB_BEGAN=$(date +%s)
export JOB_BEGAN
echo "$(date "+%F %T") $(hostname) ${JOB_ID:-$$}" >>"$starts"
if [ "$(wc -l <"$starts")" -gt 11 ]; then exit 75; fi

# Written to while the job lives, so that a host that falls silent is noticed.
watch_over() {
  trap 'kill "$nap" 2>/dev/null; exit' TERM
  trap '' USR1
  warn_at=3420
  while kill -0 "$$" 2>/dev/null; do
    echo "$SECONDS" >"$alive"
    rest=15
    if [ -n "$warn_at" ]; then
      left=$((warn_at - SECONDS))
      if [ "$left" -le 0 ]; then kill -s USR1 "$$"; warn_at=""
      elif [ "$left" -lt "$rest" ]; then rest=$left; fi
    fi
    sleep "$rest" &
    nap=$!
    wait "$nap"
  done
}
watch_over </dev/null >/dev/null 2>&1 &
beat=$!

set -e
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
