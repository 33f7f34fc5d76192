#!/bin/sh
# status.sh JOB: print running (also: waiting), success or failed. A job that the scheduler no longer knows has failed.
set -u
. "$(dirname "$0")/scheduler.sh"
job=$1
case $SCHEDULER in
  sge)
    if qstat -j "$job" > /dev/null 2>&1; then
      # Eqw: the job could not be started and never will be.
      if qstat -u '*' 2> /dev/null | awk -v job="$job" '$1 == job && $5 ~ /E/ {found = 1} END {exit !found}'; then
        echo failed
      else
        echo running
      fi
      exit
    fi
    # qacct shows a job some seconds after it left the queue.
    for pause in 0 2 5 10; do
      sleep $pause
      found=$(qacct -j "$job" 2> /dev/null) && break
    done
    case $(echo "$found" | awk '$1 == "exit_status" || $1 == "failed" {print $2}' | sort -u) in
      0) echo success ;;
      *) echo failed ;;
    esac
    ;;
  pbs)
    # -x: finished jobs as well (job_history_enable); site: where it is off, ask the administrators to set it.
    found=$(qstat -x -f "$job" 2> /dev/null) || found=
    case $(echo "$found" | awk -F ' = ' '/job_state/ {print $2}') in
      F | C)
        case $(echo "$found" | awk -F ' = ' 'tolower($1) ~ /exit_status/ {print $2}') in
          0) echo success ;;
          *) echo failed ;;
        esac
        ;;
      '') echo failed ;;
      *) echo running ;;
    esac
    ;;
  lsf)
    # bjobs forgets jobs CLEAN_PERIOD after their end (an hour unless the site says otherwise).
    case $(bjobs -noheader -o stat "$job" 2> /dev/null) in
      DONE) echo success ;;
      EXIT | ZOMBI | '') echo failed ;;
      *) echo running ;;
    esac
    ;;
esac
