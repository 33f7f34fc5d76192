"""label-weights, learn, rollout and train on files."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelpolicy.classifiers.base import TorchClassifier
from labelpolicy.classifiers.chains.classifier_chains import ClassifierChains
from labelpolicy.classifiers.chains.predictions_as_features import PredictionsAsFeatures
from labelpolicy.classifiers.chains.subset_maximization import SubsetMaximization
from labelpolicy.classifiers.kim_cnn import KimCNN
from labelpolicy.classifiers.linear import Linear
from labelpolicy.classifiers.linear_svc import LinearSVC
from labelpolicy.classifiers.registry import Chained
from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_parquet
from labelpolicy.learner.algorithm import random_policies
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.policy_file import Policy
from labelpolicy.steps import train
from labelpolicy.steps.label_weights import label_weights
from labelpolicy.steps.learn import learn
from labelpolicy.steps.rollout import rollout

CLASSIFIERS = {
    "kim_cnn": KimCNN(epochs=2, filters=4),
    "linear": Linear(epochs=2),
    "linear_svc": LinearSVC(),
    "kim_cnn+predictions_as_features": Chained(KimCNN(epochs=2, filters=4), PredictionsAsFeatures()),
    "linear+predictions_as_features": Chained(Linear(epochs=2), PredictionsAsFeatures()),
    "kim_cnn+subset_maximization": Chained(KimCNN(epochs=2, filters=4), SubsetMaximization(hidden=8)),
    "linear+subset_maximization": Chained(Linear(epochs=2), SubsetMaximization(hidden=8)),
    "kim_cnn+classifier_chain": Chained(KimCNN(epochs=2, filters=4), ClassifierChains()),
    "linear+classifier_chain": Chained(Linear(), ClassifierChains()),
    "linear+ensemble_of_chains": Chained(Linear(), ClassifierChains(chains=2)),
}
#: Fitted by scikit-learn: no history of epochs, or no label weights, or no randomness.
WITHOUT_EPOCHS = ("linear_svc", "linear+classifier_chain", "linear+ensemble_of_chains")
WITHOUT_WEIGHTS = ("kim_cnn+classifier_chain", "linear+classifier_chain", "linear+ensemble_of_chains")
WITHOUT_SEED = ("linear_svc", "linear+classifier_chain")
SMALL = LearnerParameters(episodes=2, steps=2)


def do_weights(dataset, folder, rule="uniform"):
    label_weights(dataset=dataset, rule=rule, output=folder / "policy.json")
    return folder / "policy.json"


def do_train(dataset, folder, classifier, policy=None, seed=0):
    train.train(
        dataset=dataset,
        classifier=classifier,
        parameters=CLASSIFIERS[classifier],
        policy=policy or do_weights(dataset, folder),
        seed=seed,
        device="cpu",
        threads=1,
        scores=folder / "scores.parquet",
        history=folder / "history.parquet",
    )
    return pq.read_table(folder / "scores.parquet")


def do_learn(dataset, folder, classifier="linear", parameters=SMALL, seed=0, init=0):
    common = {
        "dataset": dataset,
        "classifier": classifier,
        "classifier_parameters": CLASSIFIERS[classifier],
        "parameters": parameters,
        "seed": seed,
        "device": "cpu",
        "threads": 1,
    }
    meta = folder / "meta_learner.safetensors"
    learn(**common, output=meta, trace=folder / "trace.parquet")
    rollout(**common, meta=meta, init=init, output=folder / "policy.json", trace=folder / "rollout.parquet")
    return folder / "policy.json"


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_scores_of_every_validation_and_test_document(synthetic, tmp_path, classifier):
    data = Prepared(synthetic)
    table = do_train(synthetic, tmp_path, classifier)
    expected = [(name, i) for name in ("valid", "test") for i in data.truth(name)[0]]
    assert list(zip(table["split"].to_pylist(), table["id"].to_pylist(), strict=True)) == expected
    scores = np.stack(table["scores"].to_numpy())
    assert scores.shape == (len(expected), len(data.labels)) and scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    history = pq.read_table(tmp_path / "history.parquet")
    assert len(history) == (0 if classifier in WITHOUT_EPOCHS else 2)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_the_same_seed_gives_the_same_bytes(synthetic, tmp_path, classifier):
    read = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        do_train(synthetic, tmp_path / name, classifier, seed=seed)
        read.append((tmp_path / name / "scores.parquet").read_bytes())
    assert read[0] == read[1]
    assert classifier in WITHOUT_SEED or read[0] != read[2]  # an SVM's optimum knows no seed


@pytest.mark.parametrize("classifier", [name for name in CLASSIFIERS if name not in WITHOUT_WEIGHTS])
def test_label_weights_change_the_scores(synthetic, tmp_path, classifier):
    uniform = do_train(synthetic, tmp_path, classifier)
    skewed = do_train(synthetic, tmp_path, classifier, policy=do_weights(synthetic, tmp_path, "inverse_frequency"))
    assert uniform["scores"] != skewed["scores"]


@pytest.mark.parametrize("classifier", WITHOUT_WEIGHTS)
def test_chains_of_scikit_learn_refuse_label_weights_before_anything_is_trained(
    synthetic, tmp_path, classifier, monkeypatch
):
    policy = do_weights(synthetic, tmp_path, "inverse_frequency")
    monkeypatch.setattr(TorchClassifier, "fit", None)
    with pytest.raises(LabelPolicyError, match="knows no label weights"):
        do_train(synthetic, tmp_path, classifier, policy=policy)
    assert not (tmp_path / "scores.parquet").exists()


@pytest.mark.parametrize("classifier", ["linear+predictions_as_features", "linear+subset_maximization"])
def test_a_policy_is_learned_with_a_chain(synthetic, tmp_path, classifier):
    data = Prepared(synthetic)
    policy = Policy.read(do_learn(synthetic, tmp_path, classifier), data.labels)
    assert policy.thresholds is not None and policy.about["classifier"] == classifier


@pytest.mark.parametrize("classifier", ["linear+classifier_chain", "kim_cnn+classifier_chain"])
def test_no_policy_is_learned_with_a_chain_of_scikit_learn(synthetic, tmp_path, classifier):
    with pytest.raises(LabelPolicyError, match="is not trained by gradient"):
        do_learn(synthetic, tmp_path, classifier)


def relabelled(synthetic, folder):
    """The same data set with every test document's labels turned around."""
    shutil.copytree(synthetic, folder)
    table = pq.read_table(folder / "test.parquet")
    turned = table["labels"].to_pylist()[::-1]
    column = table.column_names.index("labels")
    write_parquet(folder / "test.parquet", table.set_column(column, "labels", [turned]).cast(table.schema))
    return folder


def test_test_labels_move_neither_policies_nor_scores(synthetic, tmp_path):
    other = relabelled(synthetic, tmp_path / "other")
    assert Prepared(other).truth("test")[1].tolist() != Prepared(synthetic).truth("test")[1].tolist()
    files = []
    for name, dataset in (("a", synthetic), ("b", other)):
        folder = tmp_path / name
        folder.mkdir()
        do_train(dataset, folder, "linear", policy=do_learn(dataset, folder))
        files.append({path.name: path.read_bytes() for path in folder.iterdir()})
    policies = [json.loads(found.pop("policy.json"))["labels"] for found in files]
    assert policies[0] == policies[1]
    assert files[0] == files[1] and len(files[0]) == 5


def test_learning_reads_no_file_of_the_test_split(synthetic, tmp_path):
    without = tmp_path / "without"
    shutil.copytree(synthetic, without)
    (without / "test.parquet").unlink()
    assert do_learn(without, tmp_path).is_file()


@pytest.mark.parametrize("classifier", ["kim_cnn", "linear"])
@pytest.mark.parametrize("learner", ["shared", "paper"])
def test_a_learned_policy_by_label_name(synthetic, tmp_path, classifier, learner):
    parameters = LearnerParameters(episodes=2, steps=2, learner=learner, training={"rollout": "batch"})
    data = Prepared(synthetic)
    policy = Policy.read(do_learn(synthetic, tmp_path, classifier, parameters), data.labels)
    assert policy.thresholds is not None and policy.about["classifier"] == classifier
    trace = pq.read_table(tmp_path / "trace.parquet").to_pandas()
    assert len(trace) == 4 and (trace["p_q00"] <= trace["p_q100"]).all() and trace["reward"].notna().all()
    assert len(pq.read_table(tmp_path / "rollout.parquet")) == 2


def test_initial_policies_are_numbered(synthetic, tmp_path):
    """0 is Algorithm 1's start; others are drawn, each its own, and the same every time."""
    policies = [
        json.loads(
            do_learn(synthetic, tmp_path, parameters=LearnerParameters(episodes=1, steps=1), init=init).read_text()
        )
        for init in (0, 1, 1, 2)
    ]
    starts = [random_policies(5, 0, k) for k in (1, 1, 2)]
    assert all((w > 0).all() and abs(w.sum() - 1) < 1e-6 for w, _ in starts)
    np.testing.assert_array_equal(starts[0][1], starts[1][1])
    assert not np.array_equal(starts[0][1], starts[2][1])
    labels = [policy["labels"] for policy in policies]
    assert labels[1] == labels[2]
    assert labels[0] != labels[1]


def test_a_classifier_that_knows_no_gradient_learns_no_policy(synthetic, tmp_path):
    with pytest.raises(LabelPolicyError, match="'linear_svc' is not trained by gradient"):
        do_learn(synthetic, tmp_path, "linear_svc")


def test_a_meta_learner_for_other_parameters(synthetic, tmp_path):
    do_learn(synthetic, tmp_path)
    with pytest.raises(LabelPolicyError, match="not a meta-learner for these labels and parameters") as caught:
        rollout(
            dataset=synthetic,
            classifier="linear",
            classifier_parameters=Linear(epochs=1),
            parameters=LearnerParameters(hidden=7),
            meta=tmp_path / "meta_learner.safetensors",
            seed=0,
            init=0,
            device="cpu",
            threads=1,
            output=tmp_path / "new.json",
            trace=tmp_path / "new.parquet",
        )
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new.json").exists()


def test_an_empty_validation_set(synthetic, tmp_path):
    empty = tmp_path / "empty"
    shutil.copytree(synthetic, empty)
    write_parquet(empty / "valid.parquet", pq.read_table(empty / "valid.parquet").slice(0, 0))
    with pytest.raises(LabelPolicyError, match=r"valid\.parquet: no documents"):
        do_train(empty, tmp_path, "linear", policy=do_weights(synthetic, tmp_path))
    assert not (tmp_path / "scores.parquet").exists()


def on_scores(dataset, folder, scores, *, at_least_one=False, meta=None, parameters=SMALL):
    """Learn on scores, unless a meta-learner is given, and roll out: the path of policy.json."""
    common = {
        "dataset": dataset,
        "classifier": "linear",
        "classifier_parameters": Linear(epochs=1),
        "parameters": parameters,
        "scores": scores,
        "at_least_one": at_least_one,
        "seed": 0,
        "device": "cpu",
        "threads": 1,
    }
    if meta is None:
        meta = folder / "on_scores.safetensors"
        learn(**common, output=meta, trace=folder / "on_scores.parquet")
    output, trace = folder / "on_scores.json", folder / "on_scores_rollout.parquet"
    rollout(**common, meta=meta, output=output, trace=trace)
    return output


@pytest.mark.parametrize("at_least_one", [False, True])
def test_thresholds_are_learned_on_scores_that_are_done(synthetic, tmp_path, at_least_one):
    do_train(synthetic, tmp_path, "linear")
    path = on_scores(synthetic, tmp_path, tmp_path / "scores.parquet", at_least_one=at_least_one)
    policy = Policy.read(path, Prepared(synthetic).labels)
    assert policy.about["scores"] == "scores.parquet" and policy.about["at_least_one"] is at_least_one
    assert 0 <= policy.about["shrinkage"] <= 1
    assert {"shrinkage", "gain", "standard_error"} == set(policy.about["trials"][0])
    assert np.ptp(policy.weights) == 0
    first = path.read_bytes()
    assert on_scores(synthetic, tmp_path, tmp_path / "scores.parquet", at_least_one=at_least_one).read_bytes() == first
    moved = on_scores(synthetic, tmp_path, tmp_path / "scores.parquet", meta=tmp_path / "on_scores.safetensors")
    assert Policy.read(moved, Prepared(synthetic).labels).thresholds is not None


@pytest.mark.parametrize(
    ("step", "given", "message"),
    [
        (learn, {"at_least_one": True}, "--at-least-one: goes with --scores"),
        (rollout, {"at_least_one": True}, "--at-least-one: goes with --scores"),
        (rollout, {"init": 1, "scores": "scores.parquet"}, "--init: thresholds learned on scores start from two"),
        (
            learn,
            {"scores": "scores.parquet", "classifier": "kim_cnn"},
            "scores of 'linear', expected those of 'kim_cnn'",
        ),
        (
            learn,
            {"scores": "scores.parquet", "parameters": LearnerParameters(learner="paper")},
            "on scores take learner: shared and reward: utility",
        ),
    ],
)
def test_what_does_not_apply_is_refused(synthetic, tmp_path, step, given, message):
    do_train(synthetic, tmp_path, "linear")
    if "scores" in given:
        given = given | {"scores": tmp_path / given["scores"]}
    common = {"classifier_parameters": Linear(epochs=1), "parameters": SMALL, "device": "cpu", "threads": 1}
    files = {"output": tmp_path / "out", "trace": tmp_path / "out.parquet"}
    if step is rollout:
        files["meta"] = tmp_path / "meta_learner.safetensors"
    with pytest.raises(LabelPolicyError, match=message) as caught:
        step(**({"dataset": synthetic, "classifier": "linear"} | common | files | given))
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def test_a_score_that_is_no_number_stops_learning(synthetic, tmp_path):
    table = do_train(synthetic, tmp_path, "linear")
    scores = [row.copy() for row in table["scores"].to_numpy()]
    scores[3][1] = np.nan
    column = table.schema.get_field_index("scores")
    bad = table.set_column(column, "scores", pa.array([row.tolist() for row in scores], type=table["scores"].type))
    write_parquet(tmp_path / "bad.parquet", bad)
    with pytest.raises(LabelPolicyError, match=r"bad\.parquet: split 'valid', document .*: score nan") as caught:
        on_scores(synthetic, tmp_path, tmp_path / "bad.parquet")
    assert "\n" not in str(caught.value) and not (tmp_path / "on_scores.safetensors").exists()


def with_column(path, name, values):
    table = pq.read_table(path)
    column = pa.array(values(table[name].to_pylist()), type=table[name].type)
    write_parquet(path, table.set_column(table.schema.get_field_index(name), name, column))


def without_first_label(synthetic, tmp_path, *splits):
    """The data set with no document of its first label in these splits."""
    bare = tmp_path / "bare"
    shutil.copytree(synthetic, bare)
    for split in splits:
        with_column(bare / f"{split}.parquet", "labels", lambda rows: [[j for j in row if j != 0] for row in rows])
    return bare


def test_a_label_nobody_was_trained_on_has_a_threshold_that_can_be_read(synthetic, tmp_path):
    bare = without_first_label(synthetic, tmp_path, "train", "valid")
    with_column(bare / "labels.parquet", "train_count", lambda counts: [0, *counts[1:]])
    do_train(bare, tmp_path, "linear")
    path = on_scores(bare, tmp_path, tmp_path / "scores.parquet", at_least_one=True)
    thresholds = Policy.read(path, Prepared(bare).labels).thresholds
    assert ((thresholds > 0) & (thresholds < 1)).all()


def test_a_label_without_a_held_out_positive_is_no_obstacle(synthetic, tmp_path):
    """It gains nothing by being predicted, and every number stays finite."""
    bare = without_first_label(synthetic, tmp_path, "valid")
    labels = Prepared(bare).labels
    while_training = Policy.read(do_learn(bare, tmp_path), labels)
    do_train(bare, tmp_path, "linear")
    done = Policy.read(on_scores(bare, tmp_path, tmp_path / "scores.parquet"), labels)
    only = LearnerParameters(episodes=2, steps=2, utility={"accuracy": 0.0, "macro_f1": 1.0, "micro_f1": 0.0})
    for policy in (while_training, done, Policy.read(do_learn(bare, tmp_path, parameters=only), labels)):
        assert np.isfinite(policy.thresholds).all() and np.isfinite(policy.weights).all()
