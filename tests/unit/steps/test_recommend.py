"""recommend: what is chosen, on whose evidence, and the model of it."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_study

from labelpolicy import load
from labelpolicy.cell import Trained
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import write_scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parameters import Study
from labelpolicy.steps.recommend import recommend


def scores(data, path, quality, seed=0, classifier="linear_svc"):
    """Out-of-fold scores that tell the labels as well as ``quality`` says."""
    random = np.random.default_rng(seed)
    found = {}
    for split in ("train", "valid", "test"):
        ids, y_true = data.truth(split)
        logits = quality * (2 * y_true - 1) + random.normal(size=y_true.shape)
        found[split] = ids, (1 / (1 + np.exp(-logits))).astype(np.float32)
    trained = Trained(data.name, classifier, "uniform", 0)
    write_scores(path, found, labels=data.labels, trained=trained, out_of_fold=True)
    return path


def run(dataset, folder, files, rules=("shared", "scut", "fixed"), **more):
    recommend(dataset, list(rules), files, folder / "recommended.json", Study(), **more)
    return json.loads((folder / "recommended.json").read_text())


def test_the_better_scores_win_and_a_rule_of_many_numbers_has_no_advantage(synthetic, tmp_path):
    data = Prepared(synthetic)
    bad, good = (scores(data, tmp_path / f"{q}.parquet", q, classifier=c) for q, c in ((0.2, "linear"), (2, "kim_cnn")))
    found = run(synthetic, tmp_path, [bad, good])
    assert found["classifier"] == "kim_cnn" and len(found["compared"]) == 6
    value, low, high = found["expected"]["accuracy"]
    assert low < value < high
    noise = run(synthetic, tmp_path, [scores(data, tmp_path / "noise.parquet", 0)], ["scut", "shared"])
    by_rule = {each["thresholds"]: each["utility"] for each in noise["compared"]}
    assert noise["thresholds"] == max(by_rule, key=by_rule.get)
    best = max(noise["compared"], key=lambda each: each["utility"])
    assert best["difference"] == best["standard_error"] == 0


def test_the_test_split_chooses_nothing(synthetic, tmp_path):
    data = Prepared(synthetic)
    files = [scores(data, tmp_path / f"{seed}.parquet", 1, seed) for seed in (0, 1)]
    expected = run(synthetic, tmp_path, files)
    changed = shutil.copytree(synthetic, tmp_path / "changed")
    table = pq.read_table(changed / "test.parquet")
    place = table.schema.get_field_index("labels")
    swapped = pa.array([[] for _ in range(len(table))], type=table.schema.field(place).type)
    pq.write_table(table.set_column(place, table.schema.field(place), swapped), changed / "test.parquet")
    assert run(changed, tmp_path, files) == expected


def test_documents_without_a_label_speak_against_a_label_for_each(synthetic, tmp_path):
    bare = shutil.copytree(synthetic, tmp_path / "bare")
    for split in ("train", "valid"):
        table = pq.read_table(bare / f"{split}.parquet")
        place = table.schema.get_field_index("labels")
        labels = [labels if row % 2 else [] for row, labels in enumerate(table["labels"].to_pylist())]
        column = pa.array(labels, type=table.schema.field(place).type)
        pq.write_table(table.set_column(place, table.schema.field(place), column), bare / f"{split}.parquet")
    found = {
        folder: run(folder, tmp_path, [scores(Prepared(folder), tmp_path / "s.parquet", 0.7)], ["shared", "shared+one"])
        for folder in (synthetic, bare)
    }
    assert found[bare]["thresholds"] == "shared+oof" and found[synthetic]["thresholds"] == "shared+one+oof"


def test_the_model_is_that_of_the_recommended_scores(tmp_path):
    small_study.make(tmp_path)
    for place in ("results/own", "results/own/linear"):
        (tmp_path / place).mkdir()
    oof, history = "results/own/linear/out_of_fold.parquet", "results/own/linear/history.parquet"
    values = {"about": {"dataset": "synthetic", "classifier": "linear", "seed": 0, "documents": 9, "folds": 3}}
    values |= {"parameters": {"features": {"word_ngrams": 2}}, "trials": []}
    (tmp_path / "tuned.json").write_text(json.dumps(values))
    how = "--params params.yaml --tuned tuned.json"
    for line in (
        f"train prepared linear --scores s.parquet --history {history} {how}",
        f"crossfit prepared linear --history {history} --output {oof} {how}",
        f"recommend prepared shared shared+one --scores {oof} --output r.json --model best {how}",
        f"decide prepared shared --scores {oof} --output decided --tuned tuned.json",
    ):
        done = small_study.run(line.split(), tmp_path)
        assert done.status == 0, done.stderr + done.trace
    metrics = json.loads((tmp_path / "decided/shared+oof/metrics.json").read_text())
    assert metrics["about"]["tuned"] == values["parameters"]
    chosen = json.loads((tmp_path / "r.json").read_text())
    model = load(tmp_path / "best")
    assert list(model.thresholds) == [chosen["thresholds"]]
    test = pq.read_table(tmp_path / "prepared/test.parquet")["text"].to_pylist()
    kept = [row["scores"] for row in pq.read_table(tmp_path / oof).to_pylist() if row["split"] == "test"]
    documents = [{"tokens": text.split()} for text in test]
    np.testing.assert_allclose(model.predict_proba(documents), np.array(kept, dtype=np.float32), atol=1e-6)
    summary = f"summary prepared {small_study.TABLES} --paper paper.tsv --recommended r.json --output s.md"
    assert small_study.run(summary.split(), tmp_path).status == 0


def test_only_out_of_fold_scores_and_rules_that_a_model_can_have(synthetic, tmp_path):
    data = Prepared(synthetic)
    path = scores(data, tmp_path / "s.parquet", 1)
    with pytest.raises(LabelPolicyError, match="pcut"):
        run(synthetic, tmp_path, [path], ["pcut"])
    table = pq.read_table(path)
    trained, held_out = Trained(data.name, "linear", "uniform", 0), {}
    for split in ("valid", "test"):
        rows = [row for row in table.to_pylist() if row["split"] == split]
        held_out[split] = [row["id"] for row in rows], np.array([row["scores"] for row in rows], dtype=np.float32)
    write_scores(path, held_out, labels=data.labels, trained=trained, out_of_fold=False)
    with pytest.raises(LabelPolicyError, match="held-out"):
        run(synthetic, tmp_path, [path])
    assert not (tmp_path / "recommended.json").exists()


def test_a_costly_rule_is_not_tried_on_scores_far_behind(synthetic, tmp_path):
    data = Prepared(synthetic)
    files = [scores(data, tmp_path / f"{q}.parquet", q, classifier=c) for q, c in ((0.3, "linear"), (2, "linear_svc"))]
    found = run(synthetic, tmp_path, files, ["shared", "sets"])
    tried = [(each["classifier"], each["thresholds"]) for each in found["compared"]]
    assert sorted(tried) == [("linear", "shared+oof"), ("linear_svc", "sets+oof"), ("linear_svc", "shared+oof")]
    alone = run(synthetic, tmp_path, files, ["sets"])
    assert len(alone["compared"]) == 2
