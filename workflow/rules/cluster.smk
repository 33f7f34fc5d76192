# What a cluster needs besides rules: checks before the first job, and plain words after a failed one.
import shlex
import time

import cluster
from labelpolicy.errors import LabelPolicyError
from snakemake.logging import logger

STARTED = time.time()
ALIVE = Path(".snakemake/cluster.lock")  # there, once a run of this folder used a cluster
SUBMITTED = Path(".snakemake/submitted")  # ids, as profiles/cluster-generic/submit.sh notes them


# With files in an object store Snakemake does not apply the constraints that all rules share, and finds both fit.
ruleorder: label_weights > rollout


def cluster_ready(jobs):
    """Check the scheduler, and cancel what an earlier, killed run left on it.

    Without this the plugins would submit a second job for the same outputs while the first still runs. While another
    run of this folder is alive the jobs are its own, and Snakemake's lock keeps the two from the same outputs.
    """
    executor, settings = workflow.executor_plugin.name, workflow.executor_settings
    if executor == "slurm":
        samples = {job.rule.name: job for job in jobs}.values()
        asked = {job.resources.get("slurm_partition") for job in samples} - {None, ""}
        if settings.partition_config:
            asked |= cluster.partitions_in(settings.partition_config)
        cluster.check_slurm(map(str, asked))
    if workflow.local_exec and not ALIVE.exists() or not cluster.alone(ALIVE):
        return
    stopped = []
    if executor == "cluster-generic" and settings.status_cmd and settings.cancel_cmd:
        stopped += cluster.stop(
            lambda: cluster.jobs_by(settings.status_cmd, SUBMITTED),
            lambda jobs: cluster.ask(*shlex.split(settings.cancel_cmd), *sorted(jobs)),
        )
        SUBMITTED.unlink(missing_ok=True)
    elif SUBMITTED.exists():
        raise LabelPolicyError(
            f"{SUBMITTED}: jobs of an earlier run may still be on a cluster: start once with its profile, or, if they are"
            " gone, delete this file"
        )
    elif executor == "slurm" or workflow.local_exec:
        stopped += cluster.stop(lambda: cluster.jobs_on_slurm(Path.cwd()), cluster.cancel_on_slurm)
    if stopped:
        logger.warning(f"Cancelled jobs that an earlier run left on the cluster: {', '.join(stopped)}")


onstart:
    with checks.in_one_line():
        cluster_ready([*workflow.dag.needrun_jobs()])
    # Because of its limit of jobs a second Snakemake looks for ready jobs once a second more for every job that has ended:
    # after some hundred jobs this takes a core. Schedulers of clusters want the limit; this machine does not.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


onerror:
    if workflow.executor_plugin.name == "slurm":
        for cause in cluster.causes(workflow.executor_settings.logdir or ".snakemake/slurm_logs", STARTED):
            logger.error(cause)
