# Which scheduler the scripts of this folder speak to: sge, pbs or lsf. site: set it here if the guess is wrong.
SCHEDULER=${LABELPOLICY_SCHEDULER:-}
if [ -z "$SCHEDULER" ]; then
  if command -v bsub > /dev/null; then SCHEDULER=lsf
  elif [ -n "${SGE_ROOT:-}" ]; then SCHEDULER=sge
  elif command -v qsub > /dev/null; then SCHEDULER=pbs
  else
    echo "error: neither bsub nor qsub found: start this on a node from which jobs can be submitted" >&2
    exit 1
  fi
fi
case $SCHEDULER in
  sge | pbs | lsf) ;;
  *) echo "error: LABELPOLICY_SCHEDULER is '$SCHEDULER', expected sge, pbs or lsf" >&2; exit 1 ;;
esac
