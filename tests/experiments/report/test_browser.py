"""The page in a real Chromium, opened from disk."""

import pytest

from experiments.report.page import render
from tests.experiments.report.browser import CHROMIUM, Browser
from tests.experiments.report.example import NAMES, example, hostile, minimal

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
PHONE, DESKTOP = 360, 1280
RESULTS = {
    "two models": example(),
    "seven models": example(NAMES),
    "hardly anything": minimal(),
    "hostile": hostile("<script>document.title='ran'</script>\"'--> \ud800\0\u202e ${x} " + "w" * 10_000),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def page(tmp_path):
    (tmp_path / "report.html").write_text(render(example()), encoding="utf-8")
    return tmp_path / "report.html"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("results", RESULTS.values(), ids=RESULTS)
def test_it_opens_without_error_request_or_overflow(browser, results, width, theme, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(render(results), encoding="utf-8")
    browser.open(path, width, theme=theme)
    browser.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("matchMedia('(prefers-color-scheme: dark)').matches") == (theme == "dark")
    assert browser.run("document.title").startswith("Characters against words")
    assert browser.errors == []
    assert browser.requests == [path.resolve().as_uri()]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_legible_on_every_ink(browser, page, theme):
    browser.open(page, DESKTOP, theme=theme)
    assert browser.run(LEAST_CONTRAST) >= 4.5


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_pointing_shows_token_bits_and_expectations_of_both_models(browser, page, width):
    browser.open(page, width)
    browser.point(".tokens[data-name=char] .token:nth-child(5)")
    said = browser.run("[...document.querySelectorAll('.readout')].map(one => one.innerText)")
    token = browser.run("({...document.querySelectorAll('.tokens[data-name=char] .token')[4].dataset})")
    bits = f"{float(token['bits']):.1f} bits"
    assert all(part in said[0] for part in ("char", token["token"], bits, token["e1"], token["p3"]))
    assert "Congress␣" in said[1]
    assert browser.run("document.querySelectorAll('.token.here').length") == 2


def test_a_word_gathers_its_characters(browser, page):
    browser.open(page, DESKTOP)
    browser.point(".tokens[data-name=word] .token:nth-child(2)", click=True)
    said = browser.run("document.querySelector('.readout').innerText")
    assert "in 9 tokens" in said
    assert browser.run("document.activeElement.dataset.token") == "Congress␣"


def test_the_keyboard_walks_the_passage(browser, page):
    browser.open(page, DESKTOP)
    browser.run("document.querySelector('.tokens .token').focus()")
    tokens = browser.run("[...document.querySelector('.tokens').children].map(one => one.dataset.token)")
    reached = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "Home"):
        browser.press(key)
        reached.append(browser.run("document.activeElement.dataset.token"))
    assert reached == [tokens[1], tokens[2], tokens[1], tokens[-1], tokens[0]]
    assert tokens[0] in browser.run("document.querySelector('.readout').innerText")
    assert browser.run("document.querySelectorAll('.tokens .token[tabindex=\"0\"]').length") == 2  # one a model


def test_the_tab_key_skips_to_the_verdicts(browser, page):
    browser.open(page, DESKTOP)
    browser.press("Tab")
    assert browser.run("document.activeElement.className") == "skip"
    assert browser.run("document.activeElement.getBoundingClientRect().top") >= 0


LEAST_CONTRAST = """
(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const paint = (...colors) => {
    for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(x => x / 255)
      .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = getComputedStyle(document.body).backgroundColor;
  const texts = ".token, p, figcaption, summary, nav a, th, td, .legend li, svg text";
  return Math.min(...[...document.querySelectorAll(texts)].map(one => {
    const style = getComputedStyle(one);
    const color = one instanceof SVGElement ? style.fill : style.color;
    const [back, ink] = [paint(paper, style.backgroundColor), paint(paper, color)];
    return (Math.max(back, ink) + 0.05) / (Math.min(back, ink) + 0.05);
  }));
})()
"""
