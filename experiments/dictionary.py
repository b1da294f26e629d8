"""The words of a language: a list that a package brings, or one that the user has."""

from pathlib import Path

from spellchecker import SpellChecker

from charrnn_jax.io.text_file import read_text
from charrnn_jax.text.words import alphabetic_words


def read_dictionary(path: Path | None = None) -> frozenset[str]:
    """The words of a UTF-8 file, one a line, in lower case; without a path, 160 thousand of English.

    Those are of the package pyspellchecker, inflected forms among them, in American spelling. Raises InputError for
    a folder, an empty file, any but UTF-8.
    """
    if path is None:
        return frozenset(SpellChecker(language="en").word_frequency.words())
    return frozenset(alphabetic_words(read_text(path)))
