"""Text of a corpus or of a model, made visible: nothing in it may run, hide, or turn the page around."""

import re

# Controls but tab and line feed, marks that turn the direction of text, halves of a character, no characters at all.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
_MARKS = str.maketrans({" ": "␣", "\n": "↵", "\t": "⇥"})


def visible(text: str) -> str:
    """The same text; a character that would not show, or could not be written in UTF-8, by a picture or its number."""
    return _HIDDEN.sub(_picture, text)


def marked(text: str) -> str:
    """A token: its blanks are shown as well."""
    return visible(text).translate(_MARKS)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"
