"""The workflow on a real SLURM of two nodes, and what happens when something goes wrong there."""

import os
import shutil
import signal

import yaml
from small_cluster import SCORES, TARGET, alive, wait_for


def two_trainings(study, *targets):
    """Start a run and hold it while both classifiers train."""
    study.hold("train")
    running = study.start(*targets)
    study.wait_for(lambda: len(study.calls("train")) == 2)
    return running


def test_from_nothing_to_the_table_with_the_same_bytes_as_locally(slurm, study, local):
    """Resources of the rules reach the scheduler; jobs with a GPU each get another one; short jobs go as one."""
    limits = {"short": {"max_runtime": 60}, "main": {"max_runtime": 300, "max_gpu": 2}}
    (study.folder / "profiles/slurm/partitions.yaml").write_text(yaml.safe_dump({"partitions": limits}))
    study.profile(
        "slurm",
        {
            "slurm-partition-config": "slurm-partition-config: profiles/slurm/partitions.yaml",
            "set-resources": "set-resources:",
            "fit": "  fit: {gpu: 1}",
        },
    )
    running = two_trainings(study, TARGET)
    layout = "%k|%P|%C|%m|%l"
    training = [job[1:] for job in slurm.jobs(layout)]
    devices = [(call["node"], call["gpu"]) for call in study.calls("train")]
    study.release("train")
    printed = study.finish(running)
    assert study.products() == local.products()
    assert "profiles/slurm and workflow specific profile profiles/default" in printed
    assert "Shell command: labelpolicy train" in printed  # profiles/default counts as well
    assert training == [["main", "1", "1500M", "2:00:00"]] * 2
    assert len(set(devices)) == 2 and all(device in ("gpu=0", "gpu=1") for _, device in devices)
    finished = slurm.jobs(f"%Z|{layout}", "--states=all")
    of_this_run = [job for place, *job in finished if place == str(study.folder)]
    grouped = {comment: rest for comment, *rest in of_this_run if "fit" not in comment}
    # Two files of scores are decided two abreast: CPUs and memory of two, the time of one turn.
    [decisions] = [rest for comment, rest in grouped.items() if comment.startswith("rule_decisions_decide")]
    assert decisions == ["short", "2", "2000M", "15:00"]
    assert {"rule_weights_label_weights", "rule_results_collect_significance_table"} < grouped.keys()
    assert len(of_this_run) == 7  # of 11 rules' jobs
    assert not [*(study.folder / "logs/slurm").rglob("*.log")]  # all succeeded
    assert "Nothing to be done" in study.run(TARGET)


def test_a_job_without_enough_memory_gets_more_and_ends_in_plain_words(slurm, weighed, local):
    weighed.profile("slurm", {"set-resources": "set-resources:", "fit": "  fit: {mem_mb: 40}", "retries": "retries: 1"})
    printed = weighed.run(SCORES[0], fails=True)
    assert printed.count("Trying to restart job") == 1
    [cause] = [line for line in printed.splitlines() if line.startswith("rule fit, job ")]
    assert "it used more memory than it asked for: raise mem_mb (logs/slurm/rule_fit/synthetic_linear_" in cause
    weighed.profile("slurm", {"fit": "  fit: {mem_mb: 40 * attempt ** 5}"})
    printed = weighed.run(SCORES[0])
    assert printed.count("Trying to restart job") == 1
    assert weighed.products().items() <= local.products().items()


def test_a_job_whose_node_goes_down_runs_again_on_another(slurm, weighed, local):
    weighed.hold("train")
    running = weighed.start(SCORES[0])
    [first] = weighed.wait_for(lambda: weighed.calls("train"))
    try:
        slurm.fail(first["node"])
        weighed.wait_for(lambda: len(weighed.calls("train")) == 2)
        weighed.release("train")
        printed = weighed.finish(running)
    finally:
        slurm.up(first["node"])
    second = weighed.calls("train")[1]
    assert second["node"] != first["node"]
    assert "Trying to restart" not in printed  # SLURM did it; no attempt is used up
    assert [call["process"] for call in weighed.calls("train", "end")] == [second["process"]]
    assert weighed.products().items() <= local.products().items()


def test_a_cancelled_job_fails_the_run_and_the_next_run_does_the_rest(slurm, weighed, local):
    weighed.profile("slurm", {"retries": "retries: 0"})
    running = two_trainings(weighed, *SCORES)
    cancelled, other = weighed.calls("train")
    slurm.say("scancel", cancelled["job"])
    wait_for(lambda: not alive(cancelled["process"]))
    weighed.release("train")
    printed = weighed.finish(running, fails=True)
    assert f"rule fit, job {cancelled['job']}: it was cancelled" in printed
    assert [call["process"] for call in weighed.calls("train", "end")] == [other["process"]]  # keep-going
    weighed.run(*SCORES)
    assert [call["arguments"] for call in weighed.calls("train")[2:]] == [cancelled["arguments"]]
    assert not weighed.calls("prepare") and not weighed.calls("label-weights")
    assert weighed.products().items() <= local.products().items()


def test_a_killed_snakemake_leaves_no_second_writer_and_nothing_finished_is_done_again(slurm, weighed, local):
    killed = two_trainings(weighed, *SCORES)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    first = weighed.calls("train")
    assert all(alive(call["process"]) for call in first)  # nobody told SLURM
    weighed.run("--unlock")
    running = weighed.start(*SCORES)
    weighed.wait_for(lambda: len(weighed.calls("train")) == 4)
    assert not any(alive(call["process"]) for call in first)
    assert len(slurm.jobs("%i")) == 2
    weighed.release("train")
    printed = weighed.finish(running)
    names = ", ".join(sorted(call["job"] for call in first))
    assert f"Cancelled jobs that an earlier run left on the cluster: {names}" in printed
    assert len(weighed.calls("train", "end")) == 2
    assert not weighed.calls("prepare") and not weighed.calls("label-weights")
    assert weighed.products().items() <= local.products().items()


def test_what_a_killed_snakemake_left_is_cancelled_by_a_local_run_too(slurm, weighed, local):
    killed = two_trainings(weighed, *SCORES)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    first = weighed.calls("train")
    del weighed.environment["SNAKEMAKE_PROFILE"]
    weighed.run("--unlock", "--cores", "1")
    running = weighed.start("--cores", "1", SCORES[0])
    weighed.wait_for(lambda: len(weighed.calls("train")) == 3)
    assert not any(alive(call["process"]) for call in first)
    weighed.release("train")
    assert "Cancelled jobs that an earlier run left on the cluster" in weighed.finish(running)
    assert weighed.products().items() <= local.products().items()


def test_an_interrupted_snakemake_cancels_its_jobs(slurm, weighed):
    running = two_trainings(weighed, *SCORES)
    running.send_signal(signal.SIGINT)
    weighed.finish(running, fails=True)
    wait_for(lambda: not slurm.jobs("%i"))


def test_a_wrong_partition_is_named_and_nothing_is_submitted(slurm, study):
    study.profile("slurm", {"slurm_partition": "  slurm_partition: nowhere"})
    printed = study.run(TARGET, fails=True)
    assert "slurm_partition: 'nowhere' is none of this cluster's partitions main, short: correct it in" in printed
    assert "Traceback" not in printed and "sbatch" not in printed
    assert not study.calls("synthesise")


def test_a_mistyped_profile_is_named(study):
    study.environment["SNAKEMAKE_PROFILE"] = "profiles/slrum"
    printed = study.run(TARGET, fails=True)
    [line] = [line for line in printed.splitlines() if line.startswith("Error:")]
    assert "profiles/slrum" in line and "no profile.yaml" in line


def test_without_slurm_the_missing_command_is_named(study):
    tools = study.folder / "tools"
    tools.mkdir()
    for name in ("sh", "bash", "env", "uname", "which"):
        (tools / name).symlink_to(shutil.which(name))
    head = study.environment["PATH"].split(os.pathsep)[:2]
    study.environment["PATH"] = os.pathsep.join([*head, str(tools)])
    printed = study.run(TARGET, fails=True)
    assert "sbatch: no such command: start this on a node from which SLURM jobs can be submitted" in printed
    assert "Traceback" not in printed
    assert not study.calls("synthesise")
