"""How fast `prepare` reads RCV1-V2 at full size, how much memory it takes, and against the tokeniser alone.

The documents are a stand-in: the real topics of all 804,414 documents with generated text of real lengths, as
LYRL2004 token files and as newsitems in XML. The tokeniser alone is `labelpolicy.data.tokens.tokenise` on the
same texts, already in memory, on the same number of cores; reading and cutting alone is a pass over the files that
forgets what it has cut (token files have their tokens between blanks and need no tokeniser). On a machine that others
use compare CPU seconds. Memory is the sum over all processes.

    python benchmarks/prepare.py [--documents 804414] [--processes 2] [--keep FOLDER]

It needs rcv1-v2.topics.qrels.gz and rcv1_dev.json.gz in the folder rcv1 of LABELPOLICY_MIRROR.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

from stand_in import stand_in

from labelpolicy.data.encode import cores
from labelpolicy.data.readers import rcv1
from labelpolicy.data.readers.rcv1 import NEWSITEMS, QRELS, blocks
from labelpolicy.data.tokens import tokenise

CHUNK = 4096
EVERY_S = 0.05  # memory is looked at


def mirrored() -> tuple[Path, Path]:
    """The real topics and the sample, from the mirror folder."""
    folder = Path(os.environ.get("LABELPOLICY_MIRROR", "")) / "rcv1"
    found = folder / "rcv1-v2.topics.qrels.gz", folder / "rcv1_dev.json.gz"
    if not all(path.is_file() for path in found):
        sys.exit(f"skipped: no {' and '.join(path.name for path in found)} in {folder} (LABELPOLICY_MIRROR)")
    return found


def as_newsitems(raw: Path, folder: Path) -> None:
    """The same documents as newsitems in .zip files, as the licensed corpus has them."""
    (folder / NEWSITEMS).mkdir(parents=True)
    (folder / QRELS).write_bytes((raw / QRELS).read_bytes())
    (folder / "source.json").write_bytes((raw / "source.json").read_bytes())
    for path in sorted(raw.glob("*.dat")):
        with zipfile.ZipFile(folder / NEWSITEMS / f"{path.stem}.zip", "w") as archive:
            for number, _, text in blocks(path):
                head, _, rest = text.partition("\n")
                paragraphs = "".join(f"<p>{line}</p>\n" for line in rest.split("\n"))
                archive.writestr(
                    f"{number}newsML.xml",
                    f'<?xml version="1.0" encoding="iso-8859-1" ?>\n<newsitem itemid="{number}">\n'
                    f"<headline>{head}</headline>\n<text>\n{paragraphs}</text>\n</newsitem>\n",
                )


def tokenise_part(raw: Path, part: int, parts: int) -> tuple[float, float]:
    """Wall and CPU seconds that the tokeniser takes for every ``parts``-th chunk of the documents."""
    texts = (text for path in sorted(raw.glob("*.dat")) for _, _, text in blocks(path))
    seconds, used, number = 0.0, 0.0, 0
    while chunk := list(islice(texts, CHUNK)):
        if number % parts == part:
            start, before = time.perf_counter(), time.process_time()
            for text in chunk:
                tokenise(text)
            seconds += time.perf_counter() - start
            used += time.process_time() - before
        number += 1
    return seconds, used


def tokeniser_alone(raw: Path, processes: int) -> tuple[float, float]:
    """Wall seconds of the slowest process, CPU seconds of all."""
    with ProcessPoolExecutor(processes) as pool:
        parts = list(pool.map(tokenise_part, [raw] * processes, range(processes), [processes] * processes))
    return max(seconds for seconds, _ in parts), sum(used for _, used in parts)


def reading_alone(raw: Path) -> float:
    """CPU seconds of one pass in one process that reads the files, cuts the tokens and forgets them."""
    start = time.process_time()
    for documents in rcv1.read(raw).splits.values():
        for document in documents:
            document.parsed().words()
    return time.process_time() - start


def memory(process: int) -> dict[str, int]:
    """Bytes in memory of a process and its descendants: all, and without pages that files stand behind."""
    total = {"VmRSS": 0, "RssAnon": 0}
    waiting = [process]
    while waiting:
        number = waiting.pop()
        try:
            status = Path(f"/proc/{number}/status").read_text()
            for task in Path(f"/proc/{number}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:  # it has ended meanwhile
            continue
        for line in status.splitlines():
            name, _, value = line.partition(":")
            if name in total:
                total[name] += int(value.split()[0]) * 1024
    return total


def measured(command: list[str]) -> tuple[float, float, dict[str, int]]:
    """Wall seconds, CPU seconds and peak memory of a command and its children."""
    before, start = os.times(), time.perf_counter()
    peak = {"VmRSS": 0, "RssAnon": 0}
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while running.poll() is None:
        now = memory(running.pid)
        peak = {name: max(peak[name], now[name]) for name in peak}
        time.sleep(EVERY_S)
    seconds, after = time.perf_counter() - start, os.times()
    if running.returncode:
        sys.exit(running.stderr.read())
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, used, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=60_000, help="all: 804414")
    parser.add_argument("--processes", type=int, default=min(2, cores()))
    parser.add_argument("--forms", nargs="+", choices=("tokens", "newsitems"), default=("tokens", "newsitems"))
    parser.add_argument("--keep", type=Path, help="folder for the raw files; made if not there")
    arguments = parser.parse_args()
    qrels, of = mirrored()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        tokens = folder / "tokens"
        if not tokens.is_dir():
            stand_in(qrels=qrels, sample=of, output=tokens, documents=arguments.documents)
        if "newsitems" in arguments.forms and not (folder / "newsitems").is_dir():
            as_newsitems(tokens, folder / "newsitems")
        print(f"{arguments.documents:,} documents, {arguments.processes} processes")
        for form in arguments.forms:
            alone, alone_used = tokeniser_alone(tokens, arguments.processes)
            command = [sys.executable, "-m", "labelpolicy.cli", "prepare", "rcv1_standin", "--raw", str(folder / form)]
            command += ["--output", str(Path(temporary) / f"prepared_{form}"), "--processes", str(arguments.processes)]
            seconds, used, peak = measured(command)
            reading = reading_alone(folder / form)
            print(
                f"{form}: {arguments.documents / seconds:,.0f} documents/s ({seconds:.1f} s, {used:.1f} s of CPU)\n"
                f"  tokeniser alone {alone:.1f} s ({alone_used:.1f} s of CPU): {seconds / alone:.2f} times its time, "
                f"{used / alone_used:.2f} times its CPU\n"
                f"  reading and cutting alone {reading:.1f} s of CPU: {used / reading:.2f} times its CPU\n"
                f"  peak memory {peak['VmRSS'] / 2**30:.2f} GiB, {peak['RssAnon'] / 2**30:.2f} GiB without file pages"
            )


if __name__ == "__main__":
    main()
