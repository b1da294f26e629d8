"""Hostile input: values that someone may have made to break things, and a count of those that were tried.

Tests call what they attack through `survives`; as a plugin, this file counts the calls of each test.
The profile `faults` (`pytest --hypothesis-profile=faults`) tries five times as many.
"""

import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from charrnn_jax.errors import InputError

settings.register_profile("faults", max_examples=500, deadline=None)
COUNT = "hostile inputs tried"
tried = 0

# Lone surrogates, NUL, line ends of every kind, combining, right-to-left, joined emoji, byte-order mark, full width.
NASTY = "\ud800\udc00\udfff\0\n\r\x0b\x1b\x85\u2028\u0301\u200d\u202e\u05d0\u0627😀👩\ufeff\ufffd１\U0010ffff 'ab"
TEXT = st.text(alphabet=st.one_of(st.characters(), st.sampled_from(NASTY)))
INTEGERS = st.integers() | st.sampled_from([0, -1, 2**31, 2**32, 2**63, 2**64, 10**400, -(10**400)])
NUMBERS = st.one_of(
    INTEGERS,
    st.floats(),
    st.sampled_from([float("inf"), float("-inf"), float("nan"), 5e-324]),
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
DEEP = st.builds(lambda opening, n: opening * n, st.sampled_from(["[", '{"a":', "[[],"]), st.integers(500, 100_000))
JSON_TEXT = JSON.map(json.dumps) | TEXT | DEEP


def patiently(times=3):
    """Settings for a cheap test: that many times the examples of the profile, each as long as a busy machine takes."""
    return settings(deadline=None, max_examples=times * settings().max_examples)


def survives(call, *arguments):
    """What the call returns, or None where it refuses its input as the user is to be told. Any other end is a crash."""
    global tried
    tried += 1
    try:
        return call(*arguments)
    except InputError as error:
        assert str(error).strip()
        return None


@st.composite
def altered(draw, value):
    """A JSON object, one to three of its fields left out or replaced; now and then one more."""
    value = dict(value)
    for name in draw(st.lists(st.sampled_from(sorted(value)), min_size=1, max_size=3, unique=True)):
        if isinstance(value[name], dict) and draw(st.booleans()):
            value[name] = draw(altered(value[name]))
        elif draw(st.integers(0, 4)):
            value[name] = draw(st.booleans() | NUMBERS | JSON)
        else:
            del value[name]
    return value if draw(st.integers(0, 9)) else {**value, draw(TEXT): draw(JSON)}


@st.composite
def damaged(draw, text):
    """A text with one to three places cut out, or overwritten, or both."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 20) | st.integers(0, len(text)))
        text = text[:start] + draw(TEXT) + text[end:]
    return text


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Counts in the report of the test: reports come back from the processes of pytest-xdist, variables do not."""
    before = tried
    try:
        return (yield)
    finally:
        if tried > before:
            item.user_properties.append((COUNT, tried - before))
