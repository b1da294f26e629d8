"""The page: one file that needs no other, written from results.json alone."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from experiments.report.fields import pick
from experiments.report.formats import NOT_MEASURED
from experiments.report.untrusted import cut, visible
from experiments.report.views.distance import distance
from experiments.report.views.embedding import embedding
from experiments.report.views.memory import memory, output_layer
from experiments.report.views.method import configuration, method
from experiments.report.views.nonsense import nonsense
from experiments.report.views.passage import passage
from experiments.report.views.prediction import cost, prediction
from experiments.report.views.samples import contenders, samples
from experiments.report.views.verdicts import verdicts_of

FOLDER = Path(__file__).parent
SECTIONS = (
    memory,
    output_layer,
    nonsense,
    distance,
    samples,
    cost,
    prediction,
    embedding,
    passage,
    method,
    configuration,
)


def render(results: dict[str, Any]) -> str:
    """The page in HTML. Whatever comes from `results` is escaped, and can be written in UTF-8."""
    style, script = ((FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            corpus=cut(str(pick(results, "corpus", "name") or "a text")),
            verdicts=verdicts_of(results),
            contenders=contenders(results),
            sections=[section(results) for section in SECTIONS],
            style=Markup(style),
            style_hash=Markup(_hash(style)),
            script=Markup(script),
            script_hash=Markup(_hash(script)),
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        finalize=_final,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _final(value: Any) -> Any:
    """What every expression of the template goes through before it is escaped."""
    if value is None:
        return NOT_MEASURED
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _hash(text: str) -> str:
    """As a Content-Security-Policy names the one script and the one style that it allows."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
