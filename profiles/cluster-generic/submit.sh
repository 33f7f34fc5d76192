#!/bin/sh
# submit.sh THREADS MEMORY_MB MINUTES GPUS JOBSCRIPT: submit one job and print its id.
set -eu
. "$(dirname "$0")/scheduler.sh"
threads=$1 memory=$2 minutes=$3 gpus=$4 script=$5
name=$(basename "$script" .sh) # snakejob.RULE.NUMBER
logs=logs/$SCHEDULER
mkdir -p "$logs"
time=$(printf '%d:%02d:00' $((minutes / 60)) $((minutes % 60)))

# site: queue, project and account go into these lines, for example -q, -P (SGE), -A (PBS), -P (LSF).
case $SCHEDULER in
  sge)
    # site: "smp" is the parallel environment (qconf -spl), "gpu" the complex that counts GPUs (qconf -sc).
    set -- -terse -V -cwd -N "$name" -j y -o "$logs/" -l "h_rt=$time" -l "h_vmem=$(((memory + threads - 1) / threads))M"
    [ "$threads" -le 1 ] || set -- "$@" -pe smp "$threads"
    [ "$gpus" -le 0 ] || set -- "$@" -l "gpu=$gpus"
    ;;
  pbs)
    # OpenPBS and PBS Pro. site: Torque wants -l nodes=1:ppn=$threads,mem=${memory}mb instead of select.
    set -- -V -N "$(printf %.15s "$name")" -j oe -o "$logs/" -l "walltime=$time" \
      -l "select=1:ncpus=$threads:mem=${memory}mb$([ "$gpus" -le 0 ] || echo ":ngpus=$gpus")"
    ;;
  lsf)
    # site: memory in MB; clusters whose LSF_UNIT_FOR_LIMITS is another unit want another number.
    set -- -J "$name" -o "$logs/$name.%J.log" -W "$minutes" -n "$threads" -M "$memory" \
      -R "span[hosts=1] rusage[mem=$memory]"
    [ "$gpus" -le 0 ] || set -- "$@" -gpu "num=$gpus"
    ;;
esac

case $SCHEDULER in
  lsf) job=$(bsub "$@" "$script" | sed -n 's/^Job <\([0-9]*\)>.*/\1/p') ;;
  *) job=$(qsub "$@" "$script") ;;
esac
# Read at the next start: jobs of a run that was killed are cancelled before others write the same files.
[ ! -d .snakemake ] || echo "$job" >> .snakemake/submitted
echo "$job"
