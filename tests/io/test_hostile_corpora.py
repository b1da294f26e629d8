"""Files and names of corpora under hostile input: a text, or one line that says why not."""

import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn_jax.io import corpora
from charrnn_jax.io.corpora import Corpus, load, read_text
from charrnn_jax.io.download import Source, sha256
from tests.hostile import TEXT, patiently, survives

BYTES = st.one_of(
    st.binary(),
    st.binary(min_size=9000, max_size=9000),
    TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.builds(
        lambda text, codec: text.encode(codec, "replace"), TEXT, st.sampled_from(["utf-16", "utf-32", "latin-1"])
    ),
    st.builds(
        lambda start, rest: start + rest, st.sampled_from([b"\xff\xfe", b"\xef\xbb\xbf", b"PK\3\4"]), st.binary()
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


def whole(corpus):
    return corpus.train.read() + corpus.valid.read() + corpus.test.read()


@patiently()
@given(content=BYTES)
def test_any_bytes_are_a_text_or_refused(folder, content):
    path = folder / "text"
    path.write_bytes(content)
    text = survives(read_text, path)
    assert text is None or text.encode("utf-8", "surrogatepass") == content
    corpus = survives(load, str(path))
    if isinstance(corpus, Corpus):
        assert whole(corpus) == text
        assert len(corpus.sha256) == 64


@patiently()
@given(name=TEXT | TEXT.map("/".__add__))
def test_any_name_is_refused(folder, name):
    try:
        assert survives(load, f"{folder}/none/{name}") is None
        assert survives(load, f"no-such-{name}") is None
    except OSError as error:  # the system's own word, which every command turns into one line
        assert error.strerror


@patiently(1)
@given(content=BYTES, known=st.sampled_from(sorted(set(corpora.KNOWN) - {"sotu"})))
def test_any_bytes_under_a_known_name_are_refused(folder, content, known):
    for source in corpora.SHAKESPEARE, *corpora.PTB, *corpora.WIKITEXT_2, corpora.TEXT8, corpora.ENWIK8:
        path = folder / source.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert survives(load, known, folder) is None


@patiently(1)
@given(content=BYTES)
def test_any_bytes_in_an_archive_are_latin_1(folder, content):
    path = folder / "text8.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("text8", content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(corpora, "TEXT8", Source("text8.zip", sha256(path.read_bytes()), ()))
        corpus = survives(load, "text8", folder)
    assert corpus is None or whole(corpus).encode("latin-1") == content
