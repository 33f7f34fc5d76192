"""Word vectors: every format gives the same vectors, faults are named, unknown tokens are seeded."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from labelpolicy.data.embeddings import load
from labelpolicy.data.parameters import Vectors
from labelpolicy.errors import LabelPolicyError

WORDS = {"the": [1.5, -2.0, 0.25], "Reuters": [0.5, 0.0, 3.0], "é": [9.0, 8.0, 7.0], "unused": [4.0, 4.0, 4.0]}
TOKENS = ["<pad>", "<unk>", "the", "reuters", "é", "absent"]


def text(header: bool, end: str = "\n") -> bytes:
    lines = [f"{len(WORDS)} 3"] if header else []
    lines += [f"{word} {' '.join(map(str, vector))}" for word, vector in WORDS.items()]
    return "".join(line + end for line in lines).encode()


def binary(after: bytes = b"") -> bytes:
    rows = [word.encode() + b" " + np.array(vector, "<f4").tobytes() + after for word, vector in WORDS.items()]
    return f"{len(WORDS)} 3\n".encode() + b"".join(rows)


FORMS = {
    "glove.txt": text(header=False),
    "word2vec.txt": text(header=True),
    "fasttext.vec": text(header=True, end=" \n"),  # fastText ends its lines with a space
    "google.bin": binary(),
    "original.bin": binary(after=b"\n"),  # the original word2vec program ends each vector with a newline
    "glove.txt.gz": gzip.compress(text(header=False)),
    "google.bin.gz": gzip.compress(binary()),
}


def from_file(path: Path, content: bytes, tokens: list[str] = TOKENS, width: int = 3) -> tuple[np.ndarray, np.ndarray]:
    path.write_bytes(content)
    return load(tokens, Vectors(source="file", path=str(path), width=width))


@pytest.mark.parametrize("name", FORMS)
def test_every_format(tmp_path, name):
    vectors, known = from_file(tmp_path / name, FORMS[name])
    assert vectors.dtype == np.float32
    assert known.tolist() == [False, False, True, True, True, False]
    np.testing.assert_array_equal(vectors[2:5], [WORDS["the"], WORDS["Reuters"], WORDS["é"]])
    np.testing.assert_array_equal(vectors[0], 0)


def test_unknown_tokens_are_seeded_uniform_numbers(tmp_path):
    tokens = ["<pad>", "<unk>"] + [f"t{number}" for number in range(2000)]
    one, known = load(tokens, Vectors(source="random", width=20))
    two, _ = load(tokens, Vectors(source="random", width=20))
    np.testing.assert_array_equal(one, two)
    assert not known.any()
    assert not one[0].any()
    assert np.abs(one).max() <= 0.25
    assert abs(one[1:].std() - 0.5 / np.sqrt(12)) < 0.002
    vectors, _ = from_file(tmp_path / "v.txt", text(header=False))
    assert 0 < np.abs(vectors[[1, 5]]).max() <= 0.25


def test_case_exact_then_lower_then_alike(tmp_path):
    content = b"US 1\nus 2\nUs 3\nReuters 4\nREUTERS 5\nApple 6\n"
    tokens = ["<pad>", "<unk>", "us", "US", "uS", "reuters", "apple", "Apple"]
    vectors, known = from_file(tmp_path / "v.txt", content, tokens, width=1)
    assert vectors[2:, 0].tolist() == [2, 1, 2, 4, 6, 6]
    assert known[2:].all()


def test_words_with_spaces_are_read_from_the_right(tmp_path):
    vectors, known = from_file(
        tmp_path / "v.txt", b"a 1 2\n. . . 5 6\nb 3 4\n", ["<pad>", "<unk>", ". . .", "b"], width=2
    )
    assert vectors[2:].tolist() == [[5, 6], [3, 4]]
    assert known[2:].all()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (text(header=False), "line 1: found 3 numbers a vector, expected 4"),
        (text(header=True), "line 1: found 3 numbers a vector, expected 4"),
        (binary(), "line 1: found 3 numbers a vector, expected 4"),
        (b"2 4\na 1 2 3\nb 1 2 3\n", "line 2: found 3 numbers a vector, expected 4"),
        (b"a 1 2 3 4\nb 1 2 3\n", "line 2: found 3 numbers a vector, expected 4"),
        (b"a 1 2 3 4\nb 1 2 3 4 5\n", "line 2: found 5 numbers a vector, expected 4"),
        (b"a 1 2 3 4\nthe 1 2 x 4\n", "line 2: .*x.*expected 4 numbers"),
        (b"a 1 2 3 4\nthe 1 2 nan 4\n", "line 2: a number that is not finite"),
        (b"3 4\na 1 2 3 4\nb 1 2 3 4\n", "found 2 vectors, the first line promises 3"),
        (b"", "no vectors"),
    ],
)
def test_faults_are_named(tmp_path, content, fault):
    with pytest.raises(LabelPolicyError, match=fault) as error:
        from_file(tmp_path / "vectors.x", content, width=4)
    assert "vectors.x" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["google.bin", "original.bin"])
def test_every_truncation_of_a_binary(tmp_path, name):
    content = FORMS[name]
    for length in range(4, len(content) - (name == "original.bin")):
        with pytest.raises(LabelPolicyError, match=r"ends or is broken|found|no vectors"):
            from_file(tmp_path / name, content[:length])


@pytest.mark.parametrize("name", ["glove.txt.gz", "google.bin.gz"])
def test_a_truncated_gzip(tmp_path, name):
    with pytest.raises(LabelPolicyError, match="cannot be read to its end"):
        from_file(tmp_path / name, FORMS[name][:-9])


def test_a_missing_file(tmp_path):
    with pytest.raises(LabelPolicyError, match="no such file"):
        load(TOKENS, Vectors(source="file", path=str(tmp_path / "absent.bin"), width=3))


def test_only_the_vocabulary_is_kept_in_memory(tmp_path):
    """A file of 40 MB is read in chunks: the peak is a fraction of it."""
    path = tmp_path / "big.bin"
    rows, width = 50_000, 200
    vector = np.ones(width, "<f4").tobytes()
    with path.open("wb") as stream:
        stream.write(f"{rows} {width}\n".encode())
        stream.writelines(f"w{number} ".encode() + vector for number in range(rows))
    tracemalloc.start()
    vectors, known = load(["<pad>", "<unk>", "w0", "w49999"], Vectors(source="file", path=str(path), width=width))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert known[2:].all()
    assert vectors[2:].min() == 1
    assert peak < 16e6


def test_the_installed_glove():
    vectors, known = load(["<pad>", "<unk>", "the", "zzqx"], Vectors())
    np.testing.assert_allclose(vectors[2, :3], [0.418, 0.24968, -0.41242], atol=1e-6)  # glove.6B.50d.txt, line 1
    assert known.tolist() == [False, False, True, False]
    with pytest.raises(LabelPolicyError, match=r"50 numbers, data\.vectors\.width says 300"):
        load(["<pad>"], Vectors(width=300))
