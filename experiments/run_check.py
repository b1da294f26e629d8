"""What no training run can have."""

import math
from typing import Literal, get_args, get_origin, get_type_hints

from charrnn_jax.errors import InputError
from charrnn_jax.outputs import Softmax
from charrnn_jax.recurrences import MOGRIFIED
from experiments.command_line import flag_of
from experiments.meshes import spread_of
from experiments.run_config import Config
from experiments.shell import require_positive, require_seed

COUNTS = ("pieces", "embed_size", "hidden_size", "layers", "steps", "batch_size", "length", "points", "keep")
COUNTS += ("rounds", "rank", "components", "accumulate")
COUNTS_FROM_ZERO = ("warmup", "average_after", "patience", "report_every", "save_every", "sample_chars")
COUNTS_FROM_ZERO += ("samples",)
SHARES = ("dropout", "input_dropout", "hidden_dropout", "embedding_dropout", "weight_drop", "zoneout_hidden")
SHARES += ("state_dropout", "zoneout_cell", "label_smoothing", "squares")
WEIGHTS = ("weight_decay", "activation", "temporal_activation")
ABOVE_ZERO = (*COUNTS, "learning_rate", "clip", "decay_by", "init_scale", "embed_scale")
FORGETFUL = ("lstm", "capped_lstm")
QRNNS = ("qrnn", "qrnn_2")
LARGEST = 2**31 - 1
MOST_PARTS = 1000
MOST_DRAWN = 10**7
"""Steps whose windows are drawn in advance, and kept in memory."""


def check(config: Config) -> None:
    """Raises InputError for the first value that no run can have."""
    given = {name: value for name, value in vars(config).items() if value is not None}
    require_positive(**{name: given[name] for name in ABOVE_ZERO if name in given})
    require_seed(config.seed)
    for names, lowest, highest, said in (
        ((*COUNTS, *COUNTS_FROM_ZERO), 0, LARGEST, f"use 0 to {LARGEST}"),
        (SHARES, 0.0, math.nextafter(1.0, 0.0), "it must be at least 0 and below 1"),
        (("drop_state",), 0.0, 1.0, "it must be at least 0 and at most 1"),
        (WEIGHTS, 0.0, 1e30, "it must be at least 0 and finite"),
    ):
        for name in names:
            if name in given and not lowest <= given[name] <= highest:
                raise InputError(f"{flag_of(name)} is {given[name]}: {said}")
    _check_choices(config)
    _check_together(config)
    _check_schedule(config)
    _check_layers(config)
    _check_softmax(config)
    _check_vectors(config)
    _check_spread(config)


def _check_choices(config: Config) -> None:
    for name, known in get_type_hints(Config).items():
        if get_origin(known) is Literal and getattr(config, name) not in get_args(known):
            raise InputError(f"{name} is {getattr(config, name)!r}: use {', '.join(get_args(known))}")


def _check_together(config: Config) -> None:
    """Values that are well by themselves, and not beside each other."""
    widest = max(4 * config.hidden_size, config.rank or 0)  # four blocks of columns, or one factor of a gate
    latent = config.components * config.embed_size * config.hidden_size
    numbers = max((config.embed_size + config.hidden_size) * widest, latent)
    if max(config.layers, config.rounds, config.components) > MOST_PARTS or numbers > LARGEST:
        raise InputError("--hidden-size, --embed-size, --layers or another size is too large for any machine: use less")
    single = config.layers == 1 and config.embed_size != config.hidden_size
    if config.tied and (config.input_mode == "direct" or single):
        raise InputError("--tied needs an embedding layer: use --embed-size equal to --hidden-size, and not direct")
    if config.sum_layers and config.tied and config.embed_size != config.hidden_size:
        raise InputError("--sum-layers adds layers of one size: with --tied use --embed-size equal to --hidden-size")
    for name in ("embed_scale", "input_dropout", "embedding_dropout"):
        if getattr(config, name) and config.input_mode == "direct":
            raise InputError(f"{flag_of(name)} needs an embedding layer: use --input-mode lookup, or leave it out")
    if config.forget_bias is not None and (config.cell not in FORGETFUL or not math.isfinite(config.forget_bias)):
        raise InputError("--forget-bias is finite, for --cell lstm and capped_lstm alone: else give --forget-bias None")


def _check_schedule(config: Config) -> None:
    """Steps that are planned before the first."""
    if config.random_length and config.steps > MOST_DRAWN:
        raise InputError(f"--random-length plans at most {MOST_DRAWN:,} steps ahead: use fewer, or leave it out")
    rising = list(config.decay_at) == sorted(set(config.decay_at)) and all(0 < n <= LARGEST for n in config.decay_at)
    if bool(config.decay_at) != (config.decay == "steps") or not rising:
        raise InputError("--decay-at is for --decay steps, which needs it, rising from above zero: else give no number")


def _check_layers(config: Config) -> None:
    """What not every recurrent layer has."""
    if config.zoneout_cell and config.cell in ("elman", "gru"):
        raise InputError("--zoneout-cell is for a layer with a memory cell: use --zoneout-hidden")
    if config.cell in QRNNS and (config.zoneout_hidden or config.weight_drop or config.state_dropout):
        raise InputError("a QRNN has no recurrent weights, and no output that returns: use --zoneout-cell alone")
    if config.cell in MOGRIFIED and config.input_mode == "direct":
        raise InputError("a Mogrifier gates its input, which has to be an embedding: use --input-mode lookup")
    if config.cell not in MOGRIFIED and (config.rounds, config.rank) != (Config.rounds, Config.rank):
        mogrifiers = " or ".join(MOGRIFIED)
        raise InputError(f"--rounds and --rank are for --cell {mogrifiers}: else they are {Config.rounds} and None")


def _check_softmax(config: Config) -> None:
    """At most one, on ids and weights that it can take."""
    named = {"--cutoffs": bool(config.cutoffs), "--components": config.components > 1, "--samples": config.samples > 0}
    chosen = [flag for flag, is_chosen in named.items() if is_chosen]
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)} are different softmaxes: use one of them")
    if list(config.cutoffs) != sorted(set(config.cutoffs)) or any(n <= 0 for n in config.cutoffs):
        raise InputError("--cutoffs is a list of ids that rises from above zero")
    if (config.cutoffs or config.samples) and config.tokenizer not in ("word", "closed_word"):
        raise InputError(f"{chosen[0]} needs ids in the order of their frequency: use --tokenizer word or closed_word")
    if config.cutoffs and config.tied:
        raise InputError("an adaptive softmax has no weights for --tied: leave one of them out")
    if config.label_smoothing and (config.cutoffs or config.components > 1):
        raise InputError(f"--label-smoothing is for a single softmax: leave it or {chosen[0]} out")


def check_vocabulary(config: Config, vocab_size: int) -> None:
    """Raises InputError for cutoffs behind the vocabulary."""
    if config.cutoffs and config.cutoffs[-1] >= vocab_size:
        raise InputError(f"--cutoffs goes to {config.cutoffs[-1]}, and there are {vocab_size} tokens: use smaller ones")


def _check_vectors(config: Config) -> None:
    if config.vectors and (config.tokenizer not in ("word", "closed_word") or config.input_mode == "direct"):
        raise InputError("--vectors needs an embedding of words: use --tokenizer word or closed_word, and not direct")
    if config.vectors and config.init_from:
        raise InputError("--vectors and --init-from both say where to begin: use one of them")
    if config.freeze_vectors and (not config.vectors or config.average_after):
        raise InputError("--freeze-vectors needs --vectors FILE, and goes with no mean: give --average-after 0")


def _check_spread(config: Config) -> None:
    """Streams and vocabulary over devices, and streams over time."""
    spread = spread_of(config.mesh)
    shares = (spread.data or 1) * config.accumulate
    if config.batch_size % shares:
        flags = " times ".join(["--accumulate", *(["data of --mesh"] if spread.data else [])])
        raise InputError(f"--batch-size is {config.batch_size} and must be a multiple of {shares}, {flags}")
    plain = Softmax(config.cutoffs, config.components, config.samples).plain and not config.label_smoothing
    if spread.vocab > 1 and (config.input_mode != "lookup" or not plain):
        raise InputError("--mesh with a vocab is for --input-mode lookup and the plain softmax: use data alone")
