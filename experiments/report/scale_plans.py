"""What the cost model says of machines, models and texts that are not at hand, as sheets for docs/scale.md."""

from collections.abc import Sequence
from typing import Any

from experiments.report.formats import short
from experiments.report.scale import DASH, GB, MB, Sheet, mesh_name
from experiments.scaling.collectives import collectives, ring_seconds
from experiments.scaling.cost import Bytes, Machine, bytes_of, copies, flops_of, parameter_bytes, seconds_of
from experiments.scaling.plans import (
    BENCHMARKS,
    BILLION,
    CHARACTER,
    CHARACTERS,
    CHECKED,
    CORPORA,
    ETHERNET,
    H100,
    H100_BF16,
    INFINIBAND,
    NVLINK,
    TERABYTE_OF_WORDS,
    Corpus,
    epoch_seconds,
    fastest,
    hosts,
    meshes_of,
)
from experiments.scaling.workload import Workload

MS, HOUR, DAY = 1e-3, 3600, 86400
NUMBERS = (8, 64, 512)
"""Of devices."""
HOSTS = (1, 2, 4, 8, 16)
GROUPS = {"inside a node": NVLINK, "between nodes": INFINIBAND, "between hosts": ETHERNET}


def plan_sheets(measured: Machine, base: Workload) -> dict[str, Sheet]:
    """By the name of their place on the page; `base` is the workload that was measured."""
    return {
        "corpora": corpora_sheet(CORPORA),
        "machines": machines_sheet((H100, H100_BF16)),
        "links": links_sheet(),
        **{name.replace("-", "_"): model_sheet(BENCHMARKS[name], BILLION) for name in BENCHMARKS},
        "characters": model_sheet(CHARACTER, CHARACTERS),
        "epochs": epochs_sheet(),
        "exchanges": exchanges_sheet(fastest(BENCHMARKS["2048-512"], 64, H100_BF16)),
        "hosts": hosts_sheet(hosts(measured), base),
    }


def corpora_sheet(corpora: Sequence[Corpus]) -> Sheet:
    """What a text is before any model reads it."""
    header = ("text", "tokens", "bytes an id", "store, GB", "encoding on one core, h", "checksums at a start, min")
    rows = []
    for corpus in corpora:
        store = corpus.tokens * corpus.id_bytes
        hours, minutes = corpus.size / corpus.encoded / HOUR, (store + corpus.size) / CHECKED / 60
        figures = f"{store / GB:,.1f}", f"{hours:.2f}", f"{minutes:,.1f}"
        rows.append((corpus.name, short(corpus.tokens), str(corpus.id_bytes), *figures))
    return Sheet("Texts", header, rows)


def machines_sheet(machines: Sequence[Machine]) -> Sheet:
    """What is assumed of a device."""
    header = ("device", "products, TFLOP/s", "memory, TB/s", "a time step of a layer, µs", "devices a node")
    rows = [
        (m.name, f"{m.product / 1e12:.1f}", f"{m.memory / 1e12:.2f}", f"{1e6 * m.loop:.0f}", str(m.node))
        for m in machines
    ]
    return Sheet("Devices", header, rows)


def links_sheet() -> Sheet:
    """What is assumed between devices."""
    header = ("link", "GB/s, one way", "latency, µs")
    names = {"inside a node": "NVLink, each device", "between nodes": "InfiniBand, each node of eight"}
    names["between hosts"] = "Ethernet, each host"
    rows = [(names[at], f"{link.bandwidth / GB:.2f}", f"{1e6 * link.latency:.0f}") for at, link in GROUPS.items()]
    return Sheet("Links", header, rows)


def model_sheet(work: Workload, corpus: Corpus) -> Sheet:
    """On every mesh: bytes, operations and time of a device, and one pass through the text."""
    header = ("mesh", "streams", "GB a device", "TFLOP a device", "products, ms", "memory, ms", "exchange, ms")
    header += ("step, ms", "in bfloat16, ms", "steps an epoch", "days an epoch", "in bfloat16")
    rows = [_on_mesh(meshed, corpus) for devices in NUMBERS for meshed in meshes_of(work, devices)]
    return Sheet("A model", header, rows)


def _on_mesh(work: Workload, corpus: Corpus) -> tuple[str, ...]:
    taken = seconds_of(work, H100)
    parts = taken.loops + taken.products, taken.memory, taken.vocab + taken.data, taken.total
    days = (epoch_seconds(corpus, work, machine) / DAY for machine in (H100, H100_BF16))
    return (
        mesh_name(work._asdict()),
        f"{work.B:,}",
        f"{bytes_of(work).total / GB:.1f}",
        f"{sum(flops_of(work)) / 1e12:.2f}",
        *(f"{part / MS:,.1f}" for part in (*parts, seconds_of(work, H100_BF16).total)),
        f"{corpus.tokens / (work.B * work.T):,.0f}",
        *(f"{each:.3g}" for each in days),
    )


def epochs_sheet() -> Sheet:
    """A text and a model on the fastest of the meshes."""
    header = ("text", "model", "devices", "mesh", "tokens/s", "read of the store, MB/s", "days an epoch")
    pairs = [(corpus, name, work) for corpus in (BILLION, TERABYTE_OF_WORDS) for name, work in BENCHMARKS.items()]
    rows = []
    for corpus, name, work in [*pairs, (CHARACTERS, "characters", CHARACTER)]:
        for devices in NUMBERS:
            meshed = fastest(work, devices, H100_BF16)
            tokens = meshed.B * meshed.T / seconds_of(meshed, H100_BF16).total
            mesh, days = mesh_name(meshed._asdict()), corpus.tokens / tokens / DAY
            figures = f"{tokens:,.0f}", f"{tokens * corpus.id_bytes / MB:,.1f}", f"{days:,.3g}"
            rows.append((corpus.name, name, str(devices), mesh, *figures))
    return Sheet("Epochs in bfloat16", header, rows)


def exchanges_sheet(work: Workload) -> Sheet:
    """What the devices tell each other in a step, and how long it would take through each link."""
    header = ("what", "kind", "along", "MB", *(f"{at}, ms" for at in GROUPS))
    rows = []
    for each in collectives(work):
        devices = getattr(work, each.axis)
        taken = (ring_seconds(each.kind, each.bytes, devices, link) / MS for link in GROUPS.values())
        along = f"{each.axis}={devices}"
        rows.append((each.what, each.kind, along, f"{each.bytes / MB:,.3f}", *(f"{one:,.2f}" for one in taken)))
    return Sheet("Exchanges", header, rows)


def hosts_sheet(machine: Machine, base: Workload) -> Sheet:
    """The measured step on more machines such as the measured one: streams shared by all, or the vocabulary inside."""
    header = ("hosts", "mesh", "streams", "exchange, ms", "step, ms", "tokens/s", "× one host")
    rows, cores = [], machine.node
    for vocab in dict.fromkeys((1, cores)):
        alone = 0.0
        for number in HOSTS:
            work = base._replace(data=number * cores // vocab, vocab=vocab, B=base.B * number)
            taken = seconds_of(work, machine)
            tokens = work.B * work.T / taken.total
            alone = alone or tokens
            figures = (f"{part / MS:,.1f}" for part in (taken.vocab + taken.data, taken.total))
            rows.append(
                (
                    str(number),
                    mesh_name(work._asdict()),
                    str(work.B),
                    *figures,
                    f"{tokens:,.0f}",
                    f"{tokens / alone:.2f}",
                )
            )
    return Sheet("Hosts", header, rows)


def benchmarks_sheet(benchmarks: dict[str, list[dict[str, Any]]]) -> Sheet:
    """What XLA plans for a model that no machine at hand holds, and what was predicted of it."""
    header = (
        "model",
        "mesh",
        "state, GB",
        "in a step, GB",
        "state, predicted",
        "total, predicted",
        "exchange, predicted",
    )
    rows = []
    for name, several in benchmarks.items():
        for row in several:
            plan, held, sent = row["planned"], Bytes(**row["predicted"]["bytes"]), row["exchanged_ratio"]
            state = held.arguments / plan["arguments"]
            figures = (f"{plan[part] / GB:.3f}" for part in ("arguments", "temporary"))
            ratios = f"{state:.4f}", f"{row['bytes_ratio']:.2f}", DASH if sent is None else f"{sent:.4f}"
            rows.append((name, mesh_name(row["work"]), *figures, *ratios))
    return Sheet("Planned by XLA", header, rows)


def models_sheet() -> Sheet:
    """How large the models are, wherever they are."""
    header = ("model", "parameters", "bytes, GB", "with Adam's, GB")
    rows = []
    for name, work in {**BENCHMARKS, "characters": CHARACTER}.items():
        size = parameter_bytes(work)
        rows.append((name, short(size / work.number), f"{size / GB:.2f}", f"{copies(work) * size / GB:.2f}"))
    return Sheet("Models", header, rows)
