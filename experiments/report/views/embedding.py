"""What the embedding learned: where the characters went, and which words are near which."""

from typing import Any

from experiments.report.charts import Spot, scatter
from experiments.report.fields import entries, estimate, figure, items, number, pick
from experiments.report.formats import hundredths, percent, show_estimate
from experiments.report.parts import Figure, Section, models_of, table
from experiments.report.untrusted import cut, marked

CLASSES = ("vowel", "consonant", "capital", "digit", "space", "punctuation")
MOST = 300
"""Characters of a map: more cover each other."""
PANELS = {"before": "before training", "after": "after training"}


def embedding(results: dict[str, Any]) -> Section:
    """Maps and neighbours."""
    lead = (
        "Nobody tells a model what a vowel is. Where its characters are, on the two axes along which they spread "
        "most, shows what it found out; the same before training shows that it did not know."
    )
    maps = [_map(name, record) for name, record in entries(results, "embedding_map").items()]
    return Section("embedding", "What the embedding learned", "Embedding", lead, (*maps, *_neighbours(results)))


def _map(name: str, record: Any) -> Figure:
    characters = [str(character) for character in items(record, "characters")[:MOST]]
    classes = dict(zip(characters, map(str, items(record, "classes")), strict=False))
    panels, places = [], {}
    for field, title in PANELS.items():
        found = [_place(pair) for pair in items(record, field)]
        places[field] = dict(zip(characters, found, strict=False))
        there = {c: place for c, place in places[field].items() if place}
        spots = [Spot(x, y, marked(cut(c, 2)), classes.get(c, CLASSES[-1])) for c, (x, y) in there.items()]
        panels.append((title, [spot for spot in spots if spot.kind in CLASSES]))
    alt = f"The characters in the plane of the {cut(name)} embedding; the table has their places."
    rows = [(marked(c), classes.get(c, ""), *(_shown(places[field].get(c)) for field in PANELS)) for c in characters]
    made = table(("character", "class", *PANELS.values()), rows)
    return Figure(f"Characters: {cut(name)}", _caption(record), scatter(alt, panels), made)


def _caption(record: Any) -> str:
    found = pick(record, "clustering")
    caption = "Look for letters of a colour that flock together."
    after, before = figure(found, "after"), figure(found, "before")
    if after is None or before is None:
        return caption
    chance = show_estimate(percent, estimate(pick(found, "chance"), "mean"))
    counted = f"Of the characters, {percent(after)} have their nearest neighbour in their own class"
    return f"{caption} {counted}; {percent(before)} before training, and {chance} by chance."


def _place(pair: Any) -> tuple[float, float] | None:
    x, y = (number(pair[0]), number(pair[1])) if isinstance(pair, list) and len(pair) == 2 else (None, None)
    return None if x is None or y is None else (x, y)


def _shown(place: tuple[float, float] | None) -> str:
    return "" if place is None else f"{hundredths(place[0])}, {hundredths(place[1])}"


def _neighbours(results: dict[str, Any]) -> list[Figure]:
    figures = []
    for model in models_of(results):
        near = entries(model.record, "neighbours")
        rows = [(marked(word), *(_near(found, field) for field in PANELS)) for word, found in near.items()]
        caption = "The nearest vectors by cosine, nearest first: before training they are chance."
        header = ("token", *PANELS.values())
        figures.append(Figure(f"Nearest neighbours: {model.name}", caption, None, table(header, rows, wide=True), True))
    return [figure for figure in figures if figure.table]


def _near(found: Any, field: str) -> str:
    return ", ".join(marked(str(word)) for word in items(found, field))
