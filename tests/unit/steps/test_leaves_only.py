"""Documents that name the finest label only: predictions with ancestors are measured against truth with ancestors."""

import json

from small_study import run

from labelpolicy.files import read_json

TREE = "label\tparent\na\t\nb\t\na/1\ta\nb/1\tb\n"
CLOSED = "--set thresholds.ancestor_closure=true"
RANDOM = "--set data.vectors.source=random --set data.vectors.width=4"


def test_closed_predictions_are_right_where_the_leaves_are(tmp_path):
    (tmp_path / "labels.tsv").write_text(TREE)
    for split, count in (("train", 60), ("test", 10)):
        lines = [{"text": f"word{n % 2} again", "labels": [f"{'ab'[n % 2]}/1"]} for n in range(count)]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = {}
    for command in (
        f"prepare mine --raw . --output p {RANDOM}",
        f"train p linear_svc --scores s.parquet --model m {CLOSED}",
        f"decide p fixed --scores s.parquet --output d {CLOSED}",
        f"prepare mine --raw . --output q {RANDOM} --set data.close_labels=true",
    ):
        done = run(command.split(), tmp_path)
        assert done.status == 0, done.stderr + done.trace
        said[command.split()[0]] = done.stderr
    assert "accuracy 1.000" in said["train"].split("model with")[1]
    found = read_json(tmp_path / "d/fixed/metrics.json")
    assert found["test"]["accuracy"] == found["as_decided"]["test"]["accuracy"] == 1.0
    assert found["test"]["labels_per_document"] == 2 * found["as_decided"]["test"]["labels_per_document"]
    keys = [{each["key"] for each in read_json(tmp_path / f"{name}/dataset.json")["premises"]} for name in "pq"]
    assert "unused_hierarchy" in keys[0] and "unused_hierarchy" not in keys[1]
