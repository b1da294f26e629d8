import json

import jax
import numpy as np
import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.model import LanguageModel, init_params, init_state
from experiments.report.embeddings import OTHER, STYLES, style_of
from experiments.sunny import LECTURE, MODES, Config, main, write_greedily


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sunny") / "run"
    main(Config(out=folder, embed_size=8, hidden_size=48))
    return folder


def test_every_mode_writes_the_sentence(out):
    results = json.loads((out / "results.json").read_text())
    assert (results["schema"], results["experiment"]) == (1, "sunny")
    assert results["config"]["embed_size"] == 8
    assert [row["input_mode"] for row in results["rows"]] == list(MODES)
    for row in results["rows"]:
        assert row["written"] == LECTURE["sentence"]
        assert row["steps"] > 0
        assert 0 < row["nats"] < np.log(22)


def test_draws_a_picture(out):
    assert (out / "embedding.png").read_bytes().startswith(b"\x89PNG")


def test_refuses_a_folder_with_another_run(out):
    with pytest.raises(InputError, match="holds another run"):
        main(Config(out=out))


def test_prints_the_matrices_of_the_lecture(tmp_path, capsys):
    with pytest.raises(InputError, match="lookup has not learned the sentence in 1 steps"):
        main(Config(out=tmp_path, max_steps=1))
    printed = capsys.readouterr().out
    for shape in ("5 × 26", "26 × 3", "5 × 3"):
        assert shape in printed
    assert printed.count("  S  0.2605 0.3766 0.3502\n") == 3
    assert "agree bit for bit" in printed
    assert not (tmp_path / "results.json").exists()


@pytest.mark.parametrize("name", ["embed_size", "hidden_size", "learning_rate", "max_steps"])
def test_names_the_flag_that_must_be_positive(tmp_path, name):
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} is 0"):
        main(Config(out=tmp_path, **{name: 0}))


@pytest.mark.parametrize("name", ["embed_size", "hidden_size"])
def test_a_picture_in_the_plane_needs_two_numbers(tmp_path, name):
    with pytest.raises(InputError, match="must be 2 or more"):
        main(Config(out=tmp_path, **{name: 1}))


@pytest.mark.parametrize("mode", MODES)
def test_greedy_generation_is_the_argmax_of_the_forward_pass(mode):
    model = LanguageModel(11, 4, 8, cell="elman", input_mode=mode)
    params = init_params(model, jax.random.key(3))
    written = np.asarray(write_greedily(model, 2, 20, params))
    inputs = np.concatenate([[2], written[:-1]]).astype(np.int32)[:, None]
    _, h = model.apply({"params": params}, jax.numpy.asarray(inputs), init_state(model, 1))
    logits = model.apply({"params": params}, h, method="logits")
    assert written.tolist() == np.argmax(logits[:, 0], axis=-1).tolist()


def test_kinds_of_characters():
    vowel, consonant = STYLES["vowel"], STYLES["consonant"]
    assert [style_of(c) for c in "aAsS ."] == [vowel, vowel, consonant, consonant, OTHER, OTHER]
