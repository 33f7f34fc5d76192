"""Memory and time of prepare, train and rollout on generated mentions: does memory grow with the corpus?

Stand-ins for FIGER: sentences of generated words and mentions whose types follow the published frequencies of the
training corpus (``ren2016_type_freq_percent.json``: a share by type), written in the JSON lines of Ren et al. (2016).
They are synthetic: nothing learned from them says anything about FIGER, and they are in no table of results. Each step
runs as its own process; its resident memory is sampled, that of the processes it starts included, and the peak is
printed. Memory-mapped pages of the data count as resident while the system has room for them and are given back when it
has not, so the peak of the anonymous part (``RssAnon``) stands beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TextIO

import numpy as np

from labelpolicy.data.readers.entity_typing import inventory

FULL = 2_690_286  # mentions of FIGER's training split (Table 1)
TESTING = 563
WORDS = 200_000
SENTENCE = 25  # tokens, on average
PER_SENTENCE = 2  # mentions


def generate(folder: Path, mentions: int, shares: dict[str, float], seed: int = 0) -> None:
    """train.json and test.json with so many mentions, block by block."""
    parents = inventory("figer")
    labels = [label for label in shares if shares[label] > 0]
    weight = np.array([shares[label] for label in labels])
    carried = [[label for label in (parents[name], name) if label] for name in labels]
    names = np.array([f"w{number}" for number in range(WORDS)])
    for split, count in (("train", mentions), ("test", TESTING)):
        random = np.random.default_rng([seed, split == "test"])
        with (folder / f"{split}.json").open("w", encoding="utf-8") as stream:
            for first in range(0, count, 10_000):
                types = random.choice(len(carried), min(10_000, count - first), p=weight / weight.sum())
                _block(stream, random, types, first, names, carried)


def _block(stream: TextIO, random: np.random.Generator, types: np.ndarray, first: int, names, carried) -> None:
    for start in range(0, len(types), PER_SENTENCE):
        here = types[start : start + PER_SENTENCE]
        # Words of falling frequency: the logarithm of the rank is uniform.
        rank = len(names) ** random.random(max(4, int(random.poisson(SENTENCE))))
        tokens = names[rank.astype(int) - 1].tolist()
        spans = random.integers(0, len(tokens) - 2, len(here))
        found = []
        for span, kind in zip(spans.tolist(), here.tolist(), strict=True):
            tokens[span] = f"w{WORDS - 1 - kind}"  # a word that tells the type
            found.append({"start": span, "end": span + 1 + kind % 2, "labels": carried[kind]})
        stream.write(json.dumps({"tokens": tokens, "mentions": found, "fileid": f"d{(first + start) // 40}"}) + "\n")


def resident(process: int) -> np.ndarray:
    """Resident memory of a process and of those it started, all of it and the part not mapped from files: kB."""
    folder, found = Path("/proc", str(process)), np.zeros(2, dtype=np.int64)
    try:
        values = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        children = (folder / "task" / str(process) / "children").read_text().split()
    except OSError:  # it has just ended
        return found
    found += [int(values[name].split()[0]) if name in values else 0 for name in ("VmRSS", "RssAnon")]
    return found + sum(resident(int(child)) for child in children)


def measured(command: list[str]) -> dict[str, float]:
    """Seconds, and peaks in MB: of resident memory, and of the part that is not mapped from files."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "labelpolicy.cli", *command])
    peaks = np.zeros(2, dtype=np.int64)
    while process.poll() is None:
        peaks = np.maximum(peaks, resident(process.pid))
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return {"seconds": time.perf_counter() - started, "all": peaks[0] // 1024, "anonymous": peaks[1] // 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frequencies", required=True, help="ren2016_type_freq_percent.json")
    parser.add_argument("--percent", type=float, nargs="+", default=[1], help="of FIGER's mentions; e.g. 10 30 100")
    parser.add_argument("--folder", help="scratch, kept; a temporary folder otherwise")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        help="a parameter for train, learn and rollout: classifiers.attentive_lstm.hidden=8 and a context of 2 make an "
        "epoch short, while everything that could grow with the corpus stays as large",
    )
    arguments = parser.parse_args()
    shares = json.loads(Path(arguments.frequencies).read_text())["Wiki"]["train"]
    # One epoch and one time step with one pass: time grows by the epoch, memory does not.
    training = ["--set", "classifiers.attentive_lstm.epochs=1", "--set", "classifiers.attentive_lstm.batch_size=1000"]
    training += [word for each in arguments.set for word in ("--set", each)]
    policy = ["--set", "policies.meta.episodes=1", "--set", "policies.meta.steps=1", "--set", "policies.meta.batches=2"]
    with tempfile.TemporaryDirectory() as temporary:
        for percent in arguments.percent:
            folder = Path(arguments.folder or temporary) / f"synthetic_{percent:g}"
            raw, data, out = folder / "raw", folder / "data", folder
            raw.mkdir(parents=True, exist_ok=True)
            mentions = round(FULL * percent / 100)
            generate(raw, mentions, shares)
            steps = {
                "prepare": f"prepare figer --raw {raw} --output {data}".split(),
                "label-weights": f"label-weights {data} uniform --output {out}/uniform.json".split(),
                "train": f"train {data} attentive_lstm --policy {out}/uniform.json --scores {out}/s.parquet".split(),
                "learn": f"learn {data} attentive_lstm --output {out}/m.safetensors --trace {out}/t.parquet".split(),
                "rollout": f"rollout {data} attentive_lstm --meta {out}/m.safetensors --output {out}/p.json".split(),
            }
            steps["train"] += ["--history", f"{out}/h.parquet", *training]
            steps["learn"] += [*training, *policy]
            steps["rollout"] += ["--trace", f"{out}/r.parquet", *training, *policy]
            size = (raw / "train.json").stat().st_size / 2**20
            print(f"{percent:g} % of FIGER, synthetic: {mentions:,} mentions, {size:,.0f} MB of JSON lines")
            for name, command in steps.items():
                found = measured(command)
                print(
                    f"  {name:8s} {found['seconds']:7.0f} s  {mentions / found['seconds']:9,.0f} mentions/s  "
                    f"peak {found['all']:6,} MB, {found['anonymous']:6,} MB of it not mapped files",
                    flush=True,
                )


if __name__ == "__main__":
    main()
