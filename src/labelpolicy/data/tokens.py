"""A text is cut into tokens: words, numbers and emoji, whatever its script.

Words keep their marks: vowels of Devanagari and Arabic, points of Hebrew. Scripts that put no blanks between words
(UNSPACED) are cut into single characters, with their marks, and pairs of neighbours, as search engines do: that needs
no dictionary, and every word of one or two characters is a token.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import chain, pairwise
from operator import add
from typing import NamedTuple

#: The number of the rule, which a model keeps beside its vocabulary; 1 knew neither emoji, nor marks, nor UNSPACED.
RULE = 2

# A word starts with a letter and may hold digits and inner apostrophes; a number may hold inner dots and commas.
TOKEN = re.compile(r"[^\W\d_][^\W_]*(?:'[^\W_]+)*|\d+(?:[.,]\d+)*")

#: First and last characters; letters and marks among them count. Thai, Lao; Myanmar; Khmer; Tai Le, New Tai Lue; Tai
#: Tham; 々 and 〇; kana and Bopomofo; Han; Javanese; Myanmar, Tai Viet; half-width kana; rare kana; rare Han.
UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0x3005, 0x3007)),
    *((0x3031, 0x3035), (0x3041, 0x312F), (0x31A0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA980, 0xA9FF)),
    *((0xAA60, 0xAADF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x1AFF0, 0x1B16F), (0x20000, 0x323AF)),
)
PICTURES = (
    "\u231a-\u23ff\u25aa\u25ab\u25b6\u25c0\u25fb-\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b-\u2b55"
    "\U0001f000-\U0001f1e5\U0001f200-\U0001faff"
)
LETTERS_OF_FLAGS, SKIN_AND_STYLE, TAGS = "\U0001f1e6-\U0001f1ff", "\U0001f3fb-\U0001f3ff\ufe0f", "\U000e0020-\U000e007f"
#: A keycap, a flag, or pictures of any skin joined by U+200D; © and its like only where U+FE0F makes them pictures.
ONE = f"(?:[{PICTURES}]|[\xa9\xae\u203c-\u3299](?=\ufe0f))[{SKIN_AND_STYLE}]*[{TAGS}]*"
EMOJI = f"[0-9#*]\ufe0f?\u20e3|[{LETTERS_OF_FLAGS}]{{1,2}}|{ONE}(?:\u200d{ONE})*"

#: TOKEN is enough for a text of Latin, Greek, Cyrillic, Armenian or Hangul, the usual marks of punctuation among them.
PLAIN = (
    "\\x00-\u02ff\u0370-\u0482\u048a-\u0590\u1c80-\u1c8f\u1d00-\u1dbf\u1e00-\u200b\u200e-\u20cf\u2100-\u2319"
    "\u2400-\u25a9\u2c60-\u2c7f\u3130-\u318e\uac00-\ud7a3\uff01-\uff5e\ufffd"
)
SIMPLE = re.compile(f"[{PLAIN}]*")


class Wide(NamedTuple):
    """What texts beyond PLAIN need."""

    token: re.Pattern[str]  # groups: emoji, run of an unspaced script; else a word or number
    character: re.Pattern[str]  # of a run, with its marks


@cache
def _wide() -> Wide:
    """The patterns, made when a text first needs them."""
    codes = chain.from_iterable(range(first, last + 1) for first, last in UNSPACED)
    run = _ranges(code for code in codes if unicodedata.category(chr(code)) in ("Lo", "Lm", "Mn", "Mc", "Nl"))
    every = (code for code in range(0x300, 0x20000) if not 0xFE00 <= code <= 0xFE0F)  # selectors of style
    marks = _ranges(code for code in every if unicodedata.category(chr(code)) in ("Mn", "Mc", "Me"))
    inner = rf"(?:[^\W_{run}]|[{marks}]|[\u200c\u200d](?=[^\W_]))"  # joiners shape words of Persian or Hindi
    word = rf"[^\W\d_{run}]{inner}*(?:'{inner}+)*|\d+(?:[.,]\d+)*"
    return Wide(re.compile(f"({EMOJI})|([{run}][{run}{marks}]*)|{word}"), re.compile(f".[{marks}]*"))


def _ranges(codes: Iterable[int]) -> str:
    """Rising codes as ranges of a character class."""
    found = list(codes)
    starts = [code for before, code in pairwise([-1, *found]) if code != before + 1]
    ends = [code for code, after in pairwise([*found, -1]) if after != code + 1]
    return "".join(rf"\U{first:08x}-\U{last:08x}" for first, last in zip(starts, ends, strict=True))


def tokenise(text: str, rule: int = RULE) -> list[str]:
    """The tokens of ``text`` in lower case and normal form C, without punctuation, by the rule of that number.

    >>> tokenise("Moody's raised 1,250.5 mln dlrs (vs 3rd-qtr)")
    ["moody's", 'raised', '1,250.5', 'mln', 'dlrs', 'vs', '3', 'rd', 'qtr']
    >>> tokenise("iPhone の価格 ❤️‍🔥")
    ['iphone', 'の', 'の価', '価', '価格', '格', '❤\u200d🔥']
    """
    text = unicodedata.normalize("NFC", text).replace("’", "'").lower()
    if rule == 1 or text.isascii() or SIMPLE.fullmatch(text):
        return TOKEN.findall(text)
    wide, found = _wide(), []
    for match in wide.token.finditer(text):
        token, kind = match[0], match.lastindex
        if kind is None:
            found.append(token)
        elif kind == 1:
            found.append(token.replace("\ufe0f", ""))  # the same picture, whether or not it asks for colour
        else:
            characters = token if token.isalpha() else wide.character.findall(token)
            cut = [""] * (2 * len(characters) - 1)
            cut[::2], cut[1::2] = characters, map(add, characters, characters[1:])
            found += cut
    return found
