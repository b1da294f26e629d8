"""What is equal for all contenders of a comparison, and the model and the schedule that follow for each."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

from charrnn_jax.errors import InputError
from charrnn_jax.model import LanguageModel
from charrnn_jax.parameters import count_parameters
from charrnn_jax.products import Precision
from charrnn_jax.text.streams import fold_streams
from charrnn_jax.text.tokenizer import Kind, Tokenizer
from charrnn_jax.text.tokens import Tokens
from experiments.measures.flops import flops_per_char
from experiments.schedule import Schedule

Size: TypeAlias = Literal["parameters", "hidden"]
Budget: TypeAlias = Literal["chars", "compute"]
WITHIN = 0.01
"""How far parameter counts may be from each other; the coarsest may be five times as far from what was asked for."""
EVERY_PIECE = 2**31 - 1


@dataclass(frozen=True)
class Terms:
    """What is equal for all contenders. A measure whose size is 0 is not taken."""

    contenders: tuple[str, ...] = ("char", "word")
    size: Size = "parameters"
    """Equal parameters; or the hidden size of the first contender for all."""
    budget: Budget = "chars"
    """Equal training characters; or the floating-point operations that the first contender's take."""
    parameters: int = 400_000
    chars: int = 6_000_000
    """Characters of training text, repeated passes counted."""
    pieces: int = 6_000
    """The vocabulary of `word`, without the characters that spell other words."""
    cell: str = "lstm"
    precision: Precision = "float32"
    learning_rates: tuple[float, ...] = (8e-3,)
    dropouts: tuple[float, ...] = (0.0,)
    tuning_chars: int = 0
    """Training characters of each point of the grid of the two above."""
    span: int = 128
    """Characters through which the gradient goes back."""
    batch_size: int = 32
    points: int = 8
    """Points of a learning curve."""
    curve_chars: int = 30_000
    """Characters of the validation text that each point is measured on."""
    sample_chars: int = 35_000
    """Written from each seed at each temperature: 100,000 from three, when words cut at an end are left out."""
    temperatures: tuple[float, ...] = (0.5, 0.8, 1.0)
    context_chars: int = 4_096
    """Target characters of the use of context."""
    closers: int = 100
    """Closing brackets and quotes of each distance, at most."""
    agreement_items: int = 200
    """Sentences for each number of attractors."""
    controlled_chars: int = 0
    """Training characters in the controlled language."""
    controlled_seeds: int = 1
    direct_chars: int = 0
    """Training characters of the character model without an embedding layer."""


class Form(NamedTuple):
    """How a contender reads text."""

    kind: Kind
    pieces: int


def form_of(name: str, closed_vocabulary: bool, terms: Terms) -> Form:
    """What the name of a contender says. Raises InputError for another name."""
    forms = {
        "char": Form("char", 1),
        "word": Form("closed_word", 1) if closed_vocabulary else Form("word", terms.pieces),
        "byte": Form("byte", 1),
        "bpe1k": Form("bpe", 1_000),
        "bpe4k": Form("bpe", 4_000),
        "bpe16k": Form("bpe", 16_000),
        "word_full": Form("word", EVERY_PIECE),
    }
    if name not in forms:
        raise InputError(f"no contender is called {name!r}: use some of {', '.join(forms)}, with commas between")
    return forms[name]


def models_of(vocab_sizes: Mapping[str, int], terms: Terms) -> dict[str, LanguageModel]:
    """The tied one-layer model of each contender, by the size of its vocabulary.

    With equal parameters, the largest vocabulary leaves the coarsest choice: its model comes as near as it can to
    the number asked for, the others to the number that it has. Raises InputError where they do not meet.
    """
    if terms.size == "hidden":
        first = _nearest(vocab_sizes[terms.contenders[0]], terms.cell, terms.parameters, terms.precision)
        return {name: first.clone(vocab_size=V) for name, V in vocab_sizes.items()}
    coarsest = max(vocab_sizes.values())
    total = count_parameters(_nearest(coarsest, terms.cell, terms.parameters, terms.precision)).total
    models = {name: _nearest(V, terms.cell, total, terms.precision) for name, V in vocab_sizes.items()}
    off = [abs(count_parameters(model).total - total) > WITHIN * total for model in models.values()]
    if any(off) or abs(total - terms.parameters) > 5 * WITHIN * terms.parameters:
        sizes = f"a vocabulary of {coarsest:,} does not fit into {terms.parameters:,} parameters"
        raise InputError(f"{sizes}: use more --parameters, or a text with fewer symbols")
    return models


def _nearest(vocab_size: int, cell: str, parameters: int, precision: Precision) -> LanguageModel:
    """The model whose parameter count is closest."""

    def model_of(H: int) -> LanguageModel:
        return LanguageModel(vocab_size, H, H, cell=cell, tied=True, precision=precision)

    def count(H: int) -> int:
        return count_parameters(model_of(H)).total

    most = parameters // vocab_size + 1  # the table alone has V H numbers
    enough = 1 + bisect_left(range(1, most), parameters, key=count)
    return model_of(min(max(1, enough - 1), enough, key=lambda H: abs(count(H) - parameters)))


class Contender(NamedTuple):
    """A tokenizer, the model that reads it, and how that is trained."""

    name: str
    form: Form
    tokenizer: Tokenizer
    tokens: Tokens
    """Of the training text."""
    model: LanguageModel
    schedule: Schedule

    @property
    def flops_per_char(self) -> float:
        """Floating-point operations of training, for each character read."""
        T, B = self.schedule.length, self.schedule.batch_size
        return flops_per_char(self.model, T, B, training=True, chars_per_token=self.chars_per_token)

    @property
    def chars_per_token(self) -> float:
        """Of the training text."""
        return self.tokens.chars / len(self.tokens.ids)

    def trained_on(self, chars: float) -> "Contender":
        """The same, with as many steps as read that many characters."""
        T, B = self.schedule.length, self.schedule.batch_size
        windows = fold_streams(self.tokens.ids, self.tokenizer.start_id, B, T).windows
        steps = max(1, round(chars / self.tokens.chars * windows))
        return self._replace(schedule=replace(self.schedule, steps=steps))

    def direct(self, chars: float) -> "Contender":
        """The same without an embedding layer, whose work the input weights of the hidden layer do."""
        without = self.model.clone(input_mode="direct", tied=False)
        return self._replace(name="direct", model=without).trained_on(chars)

    def tuned(self, learning_rate: float, dropout: float) -> "Contender":
        """The same, with another learning rate and dropout."""
        schedule = replace(self.schedule, learning_rate=learning_rate)
        return self._replace(model=self.model.clone(dropout=dropout), schedule=schedule)


def contenders_of(
    forms: Mapping[str, Form], tokenizers: Mapping[str, Tokenizer], tokens: Mapping[str, Tokens], terms: Terms
) -> list[Contender]:
    """Each with its model, and windows of about the same span of characters."""
    models = models_of({name: tokenizer.vocab_size for name, tokenizer in tokenizers.items()}, terms)
    contenders = []
    for name, model in models.items():
        length = max(1, round(terms.span * len(tokens[name].ids) / tokens[name].chars))
        schedule = Schedule(1, terms.batch_size, length, terms.learning_rates[0])
        contenders.append(Contender(name, forms[name], tokenizers[name], tokens[name], model, schedule))
    return contenders


def share_out(contenders: Sequence[Contender], terms: Terms) -> list[Contender]:
    """Each with the steps that its share of the training budget allows."""
    work = contenders[0].flops_per_char
    shares = [work / each.flops_per_char if terms.budget == "compute" else 1.0 for each in contenders]
    return [each.trained_on(terms.chars * share) for each, share in zip(contenders, shares, strict=True)]
