"""What the embedding learned: where the characters went, and which words are near which."""

from typing import Any

from experiments.report.charts import Spot, scatter
from experiments.report.embeddings import kind_of
from experiments.report.fields import entries, items, number
from experiments.report.formats import hundredths, show
from experiments.report.parts import Figure, Section, models_of, table
from experiments.report.untrusted import cut, marked

MOST = 300
"""Characters of a map: more cover each other."""
PANELS = {"before": "before training", "after": "after training"}


def embedding(results: dict[str, Any]) -> Section:
    """Maps and neighbours."""
    lead = (
        "Nobody tells a model what a vowel is. The first two principal axes of its trained embedding show what it "
        "found out; the same axes before training show that it did not know."
    )
    maps = [_map(name, record) for name, record in entries(results, "embedding_map").items()]
    return Section("embedding", "What the embedding learned", "Embedding", lead, (*maps, *_neighbours(results)))


def _map(name: str, record: Any) -> Figure:
    characters = [str(character) for character in items(record, "characters")[:MOST]]
    panels, places = [], {}
    for field, title in PANELS.items():
        found = [_place(pair) for pair in items(record, field)]
        places[field] = dict(zip(characters, found, strict=False))
        spots = [Spot(place[0], place[1], marked(cut(c, 2)), _kind(c)) for c, place in places[field].items() if place]
        panels.append((title, spots))
    alt = f"The characters in the plane of the {cut(name)} embedding; the table has their places."
    rows = [(marked(c), *(_shown(places[field].get(c)) for field in PANELS)) for c in characters]
    caption = "Look for letters that flock together: vowels, capitals, digits, marks that end a sentence."
    return Figure(
        f"Characters: {cut(name)}", caption, scatter(alt, panels), table(("character", *PANELS.values()), rows)
    )


def _place(pair: Any) -> tuple[float, float] | None:
    x, y = (number(pair[0]), number(pair[1])) if isinstance(pair, list) and len(pair) == 2 else (None, None)
    return None if x is None or y is None else (x, y)


def _shown(place: tuple[float, float] | None) -> str:
    return "" if place is None else f"{place[0]:.2f}, {place[1]:.2f}"


def _kind(character: str) -> str:
    if character.isdigit():
        return "digit"
    kind = kind_of(character)
    return "capital" if character.isupper() else "mark" if kind == "other" else kind


def _neighbours(results: dict[str, Any]) -> list[Figure]:
    figures = []
    for model in models_of(results):
        found = {field: entries(model.record, "neighbours", field) for field in PANELS}
        words = dict.fromkeys(word for field in PANELS for word in found[field])
        rows = [(marked(word), *(_near(found[field].get(word)) for field in PANELS)) for word in words]
        caption = "The nearest vectors by cosine, which is in brackets: chance before training, sense after it."
        header = ("token", *PANELS.values())
        figures.append(Figure(f"Nearest neighbours: {model.name}", caption, None, table(header, rows, wide=True), True))
    return [figure for figure in figures if figure.table]


def _near(pairs: Any) -> str:
    """`word (cosine), …`."""
    found = [pair for pair in pairs if isinstance(pair, list) and len(pair) == 2] if isinstance(pairs, list) else []
    return ", ".join(f"{marked(str(word))} ({show(hundredths, number(c))})" for word, c in found)
