"""What no training run can have."""

import math
from typing import Literal, get_args, get_origin, get_type_hints

from charrnn_jax.errors import InputError
from experiments.command_line import flag_of
from experiments.meshes import spread_of
from experiments.run_config import Config
from experiments.shell import require_positive, require_seed

COUNTS = ("pieces", "embed_size", "hidden_size", "layers", "steps", "batch_size", "length", "points", "keep")
COUNTS += ("accumulate",)
COUNTS_FROM_ZERO = ("warmup", "average_after", "patience", "report_every", "save_every", "sample_chars")
SHARES = ("dropout", "input_dropout", "hidden_dropout", "embedding_dropout", "weight_drop", "zoneout_hidden")
SHARES += ("zoneout_cell", "label_smoothing", "drop_state", "squares")
WEIGHTS = ("weight_decay", "activation", "temporal_activation")
ABOVE_ZERO = (*COUNTS, "learning_rate", "clip", "decay_by", "init_scale", "embed_scale")
FORGETFUL = ("lstm", "capped_lstm")
LARGEST = 2**31 - 1
MOST_LAYERS = 1000


def check(config: Config) -> None:
    """Raises InputError for the first value that no run can have."""
    given = {name: value for name, value in vars(config).items() if value is not None}
    require_positive(**{name: given[name] for name in ABOVE_ZERO if name in given})
    require_seed(config.seed)
    for names, lowest, highest, said in (
        ((*COUNTS, *COUNTS_FROM_ZERO), 0, LARGEST, f"use 0 to {LARGEST}"),
        (SHARES, 0.0, math.nextafter(1.0, 0.0), "it must be at least 0 and below 1"),
        (WEIGHTS, 0.0, 1e30, "it must be at least 0 and finite"),
    ):
        for name in names:
            if name in given and not lowest <= given[name] <= highest:
                raise InputError(f"{flag_of(name)} is {given[name]}: {said}")
    _check_choices(config)
    _check_together(config)
    _check_vectors(config)
    _check_spread(config)


def _check_choices(config: Config) -> None:
    for name, known in get_type_hints(Config).items():
        if get_origin(known) is Literal and getattr(config, name) not in get_args(known):
            raise InputError(f"{name} is {getattr(config, name)!r}: use {', '.join(get_args(known))}")


def _check_together(config: Config) -> None:
    """Values that are well by themselves, and not beside each other."""
    if config.layers > MOST_LAYERS or (config.embed_size + config.hidden_size) * config.hidden_size > LARGEST // 4:
        raise InputError("--hidden-size, --embed-size or --layers is too large for any machine: use smaller ones")
    single = config.layers == 1 and config.embed_size != config.hidden_size
    if config.tied and (config.input_mode == "direct" or single):
        raise InputError("--tied needs an embedding layer: use --embed-size equal to --hidden-size, and not direct")
    if config.embed_scale is not None and config.input_mode == "direct":
        raise InputError("--embed-scale needs an embedding layer: use --input-mode lookup")
    if config.forget_bias is not None and (
        config.cell not in ("lstm", "capped_lstm") or not math.isfinite(config.forget_bias)
    ):
        raise InputError("--forget-bias is a finite number, for --cell lstm and capped_lstm alone: leave it out")
    if config.zoneout_cell and config.cell in ("elman", "gru"):
        raise InputError("--zoneout-cell is for an LSTM, whose state has a memory cell: use --zoneout-hidden")
    rising = list(config.decay_at) == sorted(set(config.decay_at)) and all(0 < n <= LARGEST for n in config.decay_at)
    if bool(config.decay_at) != (config.decay == "steps") or not rising:
        raise InputError("--decay-at belongs to --decay steps, and is a list of steps that rises from above zero")


def _check_vectors(config: Config) -> None:
    if config.vectors and (config.tokenizer not in ("word", "closed_word") or config.input_mode == "direct"):
        raise InputError("--vectors needs an embedding of words: use --tokenizer word or closed_word, and not direct")
    if config.vectors and config.init_from:
        raise InputError("--vectors and --init-from both say where to begin: use one of them")
    if config.freeze_vectors and (not config.vectors or config.average_after):
        raise InputError("--freeze-vectors needs vectors to freeze, and no mean of them: use --vectors FILE alone")


def _check_spread(config: Config) -> None:
    """Streams and vocabulary over devices, and streams over time."""
    spread = spread_of(config.mesh)
    shares = (spread.data or 1) * config.accumulate
    if config.batch_size % shares:
        flags = " times ".join(["--accumulate", *(["data of --mesh"] if spread.data else [])])
        raise InputError(f"--batch-size is {config.batch_size} and must be a multiple of {shares}, {flags}")
    if spread.vocab > 1 and (config.input_mode != "lookup" or config.label_smoothing):
        raise InputError("--mesh with a vocab is for --input-mode lookup, without --label-smoothing: use data alone")
