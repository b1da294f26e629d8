"""How one training run is configured: one model on one text."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from charrnn_jax.errors import InputError
from charrnn_jax.model import InputMode, LanguageModel
from charrnn_jax.noise import Rates
from charrnn_jax.products import Precision
from charrnn_jax.text.tokenizer import Kind, Tokenizer
from experiments.plan import Plan
from experiments.schedule import ClipBy, Decay, OnNonfinite, Optimizer, Schedule
from experiments.shell import require_positive, require_seed

CellName = Literal["elman", "gru", "lstm"]
COUNTS = ("pieces", "embed_size", "hidden_size", "layers", "steps", "batch_size", "length", "points", "keep")
COUNTS_FROM_ZERO = ("warmup", "patience", "report_every", "save_every", "sample_chars")
SHARES = ("dropout", "input_dropout", "hidden_dropout", "embedding_dropout", "weight_drop", "zoneout_hidden")
SHARES += ("zoneout_cell", "label_smoothing", "drop_state", "squares")
WEIGHTS = ("weight_decay", "activation", "temporal_activation")
LARGEST = 2**31 - 1
MOST_LAYERS = 1000


@dataclass(frozen=True)
class Config:
    """One model on one text."""

    corpus: str = "sotu"
    """sotu, tinyshakespeare, ptb, wikitext-2, text8, enwik8, or the path of a UTF-8 text."""
    data_dir: Path | None = None
    """Folder with the known corpora; without it they are downloaded."""
    store_dir: Path | None = None
    """Folder for the tokens of text files; the user's cache if not given."""
    tokenizer: Kind = "char"
    """What a token is."""
    pieces: int = 10_000
    """The most pieces of the word tokenizer, the most merges of bpe."""
    cell: CellName = "lstm"
    """The recurrent cell."""
    input_mode: InputMode = "lookup"
    """How an id enters: by embedding look-up, by one-hot product, or directly."""
    embed_size: int = 64
    """E: numbers for each token."""
    hidden_size: int = 256
    """H: hidden units of each layer."""
    layers: int = 1
    """L: recurrent layers."""
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
    embedding_dropout: float = 0.0
    """The rate at which whole rows of the embedding are left out."""
    weight_drop: float = 0.0
    """The rate at which recurrent weights are."""
    zoneout_hidden: float = 0.0
    """The rate at which a unit's output stays as it was."""
    zoneout_cell: float = 0.0
    """The rate at which an LSTM's memory cell does."""
    label_smoothing: float = 0.0
    """The share of the target that is spread over the vocabulary."""
    activation: float = 0.0
    """The weight of the squares of what the last layer says, in the loss."""
    temporal_activation: float = 0.0
    """The weight of the squares of its changes."""
    init_scale: float | None = None
    """Draw every parameter uniform in ± this; without it, each part has its own."""
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
    optimizer: Optimizer = "adam"
    """The rule of an update."""
    squares: float = 0.99
    """How much of the mean of squared gradients, of Adam and of RMSProp, a step keeps."""
    learning_rate: float = 4e-3
    """Its peak. The loss is a mean over the tokens: for a paper's that is a sum over time, multiply by its T."""
    decay: Decay = "cosine"
    """How the learning rate falls after the warm-up: to a fiftieth, by steps, or not at all."""
    decay_at: tuple[int, ...] = ()
    """With steps: those from which on it is multiplied once more."""
    decay_by: float = 0.5
    """With steps: by what."""
    warmup: int = 100
    """Steps in which the learning rate rises; at most a tenth of all."""
    weight_decay: float = 0.0
    """So much of the weights is added to the gradient."""
    clip: float = 1.0
    """The largest global norm of a gradient, or its largest number."""
    clip_by: ClipBy = "norm"
    """Which of the two."""
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
    resume: Path | None = None
    """The folder of a run to go on with, as it was configured."""
    out: Path = Path("runs/train")
    """A new folder for the run."""

    @property
    def folder(self) -> Path:
        """Where the run is, or will be."""
        return self.resume or self.out


def check(config: Config) -> None:
    """Raises InputError for the first value that no run can have."""
    rates = {"learning_rate": config.learning_rate, "clip": config.clip}
    require_positive(**{name: getattr(config, name) for name in COUNTS}, **rates)
    require_seed(config.seed)
    for name in (*COUNTS, *COUNTS_FROM_ZERO):
        if not 0 <= getattr(config, name) <= LARGEST:
            raise InputError(f"--{name.replace('_', '-')} is {getattr(config, name)}: use 0 to {LARGEST}")
    if config.layers > MOST_LAYERS or (config.embed_size + config.hidden_size) * config.hidden_size > LARGEST // 4:
        raise InputError("--hidden-size, --embed-size or --layers is too large for any machine: use smaller ones")
    for name, known in get_type_hints(Config).items():
        if get_origin(known) is Literal and getattr(config, name) not in get_args(known):
            raise InputError(f"{name} is {getattr(config, name)!r}: use {', '.join(get_args(known))}")
    for name in SHARES:
        if not 0.0 <= getattr(config, name) < 1.0:
            raise InputError(
                f"--{name.replace('_', '-')} is {getattr(config, name)} and must be at least 0 and below 1"
            )
    _check_training(config)
    if config.tied and (
        config.input_mode == "direct" or (config.layers == 1 and config.embed_size != config.hidden_size)
    ):
        raise InputError("--tied needs an embedding layer: use --embed-size equal to --hidden-size, and not direct")


def _check_training(config: Config) -> None:
    """Raises InputError for values that would train otherwise than they say."""
    require_positive(decay_by=config.decay_by, init_scale=1.0 if config.init_scale is None else config.init_scale)
    for name in WEIGHTS:
        if not 0 <= (weight := getattr(config, name)) < math.inf:
            raise InputError(f"--{name.replace('_', '-')} is {weight} and must be at least 0 and finite")
    if config.forget_bias is not None and (config.cell != "lstm" or not math.isfinite(config.forget_bias)):
        raise InputError("--forget-bias is a finite number, for --cell lstm alone: leave it out")
    if bool(config.decay_at) != (config.decay == "steps") or list(config.decay_at) != sorted(set(config.decay_at)):
        raise InputError("--decay-at belongs to --decay steps, and is a list of steps that rises")


def model_of(config: Config, tokenizer: Tokenizer) -> LanguageModel:
    """The model that the configuration asks for."""
    return LanguageModel(
        vocab_size=tokenizer.vocab_size,
        embed_size=config.embed_size,
        hidden_size=config.hidden_size,
        num_layers=config.layers,
        cell=config.cell,
        input_mode=config.input_mode,
        tied=config.tied,
        dropout=config.dropout,
        rates=Rates(**{field.name: getattr(config, field.name) for field in fields(Rates)}),
        init_scale=config.init_scale,
        forget_bias=config.forget_bias,
        precision=config.precision,
    )


def schedule_of(config: Config) -> Schedule:
    """How the configuration trains."""
    return Schedule(**{field.name: getattr(config, field.name) for field in fields(Schedule)})


def plan_of(config: Config) -> Plan:
    """What the configuration wants done on the way."""
    return Plan(**{field.name: getattr(config, field.name) for field in fields(Plan)})
