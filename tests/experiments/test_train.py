import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.io import checkpoints
from charrnn_jax.training import init_train_state
from experiments import sample
from experiments.train import Config, main


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("Sunny days are the best days to go for a walk. " * 400)
    return str(path)


def config_of(text, out, **changes):
    sizes = {"hidden_size": 16, "embed_size": 8, "steps": 20, "batch_size": 4, "length": 16, "points": 2}
    return Config(corpus=text, out=out, **{**sizes, **changes})


@pytest.mark.filterwarnings("default")  # Orbax warns of its own plans
def test_a_run_is_kept_and_sampled(tmp_path, text, capsys):
    main(config_of(text, tmp_path / "run"))
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["curve"][-1]["step"] == 20
    sample.main(sample.Config(run=tmp_path / "run", prompt="Zürich 😀 ", tokens=10, count=2))
    assert capsys.readouterr().out.count("Zürich 😀 ") == 2
    with pytest.raises(InputError, match="holds another run"):
        main(config_of(text, tmp_path / "run"))


@pytest.mark.filterwarnings("default")  # Orbax warns of its own plans
def test_a_resumed_run_is_bitwise_the_unbroken_one(tmp_path, text, monkeypatch):
    main(config_of(text, tmp_path / "whole", dropout=0.2))

    saved = checkpoints.save

    def save_and_die(folder, state):
        saved(folder, state)
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        main(config_of(text, tmp_path / "broken", dropout=0.2))
    monkeypatch.setattr(checkpoints, "save", saved)
    main(Config(out=tmp_path / "broken", resume=True))
    whole, broken = (_last_state(tmp_path / name) for name in ("whole", "broken"))
    jax.tree.map(np.testing.assert_array_equal, whole, broken)


def _last_state(out):
    import experiments.train as train
    from charrnn_jax.model import init_params, init_state
    from experiments.fit import Schedule, make_optimizer

    config = train.read_config(out)
    model = train.model_of(config, train.read_tokenizer(out))
    schedule = Schedule(config.steps, config.batch_size, config.length, config.learning_rate)
    params = init_params(model, jax.random.key(9))
    template = init_train_state(params, make_optimizer(schedule), init_state(model, config.batch_size))
    return checkpoints.restore(out / "checkpoints", template)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpus", "no-such-file"], "no corpus and no file"),
        (["--batch-size", "-1"], "--batch-size is -1 and must be above zero"),
        (["--corpus", "TEXT", "--batch-size", "1000"], "use --batch-size 264 or less"),
        (["--tied"], "--tied needs"),
    ],
)
def test_bad_input_ends_in_one_line_and_exit_code_2(tmp_path, text, arguments, message):
    arguments = [text if argument == "TEXT" else argument for argument in arguments]
    command = [sys.executable, "-m", "experiments.train", "--out", str(tmp_path / "out"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
