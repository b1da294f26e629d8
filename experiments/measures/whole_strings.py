"""The cost of whole strings, for comparing ways of saying something."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from experiments.measures.columns import after, column, nats_of
from experiments.measures.reader import Reader
from experiments.measures.vocabulary import vocabulary_of


def nats_before_space(reader: Reader, strings: Sequence[str]) -> Float64[np.ndarray, "n"]:
    """The nats of each string at the beginning of a text, and of a space behind it.

    The space says that the last word is over, so that `is` does not stand for `island`. Any token that begins with
    it will do: a model of words has it in front of the next word.
    """
    vocabulary, start_id = vocabulary_of(reader.tokenizer), reader.tokenizer.start_id
    encoded = [reader.tokenizer.encode(string) for string in strings]
    read = [column(ids, start_id, 0, 0, len(ids)) for ids in encoded]
    nats = np.array([costs.sum(dtype=np.float64) for costs in nats_of(reader, read)])
    for n, row in after(reader, [column(np.append(ids, 0), start_id, 0, 0, len(ids) + 1).inputs for ids in encoded]):
        nats[n] -= np.log(vocabulary.probability(row, " "))
    return nats
