"""learn: Algorithm 1 -> meta_learner.safetensors and trace.parquet."""

from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import typer
from safetensors.torch import save_file

from labelpolicy import options
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import whole_file, write_parquet
from labelpolicy.learner import meta_learner
from labelpolicy.learner.algorithm import learn_while_training
from labelpolicy.learner.environment import TrainingEnvironment
from labelpolicy.learner.on_scores import ScoresEnvironment, learn_on_scores
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.progress import Progress, say
from labelpolicy.training import prepare_torch

LearnedName = Annotated[str, typer.Option(help="Name of the learned policy in the parameters.")]
ScoresFile = Annotated[
    Path | None,
    typer.Option(help="scores.parquet or out_of_fold.parquet: thresholds alone, on a classifier that is done."),
]
AtLeastOne = Annotated[bool, typer.Option("--at-least-one", help="With --scores: every document gets a label.")]
LearnedParameters = Annotated[
    LearnerParameters, options.FromStudy(lambda study, arguments: study.policy(arguments["learned"]))
]


def learn(
    dataset: options.PreparedFolder,
    classifier: options.ClassifierName,
    output: Annotated[Path, options.Output("meta_learner.safetensors to write.")],
    trace: Annotated[Path, options.Output("trace.parquet to write.")],
    *,
    learned: LearnedName = "meta",
    scores: ScoresFile = None,
    at_least_one: AtLeastOne = False,
    features: options.FeaturesFolder = None,
    seed: options.Seed = 0,
    parameters: LearnedParameters,
    classifier_parameters: options.ClassifierParameters,
    device: options.Device,
    threads: options.Threads,
) -> None:
    """Algorithm 1: learn a meta-learner while the classifier trains, or on its scores (parameters: policies).

    It is rewarded on validation documents or in-sample; the test split is not read. With ``scores`` it is rewarded on
    these, and ``at_least_one`` makes the rule that every document gets a label part of the reward.

    Raises LabelPolicyError for a classifier that is not trained by gradient, and for what does not apply.
    """
    with Progress(f"learn {classifier}", parameters.episodes) as progress:
        if scores is None:
            refuse(at_least_one, "--at-least-one", "goes with --scores")
            environment = TrainingEnvironment.of(
                dataset, classifier, classifier_parameters, seed=seed, device=device, threads=threads, features=features
            )
            meta = meta_learner.build(environment.labels, parameters, seed)
            rows = learn_while_training(meta, environment, parameters, seed, progress)
        else:
            on_scores = scores_environment(dataset, classifier, scores, parameters, at_least_one, seed, threads)
            meta = meta_learner.build(on_scores.labels, parameters, seed)
            rows = learn_on_scores(meta, on_scores, parameters, seed, progress)
    write_parquet(trace, pa.Table.from_pylist(rows))
    with whole_file(output) as temporary:
        save_file(meta.state_dict(), temporary, metadata={"learner": parameters.learner})
    last = [row["reward"] for row in rows if row["episode"] == rows[-1]["episode"]]
    say(f"learn: {learned} by {classifier}: mean reward of the last episode {np.mean(last):.4g}")


def scores_environment(
    dataset: Path,
    classifier: str,
    scores: Path,
    parameters: LearnerParameters,
    at_least_one: bool,
    seed: int,
    threads: int,
) -> ScoresEnvironment:
    """The documents of a score file, which has to be the classifier's."""
    prepare_torch("cpu", threads)  # a meta-learner is far too small for a GPU
    read = Scores(scores, Prepared(dataset))
    if read.trained.classifier != classifier:
        raise LabelPolicyError(f"{scores}: scores of {read.trained.classifier!r}, expected those of {classifier!r}")
    return ScoresEnvironment.of(read, parameters, at_least_one=at_least_one, seed=seed)


def refuse(given: bool, option: str, why: str) -> None:
    """Stop at an option that would change nothing."""
    if given:
        raise LabelPolicyError(f"{option}: {why}: leave it out")
