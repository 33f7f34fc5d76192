"""near_duplicates: texts that say nearly the same, and nothing else, are together."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from labelpolicy.near_duplicates import near_duplicates

WORDS = [f"w{number}" for number in range(400)]


def shingles(text):
    words = text.split()
    return {tuple(words[k : k + 3]) for k in range(len(words) - 2)}


def changed(words, random, times):
    words = list(words)
    for place in random.choice(len(words), times, replace=False):
        words[place] = str(random.choice(WORDS))
    return words


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_texts_with_most_words_in_common_are_together_and_others_are_not(seed):
    random = np.random.default_rng(seed)
    origins = [random.choice(WORDS, 120).tolist() for _ in range(8)]
    texts = [" ".join(words) for words in origins]
    times = (1, 2, 3, 4, 60, 70, 80, 90)
    texts += [" ".join(changed(words, random, number)) for words, number in zip(origins, times, strict=True)]
    found = near_duplicates(texts)
    for i, one in enumerate(texts):
        for j, other in enumerate(texts[:i]):
            a, b = shingles(one), shingles(other)
            share = len(a & b) / len(a | b)
            assert not 0.25 < share < 0.75  # far from the bound: hashes estimate the share
            assert (found[i] == found[j]) == (share > 0.5)


def test_letters_and_marks_make_no_difference_and_the_order_of_words_does():
    words = " ".join(WORDS[:60])
    found = near_duplicates([words, words.upper().replace(" ", ", ") + "!", " ".join(WORDS[59::-1])])
    assert found[0] == found[1] != found[2]


def test_short_texts_are_compared_whole_and_empty_ones_are_by_themselves():
    found = near_duplicates(["Thank you", "thank you!", "thank", "", " ", "..."])
    assert found[0] == found[1] and len(set(found.tolist())) == 5
    assert near_duplicates([]).tolist() == []


def test_groups_are_joined_by_near_duplicates():
    alone, same = ("one two three four", "five six seven"), "eight nine ten eleven"
    found = near_duplicates([alone[0], same, same, alone[1], "twelve"], groups=["a", "a", "b", "b", "c"])
    assert found.tolist() == [0, 0, 0, 0, 1]
