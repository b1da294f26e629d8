"""Text of a corpus or of a model, made visible: nothing in it may run, hide, or turn the page around."""

import re

# Controls but tab and line feed, marks that turn the direction of text, halves of a character, no characters at all.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
_MARKS = str.maketrans({" ": "␣", "\n": "↵", "\t": "⇥"})


def visible(text: str) -> str:
    """The same text; a character that would not show, or could not be written in UTF-8, by its number."""
    return _HIDDEN.sub(_number, text)


def marked(text: str) -> str:
    """A token: its blanks are shown as well, and of a very long one the beginning."""
    return visible(cut(text)).translate(_MARKS)


def cut(text: str, most: int = 60) -> str:
    """The beginning of a text that is longer than any word."""
    return text if len(text) <= most else f"{text[:most]}…"


def _number(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"
