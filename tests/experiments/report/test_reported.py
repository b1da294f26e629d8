"""That what docs/char_vs_word.md says in words is of the results beside it."""

import re
from pathlib import Path
from statistics import mean

import pytest

from experiments.measures.controlled import CLASSES
from experiments.report.__main__ import read_results
from experiments.report.fields import estimate
from experiments.report.formats import bits, count, percent, size
from experiments.study.presets import PRESETS
from experiments.study.toy import BATCH_SIZE, PARAMETERS

REPORTED = Path(__file__).parents[3] / "docs" / "char_vs_word"
FULL = PRESETS["full"].terms


@pytest.fixture(scope="module")
def said():
    """On one line."""
    return " ".join((REPORTED.parent / "char_vs_word.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def found():
    return {corpus: read_results(REPORTED / corpus) for corpus in ("sotu", "ptb")}


def figures(found, *names):
    """Of each text in turn, the character and then the word model."""
    for results in found.values():
        for name in ("char", "word"):
            figure = results["models"][name]
            for key in names:
                figure = figure[key]
            yield figure


def test_the_peaks(said, found):
    char, word, less, more = (size(peak).removesuffix(" MB") for peak in figures(found, "memory", "peak"))
    assert f"at {word} MB against {char} on sotu, {more} against {less} on PTB" in said
    pieces = [results["models"]["bpe1k"]["memory"]["peak"] for results in found.values()]
    assert "`bpe1k` peaks at {} and {} MB, below `char`".format(*(size(peak)[:4] for peak in pieces)) in said
    assert max(pieces) < min(peak for peak in figures(found, "memory", "peak"))


def test_what_the_logits_take(said, found):
    word = found["sotu"]["models"]["word"]
    tokens, streams, V = word["window"]["tokens"], word["window"]["streams"], word["vocab_size"]
    held, logits = size(word["memory"]["activations"]), size(4 * tokens * streams * V)
    assert f"Of its {held} of activations on sotu, {logits.removesuffix(' MB')} are what its logits take" in said
    assert f"{tokens} tokens × {streams} streams × a vocabulary of {count(V)}, four bytes each" in said


def test_the_shares_of_the_output_layer(said, found):
    char, word, less, more = map(percent, figures(found, "output_share", "parameters"))
    assert f"{word} of its parameters on sotu and {more} on PTB; of the character model, {char} and {less}" in said


def test_inventions_at_half_the_temperature(said, found):
    char, word, *_ = figures(found, "nonsense", "0.5")
    assert f"{percent(char['rate'])} against {percent(word['rate'])}" in said
    assert ", ".join(f"`{invention}`" for invention, _ in word["inventions"][:3]) in said
    full = found["sotu"]["models"]["word_full"]
    assert f"a vocabulary of {count(full['vocab_size'])} instead" in said
    assert f"invents {percent(full['nonsense']['0.5']['rate'])} at 0.5" in said


def test_where_a_spelling_was_expected(said, found):
    expected = [[name for name, _ in token["expected"]] for token in found["sotu"]["passage"]["models"]["word"]]
    first, among = sum(best[0] == "<spell>" for best in expected), sum("<spell>" in best for best in expected)
    assert (
        f"the likeliest token at {first} of {len(expected)} places, and one of the likeliest three at {among}" in said
    )


def test_the_controlled_language_is_one_measurement(said, found):
    char, word, char_again, word_again = figures(found, "controlled")
    for here, there in ((char, char_again), (word, word_again)):
        assert [row["raw"] for row in here] == [row["raw"] for row in there]
    far = {row["distance_words"]: row for row in char}
    for words in (16, 32, 64):
        unit = " words" if words == 16 else ""
        right, chars = percent(far[words]["accuracy"]), count(far[words]["distance_chars"])
        assert re.search(rf"\b{right} (of the time )?at {words}{unit} \({chars} characters\)", said)
    assert f"Words are right {percent(word[-1]['accuracy'])} of the time at 64" in said
    tests = [results["claims"]["long_distance"]["tests"][0] for results in found.values()]
    ends = [f"{100 * test['low']:.1f} to {100 * test['high']:.1f}" for test in tests]
    assert f"{' and '.join(ends)} points" in said


def test_the_terms_of_the_controlled_language(said, found):
    assert f"{count(PARAMETERS)} parameters, two million characters of training, batches of {BATCH_SIZE}" in said
    assert (FULL.controlled_chars, FULL.controlled_seeds, FULL.learning_rates[0]) == (2_000_000, 3, 4e-3)
    assert f"chance is {percent(1 / CLASSES)}" in said
    row = found["sotu"]["models"]["char"]["controlled"][-1]
    words = FULL.span * row["distance_words"] / row["distance_chars"]
    assert f"{FULL.span} characters, about {words:.0f} of its words" in said


def test_agreement(said, found):
    for name in ("char", "word"):
        cells = []
        for results in found.values():
            none, *some = (row["accuracy"] for row in results["models"][name]["agreement"])
            cells += [percent(none), f"{percent(min(some))} to {percent(max(some))}"]
        assert f"| `{name}` | {' | '.join(cells)} |" in said


def test_context(said, found):
    gains = [estimate(m["context_gain"], "share") for r in found.values() for m in r["models"].values()]
    most, end = (percent(max(gain[i] for gain in gains)) for i in (0, 2))
    assert f"saves no model more than {most} of its bits (the intervals end at {end})" in said
    char, word, less, more = (bits(dict(map(tuple, curve))[16]) for curve in figures(found, "context_use"))
    assert f"{word} against {char} bits on sotu, {more} against {less} on PTB" in said
    seeds = [sorted(each) for each in figures(found, "effective_context_seeds")]
    assert seeds == [[16] * 5, [32] * 5, [8] * 3 + [16] * 2, [32] * 5]


def test_the_sizes(said, found):
    totals = [[m["parameters"]["total"] for m in r["models"].values()] for r in found.values()]
    sotu, ptb = (f"{count(min(total))} to {count(max(total))}" for total in totals)
    assert f"parameters: {sotu} on sotu, {ptb} on PTB" in said
    assert max(max(total) / min(total) for total in totals) < 1.011
    below = [1 - total / FULL.parameters for of_one in totals for total in of_one]
    assert f"{percent(min(below))} to {percent(max(below))} below the {count(FULL.parameters)} asked for" in said


def test_how_much_was_read_and_what_it_still_gave(said, found):
    curves = list(figures(found, "seeds"))
    sotu, ptb = (results["corpus"]["chars"]["train"] / FULL.chars for results in found.values())
    assert f"{1 / sotu:.2f} passes over sotu's training text, {1 / ptb:.2f} over PTB's" in said
    char, word, less, more = (
        " to ".join(bits(mean(seed["curve"][i]["valid_bits_per_char"] for seed in seeds)) for i in (4, -1))
        for seeds in curves
    )
    places = [{f"{seed['curve'][i]['chars'] / 1e6:.1f} M" for seeds in curves for seed in seeds} for i in (4, -1)]
    assert places == [{"4.4 M"}, {"7.0 M"}]
    assert f"from {char} bits on sotu and from {less} on PTB" in said
    assert f"`word` from {word} and from {more}." in said


def test_how_long_it_took(said, found):
    sotu, ptb = (f"{results['seconds'] / 60:.0f}" for results in found.values())
    assert f"took {sotu} minutes (sotu) and {ptb} (PTB)" in said
