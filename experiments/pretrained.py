"""A run that begins with vectors learned elsewhere."""

from pathlib import Path

from charrnn_jax.frozen import freeze
from charrnn_jax.io.vectors import pretrained
from charrnn_jax.text.tokens import Tokens
from charrnn_jax.text.vectors import running
from experiments.fit import Trainer
from experiments.shell import console


def begin_with_vectors(path: Path, trainer: Trainer, text: Tokens) -> None:
    """Puts the vectors of a file into the embedding, freezes them where that is asked, and says how many there are."""
    state = trainer.whole_state
    table, coverage = pretrained(state.params["embedding"], trainer.tokenizer, path)
    state = state._replace(params={**state.params, "embedding": table})
    if trainer.schedule.freeze_vectors:
        state = state._replace(opt_state=freeze(state.opt_state, coverage.found))
    trainer.goes_on_from(state)
    for name, tally in (("vocabulary", coverage.vocabulary), ("text", running(coverage, trainer.tokenizer, text.ids))):
        found = f"{tally.exact + tally.lowered:,} of {tally.words:,} words, {tally.lowered:,} in lower case"
        console.print(f"  vectors for the {name}: {found}")
    if coverage.duplicates:
        console.print(f"  {coverage.duplicates:,} lines repeat a word: the first counts")
