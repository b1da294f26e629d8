"""Where the tokens of a text are: in memory for a text in memory, in a store on disk for a file."""

import hashlib
from pathlib import Path

import pooch

from charrnn_jax.io.corpora import Corpus
from charrnn_jax.io.text_file import FileText
from charrnn_jax.io.token_store import store
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.text.tokens import Tokens, encode


def tokens_of(corpus: Corpus, split: str, tokenizer: Tokenizer, folder: Path | None = None) -> Tokens:
    """The tokens of a split. A store is in that folder or, where none is given, in the user's cache."""
    text = getattr(corpus, split)
    if not isinstance(text, FileText):
        return encode(tokenizer, text)
    file = text.path.absolute()
    name = f"{file.stem}-{hashlib.sha256(bytes(file)).hexdigest()[:8]}-{tokenizer.kind}"
    return store((folder or Path(pooch.os_cache("charrnn_jax")) / "tokens") / name, split, tokenizer, text)


def in_memory(corpus: Corpus) -> Corpus:
    """The same texts, read for the last time: whoever changes a file afterwards changes no figure."""
    train, valid, test = (StringText(text.read()) for text in (corpus.train, corpus.valid, corpus.test))
    return corpus._replace(train=train, valid=valid, test=valid if corpus.test is corpus.valid else test)
