"""What a tokenizer is, which there are, and how one is written to JSON and read back."""

import json
import re
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Int32, Integer

from charrnn_jax.errors import InputError
from charrnn_jax.text.bpe import BpeTokenizer, merges_of, train_bpe
from charrnn_jax.text.byte import ByteTokenizer
from charrnn_jax.text.char import CharTokenizer, train_char
from charrnn_jax.text.closed_word import EOS, UNK, ClosedWordTokenizer, train_closed_word
from charrnn_jax.text.texts import Text
from charrnn_jax.text.word import WordTokenizer, train_word

SCHEMA = 1
SURROGATES = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
Kind: TypeAlias = Literal["char", "byte", "bpe", "word", "closed_word"]


@runtime_checkable
class Tokenizer(Protocol):
    """Text -> ids in `[0, vocab_size)` -> text."""

    kind: ClassVar[str]

    @property
    def vocab_size(self) -> int:
        """V."""
        ...

    @property
    def start_id(self) -> int:
        """The id fed to the model before a text's first token. Never a target, so that any id is fair."""
        ...

    def encode(self, text: str) -> Int32[np.ndarray, "N"]:
        """The one encoding of the text."""
        ...

    def decode(self, ids: Integer[np.ndarray, "N"]) -> str:
        """The text of any ids. Raises ValueError for an id outside the vocabulary."""
        ...

    def lengths(self, ids: Integer[np.ndarray, "N"]) -> Int32[np.ndarray, "N"]:
        """The characters that begin with each token: of an encoded text, they sum to its length."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """The vocabulary in plain JSON values."""
        ...


def train_tokenizer(kind: Kind, text: Text, pieces: int) -> Tokenizer:
    """A tokenizer of that kind for the text of a training split.

    `pieces` is the most that is learned: pieces of `word`, merges of `bpe`. Reads the text once or twice, piece by
    piece, in bounded memory. Raises InputError where `pieces` is not above zero, and as `train_bpe` and
    `train_closed_word` do.
    """
    if pieces <= 0:
        raise InputError(f"--pieces is {pieces} and must be above zero")
    if kind == "char":
        return train_char(text)
    if kind == "byte":
        return ByteTokenizer()
    if kind == "bpe":
        return train_bpe(text, pieces)
    if kind == "word":
        return train_word(text, pieces)
    return train_closed_word(text)


def to_json(tokenizer: Tokenizer) -> str:
    """One JSON object, in ASCII."""
    return json.dumps({"schema": SCHEMA, "kind": tokenizer.kind, **_spread(tokenizer.to_dict())}, indent=1)


def _spread(value: Any) -> Any:
    """Two lone surrogates side by side are one character to whoever reads JSON: such a string is written as a list."""
    match value:
        case dict():
            return {name: _spread(item) for name, item in value.items()}
        case list():
            return [_spread(item) for item in value]
        case str() if SURROGATES.search(value):
            return list(value)
    return value


def _joined(value: Any) -> Any:
    """A string that `_spread` has written as a list; anything else as it is."""
    is_spread = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return "".join(value) if is_spread else value


def from_json(text: str) -> Tokenizer:
    """The tokenizer that `to_json` wrote. Raises InputError for anything else."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the tokenizer is not JSON ({error}): train it again") from None
    if not isinstance(fields, dict) or fields.get("schema") is True or fields.get("schema") != SCHEMA:
        schema = fields.get("schema") if isinstance(fields, dict) else None
        raise InputError(f"the tokenizer has schema {schema!r}, this version reads {SCHEMA}: train it again")
    match fields.get("kind"):
        case "byte":
            return ByteTokenizer()
        case "char":
            return CharTokenizer(_characters(fields))
        case "bpe":
            return BpeTokenizer(merges_of(fields.get("merges")))
        case "word":
            return WordTokenizer(_strings(fields, "pieces"), CharTokenizer(_characters(fields)))
        case "closed_word":
            return ClosedWordTokenizer(_strings(fields, "words", required=(EOS, UNK)))
    raise InputError(f"the tokenizer is of kind {fields.get('kind')!r}: use char, byte, bpe, word or closed_word")


def _characters(fields: dict[str, Any]) -> str:
    return "".join(_distinct("characters", _joined(fields.get("characters")), str))


def _strings(fields: dict[str, Any], name: str, required: Sequence[str] = ()) -> tuple[str, ...]:
    value = fields.get(name)
    strings = tuple(_distinct(name, [_joined(item) for item in value] if isinstance(value, list) else value, list))
    missing = [word for word in required if word not in strings]
    if missing:
        raise InputError(f"the tokenizer's {name} lack {missing[0]}: train it again")
    return strings


def _distinct(name: str, value: Any, kind: type) -> Sequence[str]:
    whole = isinstance(value, kind) and all(isinstance(item, str) for item in value)
    if not whole or len(set(value)) != len(value):
        raise InputError(f"the tokenizer's {name} are missing, repeated or not text: train it again")
    return value
