"""Texts of any script become tokens."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelpolicy.data import tokens as rules
from labelpolicy.data.tokens import PLAIN, tokenise

FAMILY, FLAME = "👨\u200d👩\u200d👧", "❤\u200d🔥"
WALES = "🏴" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbwls") + "\U000e007f"
HAN = st.text("天地玄黃宇宙洪荒々𠮷", min_size=1)
TEXT = st.text() | st.lists(
    HAN | st.text("ab’é 1.,") | st.sampled_from([FAMILY, "क्षत्रिय", "שָׁלוֹם", "ง่าย", "ﾞ", "が", "가"])
).map("".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Moody's said", ["moody's", "said"]),
        ("Moody’s 'quoted'", ["moody's", "quoted"]),
        ("1,250.5 mln, 3.", ["1,250.5", "mln", "3"]),
        ("M-1 U.S. 3rd q1", ["m", "1", "u", "s", "3", "rd", "q1"]),
        ("Zürich ΑΘΗΝΑ Москва 한국어", ["zürich", "αθηνα", "москва", "한국어"]),
        ("Zu\u0308rich", ["zürich"]),  # a combining mark is joined with its letter first
        ("snake_case ... *** \x03", ["snake", "case"]),
        ("", []),
        ("東京", ["東", "東京", "京"]),
        ("iPhone15の価格は1,000円", ["iphone15", "の", "の価", "価", "価格", "格", "格は", "は", "1,000", "円"]),
        ("データ・ビル", ["デ", "デー", "ー", "ータ", "タ", "ビ", "ビル", "ル"]),
        ("ง่าย ๑๒", ["ง่", "ง่า", "า", "าย", "ย", "๑๒"]),  # a mark is part of its character
        ("क्षत्रिय है", ["क्षत्रिय", "है"]),
        ("סַבָּא سَلَامٌ", ["סַבָּא", "سَلَامٌ"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("so😀😀! ❤️ ❤", ["so", "😀", "😀", "❤", "❤"]),
        (f"👍🏽{FAMILY}❤️\u200d🔥", ["👍🏽", FAMILY, FLAME]),
        (f"🇩🇪🇫🇷 {WALES} 1️⃣ 1", ["🇩🇪", "🇫🇷", WALES, "1\u20e3", "1"]),
        ("© 2024 ©️ ™", ["2024", "©"]),
    ],
)
def test_tokens(text, expected):
    assert tokenise(text) == expected


@given(TEXT)
def test_tokens_of_any_text_are_lower_case_and_without_space(text):
    found = tokenise(text)
    assert all(token and not any(map(str.isspace, token)) for token in found)
    assert all(token in tokenise(token) for token in found)


@given(TEXT)
def test_normal_forms_of_a_text_have_the_same_tokens(text):
    forms = {form: unicodedata.normalize(form, text) for form in ("NFC", "NFD")}
    assert tokenise(forms["NFC"]) == tokenise(forms["NFD"]) == tokenise(text)


@given(st.lists(HAN | st.sampled_from([" ", "a", "1", "。", FAMILY])).map("".join))
def test_every_han_character_is_a_token_and_so_are_neighbours(text):
    han = "[天地玄黃宇宙洪荒々𠮷]"
    found = [token for token in tokenise(text) if re.match(han, token)]
    assert [token for token in found if len(token) == 1] == re.findall(han, text)
    assert [token for token in found if len(token) == 2] == re.findall(f"(?=({han}{{2}}))", text)


def test_the_short_way_is_the_long_way(monkeypatch):
    texts = [f"é{letter}x {letter}1" for letter in map(chr, range(0x110000)) if re.match(f"[{PLAIN}]", letter)]
    found = list(map(tokenise, texts))
    monkeypatch.setattr(rules, "SIMPLE", re.compile("none"))
    assert found == list(map(tokenise, texts)) and len(texts) > 10_000


@given(st.text(st.characters(max_codepoint=0xFF)))
def test_the_first_rule_is_as_it_was(text):
    assert tokenise(text, 1) == tokenise(text)
    assert tokenise("東京 😀", 1) == ["東京"]
