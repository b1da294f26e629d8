import errno
import json
import os
import shutil
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charrnn_jax.cells import HiddenState
from charrnn_jax.errors import InputError
from charrnn_jax.io import checkpoints, manifest
from charrnn_jax.io.checkpoints import Writer, find, load, set_aside, steps
from charrnn_jax.training import TrainState

# Orbax leaves event loops open: they end with the test that used them.
LONG = os.environ.get("CHARRNN_FAULTS") == "long"
pytestmark = pytest.mark.filterwarnings("default")


def state(step, scale=1.0):
    params = {"w": jnp.arange(6.0).reshape(2, 3) * scale, "b": jnp.full(3, step, jnp.bfloat16)}
    return TrainState(jnp.int32(step), params, (jnp.zeros(3), jnp.int32(7)), (HiddenState(jnp.ones((2, 4))),))


def saved(folder, *scores, keep=3):
    writer = Writer(folder, keep)
    for step, score in enumerate(scores):
        writer.save(state(step, step + 1.0), {"said": f"step {step}"}, score)
    writer.wait()
    return folder


def test_what_is_saved_is_read_back_bit_for_bit(tmp_path):
    found = find(saved(tmp_path / "checkpoints", None, 2.0))
    assert (found.step, found.about, found.damaged) == (1, {"said": "step 1"}, ())
    read = load(found, state(0))
    jax.tree.map(np.testing.assert_array_equal, read, state(1, 2.0))
    assert {type(x) for x in jax.tree.leaves(read)} == {np.ndarray}


def test_the_last_ones_are_kept_and_the_best(tmp_path):
    folder = saved(tmp_path / "checkpoints", 5.0, 1.0, None, 4.0, float("nan"), 3.0, 3.5, keep=2)
    assert steps(folder) == [1, 5, 6]
    assert find(folder).step == 6
    assert find(folder, "best").step == 1
    assert find(folder / "5").step == 5


def in_place(arrays):
    for x in jax.tree.leaves(arrays):
        x += 1


@pytest.mark.parametrize(
    ("arrays", "change"),
    [
        (lambda: state(4), jax.jit(lambda s: jax.tree.map(lambda x: x + jnp.ones_like(x), s), donate_argnums=0)),
        (lambda: jax.tree.map(np.array, state(4)), in_place),
    ],
    ids=["donated", "changed"],
)
def test_a_save_is_a_copy_of_the_state_as_it_was(tmp_path, monkeypatch, arrays, change):
    """Whatever happens to the arrays before the first of them is written."""
    changed, write = threading.Event(), checkpoints._write
    monkeypatch.setattr(checkpoints, "_write", lambda *args: changed.wait(60) and write(*args))
    writer, now = Writer(tmp_path / "checkpoints"), arrays()
    writer.save(now, {})
    change(now)
    changed.set()
    writer.wait()
    jax.tree.map(np.testing.assert_array_equal, load(find(tmp_path / "checkpoints"), state(0)), state(4))


def test_padding_is_neither_read_nor_counted(tmp_path):
    """What several processes write is padded to equal shares: another number of shares has padding of its own."""

    def padded(rows):
        whole = state(3)
        return whole._replace(params={**whole.params, "w": jnp.pad(whole.params["w"], [(0, rows), (0, 0)])})

    writer = Writer(tmp_path / "checkpoints", shapes=state(0))
    writer.save(padded(2), {})
    writer.wait()
    found = find(tmp_path / "checkpoints")
    jax.tree.map(np.testing.assert_array_equal, load(found, state(0)), state(3))
    for rows in (0, 1, 4):
        there = jax.tree.map(jnp.zeros_like, padded(rows))
        jax.tree.map(np.testing.assert_array_equal, load(found, state(0), there), padded(rows))


def test_every_damaged_byte_is_found(tmp_path, record_property):
    folder = saved(tmp_path / "checkpoints", None, None)
    tried = 0
    for path in sorted(path for path in (folder / "1").rglob("*") if path.is_file()):
        whole = path.read_bytes()
        places = range(0, len(whole), 1 if LONG else 211)
        for damaged in (whole[:-1], b"", *(flipped(whole, at) for at in places)):
            path.write_bytes(damaged)
            found = find(folder)
            assert (found.step, len(found.damaged)) == (0, 1), path
            tried += 1
        path.write_bytes(whole)
    assert tried > (4000 if LONG else 20)
    record_property("damaged bytes and files found", tried)
    assert find(folder).step == 1


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]


@pytest.mark.parametrize("name", ["about.json", "manifest.json", "state/_METADATA"])
def test_a_file_that_is_not_there_is_missed(tmp_path, name):
    folder = saved(tmp_path / "checkpoints", None, None)
    (folder / "1" / name).unlink()
    assert find(folder).step == 0


def test_where_none_is_whole_it_says_so(tmp_path):
    folder = saved(tmp_path / "checkpoints", None)
    (folder / "0" / "about.json").write_text("{}")
    with pytest.raises(InputError, match=r"no whole checkpoint: checkpoint 0 is damaged \(about.json has changed\)"):
        find(folder)
    with pytest.raises(InputError, match="holds no checkpoint"):
        find(tmp_path / "nowhere")


def test_another_format_is_said(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "FORMAT", 99)
        folder = saved(tmp_path / "checkpoints", None)
    with pytest.raises(InputError, match="it has format 99, this version reads 1"):
        find(folder)


def test_a_copy_under_another_step_is_not_taken_for_it(tmp_path):
    folder = saved(tmp_path / "checkpoints", None)
    shutil.copytree(folder / "0", folder / "9")
    assert find(folder).step == 0


@pytest.mark.parametrize("other", ["shape", "structure"])
def test_a_checkpoint_of_another_model_is_said(tmp_path, other):
    found = find(saved(tmp_path / "checkpoints", None))
    wanted = state(0)
    params = {"w": jnp.zeros((2, 4)), "b": wanted.params["b"]} if other == "shape" else {"v": jnp.zeros(3)}
    with pytest.raises(InputError, match="another model"):
        load(found, wanted._replace(params=params))


def test_a_full_disk_ends_in_one_line_and_leaves_what_was_there(tmp_path, monkeypatch):
    folder = saved(tmp_path / "checkpoints", None)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = Writer(folder)
    monkeypatch.setattr(manifest, "to_disk", full)
    writer.save(state(5), {})
    with pytest.raises(InputError, match="No space left on device"):
        writer.wait()
    assert steps(folder) == [0]
    assert not list(folder.glob("*.part"))


def test_a_folder_removed_meanwhile_is_not_made_again(tmp_path):
    folder = saved(tmp_path / "checkpoints", None)
    writer = Writer(folder)
    shutil.rmtree(folder)
    writer.save(state(5), {})
    with pytest.raises(InputError, match="no checkpoint could be written"):
        writer.wait()
    assert not folder.exists()


def test_what_a_dead_process_left_half_written_is_removed(tmp_path):
    folder = saved(tmp_path / "checkpoints", None)
    shutil.copytree(folder / "0", folder / "8.part")
    assert find(folder).step == 0
    Writer(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["0"]


def test_going_on_sets_the_damaged_ones_aside(tmp_path):
    folder = saved(tmp_path / "checkpoints", None, None, 0.5)
    (folder / "2" / "about.json").write_bytes(b"junk")
    set_aside(folder, find(folder).step)
    writer = Writer(folder, keep=1)
    writer.save(state(2, 7.0), {})
    writer.wait()
    assert sorted(path.name for path in folder.iterdir()) == ["2", "2.damaged"]
    assert find(folder).about == {}


@pytest.mark.parametrize(
    "content", ["[" * 100_000, "[]", "null", '{"files": [1]}', "\x00", '{"seal": 1, "score": "x"}']
)
def test_no_manifest_is_too_strange(tmp_path, content):
    folder = saved(tmp_path / "checkpoints", 3.0, 2.0)
    (folder / "1" / "manifest.json").write_text(content)
    assert [find(folder, which).step for which in ("last", "best")] == [0, 0]


def test_nothing_in_a_checkpoint_is_code(tmp_path):
    folder = saved(tmp_path / "checkpoints", None)
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert not path.read_bytes().startswith(b"\x80\x04"), path  # a pickle
    assert json.loads((folder / "0" / "about.json").read_text()) == {"said": "step 0"}
