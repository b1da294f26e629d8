"""How one training run is configured: one model on one text."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, TypeVar

from charrnn_jax.initialisation import Initial
from charrnn_jax.model import InputMode, LanguageModel
from charrnn_jax.mogrifier import Gating
from charrnn_jax.noise import Rates
from charrnn_jax.outputs import Softmax
from charrnn_jax.products import Precision
from charrnn_jax.text.tokenizer import Kind, Tokenizer
from experiments.plan import Plan
from experiments.schedule import ClipBy, Decay, OnNonfinite, Optimizer, Schedule

CellName = Literal[
    "elman", "gru", "lstm", "capped_lstm", "cifg", "layer_norm_lstm", "mogrifier", "capped_mogrifier", "qrnn", "qrnn_2"
]

Part = TypeVar("Part", Rates, Initial, Gating, Softmax, Schedule, Plan)


@dataclass(frozen=True)
class Config:
    """One model on one text."""

    corpus: str = "sotu"
    """sotu, tinyshakespeare, tinyshakespeare-rows, ptb, wikitext-2, text8, enwik8, or the path of a UTF-8 text."""
    data_dir: Path | None = None
    """Folder with the known corpora; without it they are downloaded."""
    store_dir: Path | None = None
    """Folder for the tokens of text files; the user's cache if not given."""
    tokenizer: Kind = "char"
    """What a token is."""
    pieces: int = 10_000
    """The most pieces of the word tokenizer, the most merges of bpe."""
    cell: CellName = "lstm"
    """The recurrent layers."""
    rounds: int = 5
    """Of a Mogrifier: how often input and last output gate each other."""
    rank: int | None = None
    """Of a Mogrifier's gates, if not full."""
    input_mode: InputMode = "lookup"
    """How an id enters: by embedding look-up, by one-hot product, or directly."""
    embed_size: int = 64
    """E: numbers for each token."""
    hidden_size: int = 256
    """H: hidden units of each layer."""
    layers: int = 1
    """L: recurrent layers."""
    sum_layers: bool = False
    """Have the output layer read the sum of what all layers say: needs equal sizes if tied."""
    tied: bool = False
    """Share the embedding with the output layer: needs equal sizes."""
    dropout: float = 0.0
    """The rate on the non-recurrent connections."""
    input_dropout: float | None = None
    """That between embedding and first layer, if another."""
    hidden_dropout: float | None = None
    """That between two layers, if another."""
    locked: bool = False
    """One mask of dropout for all steps of a window."""
    state_dropout: float = 0.0
    """That between a layer and itself, a step later: one mask for all steps of a window."""
    embedding_dropout: float = 0.0
    """The rate at which whole rows of the embedding are left out."""
    weight_drop: float = 0.0
    """The rate at which recurrent weights are."""
    zoneout_hidden: float = 0.0
    """The rate at which a unit's output stays as it was."""
    zoneout_cell: float = 0.0
    """The rate at which an LSTM's memory cell does."""
    cutoffs: tuple[int, ...] = ()
    """Adaptive softmax: the ids at which clusters of rarer tokens begin."""
    components: int = 1
    """Mixture of softmaxes: how many."""
    samples: int = 0
    """Sampled softmax: how many tokens the target is compared with in training; 0: all."""
    label_smoothing: float = 0.0
    """The share of the target that is spread over the vocabulary."""
    activation: float = 0.0
    """The weight of the squares of what the last layer says, in the loss."""
    temporal_activation: float = 0.0
    """The weight of the squares of its changes."""
    init_scale: float | None = None
    """Draw every parameter uniform in ± this; without it, each part has its own."""
    embed_scale: float | None = None
    """Draw the embedding uniform in ± this."""
    forget_bias: float | None = None
    """What the LSTM's forget gates start from, if not as above."""
    precision: Precision = "float32"
    """Of the operands of every product; all else is float32."""
    steps: int = 2_000
    """Updates of the parameters."""
    batch_size: int = 32
    """B: streams read side by side."""
    length: int = 64
    """Tokens through which the gradient goes back."""
    random_length: bool = False
    """Draw that for every step, around this number or its half, and scale the learning rate with it."""
    accumulate: int = 1
    """Read the streams in so many parts, one after another, for one update: it takes the memory of one part."""
    mesh: str = ""
    """How many devices share the streams, and the vocabulary, such as data=4,vocab=2; else all share the streams."""
    optimizer: Optimizer = "adam"
    """The rule of an update."""
    squares: float = 0.99
    """How much of the mean of squared gradients, of Adam and of RMSProp, a step keeps."""
    learning_rate: float = 4e-3
    """Its peak. The loss is a mean over the tokens: for a paper's that is a sum over time, multiply by its T."""
    decay: Decay = "cosine"
    """How the learning rate falls after the warm-up: to a fiftieth, by steps, when validation says so, or never."""
    decay_at: tuple[int, ...] = ()
    """With steps: those from which on it is multiplied once more."""
    decay_by: float = 0.5
    """With steps and anneal: by what."""
    warmup: int = 100
    """Steps in which the learning rate rises; at most a tenth of all."""
    weight_decay: float = 0.0
    """So much of the weights is added to the gradient."""
    clip: float = 1.0
    """The largest global norm of a gradient, or its largest number."""
    clip_by: ClipBy = "norm"
    """Which of the two."""
    average_after: int = 0
    """Average parameters once a validation is worse than the best of those more than so many before it; 0: never."""
    drop_state: float = 0.05
    """The probability that a stream starts a window from the zero state."""
    on_nonfinite: OnNonfinite = "stop"
    """What to do when a loss or a gradient is not finite: stop, or skip that update."""
    points: int = 10
    """How often to validate and save."""
    patience: int = 0
    """Stop after so many points without a better validation, and score the best; 0: never."""
    report_every: int = 100
    """Steps between lines of metrics.jsonl."""
    save_every: int = 0
    """Steps between checkpoints, beside those at points; 0: none."""
    keep: int = 3
    """The last checkpoints to keep, beside the best."""
    sample_chars: int = 0
    """Characters of a sample to show at each point."""
    tensorboard: bool = False
    """Write TensorBoard files, too."""
    seed: int = 0
    """Of the parameters, the dropout and the samples."""
    init_from: Path | None = None
    """A run, or one of its checkpoints, whose weights to begin with."""
    vectors: Path | None = None
    """A file of word vectors (word2vec text, GloVe, fastText .vec; .gz too) to begin the embedding with."""
    freeze_vectors: bool = False
    """Leave the rows of the embedding that --vectors has as they are."""
    distributed: bool = False
    """This is one of several processes, as SLURM, Open MPI or Kubernetes says; elsewhere give the next three."""
    coordinator: str | None = None
    """HOST:PORT at which process 0 waits for the others."""
    processes: int | None = None
    """How many there are."""
    process_id: int | None = None
    """Which one this is, from 0."""
    resume: Path | None = None
    """The folder of a run to go on with, as it was configured."""
    out: Path = Path("runs/train")
    """A new folder for the run."""

    @property
    def folder(self) -> Path:
        """Where the run is, or will be."""
        return self.resume or self.out


def model_of(config: Config, tokenizer: Tokenizer) -> LanguageModel:
    """The model that the configuration asks for."""
    return LanguageModel(
        vocab_size=tokenizer.vocab_size,
        embed_size=config.embed_size,
        hidden_size=config.hidden_size,
        num_layers=config.layers,
        cell=config.cell,
        input_mode=config.input_mode,
        sum_layers=config.sum_layers,
        tied=config.tied,
        dropout=config.dropout,
        rates=_part(config, Rates),
        initial=_part(config, Initial),
        gating=_part(config, Gating),
        softmax=_part(config, Softmax),
        precision=config.precision,
    )


def schedule_of(config: Config) -> Schedule:
    """How the configuration trains."""
    return _part(config, Schedule)


def plan_of(config: Config) -> Plan:
    """What the configuration wants done on the way."""
    return _part(config, Plan)


def _part(config: Config, of: type[Part]) -> Part:
    """The fields that both have."""
    return of(**{field.name: getattr(config, field.name) for field in fields(of)})
