"""Memory and time of prepare, train and rollout on generated mentions: does memory grow with the corpus?

Stand-ins for FIGER: sentences of generated words and mentions whose types follow the published frequencies of the
training corpus (``ren2016_type_freq_percent.json``: a share by type), written in the JSON lines of Ren et al. (2016).
They are synthetic: nothing learned from them says anything about FIGER, and they are in no table of results. Each step
runs as its own process; its peak resident memory is what the system counted for it. Memory-mapped pages of the data
count as resident while the system has room for them and are given back when it has not, so the anonymous part
(``RssAnon``, sampled) stands beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TextIO

import numpy as np

from labelpolicy.data.ren2016 import inventory

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


def measured(command: list[str]) -> dict[str, float]:
    """Seconds, and peaks in MB: of resident memory (VmHWM), and of the part that is not mapped from files."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "labelpolicy.cli", *command])
    peaks = {"VmHWM": 0, "RssAnon": 0}

    def watch() -> None:
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                return
            for line in status.splitlines():
                name, _, value = line.partition(":")
                if name in peaks:
                    peaks[name] = max(peaks[name], int(value.split()[0]) // 1024)
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    watcher.join()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with status {code}")
    return {"seconds": time.perf_counter() - started, **peaks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frequencies", required=True, help="ren2016_type_freq_percent.json")
    parser.add_argument("--percent", type=float, nargs="+", default=[1], help="of FIGER's mentions; e.g. 10 30 100")
    parser.add_argument("--folder", help="scratch, kept; a temporary folder otherwise")
    arguments = parser.parse_args()
    shares = json.loads(Path(arguments.frequencies).read_text())["Wiki"]["train"]
    # One epoch and one time step with one pass: time grows by the epoch, memory does not.
    training = ["--set", "classifiers.attentive_lstm.epochs=1", "--set", "classifiers.attentive_lstm.batch_size=1000"]
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
                "weigh": f"weigh {data} uniform --output {out}/uniform.json".split(),
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
                    f"peak {found['VmHWM']:6,} MB, {found['RssAnon']:6,} MB of it not mapped files",
                    flush=True,
                )


if __name__ == "__main__":
    main()
