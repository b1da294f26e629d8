import numpy as np
import pytest

from experiments.scaling.collectives import collectives
from experiments.scaling.cost import bytes_of
from experiments.scaling.steps import compile_step, counted, plan_step, planned, stepping
from experiments.scaling.workload import Workload

FEW = Workload(V=50, E=8, H=16, L=2, B=8, T=8)
MANY = Workload(V=140_001, E=8, H=8, L=1, B=8, T=8)
"""Its embedding and output weights are large; 140,001 words have no equal shares but of three."""
NORMS = 32
"""Bytes: in which groups the few numbers of the norms are summed is for XLA to say."""
WORKS = [
    FEW._replace(data=2, optimizer="sgd"),
    FEW._replace(data=2, vocab=2, tied=True, optimizer="rmsprop"),
    MANY._replace(data=2),
    MANY._replace(vocab=2),
    MANY._replace(data=2, vocab=2),
    MANY._replace(data=4, vocab=2, tied=True),
]


@pytest.mark.parametrize("work", WORKS)
def test_the_real_step_holds_and_exchanges_what_was_predicted(work):
    plan = planned(plan_step(work))
    assert plan.arguments == bytes_of(work).arguments, "parameters, optimiser, window and recurrent state, to the byte"
    kinds = {each.kind for each in collectives(work)}
    assert plan.collectives.keys() == kinds
    for kind in kinds:
        predicted = sum(each.bytes for each in collectives(work) if each.kind == kind)
        assert abs(predicted - plan.collectives[kind]) <= (NORMS if kind == "all-reduce" else 0)


def test_what_is_planned_is_what_runs():
    work = FEW._replace(L=1)
    compiled, *arguments = compile_step(work)
    assert planned(compiled) == planned(plan_step(work))
    step = stepping(compiled, *arguments)
    nats = [float(step().nats) for _ in range(30)]
    assert nats[0] == pytest.approx(np.log(work.V), abs=0.5)
    assert nats[-1] < nats[0]


def test_state_falls_as_one_over_the_shards_of_the_vocabulary():
    work = Workload(V=793_471, E=32, H=32, L=1, B=8, T=8)
    alone = bytes_of(work).arguments
    assert 1 <= 8 * planned(plan_step(work._replace(vocab=8))).arguments / alone < 1.01
    assert 8 * bytes_of(work._replace(data=8)).arguments / alone > 3, "parameters are everyone's"


def test_exchanges_are_counted_in_any_spelling():
    program = """
    %a = f32[8,4]{1,0} all-reduce(%x), channel_id=1, replica_groups={{0,1},{2,3}}, to_apply=%sum
    %b = (f32[10]{0}, bf16[3]{0}, f32[]) all-reduce(%x, %y, %z), replica_groups=[2,4]<=[8], to_apply=%sum
    %c = f32[5]{0} reduce-scatter(%x), replica_groups=mesh['a'=2,'b'=3] {'b'}, dimensions={0}, to_apply=%sum
    %d = f32[6]{0} all-gather-start(%x), replica_groups=mesh['a'=2,'b'=3] {'a','b'}, dimensions={0}
    %alone = f32[99]{0} all-reduce(%x), replica_groups={{0},{1}}, to_apply=%sum
    %other = f32[99]{0} add(%all-reduce.1, %y)
    """
    assert counted(program) == {"all-reduce": 128 + 40 + 6 + 4, "reduce-scatter": 3 * 20, "all-gather": 24}
