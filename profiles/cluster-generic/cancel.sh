#!/bin/sh
# cancel.sh JOB...: cancel jobs.
set -eu
. "$(dirname "$0")/scheduler.sh"
case $SCHEDULER in
  lsf) bkill "$@" ;;
  *) qdel "$@" ;;
esac
