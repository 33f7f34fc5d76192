"""crossfit: every document scored by a model that has not seen it."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelpolicy.classifiers.attentive_lstm import AttentiveLSTM
from labelpolicy.classifiers.chains.classifier_chains import ClassifierChains
from labelpolicy.classifiers.chains.predictions_as_features import PredictionsAsFeatures
from labelpolicy.classifiers.chains.subset_maximization import SubsetMaximization
from labelpolicy.classifiers.kim_cnn import KimCNN
from labelpolicy.classifiers.linear import Linear
from labelpolicy.classifiers.linear_svc import LinearSVC
from labelpolicy.classifiers.registry import Chained, Run
from labelpolicy.cli import app
from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_parquet
from labelpolicy.policy_file import Policy
from labelpolicy.steps import crossfit, train

KIM = KimCNN(epochs=1, filters=4)
CLASSIFIERS = {
    "kim_cnn": KIM,
    "linear": Linear(),
    "linear_svc": LinearSVC(),
    "kim_cnn+predictions_as_features": Chained(KIM, PredictionsAsFeatures(order="dependence")),
    "linear+subset_maximization": Chained(Linear(), SubsetMaximization(hidden=8)),
    "kim_cnn+classifier_chain": Chained(KIM, ClassifierChains()),
    "linear+ensemble_of_chains": Chained(Linear(), ClassifierChains(chains=2)),
}


def history(path, values=(0.2, 0.6, 0.6, 0.1), column="valid_micro_f1"):
    table = {"epoch": pa.array(range(1, len(values) + 1), pa.int32()), column: pa.array(values, pa.float64())}
    write_parquet(path, pa.table(table))
    return path


def run(dataset, folder, classifier="linear", seed=0, folds=3, epochs=(0.2, 0.6, 0.1), **changes):
    labels = Prepared(dataset).labels
    Policy(labels, np.full(len(labels), 1 / len(labels))).write(folder / "policy.json")
    arguments = {
        "dataset": dataset,
        "classifier": classifier,
        "parameters": CLASSIFIERS.get(classifier) or AttentiveLSTM(hidden=4, attention=4),
        "policy": folder / "policy.json",
        "history": history(folder / "history.parquet", epochs),
        "folds": folds,
        "by": "labels",
        "seed": seed,
        "device": "cpu",
        "threads": 1,
        "output": folder / "out_of_fold.parquet",
    }
    crossfit.crossfit(**(arguments | changes))
    return arguments["output"]


def read(path):
    """Ids and scores (n, N) by split."""
    table = pq.read_table(path).to_pydict()
    found = {}
    for split, name, scores in zip(table["split"], table["id"], table["scores"], strict=True):
        ids, rows = found.setdefault(split, ([], []))
        ids.append(name)
        rows.append(scores)
    return {split: (ids, np.array(rows)) for split, (ids, rows) in found.items()}


def relabelled(dataset, folder, split, change):
    """A copy of a data set, with ``change`` made to the list of label lists of a split."""
    shutil.copytree(dataset, folder, dirs_exist_ok=True)
    table = pq.read_table(folder / f"{split}.parquet")
    column = pa.array(change(table["labels"].to_pylist()), table.schema.field("labels").type)
    position = table.column_names.index("labels")
    write_parquet(folder / f"{split}.parquet", table.set_column(position, "labels", column))
    return folder


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_scores_of_every_document_by_every_kind_of_classifier(synthetic, tmp_path, classifier):
    data = Prepared(synthetic)
    found = read(run(synthetic, tmp_path, classifier))
    assert list(found) == ["train", "valid", "test"]
    for split, (ids, scores) in found.items():
        assert ids == data.truth(split)[0] and scores.shape == (len(ids), len(data.labels))
        assert ((scores >= 0) & (scores <= 1)).all() and len(np.unique(scores)) > 20


def test_mentions_of_one_document_are_in_one_fold(synthetic, tmp_path, monkeypatch):
    dataset = tmp_path / "mentions"
    shutil.copytree(synthetic, dataset)
    for split in ("train", "valid", "test"):
        table = pq.read_table(dataset / f"{split}.parquet")
        for name, values in (("start", [0] * len(table)), ("end", [1] * len(table))):
            table = table.append_column(name, pa.array(values, pa.int32()))
        group = [f"{'test' if split == 'test' else 'both'} {row // 4}" for row in range(len(table))]
        write_parquet(dataset / f"{split}.parquet", table.append_column("group", pa.array(group)))
    folds = []
    monkeypatch.setattr(crossfit, "fold_of", lambda *args: folds.append(FOLD_OF(*args)) or folds[-1])
    found = read(run(dataset, tmp_path, "attentive_lstm"))
    assert len(found["train"][0]) == len(Prepared(dataset).truth("train")[0])
    groups = [group for split in ("train", "valid") for group in Prepared(dataset).split(split).groups]
    assert len(set(zip(groups, folds[0].tolist(), strict=True))) == len(set(groups))


def test_near_duplicates_are_in_one_fold(synthetic, tmp_path, monkeypatch):
    """Every fifth document says the same as the one before, beside what is there."""
    dataset = tmp_path / "repeated"
    shutil.copytree(synthetic, dataset)
    table = pq.read_table(dataset / "train.parquet")
    texts = [f"{text} number {row}" for row, text in enumerate(table["text"].to_pylist())]
    texts[1::5] = texts[0::5][: len(texts[1::5])]
    place = table.column_names.index("text")
    write_parquet(dataset / "train.parquet", table.set_column(place, "text", pa.array(texts)))
    folds = []
    monkeypatch.setattr(crossfit, "fold_of", lambda *args: folds.append(FOLD_OF(*args)) or folds[-1])
    run(dataset, tmp_path, by="near_duplicates")
    run(dataset, tmp_path, by="labels")
    pairs = [fold[: len(texts)][np.r_[0 : len(texts) - 1 : 5][:, None] + [0, 1]] for fold in folds]
    assert (pairs[0][:, 0] == pairs[0][:, 1]).all() and (pairs[1][:, 0] != pairs[1][:, 1]).any()


def test_more_near_duplicates_than_a_fold_holds_are_warned_of(synthetic, tmp_path):
    dataset = tmp_path / "all_the_same"
    shutil.copytree(synthetic, dataset)
    table = pq.read_table(dataset / "train.parquet")
    same = pa.array(["the same text for all"] * len(table))
    write_parquet(dataset / "train.parquet", table.set_column(table.column_names.index("text"), "text", same))
    with pytest.warns(UserWarning, match=f"{len(table)} of .* documents say nearly the same"):
        found = run(dataset, tmp_path, by="near_duplicates").read_bytes()
    assert run(dataset, tmp_path, by="labels").read_bytes() == found


FOLD_OF = crossfit.fold_of


def fixed_folds(monkeypatch, fold):
    monkeypatch.setattr(crossfit, "fold_of", lambda *_: np.array(fold))


@pytest.mark.parametrize("classifier", ["linear", "linear_svc", "kim_cnn+classifier_chain"])
def test_a_documents_labels_do_not_move_its_own_score(synthetic, tmp_path, monkeypatch, classifier):
    """Labels of fold 0 are turned around, among its documents: its scores stay, all others move."""
    data = Prepared(synthetic)
    fold = np.arange(len(data.split("train")) + len(data.split("valid"))) % 3
    fixed_folds(monkeypatch, fold)

    def turn(rows):
        inside = np.flatnonzero(fold[: len(rows)] == 0)
        changed = dict(zip(inside, inside[::-1], strict=True))
        return [rows[changed.get(row, row)] for row in range(len(rows))]

    other = relabelled(synthetic, tmp_path / "other", "train", turn)
    before, after = (read(run(dataset, tmp_path, classifier)) for dataset in (synthetic, other))
    joined = [np.concatenate([found["train"][1], found["valid"][1]]) for found in (before, after)]
    np.testing.assert_array_equal(joined[0][fold == 0], joined[1][fold == 0])
    assert (joined[0][fold == 1] != joined[1][fold == 1]).any()
    assert (before["test"][1] != after["test"][1]).any()


def test_who_is_trained_on_what_and_for_how_long(synthetic, tmp_path, monkeypatch):
    data, seen = Prepared(synthetic), []

    class Constant:
        def __init__(self, score):
            self.score = score

        def predict_proba(self, split):
            return np.full((len(split), len(data.labels)), self.score)

    def fitted(name, data, parameters, weights, run):
        seen.append((list(data.split("train").ids), run.epochs, run.title))
        return Constant(0.5 if len(seen) < 4 else 0.25), []

    monkeypatch.setattr(crossfit, "fitted", fitted)
    found = read(run(synthetic, tmp_path, epochs=(0.2, 0.6, 0.6, 0.1)))
    every = [i for split in ("train", "valid") for i in data.truth(split)[0]]
    assert [len(ids) for ids, *_ in seen[:3]] == pytest.approx([len(every) * 2 / 3] * 3, abs=6)
    assert all(sum(one in ids for ids, *_ in seen[:3]) == 2 for one in every)
    assert seen[3][0] == every and (found["test"][1] == 0.25).all() and (found["train"][1] == 0.5).all()
    assert [epochs for _, epochs, _ in seen] == [2] * 4
    assert [name for *_, name in seen] == [
        f"train linear, {which}" for which in (*(f"fold {k} of 3" for k in (1, 2, 3)), "all folds")
    ]


def test_a_label_that_a_fold_model_has_not_seen_scores_nothing_there(synthetic, tmp_path, monkeypatch):
    data = Prepared(synthetic)
    truth = np.concatenate([data.truth(split)[1] for split in ("train", "valid")])
    rarest = np.argmin(truth.sum(axis=0))
    fold = np.where(truth[:, rarest], 0, np.arange(len(truth)) % 2 + 1)
    fixed_folds(monkeypatch, fold)
    found = read(run(synthetic, tmp_path, "linear_svc"))
    scores = np.concatenate([found["train"][1], found["valid"][1]])
    for k in range(3):
        seen = truth[fold != k].any(axis=0)
        assert seen[rarest] == (k != 0)
        np.testing.assert_array_equal(scores[fold == k] > 0, np.tile(seen, (np.sum(fold == k), 1)))
    assert (found["test"][1] > 0).all()


@pytest.mark.parametrize("classifier", ["linear", "kim_cnn+subset_maximization"])
def test_so_many_epochs_give_the_model_that_the_ordinary_training_kept(synthetic, tmp_path, classifier):
    parameters = CLASSIFIERS.get(classifier) or Chained(KimCNN(epochs=4, filters=4), SubsetMaximization(hidden=8))
    data = Prepared(synthetic)
    weights = np.full(len(data.labels), 1 / len(data.labels))
    Policy(data.labels, weights).write(tmp_path / "policy.json")
    files = {"scores": tmp_path / "scores.parquet", "history": tmp_path / "history.parquet"}
    common = {"parameters": parameters, "seed": 0, "device": "cpu", "threads": 1, "classifier": classifier}
    train.train(dataset=synthetic, policy=tmp_path / "policy.json", **common, **files)
    run = Run(0, epochs=crossfit.best_epoch(files["history"]))
    model, _ = train.fitted(classifier, data, parameters, weights, run)
    np.testing.assert_array_equal(
        model.predict_proba(data.split("valid")), read(files["scores"])["valid"][1].astype(np.float32)
    )


@pytest.mark.parametrize("classifier", ["linear", "kim_cnn"])
def test_the_same_seed_gives_the_same_bytes(synthetic, tmp_path, classifier):
    found = [run(synthetic, tmp_path, classifier, seed=seed).read_bytes() for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_test_labels_move_nothing(synthetic, tmp_path):
    other = relabelled(synthetic, tmp_path / "other", "test", lambda rows: rows[::-1])
    assert run(other, tmp_path).read_bytes() == run(synthetic, tmp_path).read_bytes()


def refuses(words, synthetic, folder, *arguments, **changes):
    with pytest.raises(LabelPolicyError, match=words) as caught:
        run(synthetic, folder, *arguments, **changes)
    assert "\n" not in str(caught.value) and not (folder / "out_of_fold.parquet").exists()


def test_fewer_documents_than_folds(synthetic, tmp_path):
    refuses(r"151 folds of 150 documents", synthetic, tmp_path, folds=151)


def test_a_history_that_tells_no_epoch(synthetic, tmp_path):
    refuses(r"history\.parquet: found no epochs, expected the epochs of", synthetic, tmp_path, epochs=())
    refuses("column 'valid_micro_f1' has a null", synthetic, tmp_path, epochs=(0.3, None))
    other = history(tmp_path / "other.parquet", column="valid_accuracy")
    refuses(r"other\.parquet: no column 'valid_micro_f1'; found epoch", synthetic, tmp_path, history=other)
    refuses(r"none\.parquet: no such file", synthetic, tmp_path, history=tmp_path / "none.parquet")
    run(synthetic, tmp_path, "linear_svc", history=tmp_path / "none.parquet")  # it has no epochs


def test_an_unknown_classifier(synthetic, tmp_path):
    arguments = ["--policy", "p.json", "--history", "h.parquet", "--output", str(tmp_path / "o.parquet")]
    with pytest.raises(
        LabelPolicyError, match=r"classifier 'linaer' is unknown: expected one of attentive_lstm"
    ) as caught:
        app(["crossfit", str(synthetic), "linaer", *arguments], standalone_mode=False)
    assert "\n" not in str(caught.value)
