import numpy as np
import pytest

from experiments.scaling import calibration
from experiments.scaling.calibration import Probe, machine_of, probes
from experiments.scaling.collectives import Link
from experiments.scaling.comparison import machine_from, written


def test_rates_by_hand():
    probed = {"product": Probe(None, 100.0), "recurrent": Probe(None, 60.0, 2), "memory": Probe(None, 30.0)}
    probed |= {f"all-reduce {size}": Probe(None, size, 2) for size in calibration.SUMMED}
    taken = {"product": [5.0, 4.0, 90.0], "recurrent": [4.0], "memory": [3.0]}
    # On four devices six messages: of half a second each for the smallest, of one for the largest.
    taken |= {f"all-reduce {size}": [2 * 6 * (1.0 if size == 2**24 else 0.5)] for size in calibration.SUMMED}
    machine, sums = machine_of(4, probed, taken)
    assert (machine.product, machine.recurrent, machine.memory, machine.node) == (20.0, 30.0, 10.0, 4)
    assert machine.within == machine.between == Link(2**24 / 4 / 0.5, 0.5)
    assert sums == {2**10: 3.0, 2**17: 3.0, 2**20: 3.0, 2**24: 6.0}
    assert machine_from(written(machine_of(4, probed, taken))) == machine


def test_a_machine_of_one_device_sends_nothing():
    probed = {name: Probe(None, 1.0) for name in ("product", "recurrent", "memory")}
    found = written(machine_of(1, probed, {name: [1.0] for name in probed}))
    assert found["link"] is None
    assert machine_from(found).within == calibration.ALONE


@pytest.mark.parametrize("number", [1, 2])
def test_every_device_does_what_it_is_counted_for(monkeypatch, number):
    for name, value in {"ROWS": 16, "COPIED": 64, "SUMMED": (8, 32), "REPEATS": 3}.items():
        monkeypatch.setattr(calibration, name, value)
    found = probes(number, 2, 4, length=3)
    assert found["product"].amount == 2 * 16**3
    assert found["recurrent"].amount == 2 * 2 * 2 * 4 * 16
    assert found["memory"].amount == 2 * 64
    assert [name for name in found if "all-reduce" in name] == ["all-reduce 8", "all-reduce 32"] * (number > 1)
    results = {name: np.asarray(probe.run()) for name, probe in found.items()}
    np.testing.assert_allclose(results["product"], np.full((16 * number, 16), 1 / 16), rtol=1e-6)
    np.testing.assert_array_equal(results["memory"], np.full(16 * number, -1))
    # There 4 of 1/4 make 1, and back 16 of them 4; an eighth of it, three times.
    np.testing.assert_allclose(results["recurrent"], np.full((2 * number, 4), 0.5**3), rtol=1e-6)
    if number > 1:
        np.testing.assert_allclose(results["all-reduce 32"], np.full(16, (2 / 8) ** 3), rtol=1e-6)
