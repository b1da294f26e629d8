"""What a text costs under a model: the loop around the step of evaluation, and its `jit`."""

from collections.abc import Callable, Iterator
from functools import partial

import jax
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from charrnn_jax.errors import InputError
from charrnn_jax.metrics import Score
from charrnn_jax.model import LanguageModel, init_state, score
from charrnn_jax.parallel import place, place_batch, spread_evaluation, streams_here
from charrnn_jax.text.closed_word import ClosedWordTokenizer
from charrnn_jax.text.streams import batch_at, fold_for_scoring
from charrnn_jax.text.texts import Text
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.text.tokens import Tokens
from charrnn_jax.training import EvalState, make_eval_step
from charrnn_jax.types import Float, Params
from experiments.meshes import EVENLY, Spread, mesh_for, scored_streams


class Scorer:
    """A model, compiled to say what each token of a text costs."""

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer, spread: Spread = EVENLY):
        self.model, self.start_id, self.streams = model, tokenizer.start_id, scored_streams(spread)
        self.mesh = mesh_for(spread, self.streams)
        nats_of = partial(score, model.clone(shards=spread.vocab))
        everywhere = NamedSharding(self.mesh, P())
        self.eval_step = jax.jit(
            spread_evaluation(make_eval_step(nats_of), self.mesh), out_shardings=(None, everywhere)
        )

    def score(self, params: Params, tokens: Tokens, between: Callable[[], None] = lambda: None) -> Score:
        """The whole text, summed in double precision."""
        total = 0.0
        for _, nats in self._costs(params, tokens):
            between()
            total += float(np.sum(nats, dtype=np.float64))
        return Score(total, len(tokens.ids), tokens.words, tokens.chars)

    def surprisal(self, params: Params, tokens: Tokens) -> Float[np.ndarray, "N"]:
        """The nats of each token."""
        nats = np.zeros(len(tokens.ids))
        places = fold_for_scoring(np.arange(len(nats), dtype=np.int32), 0, self.streams)
        for n, cost in self._costs(params, tokens):
            batch = batch_at(places, n)  # of the same text, each token its own place
            nats[batch.targets[batch.weights > 0]] = cost[batch.weights > 0]
        return nats

    def _costs(self, params: Params, tokens: Tokens) -> Iterator[tuple[int, np.ndarray]]:
        streams = fold_for_scoring(tokens.ids, self.start_id, self.streams)
        streams = streams._replace(chosen=streams_here(self.mesh, self.streams))
        state = place(EvalState(params, init_state(self.model, self.streams)), self.mesh)
        for n in range(streams.windows):
            state, nats = self.eval_step(state, place_batch(batch_at(streams, n), self.mesh, self.streams))
            yield n, np.asarray(nats)


def require_lossless(tokenizer: Tokenizer, text: Text, name: str, advice: str = "use word or char") -> None:
    """Raises InputError where a closed vocabulary cannot write the text: its bits would not be of that text."""
    if tokenizer.kind != ClosedWordTokenizer.kind:
        return  # every other tokenizer writes every text
    whole = text.read()
    if tokenizer.decode(tokenizer.encode(whole)) != whole:
        raise InputError(f"{name} has words or spaces outside the closed vocabulary: {advice}")
