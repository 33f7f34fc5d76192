"""Memory and speed of the whole-corpus step of `rollout` as the corpus grows, beside plain training.

Kim-CNN on a prepared data set, by default a stand-in for RCV1-V2 (benchmarks/prepare.py), of which 10 %, 30 % and all
training and validation documents are used. `plain` is an epoch of training, `pass` one time step of the test-time
episode that passes over the training split in mini-batches, `batch` one that takes it as a single batch; each in a
process of its own. Memory is the peak without pages that files stand behind: those of the corpus itself, which the
system drops when it needs environment.

    python benchmarks/rollout.py [--documents 804414] [--dataset FOLDER] [--steps plain pass batch]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from prepare import EVERY_S, memory, mirrored
from stand_in import stand_in

from labelpolicy.classifiers import registry
from labelpolicy.classifiers.kim_cnn import KimCNN
from labelpolicy.data.parameters import Data
from labelpolicy.data.prepared import Prepared, Ragged, Split, Strings
from labelpolicy.learner.environment import TrainingEnvironment
from labelpolicy.steps.prepare import prepare
from labelpolicy.training import prepare_torch

SHARES = (0.1, 0.3, 1.0)


def cut(split: Split, share: float) -> Split:
    """The first documents of a split."""
    count = max(1, round(share * len(split)))
    return Split(
        Strings(split.ids.column[:count]),
        Ragged(split.tokens.values, split.tokens.offsets[: count + 1]),
        split.y_true[:count],
    )


def measure(dataset: Path, step: str, share: float) -> None:
    """Run one step in this process and print its seconds and documents as JSON."""
    device = prepare_torch("cpu", 1)
    data = Prepared(dataset)
    train, valid = (cut(data.split(name), share) for name in ("train", "valid"))
    model = registry.load("kim_cnn").build(data, KimCNN(epochs=1), 0)
    environment = TrainingEnvironment(
        model, model.encode(train), train.y_true, model.encode(valid), valid.y_true,
        seed=0, device=device,
    )  # fmt: skip
    w = torch.full((environment.labels,), 1 / environment.labels)
    start = time.perf_counter()
    if step == "plain":
        environment.trainer.evaluate = None
        environment.trainer.epoch(w)
    elif step == "pass":
        environment.observe(0.0)
        environment.train_passes(w, 0, 1)
    else:
        environment.observe(0.0)
        environment.train_whole(w)
    print(json.dumps({"seconds": time.perf_counter() - start, "documents": len(train)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20_000, help="of the stand-in; all: 804414")
    parser.add_argument("--dataset", type=Path, help="a prepared data set, instead of a stand-in")
    parser.add_argument("--steps", nargs="+", choices=("plain", "pass", "batch"), default=["plain", "pass", "batch"])
    parser.add_argument("--shares", nargs="+", type=float, default=SHARES)
    parser.add_argument("--measure", nargs=2, metavar=("STEP", "SHARE"), help="used by the script itself")
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.dataset, arguments.measure[0], float(arguments.measure[1]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        dataset = arguments.dataset or Path(temporary) / "prepared"
        if arguments.dataset is None:
            qrels, of = mirrored()
            raw = Path(temporary) / "raw"
            stand_in(qrels=qrels, sample=of, output=raw, documents=arguments.documents)
            prepare(dataset="rcv1_standin", raw=raw, parameters=Data(), output=dataset)
        print(f"{'step':<8}{'documents':>12}{'documents/s':>14}{'peak MiB':>10}")
        for step in arguments.steps:
            for share in arguments.shares:
                command = [sys.executable, __file__, "--dataset", str(dataset), "--measure", step, str(share)]
                running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
                peak = 0
                while running.poll() is None:
                    peak = max(peak, memory(running.pid)["RssAnon"])
                    time.sleep(EVERY_S)
                if running.returncode:
                    sys.exit(running.returncode)
                found = json.loads(running.stdout.read())
                rate = found["documents"] / found["seconds"]
                print(f"{step:<8}{found['documents']:>12,}{rate:>14,.0f}{peak / 2**20:>10,.0f}", flush=True)


if __name__ == "__main__":
    main()
