import jax
import pytest

from charrnn_jax.losses import LOGITS
from charrnn_jax.model import init_params
from experiments.measures.memory import activation_bytes
from experiments.scaling.collectives import Link
from experiments.scaling.cost import (
    Bytes,
    Machine,
    bytes_of,
    flops_of,
    link_of,
    moved_bytes,
    parameter_bytes,
    seconds_of,
)
from experiments.scaling.workload import Workload, model_of, shared_out, weights

TINY = Workload(V=6, E=2, H=3, L=1, B=4, T=5)
# Embedding 12, W 24, b 12, R 36, output 18 and 6.
SLOW = Machine("slow", product=2.0, recurrent=4.0, memory=1e9, within=Link(8.0, 0.5), between=Link(4.0, 1.0), node=2)
SIZES = [(6, 2, 3, 1, False), (11, 4, 4, 1, True), (7, 3, 5, 3, False), (7, 3, 5, 2, True)]


@pytest.mark.parametrize(("V", "E", "H", "L", "tied"), SIZES)
def test_parameters_are_those_of_the_model(V, E, H, L, tied):
    work = Workload(V, E, H, L, 4, 5, tied=tied)
    params = jax.tree.leaves(jax.eval_shape(lambda: init_params(model_of(work), jax.random.key(0))))
    assert parameter_bytes(work) == sum(x.size * x.dtype.itemsize for x in params)
    assert {array.shape for array in weights(work)} == {x.shape for x in params}


def test_bytes_by_hand():
    # Twenty tokens, more than words: the embedding is folded. Seven numbers for each unit and token; logits twice,
    # gone before all gradients are there but that of the output layer.
    assert bytes_of(TINY) == Bytes(
        parameters=4 * 108,
        optimizer=4 * 216 + 8,
        ids=12 * 20 + 1 + 4 + 4 * 2 * 3 * 4,
        gradients=4 * 216,
        activations=4 * 20 * 7 * 3,
        logits=4 * 2 * 20 * 6,
        reused=4 * (216 - 18),
    )
    assert bytes_of(TINY).total == 432 + 872 + 341 + 1680 + 960 + 72


def test_bytes_on_a_mesh_by_hand():
    # Four shards of two rows, two of which are padding; each share of the streams has ten tokens.
    held = bytes_of(TINY._replace(data=2, vocab=4, optimizer="sgd"))
    assert held.parameters == 4 * (2 * 2 + 24 + 12 + 36 + 2 * 3 + 2)
    assert held.optimizer == 4
    assert held.ids == 12 * 10 + 1 + 4 + 4 * 2 * 3 * 2
    assert held.activations == 4 * 10 * (7 * 3 + 2), "shards fold no embedding"
    assert held.logits == 4 * 2 * 10 * 2


@pytest.mark.parametrize("V", [6, 600])
def test_activations_are_those_that_the_program_remembers(V):
    work = TINY._replace(V=V, L=2)
    kept_by_softmax = 4 * (work.tokens * V + work.tokens)
    assert activation_bytes(model_of(work), work.T, work.B) == bytes_of(work).activations + kept_by_softmax


def test_logits_of_many_words_are_those_of_a_chunk_and_keep_their_place():
    work = TINY._replace(V=10**6, B=200)
    held = bytes_of(work)
    assert work.by_chunks
    assert held.logits == 4 * 2 * (LOGITS // 1000) * 1000
    assert held.reused == 0
    assert not work._replace(vocab=64).by_chunks


def test_operations_by_hand():
    # In the loops h R and dr Rᵀ, 3 × 12 each; beside them dR, the folded W of six rows, three products of logits.
    assert flops_of(TINY) == (2 * 2 * 20 * 36, 2 * 20 * 36 + 6 * 6 * 24 + 6 * 20 * 18)
    # Each of two shards has half of the logits, and all of the recurrence, without folding.
    assert flops_of(TINY._replace(vocab=2)) == (2 * 2 * 20 * 36, 2 * 20 * 36 + 6 * 20 * 24 + 6 * 20 * 9)
    assert flops_of(TINY._replace(data=2)) == (2 * 2 * 10 * 36, 2 * 10 * 36 + 6 * 6 * 24 + 6 * 10 * 18)


def test_large_arrays_are_shared_out_where_their_rows_or_columns_divide():
    work = Workload(2**16, 16, 32, 1, 8, 8, data=2)
    large = {array.name: shared_out(work, array) for array in weights(work)}
    assert {name for name, shared in large.items() if shared} == {"embedding", "output.W"}
    assert not any(shared_out(work._replace(data=1), array) for array in weights(work))
    odd = work._replace(V=2**16 + 1)
    assert [array.name for array in weights(odd) if shared_out(odd, array)] == ["embedding", "output.W"]
    odd = odd._replace(E=17, H=33)
    assert not [array.name for array in weights(odd) if shared_out(odd, array)]
    here = bytes_of(work).optimizer - 8
    assert here == 8 * (2**15 * 16 + 16 * 128 + 128 + 32 * 128 + 16 * 2**16 + 2**16)


def test_a_ring_stays_inside_a_node_if_it_can():
    machine = SLOW._replace(node=8)
    assert link_of(machine, TINY._replace(data=2, vocab=4), "data") == machine.within
    assert link_of(machine, TINY._replace(data=4, vocab=4), "vocab") == machine.within
    # Four devices share each vocabulary: four rings of `data` leave a node side by side.
    assert link_of(machine, TINY._replace(data=4, vocab=4), "data") == Link(1.0, 1.0)
    assert link_of(machine, TINY._replace(data=16), "data") == Link(4.0, 1.0)
    assert link_of(machine, TINY._replace(vocab=16), "vocab") == Link(4.0, 1.0)


def test_seconds_by_hand():
    alone = seconds_of(TINY, SLOW)
    loops, others = flops_of(TINY)
    assert (alone.loops, alone.products, alone.vocab, alone.data) == (loops / 4, others / 2, 0, 0)
    assert alone.memory == moved_bytes(TINY) / 1e9
    assert alone.total == pytest.approx(loops / 4 + others / 2 + moved_bytes(TINY) / 1e9)
    # Two messages of half of 108 numbers and two sums.
    assert seconds_of(TINY._replace(data=2), SLOW).data == 2 * (4 * 110 / 2 / 8 + 0.5)
    # R is read ten times, at every step forward and backward: memory may take longer than the product.
    slower = SLOW._replace(memory=1e-3, loop=7.0)
    assert seconds_of(TINY, slower).loops == 2 * 5 * 4 * 36 / 1e-3 + 2 * 5 * 7


def test_passes_over_memory_by_hand():
    held = bytes_of(TINY)
    logits = 4 * 20 * 6
    assert moved_bytes(TINY) == 7 * held.parameters + 2 * held.optimizer + 4 * held.activations + 8 * logits
    many = TINY._replace(V=10**6, B=200)
    held = bytes_of(many)
    state = 7 * held.parameters + 2 * held.optimizer + 4 * held.activations
    assert moved_bytes(many) - state == 9 * 4 * 1000 * 10**6
