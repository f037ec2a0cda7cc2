"""Recordings of systems that never were: ready-made KPIs of layered services, with one thing wrong.

For measuring how causes are ranked on data of another kind than the shop's: few numbers per entity,
long steps, short outages. Everything follows from a seed.

    python tests/incidents/synthetic.py --to FOLDER [--cases 240]

What makes it hard is meant: trouble fades or grows on its way to the callers, calls are tried
again, some entities lack the metric of the fault, unrelated ones jump, samples are missing.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Monday, 3 August 2026, 00:00 UTC; any would do.
EPOCH = 1_785_715_200
DAY_S = 86_400
FAULTS = ("latency", "availability", "surge", "vanish", "resource", "errors-are-fast")
# Step in seconds, healthy steps before the outage.
STEPS = ((300, 288), (60, 300), (1, 600), (300, 160), (15, 360))
QUANTILES = (0.5, 0.9, 0.95, 0.99)
OUTAGE_STEPS = (5, 5, 6, 8, 12, 20)
AFTERWARDS_STEPS = 6
INNER_NAMES = {1: "web", 2: "service", 3: "backend"}


@dataclass
class Part:
    """An entity, as it is on an average day."""

    name: str
    layer: int
    # Requests per second that come from outside.
    visitors: float = 0.0
    # Seconds of its own.
    own_s: float = 0.02
    # Share of its requests that fail by its own fault.
    failing: float = 0.0002
    # Requests per second above which it becomes slow.
    capacity: float = 1e9
    noise: float = 0.05
    # Callees: how many calls for one request, and which share of their failures and time counts.
    calls: list[tuple[int, float, float]] = field(default_factory=list)
    # A failed call is tried once more.
    retries: bool = False
    timeout_s: float = 30.0
    metrics: frozenset[str] = frozenset()


@dataclass
class Wrong:
    """What is wrong at one step, with one part."""

    part: int
    slower: float = 1.0
    waits_s: float = 0.0
    failing: float = 0.0
    busier: float = 1.0
    is_gone: bool = False
    # Share of a resource that is taken besides the usual.
    taken: float = 0.0


@dataclass
class Case:
    name: str
    fault: str
    step_s: int
    parts: list[Part]
    root: int
    began: int
    ended: int
    steps: int
    # Metric, labels beside the service, service; value per step, None for a gap.
    series: dict[tuple[str, str, str], list[float | None]]

    def time_of(self, step: int) -> int:
        return EPOCH + step * self.step_s


def make(seed: int) -> Case:
    """The case of a seed."""
    chance = random.Random(seed)
    fault = FAULTS[seed % len(FAULTS)]
    step_s, healthy = STEPS[seed // len(FAULTS) % len(STEPS)]
    parts = system(chance)
    root = choose_root(parts, fault, chance)
    lasts = chance.choice(OUTAGE_STEPS)
    began = healthy + chance.randrange(20)
    case = Case(
        name=f"{fault}-{seed:03}",
        fault=fault,
        step_s=step_s,
        parts=parts,
        root=root,
        began=began,
        ended=began + lasts,
        steps=began + lasts + AFTERWARDS_STEPS,
        series={},
    )
    wrong = trouble(parts[root], root, fault, chance)
    simulate(case, wrong, chance)
    return case


def system(chance: random.Random) -> list[Part]:
    """20 to 50 parts in layers; each but the first layer's has callers above it."""
    depth = chance.randint(3, 5)
    total = chance.randint(20, 50)
    parts = [
        Part(f"{kind_of(layer, depth)}-{number}", layer)
        for number, layer in enumerate(sorted(chance.choices(range(depth), k=total - depth)))
    ]
    parts += [Part(f"{kind_of(layer, depth)}-{total - depth + layer}", layer) for layer in range(depth)]
    for idx, part in enumerate(parts):
        part.own_s = chance.lognormvariate(math.log(0.02), 1.0)
        part.noise = chance.uniform(0.02, 0.15)
        part.failing = chance.choice([0.0, 0.0, 0.0001, 0.001, 0.01])
        part.retries = chance.random() < 0.3
        part.timeout_s = chance.choice([1.0, 3.0, 30.0, 60.0])
        part.metrics = measured(chance)
        if part.layer == 0:
            part.visitors = chance.lognormvariate(math.log(8), 1.0)
            continue
        above = [other for other in parts if other.layer == part.layer - 1]
        if chance.random() < 0.2:
            above = [other for other in parts if other.layer < part.layer]
        for caller in chance.sample(above, min(len(above), chance.choice([1, 1, 2, 3]))):
            often = chance.choice([0.3, 0.6, 1.0, 1.0, 2.0, 4.0])
            # What is called beside the answer, or may fail without harm, counts little.
            caller.calls.append((idx, often, chance.choice([1.0, 1.0, 0.9, 0.5, 0.1])))
    for part, load in zip(parts, loads(parts, [None] * len(parts))):
        part.capacity = load * chance.uniform(1.8, 6.0)
    return parts


def kind_of(layer: int, depth: int) -> str:
    if layer == 0:
        return "edge"
    return INNER_NAMES[min(layer, 3)] if layer < depth - 1 else "store"


def measured(chance: random.Random) -> frozenset[str]:
    """What is known of a part: often all, sometimes not what one would need."""
    known = {"requests"}
    for name, often in {"availability": 0.85, "latency": 0.92, "quantiles": 0.8, "cpu": 0.5}.items():
        if chance.random() < often:
            known.add(name)
    return frozenset(known)


def choose_root(parts: list[Part], fault: str, chance: random.Random) -> int:
    load = loads(parts, [None] * len(parts))
    able = [idx for idx, part in enumerate(parts) if load[idx] > 0.5]
    if fault == "surge":
        able = [idx for idx, part in enumerate(parts) if part.layer == 0 and part.calls] or able
    elif fault == "resource":
        able = [idx for idx in able if "cpu" in parts[idx].metrics] or able
    else:
        able = [idx for idx in able if parts[idx].layer > 0] or able
    return chance.choice(able)


def trouble(part: Part, root: int, fault: str, chance: random.Random) -> Wrong:
    if fault == "latency":
        return Wrong(root, waits_s=chance.lognormvariate(1.4, 0.8) * part.own_s)
    if fault == "availability":
        return Wrong(root, failing=chance.lognormvariate(-2, 0.8) % 1.0)
    if fault == "errors-are-fast":
        return Wrong(root, failing=chance.uniform(0.1, 0.95), slower=0.3)
    if fault == "surge":
        return Wrong(root, busier=chance.uniform(1.8, 6))
    if fault == "vanish":
        return Wrong(root, failing=1.0, is_gone=True)
    return Wrong(root, slower=chance.uniform(1.4, 5), taken=chance.uniform(0.4, 0.9))


def loads(parts: list[Part], busier: list[float | None]) -> list[float]:
    """Requests per second of each. Callees always stand behind their callers' layer."""
    load = [part.visitors * (factor or 1.0) for part, factor in zip(parts, busier)]
    for idx in sorted(range(len(parts)), key=lambda idx: parts[idx].layer):
        for callee, often, _ in parts[idx].calls:
            load[callee] += load[idx] * often
    return load


def simulate(case: Case, wrong: Wrong, chance: random.Random) -> None:
    parts = case.parts
    season, phase = chance.uniform(0.1, 0.6), chance.uniform(0, math.tau)
    jumps = unrelated(case, chance)
    drift = [0.0] * len(parts)
    # A gap of the whole monitoring, rarely.
    gap = chance.randrange(case.began // 2, case.began) if chance.random() < 0.15 else -9
    missing = chance.choice([0.0, 0.005, 0.02])
    for step in range(case.steps):
        now = case.time_of(step)
        day = 1 + season * math.sin(math.tau * now / DAY_S + phase)
        active = wrong if case.began <= step < case.ended else None
        drift = [0.9 * one + chance.gauss(0, 0.3) * part.noise for one, part in zip(drift, parts)]
        state = moment(parts, active, day, drift, jumps.get(step, {}), chance)
        for idx, (load, latency, failing) in enumerate(state):
            gone = active is not None and active.is_gone and idx == active.part
            lost = gone or gap <= step < gap + 3
            taken = active.taken if active and idx == active.part else 0.0
            values = readings(parts[idx], load, latency, failing, taken, case.step_s, chance)
            for (metric, labels), value in values.items():
                dropped = lost or chance.random() < missing
                series = case.series.setdefault((metric, labels, parts[idx].name), [])
                series.append(None if dropped else value)


def unrelated(case: Case, chance: random.Random) -> dict[int, dict[int, tuple[float, float]]]:
    """Step → part → how much slower and how much more failing, for reasons of its own."""
    found: dict[int, dict[int, tuple[float, float]]] = {}
    others = [idx for idx in range(len(case.parts)) if idx != case.root]
    for idx in chance.sample(others, chance.randint(0, 3)):
        for _ in range(chance.randint(1, 8)):
            start = chance.randrange(case.steps)
            jump = (chance.uniform(1.3, 2.5), chance.choice([0.0, 0.01, 0.04]))
            for step in range(start, start + chance.randint(1, 3)):
                found.setdefault(step, {})[idx] = jump
    # One that has always been ill.
    if chance.random() < 0.3:
        ill = chance.choice(others)
        for step in range(case.steps):
            found.setdefault(step, {})[ill] = (1.0, chance.uniform(0.03, 0.08))
    return found


def moment(
    parts: list[Part],
    wrong: Wrong | None,
    day: float,
    drift: list[float],
    jumps: dict[int, tuple[float, float]],
    chance: random.Random,
) -> list[tuple[float, float, float]]:
    """Load in requests per second, mean latency in seconds and failing share of each part."""
    busier: list[float | None] = [None] * len(parts)
    if wrong:
        busier[wrong.part] = wrong.busier
    load = [
        one * day * math.exp(drift[idx] / 2) for idx, one in enumerate(loads(parts, busier))
    ]
    state = [(0.0, 0.0, 0.0)] * len(parts)
    for idx in sorted(range(len(parts)), key=lambda idx: -parts[idx].layer):
        part = parts[idx]
        own, failing = part.own_s * math.exp(drift[idx]), part.failing
        slower, more = jumps.get(idx, (1.0, 0.0))
        own, failing = own * slower, failing + more
        if load[idx] > part.capacity:
            own *= 1 + 4 * (load[idx] / part.capacity - 1)
            failing += min(0.5, 0.1 * (load[idx] / part.capacity - 1))
        if wrong and wrong.part == idx:
            own = own * wrong.slower + wrong.waits_s
            failing += wrong.failing
        latency, well = own, 1 - min(1.0, failing)
        for callee, often, counts in part.calls:
            _, slow, broken = state[callee]
            tries = 2.0 if part.retries and broken > 0.2 else 1.0
            if slow > part.timeout_s:
                broken = min(1.0, broken + 0.8)
                slow = part.timeout_s
            latency += counts * often * slow * tries
            broken = broken**2 if part.retries else broken
            well *= (1 - counts * broken) ** min(1.0, often)
            if tries > 1:
                load[callee] *= 1 + broken * 0.3
        state[idx] = (load[idx], latency, 1 - well)
    return [(load[idx], latency, failing) for idx, (_, latency, failing) in enumerate(state)]


def readings(
    part: Part,
    load: float,
    latency: float,
    failing: float,
    taken: float,
    step_s: int,
    chance: random.Random,
) -> dict[tuple[str, str], float | None]:
    """What is written down of a step: counted requests, so the fewer they are the more it jumps."""
    expected = load * step_s
    requests = max(0.0, round(chance.gauss(expected, math.sqrt(expected))))
    enough = max(1.0, requests)
    values: dict[tuple[str, str], float | None] = {("requests", ""): requests}
    none = requests == 0
    if "availability" in part.metrics:
        spread = math.sqrt(failing * (1 - failing) / enough)
        shown = min(1.0, max(0.0, chance.gauss(failing, spread)))
        values["availability", ""] = None if none else round(100 * (1 - shown), 4)
    shown_s = latency * math.exp(chance.gauss(0, min(0.4, 0.6 / math.sqrt(enough))))
    if "latency" in part.metrics:
        values["latency_average", ""] = None if none else shown_s
    if "quantiles" in part.metrics:
        for quantile, factor in zip(QUANTILES, (0.8, 1.8, 2.3, 4.0)):
            wide = min(0.5, factor / math.sqrt(enough))
            value = shown_s * factor * math.exp(chance.gauss(0, wide))
            values["latency", f'quantile="{quantile}"'] = None if none else value
    if "cpu" in part.metrics:
        usual = 100 * min(1.0, 0.12 + 0.5 * load / part.capacity)
        shown = min(100.0, usual + 100 * taken) + chance.gauss(0, 1.5)
        values["cpu_utilization", ""] = max(0.0, min(100.0, shown))
    return values


def openmetrics(case: Case) -> Iterator[str]:
    """The case as OpenMetrics text with timestamps."""
    last = ""
    for (metric, labels, service), values in sorted(case.series.items()):
        if metric != last:
            yield f"# TYPE {metric} gauge\n"
            last = metric
        pairs = f'service="{service}"' + (f",{labels}" if labels else "")
        for step, value in enumerate(values):
            if value is not None:
                yield f"{metric}{{{pairs}}} {value:.6g} {case.time_of(step)}\n"
    yield "# EOF\n"


MAPPINGS = """mappings:
  - entity: { type: service, label: service }
    kpi: request_rate
    metric: requests
    type: gauge
    unit: per_step
  - entity: { type: service, label: service }
    kpi: availability
    metric: availability
    unit: percent
  - entity: { type: service, label: service }
    kpi: latency_average
    metric: latency_average
    unit: seconds
  - entity: { type: service, label: service }
    kpi: saturation
    resource: cpu
    metric: cpu_utilization
    unit: percent
"""
MAPPING_OF_QUANTILE = """  - name: latency {quantile}
    entity: {{ type: service, label: service }}
    kpi: latency_quantile
    metric: latency
    type: gauge
    unit: seconds
    quantiles: [{quantile}]
    filters: ['quantile="{quantile}"']
"""


def write(case: Case, folder: Path) -> None:
    """`metrics.om`, `graph.csv`, `mapping.yml` and `truth.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "metrics.om").open("w", encoding="utf-8") as file:
        file.writelines(openmetrics(case))
    quantiles = "".join(MAPPING_OF_QUANTILE.format(quantile=one) for one in QUANTILES)
    (folder / "mapping.yml").write_text(MAPPINGS + quantiles)
    graph = [
        (part.name, case.parts[callee].name) for part in case.parts for callee, _, _ in part.calls
    ]
    edges = "".join(f"{caller},{callee}\n" for caller, callee in graph)
    (folder / "graph.csv").write_text("caller,callee\n" + edges)
    root = [{"type": "*", "name": case.parts[case.root].name}]
    truth = {
        "fault": case.name,
        "start": case.time_of(0),
        "began": case.time_of(case.began),
        "ended": case.time_of(case.ended),
        "end": case.time_of(case.steps),
        "step": case.step_s,
        # The first sample that can show it.
        "seen": case.time_of(case.began),
        "root": root,
        "roots": [root],
        "graph": graph,
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=240)
    chosen = parser.parse_args()
    for seed in range(chosen.cases):
        case = make(seed)
        write(case, chosen.to / case.name)


if __name__ == "__main__":
    main()
