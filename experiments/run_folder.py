"""The folder of one training run: its configuration, tokenizer, checkpoints and learning curve."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from charrnn_jax.errors import InputError
from charrnn_jax.io import checkpoints
from charrnn_jax.io.corpora import read_text
from charrnn_jax.model import InputMode, LanguageModel
from charrnn_jax.products import Precision
from charrnn_jax.text.tokenizer import Kind, Tokenizer, from_json, to_json
from charrnn_jax.training import TrainState
from experiments.shell import flags_given, open_out, read_json, require_positive, require_seed, write_json

CellName = Literal["elman", "gru", "lstm"]
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Config:
    """One model on one text."""

    corpus: str = "sotu"
    """sotu, tinyshakespeare, ptb, wikitext-2, text8, enwik8, or the path of a UTF-8 text."""
    data_dir: Path | None = None
    """Folder with the known corpora; without it they are downloaded."""
    tokenizer: Kind = "char"
    """What a token is."""
    pieces: int = 10_000
    """The largest vocabulary of the word tokenizer."""
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
    precision: Precision = "float32"
    """Of the operands of every product; all else is float32."""
    steps: int = 2_000
    """Updates of the parameters."""
    batch_size: int = 32
    """B: streams read side by side."""
    length: int = 64
    """Tokens through which the gradient goes back."""
    learning_rate: float = 4e-3
    """The peak of Adam's learning rate."""
    points: int = 10
    """How often to validate and save."""
    seed: int = 0
    """Of the parameters, the dropout and the samples."""
    resume: bool = False
    """Go on with the run in --out, as it was configured."""
    out: Path = Path("runs/train")
    """A new folder for the run."""


def check(config: Config) -> None:
    """Raises InputError for the first value that no run can have."""
    sizes = ("pieces", "embed_size", "hidden_size", "layers", "steps", "batch_size", "length", "points")
    require_positive(**{name: getattr(config, name) for name in sizes}, learning_rate=config.learning_rate)
    require_seed(config.seed)
    for name in sizes:
        if getattr(config, name) > LARGEST:
            raise InputError(f"--{name.replace('_', '-')} is {getattr(config, name)}: use {LARGEST} or less")
    for name, known in {"tokenizer": Kind, "cell": CellName, "input_mode": InputMode, "precision": Precision}.items():
        if getattr(config, name) not in get_args(known):
            raise InputError(f"{name} is {getattr(config, name)!r}: use {', '.join(get_args(known))}")
    if not 0.0 <= config.dropout < 1.0:
        raise InputError(f"--dropout is {config.dropout} and must be at least 0 and below 1")
    if config.tied and (config.input_mode == "direct" or config.embed_size != config.hidden_size):
        raise InputError("--tied needs an embedding layer: use --embed-size equal to --hidden-size, and not direct")


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
        precision=config.precision,
    )


def start(config: Config, tokenizer: Tokenizer, corpus_sha256: str) -> None:
    """Makes the folder of a new run."""
    out = open_out(config.out)
    (out / "tokenizer.json").write_text(to_json(tokenizer), encoding="utf-8")
    data_dir = str(config.data_dir) if config.data_dir else None
    written = {**asdict(config), "out": str(out), "data_dir": data_dir}
    write_json(out / "config.json", {"schema": 1, "corpus_sha256": corpus_sha256, "config": written})


def read_config(out: Path) -> tuple[Config, str]:
    """The configuration of the run in that folder, and the sha256 of its corpus."""
    path = out / "config.json"
    if not path.exists():
        raise InputError(f"{out} holds no training run: give the --out folder of experiments.train")
    try:
        stored: dict[str, Any] = read_json(path)
        if stored["schema"] != 1:
            raise InputError(f"{path} has schema {stored['schema']!r}, this version reads 1: train again")
        data_dir = stored["config"]["data_dir"]
        values = {**stored["config"], "out": out, "data_dir": Path(data_dir) if data_dir else None}
        config, corpus_sha256 = Config(**values), stored["corpus_sha256"]
        _check_types(config)
        check(config)
    except (ValueError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is damaged ({reason}): restore it, or train again") from None
    return config, corpus_sha256


def _check_types(config: Config) -> None:
    """Raises TypeError for the first value that no command line can give: JSON has other types for the same fields."""
    for field in fields(Config):
        value = getattr(config, field.name)
        if field.name not in ("out", "data_dir") and type(value) is not type(field.default):
            raise TypeError(f"{field.name} is {value!r}")


def read_tokenizer(out: Path) -> Tokenizer:
    """The tokenizer of the run in that folder."""
    return from_json(read_text(out / "tokenizer.json"))


def continued(given: Config) -> tuple[Config, str]:
    """The stored configuration of the run that `--resume` goes on with; another flag beside it is refused."""
    stored, corpus_sha256 = read_config(given.out)
    for field in fields(Config):
        value = getattr(given, field.name)
        unsaid = value == field.default and field.name not in flags_given()
        if field.name in ("out", "resume", "data_dir") or unsaid or value == getattr(stored, field.name):
            continue
        flag = field.name.replace("_", "-")
        raise InputError(f"--{flag} {value} is not what the run in {given.out} has: leave it out, or start a new run")
    return replace(stored, data_dir=given.data_dir or stored.data_dir), corpus_sha256


def keep(out: Path, state: TrainState, curve: list[dict[str, Any]]) -> None:
    """Writes the learning curve, and the state that it leads to: of a curve without its state, `last` drops the end."""
    write_json(out / "curve.json", curve)
    checkpoints.save(out / "checkpoints", state)


def last(out: Path, template: TrainState) -> tuple[TrainState, list[dict[str, Any]]]:
    """The state last kept, and the learning curve up to it."""
    state = checkpoints.restore(out / "checkpoints", template)
    curve = read_json(out / "curve.json", list)
    return state, [point for point in curve if point["step"] <= int(state.step)]
