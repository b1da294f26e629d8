"""Where each choice of the design stops: what it costs two large models, as a sheet for docs/scale.md."""

from charrnn_jax.losses import LOGITS
from experiments.report.scale import GB, MB, Sheet
from experiments.scaling.collectives import collectives
from experiments.scaling.cost import bytes_of, copies, exchange_seconds, flops_of, parameter_bytes, softmax_flops
from experiments.scaling.plans import BENCHMARKS, BILLION, H100, WRITTEN, on_mesh
from experiments.scaling.workload import Workload, numbers_here, weights

MESH = (8, 8)


def limits_sheet() -> Sheet:
    """On eight nodes of eight devices, each of which shares a vocabulary."""
    works = {name: on_mesh(work, *MESH) for name, work in BENCHMARKS.items()}
    columns = [limits_of(work) for work in works.values()]
    rows = [(what, *(column[what] for column in columns)) for what in columns[0]]
    return Sheet("Limits", ("on data=8,vocab=8", *works), rows)


def limits_of(work: Workload) -> dict[str, str]:
    """Each figure by what it is of."""
    return {**_recurrence(work), **_embedding(work), **_softmax(work), **_state(work)}


def _recurrence(work: Workload) -> dict[str, str]:
    whole = work.number * sum(array.size for array in weights(work) if array.vocabulary is None)
    repeated = sum(flops_of(work)) - softmax_flops(work, work.by_chunks)
    return {
        "parameters that every device has, GB": f"{whole / GB:.2f}",
        "operations that a device shares with none of its vocabulary": f"{repeated / sum(flops_of(work)):.0%}",
    }


def _embedding(work: Workload) -> dict[str, str]:
    vectors = next(each for each in collectives(work) if each.what == "embedding vectors")
    table = next(array for array in weights(work) if array.name == "embedding")
    gradient = work.number * numbers_here(work, table)
    looked_up = work.number * min(work.tokens, work.rows) * work.E
    return {
        "embedding vectors summed over devices, MB": f"{vectors.bytes / MB:.1f}",
        "… inside a node, ms": f"{1e3 * exchange_seconds(vectors, work, H100):.2f}",
        "gradient of a device's rows of the embedding, MB": f"{gradient / MB:,.1f}",
        "… of those that a step can have looked up, MB": f"{looked_up / MB:,.1f}",
        "gradient scattered and parameters gathered between nodes, ms": f"{1e3 * _rows(work):,.0f}",
    }


def _rows(work: Workload) -> float:
    return sum(exchange_seconds(each, work, H100) for each in collectives(work) if each.kind != "all-reduce")


def _softmax(work: Workload) -> dict[str, str]:
    more = softmax_flops(work, work.by_chunks) / softmax_flops(work, by_chunks=False)
    chunks = -(-work.rows // (LOGITS // work.tokens)) if work.by_chunks else 1
    return {
        "logits of a chunk and their exponentials, MB": f"{bytes_of(work).logits / MB:,.0f}",
        "chunks of a device's rows": str(chunks),
        "operations of the softmax, over those of a whole one": f"{more:.2f}",
    }


def _state(work: Workload) -> dict[str, str]:
    checkpoint = copies(work) * parameter_bytes(work)
    return {
        "checkpoint, GB": f"{checkpoint / GB:.1f}",
        "… written by all, s": f"{checkpoint / WRITTEN:.0f}",
        "streams, at 128 a device": f"{work.B:,}",
        "steps an epoch of the One Billion Word Benchmark": f"{BILLION.tokens / (work.B * work.T):,.0f}",
    }
