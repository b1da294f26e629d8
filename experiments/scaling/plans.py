"""What no machine at hand can run: known corpora, models of their size, and machines as their makers describe them.

Every rate here is somebody's figure or an assumption, never a measurement of ours; each says whose.
"""

from typing import Literal, NamedTuple

from charrnn_jax.text.tokens import id_type
from experiments.scaling.collectives import Link
from experiments.scaling.cost import Machine, seconds_of
from experiments.scaling.workload import Workload

WORDS = 793_471
"""V of the One Billion Word Benchmark: Chelba et al. (2013), section 3; as many in Jozefowicz et al. (2016)."""
REACHED = 0.5
"""Of a maker's figure for products and memory: an assumption. `docs/speed.md` has what is reached on a CPU."""
LOOP = 2e-5
"""Seconds for a time step of a layer on a GPU beside its product, some kernels of a few microseconds: an assumption."""
NVLINK = Link(450e9 * REACHED, 5e-6)
"""NVIDIA H100 SXM: 900 GB/s of NVLink in both directions together. The latency is an assumption."""
INFINIBAND = Link(8 * 50e9 * REACHED, 1e-5)
"""NVIDIA DGX H100: eight ports of 400 Gb/s for eight GPUs. The latency is an assumption."""
H100 = Machine(
    "H100, float32",
    product=67e12 * REACHED,
    recurrent=67e12 * REACHED,
    memory=3.35e12 * REACHED,
    within=NVLINK,
    between=INFINIBAND,
    node=8,
    loop=LOOP,
)
"""NVIDIA H100 SXM, from its data sheet: 67 TFLOP/s in float32 without tensor cores, 3.35 TB/s."""
H100_BF16 = H100._replace(name="H100, bfloat16", product=989e12 * REACHED, recurrent=989e12 * REACHED)
"""The same with operands in bfloat16 on tensor cores: 989 TFLOP/s, without sparsity."""
ETHERNET = Link(1.25e9 * REACHED, 5e-5)
"""10 Gb/s out of a host. The latency is an assumption."""
MEMORY_OF_H100 = 80e9
"""Bytes."""


BYTES_OF_WORD = 6.0
"""Of text, its space included: an assumption. The default corpus has 6.1 characters a word."""


class Corpus(NamedTuple):
    """A text by its size alone."""

    name: str
    tokens: float
    vocabulary: int
    size: float
    """Bytes of text."""
    encoded: float
    """Bytes of text that one core encodes in a second: `docs/speed.md`, Text."""

    @property
    def id_bytes(self) -> int:
        """Of a token in its store: the smallest type that holds all ids."""
        return id_type(self.vocabulary)().itemsize


BILLION = Corpus("One Billion Word", 0.8e9, WORDS, 0.8e9 * BYTES_OF_WORD, 12.2e6)
CHARACTERS = Corpus("1 TB as characters", 1e12, 256, 1e12, 203e6)
TERABYTE_OF_WORDS = Corpus("1 TB as words", 1e12 / BYTES_OF_WORD, WORDS, 1e12, 12.2e6)
CORPORA = (BILLION, CHARACTERS, TERABYTE_OF_WORDS)

ModelName = Literal["2048-512", "8192-1024"]
BENCHMARKS: dict[ModelName, Workload] = {
    "2048-512": Workload(WORDS, 512, 2048, 2, 1024, 20, tied=True),
    "8192-1024": Workload(WORDS, 1024, 8192, 3, 1024, 20, tied=True),
}
"""As near as this project comes to the LSTM-2048-512, and to the two layers of the LSTM-8192-1024, of Jozefowicz et al.
(2016), Exploring the Limits of Language Modeling: it has no projection, so that a layer of its size is in the place of
the last one, and the output weights are the embedding."""
CHARACTER = Workload(256, 256, 4096, 2, 1024, 128)
"""A large model of characters."""
STREAMS = 128
"""Of each device: as many more devices, as many more streams."""
MESHES = ((8, 1), (2, 4), (1, 8), (64, 1), (16, 4), (8, 8), (512, 1), (128, 4), (64, 8))
"""Devices for the streams, and for the vocabulary."""
CHECKED = 0.4e9
"""Bytes a second that are read for their checksums when a store is opened: `charrnn_jax.io.token_store`."""
WRITTEN = 1e9
"""Bytes a second to the disk of a checkpoint: an assumption."""


def on_mesh(work: Workload, data: int, vocab: int) -> Workload:
    """The same model on so many devices."""
    return work._replace(B=STREAMS * data * vocab, data=data, vocab=vocab)


def epoch_seconds(corpus: Corpus, work: Workload, machine: Machine) -> float:
    """One pass through the text."""
    return corpus.tokens / (work.B * work.T) * seconds_of(work, machine).total


def meshes_of(work: Workload, devices: int) -> list[Workload]:
    """The same model on each mesh of so many devices: one with few words leaves them together."""
    shapes = [(data, vocab) for data, vocab in MESHES if data * vocab == devices and (vocab == 1 or work.V == WORDS)]
    return [on_mesh(work, *shape) for shape in shapes]


def fastest(work: Workload, devices: int, machine: Machine) -> Workload:
    """On which of these meshes a step takes least time."""
    return min(meshes_of(work, devices), key=lambda meshed: seconds_of(meshed, machine).total)


def hosts(measured: Machine) -> Machine:
    """Machines such as the one measured, connected by Ethernet."""
    return measured._replace(name="hosts, 10 Gb/s", between=ETHERNET)
