"""rollout: a learned meta-learner -> policy.json, by the test-time episode."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import torch
import typer

from labelpolicy import options
from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_tensors, write_parquet
from labelpolicy.learner import meta_learner
from labelpolicy.learner.algorithm import random_policies, rollout_while_training
from labelpolicy.learner.environment import TrainingEnvironment
from labelpolicy.learner.meta_learner import MetaLearner
from labelpolicy.learner.on_scores import rollout_on_scores
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.policy_file import Policy
from labelpolicy.progress import Progress, say
from labelpolicy.steps import learn


def rollout(
    dataset: options.PreparedFolder,
    classifier: options.ClassifierName,
    meta: Annotated[Path, typer.Option(help="meta_learner.safetensors of `labelpolicy learn`.")],
    output: Annotated[Path, options.Output("policy.json to write: w_T and p_T by label name.")],
    trace: Annotated[Path, options.Output("rollout.parquet to write.")],
    *,
    learned: learn.LearnedName = "meta",
    init: Annotated[int, typer.Option(min=0, help="0: Algorithm 1's w_0 and p_0; k > 0: the k-th random ones.")] = 0,
    scores: learn.ScoresFile = None,
    at_least_one: learn.AtLeastOne = False,
    features: options.FeaturesFolder = None,
    seed: options.Seed = 0,
    parameters: learn.LearnedParameters,
    classifier_parameters: options.ClassifierParameters,
    device: options.Device,
    threads: options.Threads,
) -> None:
    """The test-time episode: a fresh classifier, the whole training set at each step, w_T and p_T at the end.

    On ``scores`` the weights are uniform, and ``about`` says how much of the learned distance from two shared numbers
    is kept, its shrinkage, and on what evidence (learner/on_scores.py).

    Raises LabelPolicyError as ``labelpolicy learn``, and for a meta-learner of other labels or parameters.
    """
    data = Prepared(dataset)
    about: dict[str, Any] = {"weights": learned, "dataset": data.name, "classifier": classifier}
    about |= {"seed": seed, "init": init}
    if scores is None:
        learn.refuse(at_least_one, "--at-least-one", "goes with --scores")
        environment = TrainingEnvironment.of(
            dataset, classifier, classifier_parameters, seed=seed, device=device, threads=threads, features=features
        )
        model = load(meta, environment.labels, parameters, seed)
        start = random_policies(environment.labels, seed, init) if init else None
        with Progress(f"rollout {classifier}", parameters.steps) as progress:
            w, p, rows = rollout_while_training(model, environment, parameters, progress, start)
    else:
        learn.refuse(init > 0, "--init", "thresholds learned on scores start from two fitted numbers")
        on_scores = learn.scores_environment(dataset, classifier, scores, parameters, at_least_one, seed, threads)
        model = load(meta, on_scores.labels, parameters, seed)
        with Progress(f"rollout {classifier}", 2 * parameters.steps) as progress:
            found = rollout_on_scores(model, on_scores, parameters, seed, progress)
        w, p, rows = np.full(on_scores.labels, 1 / on_scores.labels), found.p, found.trace
        about |= {"scores": Path(scores).name, "at_least_one": at_least_one, "shrinkage": found.shrinkage}
        about["trials"] = [trial._asdict() for trial in found.trials]
    write_parquet(trace, pa.Table.from_pylist(rows))
    Policy(data.labels, w, p, about).write(output)
    ranges = ", ".join(f"{name} from {each.min():.3g} to {each.max():.3g}" for name, each in (("w", w), ("p", p)))
    say(f"rollout: {learned} by {classifier} on {data.name}, {len(data.labels)} labels: {ranges}")


def load(path: Path, labels: int, parameters: LearnerParameters, seed: int) -> MetaLearner:
    """The meta-learner of a file. Raises LabelPolicyError where it is for other labels or parameters."""
    meta, tensors = meta_learner.build(labels, parameters, seed), read_tensors(path)
    try:
        meta.load_state_dict({name: torch.from_numpy(values) for name, values in tensors.items()})
    except (RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise LabelPolicyError(f"{path}: not a meta-learner for these labels and parameters: {reason}") from None
    return meta
