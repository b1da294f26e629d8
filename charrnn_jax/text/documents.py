"""Where the documents of a text start, for a bootstrap that draws documents."""

import re

BLOCKS = 50
SHORTEST = 1000
"""Characters: about what an LSTM remembers (200 words in Khandelwal et al. 2018, "Sharp Nearby, Fuzzy Far Away")."""
ARTICLE = re.compile(r"^\n= (?!= ).+ =\n(?=\n)", re.MULTILINE)
SPACE = re.compile(r"\s")


def blocks(text: str) -> tuple[int, ...]:
    """The starts of up to 50 documents, nearly equally long, in a text that says nothing of its own.

    A bootstrap takes what it draws for independent. Characters and lines are not; long consecutive blocks nearly are
    (Künsch 1989, "The Jackknife and the Bootstrap for General Stationary Observations"). More blocks are shorter, and
    neighbours alike; from fewer, the spread of their means is badly known: both make intervals too narrow. None is
    meant to be shorter than 1,000 characters: a short text has fewer blocks and, below 2,000 characters, a single
    one, from which no interval follows.

    A block ends behind a line break or else before white space, where one comes less than half a block too late: so
    that no word is cut, and no token, as long as white space allows.
    """
    count = max(1, min(BLOCKS, len(text) // SHORTEST))
    ends = [len(text) * n // count for n in range(1, count)]
    return (0, *(_border(text, end, end + len(text) // count // 2) for end in ends))


def _border(text: str, start: int, stop: int) -> int:
    line = text.find("\n", start - 1, stop)
    if line >= 0:
        return line + 1
    space = SPACE.search(text, start, stop)
    return space.start() if space else start


def articles(text: str) -> tuple[int, ...]:
    """The starts of the articles of WikiText, as `corpora` has it: an empty line, `= Title =`, an empty line.

    A formula may be a line that looks like a title, and a section's is `= = Title = =`: neither begins an article.
    """
    return tuple(sorted({0, *(title.start() for title in ARTICLE.finditer(text))}))
