"""The lecture, line by line, on its own sentence.

Claims    1. A one-hot vector times a weight matrix is one row of the matrix.
          2. An index look-up gives the same row: it is the embedding layer.
          3. An RNN may read letters through an embedding layer, or read the one-hot vectors themselves and
             let its hidden layer do the embedding. Either way the embedding is learned during training.
          Deep Learning Fundamentals, unit 8.3, Encoding inputs using embedding layers.
Command   python -m experiments.sunny
Hardware  two CPU cores
Time      15 seconds
Expected  product and look-up agree bit for bit, and with the lecture's numbers; each of the three networks
          writes the sentence back, letter by letter, after 20 to 60 steps. Writes embedding.png and
          results.json.
"""

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float32

from charrnn_jax.embedding import embed_lookup, embed_one_hot, one_hot
from charrnn_jax.errors import InputError
from charrnn_jax.model import InputMode, LanguageModel, init_params, init_state, score, step
from charrnn_jax.products import Precision
from charrnn_jax.sampling import Filters, generate
from charrnn_jax.text.char import CharTokenizer, train_char
from charrnn_jax.text.streams import batch_at, fold_streams
from charrnn_jax.text.texts import StringText
from charrnn_jax.training import init_train_state, make_train_step
from charrnn_jax.types import Array, Int, Params
from experiments.command_line import command
from experiments.environment import environment
from experiments.json_files import write_json
from experiments.measures.embeddings import embedding_of
from experiments.report.embeddings import Panel, draw_embeddings
from experiments.shell import banner, console, open_out, require_positive, require_seed, run

LECTURE = json.loads(Path(__file__).with_name("sunny_weights.json").read_text(encoding="utf-8"))
MODES: tuple[InputMode, ...] = get_args(InputMode)
CHECK_EVERY = 5


@dataclass(frozen=True)
class Config:
    """The lecture's sentence, and the network that learns it."""

    out: Path = Path("runs/sunny")
    """Folder for embedding.png and results.json."""
    seed: int = 0
    """Seed of the initial weights."""
    embed_size: int = 16
    """E: numbers for each character."""
    hidden_size: int = 64
    """H: hidden units."""
    precision: Precision = "float32"
    """Of the operands of every product; all else is float32."""
    learning_rate: float = 0.01
    """Of Adam."""
    max_steps: int = 2000
    """Where to give up."""


class Learned(NamedTuple):
    """One network, trained until it writes the sentence."""

    mode: InputMode
    steps: int
    seconds: float
    nats: float
    """Per character, at the last step."""
    written: str
    before: Float32[np.ndarray, "V X"]
    """The embedding before training; for `direct`, the input weights of the hidden layer."""
    after: Float32[np.ndarray, "V X"]


def main(config: Config) -> None:
    """Claims 1 and 2 on the word SUNNY, claim 3 on the whole sentence."""
    require_positive(
        embed_size=config.embed_size,
        hidden_size=config.hidden_size,
        learning_rate=config.learning_rate,
        max_steps=config.max_steps,
    )
    if min(config.embed_size, config.hidden_size) < 2:
        raise InputError("--embed-size and --hidden-size must be 2 or more: the picture has two axes")
    require_seed(config.seed)
    out = open_out(config.out)
    banner("sunny: the lecture on its own sentence")
    show_look_up()
    learned = show_training(config)
    write_json(out / "results.json", report(config, learned))
    tokenizer = train_char(StringText(LECTURE["sentence"]))
    panels = [panel_of(result, tokenizer) for result in learned]
    draw_embeddings(panels, tokenizer.characters, out / "embedding.png")
    console.print(f"\nWrote {out / 'embedding.png'} and {out / 'results.json'}", soft_wrap=True)


def show_look_up() -> None:
    """Prints one-hot vectors, weights, product and look-up; asserts that all is as in the lecture."""
    alphabet, word = LECTURE["alphabet"], LECTURE["word"]
    ids = np.array([alphabet.index(letter) for letter in word], np.int32)
    W = jnp.array(LECTURE["weight"], jnp.float32)
    vectors, product, rows = one_hot(ids, len(alphabet)), embed_one_hot(W, ids), embed_lookup(W, ids)
    print_matrix(f"One-hot vectors of {word}", word, np.asarray(vectors), "{:.0f}", header=alphabet)
    print_matrix("Weights", alphabet, np.asarray(W), "{:.4f}")
    print_matrix("One-hot vectors times weights", word, np.asarray(product), "{:.4f}")
    print_matrix(f"Look-up of rows {ids.tolist()}", word, np.asarray(rows), "{:.4f}")
    assert np.array_equal(product, rows), "the product is not the look-up"
    assert np.array_equal(rows, np.array(LECTURE["embedded"], np.float32)), "the rows are not the lecture's"
    console.print("Product and look-up agree bit for bit, and with the lecture's numbers.\n")


def print_matrix(title: str, letters: str, matrix: Float32[np.ndarray, "N M"], form: str, header: str = "") -> None:
    """A matrix with its shape, and a letter before each row."""
    console.print(f"{title}, {matrix.shape[0]} × {matrix.shape[1]}", style="bold")
    if header:
        console.print(f"     {' '.join(header)}")
    for letter, row in zip(letters, matrix, strict=True):
        console.print(f"  {letter}  {' '.join(form.format(number) for number in row)}")
    console.print()


def show_training(config: Config) -> list[Learned]:
    """Trains a simple RNN in every input mode, and prints a line for each."""
    console.print("A simple RNN learns the sentence, its input fed in three ways", style="bold")
    learned = []
    for mode in MODES:
        result = learn(config, mode)
        end = f"{result.steps:>4} steps, {result.seconds:4.1f} s, {result.nats:.3f} nats per character"
        console.print(f"  {mode:<8} {end}\n           {result.written}")
        learned.append(result)
    return learned


def learn(config: Config, mode: InputMode) -> Learned:
    """Trains until greedy generation writes the sentence; InputError where `max_steps` do not suffice."""
    start, sentence = perf_counter(), LECTURE["sentence"]
    tokenizer = train_char(StringText(sentence))
    sizes = tokenizer.vocab_size, config.embed_size, config.hidden_size
    model = LanguageModel(*sizes, cell="elman", input_mode=mode, precision=config.precision)
    init_key, step_key = jax.random.split(jax.random.key(config.seed))
    params = init_params(model, init_key)
    before = embedding_of(params)
    optimizer = optax.adam(config.learning_rate)
    train_step = jax.jit(make_train_step(partial(score, model), optimizer, step_key), donate_argnums=0)
    write = jax.jit(partial(write_greedily, model, tokenizer.start_id, len(sentence)))
    batch = batch_at(fold_streams(tokenizer.encode(sentence), tokenizer.start_id, 1, len(sentence)), 0)
    state = init_train_state(params, optimizer, init_state(model, 1))
    for n in range(1, config.max_steps + 1):
        state, metrics = train_step(state, batch)
        if n % CHECK_EVERY == 0 and tokenizer.decode(np.asarray(write(state.params))) == sentence:
            after, seconds = embedding_of(state.params), perf_counter() - start
            return Learned(mode, n, seconds, float(metrics.nats), sentence, before, after)
    raise InputError(f"{mode} has not learned the sentence in {config.max_steps} steps: use a larger --max-steps")


def write_greedily(model: LanguageModel, start_id: int, length: int, params: Params) -> Int[Array, "T"]:
    """Always the most probable next token, each fed back as the next input."""
    prompt, state = jnp.full((1, 1), start_id, jnp.int32), init_state(model, 1)
    unused_key, greedy = jax.random.key(0), Filters(temperature=0.0)
    return generate(partial(step, model), params, state, prompt, unused_key, length, greedy)[:, 0]


def panel_of(result: Learned, tokenizer: CharTokenizer) -> Panel:
    """What the picture shows of one mode: the rows of the sentence's own characters."""
    known = tokenizer.encode(tokenizer.characters)
    what = "input weights" if result.mode == "direct" else "embedding"
    return Panel(f"{result.mode}: {what}", result.steps, result.before[known], result.after[known])


def report(config: Config, learned: list[Learned]) -> dict[str, Any]:
    """What results.json holds."""
    return {
        "schema": 1,
        "experiment": "sunny",
        "command": command(),
        "config": asdict(config) | {"out": str(config.out)},
        "environment": environment(config.precision),
        "rows": [
            {
                "input_mode": r.mode,
                "steps": r.steps,
                "seconds": r.seconds,
                "nats": r.nats,
                "written": r.written,
            }
            for r in learned
        ],
    }


if __name__ == "__main__":
    run(main, Config, __doc__)
