"""How it was done: the terms in plain words, the whole configuration, the machine, the command."""

from typing import Any

from experiments.report.fields import entries, figure, items, number, pick
from experiments.report.formats import bits, count, duration, plain, show
from experiments.report.parts import Figure, Model, Section, models_of, table
from experiments.report.untrusted import cut

LONGEST = 1_000
"""Characters of a setting."""
RULE = (
    "Each claim has tests, and each test a figure that is above zero where the claim is right. The claim holds where "
    "the 95 % interval of every test lies above zero; it does not hold where none reaches above zero; and it depends "
    "in all other cases: the tests disagree, or an interval has zero inside, which decides nothing. A test that "
    "neither model passes better than by chance is left out."
)
SIZES = {
    "parameters": "All models have the same number of parameters{parameters}: the hidden size is what fits.",
    "hidden": "All models have the same hidden size; their parameters differ with the vocabulary.",
}
BUDGETS = {
    "chars": "All are trained on the same number of characters of text{chars}, however many tokens those are.",
    "compute": "All are given the same training compute in FLOPs, which were counted, not timed.",
}


def method(results: dict[str, Any]) -> Section:
    """Fair terms, the rule of the verdicts, tuning."""
    terms = entries(results, "terms")
    points = [*_terms(terms, _sizes(results)), *_text(results), *_statistics(results)]
    extra = {"points": points, "rule": RULE}
    return Section(
        "method",
        "Method",
        "Method",
        "What was held equal, so that one who expects the opposite may accept it.",
        [tried for tried in (_tuning(results),) if not tried.empty],
        extra,
    )


def _terms(terms: dict[str, Any], sizes: list[float]) -> list[str]:
    parameters, chars = (figure(terms, name) for name in ("parameters", "chars"))
    between = f", {count(min(sizes))} to {count(max(sizes))}" if sizes else ""
    known = {
        "parameters": between if parameters is None else f"{between}, where {count(parameters)} were asked for",
        "chars": "" if chars is None else f", {count(chars)}",
    }
    found = (SIZES.get(str(terms.get("size"))), BUDGETS.get(str(terms.get("budget"))))
    said = [sentence.format(**known) for sentence in found if sentence]
    if (span := figure(terms, "span")) is not None:
        said.append(f"The gradient goes back through the same span of text: about {plain(span)} characters.")
    return [*said, *_grid(terms)]


def _sizes(results: dict[str, Any]) -> list[float]:
    """The parameters of every model that says them."""
    return [size for m in models_of(results) if (size := figure(m.record, "parameters", "total")) is not None]


def _grid(terms: dict[str, Any]) -> list[str]:
    found = {name: [show(plain, number(x)) for x in items(terms, name)] for name in ("learning_rates", "dropouts")}
    rates, dropouts = found.values()
    if not (rates and dropouts):
        return []
    if len(rates) * len(dropouts) == 1:
        return [f"All train at the learning rate {rates[0]} with dropout {dropouts[0]}: none of them is tuned."]
    chars = show(count, figure(terms, "tuning_chars"))
    return [
        f"The same tuning budget for each: learning rates {', '.join(rates)} with dropout {', '.join(dropouts)}, tried "
        f"on {chars} characters each and chosen on the validation text."
    ]


def _text(results: dict[str, Any]) -> list[str]:
    sizes = {name: figure(results, "corpus", "chars", name) for name in ("train", "valid", "test")}
    shown = ", ".join(f"{count(size)} {name}" for name, size in sizes.items() if size is not None)
    documents = figure(results, "corpus", "documents")
    among = "" if documents is None else f", the test text being {count(documents)} documents"
    text = [f"The text is split before anything is done with it ({shown} characters{among})."] if shown else []
    return [
        *text,
        "Every model gives a probability to every character of the same raw test text: a word outside the vocabulary "
        "is spelled. The figure is all bits over all characters.",
    ]


def _statistics(results: dict[str, Any]) -> list[str]:
    seeds = [len(items(m.record, "seeds")) for m in models_of(results)]
    if not any(seeds):
        return []
    few, many = min(seeds), max(seeds)
    trained = f"{few}" if few == many else f"{few} to {many}"
    if many == 1:
        return ["Each model is trained from 1 seed: no interval covers the chance of another beginning."]
    return [
        f"Each model is trained from {trained} seeds. Intervals are 95 % bootstrap intervals; a difference is "
        "tested by a paired bootstrap over the documents of the test text."
    ]


def _tuning(results: dict[str, Any]) -> Figure:
    rows = [row for m in models_of(results) for row in _tried(m)]
    caption = "Every setting that was tried. The choice is the best on the validation text, for each model alone."
    header = ("model", "learning rate", "dropout", "validation, bits per character", "chosen")
    return Figure("Tuning", caption, None, table(header, rows))


def _tried(model: Model) -> list[tuple[str, ...]]:
    chosen = tuple(figure(model.record, "chosen", name) for name in ("learning_rate", "dropout"))
    rows = []
    for trial in items(model.record, "tuning"):
        setting = tuple(figure(trial, name) for name in ("learning_rate", "dropout"))
        valid = figure(trial, "valid_bits_per_char")
        shown = (show(plain, value) for value in setting)
        rows.append((model.name, *shown, show(bits, valid), "chosen" if setting == chosen else ""))
    return rows


def configuration(results: dict[str, Any]) -> Section:
    """Everything that is needed to run it again."""
    named = {"Configuration": "config", "Terms": "terms", "Machine and versions": "environment", "Text": "corpus"}
    figures = [
        Figure(title, "", None, table(("setting", "value"), _flat(entries(results, field)), wide=True))
        for title, field in named.items()
    ]
    seconds = figure(results, "seconds")
    extra = {"command": pick(results, "command"), "took": None if seconds is None else duration(seconds)}
    lead = "The whole configuration, and the command that runs it again."
    return Section("configuration", "Configuration", "Configuration", lead, figures, extra)


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested settings, one a line, their names joined by dots."""
    if isinstance(value, dict):
        return [row for key, inner in value.items() for row in _flat(inner, f"{name}.{key}" if name else str(key))]
    if isinstance(value, list):
        return [(cut(name), cut(", ".join(map(str, value)), LONGEST))]
    return [(cut(name), "none" if value is None else cut(str(value), LONGEST))]
