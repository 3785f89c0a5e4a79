"""Verbs that find rates: calibrate, mrr, ndr, pdr, loss, imix, flows, macs, vlans."""
import statistics

import mlr
import spread
import streams
from bench import MAX_LATE
from verb import Finding, mpps, percent, us, verb

BASE = 1e6        # frames a second that streams are set for; trials scale it
LOWEST = 1000.0   # of a search
CALIBRATE_S = 0.5
IMIX = {64: 7, 570: 4, 1518: 1}  # size: frames of 12


@verb("calibrate", "what the tester can do by itself, without a device")
def calibrate(bench, options):
    """Its two ports are joined in memory."""
    rows, charts = [], []
    for size in options.sizes:
        # A frame is sent and received by one thread, as in a trial with a device.
        bench.join(",mtu=9000")
        bench.load([streams.stream(1, 0, [1], "max", size)])
        best = max((bench.trial(f"calibrate, {size} B, as many as go", seconds=CALIBRATE_S)[0]
                    for _ in range(3)), key=lambda trial: trial["received_pps"])
        bench.load(streams.pairs(2, BASE, size))
        idle, result = bench.rate_trial(f"calibrate, {size} B, 1 Mpps", BASE, BASE, CALIBRATE_S,
                                        hist=True)
        latency = idle["latency"]
        rows.append([size, mpps(best["received_pps"]), us(latency["min_ns"]),
                     us(latency["p50_ns"]), us(latency["p99_ns"]), us(latency["max_ns"])])
        bench.calibration.setdefault("sizes", {})[str(size)] = {
            "pps": best["received_pps"], "latency": latency}
    bench.calibration["pps"] = max(entry["pps"] for entry in bench.calibration["sizes"].values())
    first = next(iter(bench.calibration["sizes"].values()))
    bench.calibration["bias_ns"] = first["latency"]["p50_ns"]
    return [Finding("calibrate", "The tester by itself",
                    {"calibrate_mpps": bench.calibration["pps"] / 1e6,
                     "calibrate_bias_us": bench.calibration["bias_ns"] / 1e3},
                    ["size, B", "Mpps", "latency min, us", "p50", "p99", "max"], rows, charts,
                    note="One thread sends and receives every frame, both ports joined in memory: "
                         "no result can be above this, and latencies are right to about its p50.")]


def highest(bench, base=BASE):
    """What the device passes at most when it is offered as much as it takes, frames a second."""
    return min(bench.calibration.get("pps", 30e6), bench.options.line_pps or 1e9, base * 1e3)


def mrr_trials(bench, label, n, seconds):
    """Rates received when as many are sent as the device takes."""
    found = []
    for i in range(n):
        trial, _ = bench.trial(f"{label}, trial {i + 1} of {n}", seconds=seconds)
        found.append(trial)
    return found


@verb("mrr", "rate received at maximum load", "FD.io CSIT, MRR")
def mrr(bench, options):
    bench.open(2)
    rows, figures = [], {}
    for size in options.sizes:
        bench.load(streams.pairs(2, "max", size, options.both))
        trials = mrr_trials(bench, f"mrr, {size} B", options.trials, options.duration)
        found = spread.of(trial["received_pps"] for trial in trials)
        rows.append([size, mpps(found["median"]), mpps(found["low"]), mpps(found["high"]),
                     f"{found['median'] * size * 8 / 1e9:.2f}"])
        figures[f"mrr_{size}_mpps"] = found["median"] / 1e6
    figures["mrr_mpps"] = figures[f"mrr_{options.sizes[0]}_mpps"]
    return [Finding("mrr", "Maximum receive rate", figures,
                    ["size, B", "Mpps, median", "lowest", "highest", "Gb/s"], rows)]


def find_rates(bench, label, goals, size_base=BASE):
    """MLRsearch of the streams that are set; results by goals, and the loss curve."""
    curve, tried = {}, []

    def measure(pps, seconds):
        trial, _ = bench.rate_trial(f"{label}, {mpps(pps)} Mpps", size_base, pps, seconds)
        tried.append((pps, trial))
        # A rate that the tester did not offer has not passed.
        missed = max(trial["loss_ratio"],
                     trial["late_ratio"] if trial["late_ratio"] > MAX_LATE else 0.0)
        curve.setdefault(round(pps), []).append(missed)
        return missed

    found = mlr.search(measure, goals, LOWEST, highest(bench))
    mark_bounds(found, tried)
    points = [[pps / 1e6, 100 * statistics.mean(losses)] for pps, losses in sorted(curve.items())]
    return found, points


def loss_chart(series):
    """Of several sizes the loads are far apart."""
    return {"kind": "log" if len(series) > 1 else "line", "title": "Loss against load",
            "x": "offered, Mpps", "y": "lost, %", "series": series}


def mark_bounds(found, tried):
    """The result rests on the trials at its bounds; the way there may have been too fast for the
    tester, or invalid."""
    for _, trial in tried:
        trial["decides"] = False
    for result in found.values():
        at_bounds = [trial for pps, trial in tried
                     if pps in (result["lower_pps"], result["upper_pps"])]
        for trial in at_bounds:
            trial["decides"] = True
        result["marks"] = [mark for mark, is_on in (
            ("tester-bound", any(trial["tester_bound"] for trial in at_bounds)),
            ("invalid", any(trial["invalid"] for trial in at_bounds))) if is_on]


def rate_findings(bench, options, name, wanted):
    bench.open(2)
    rows, figures, series = [], {}, []
    regular = True
    for size in options.sizes:
        bench.load(streams.pairs(2, BASE, size, options.both))
        found, points = find_rates(bench, f"{name}, {size} B", options.goals)
        series.append([f"{size} B", points])
        for goal in options.goals:
            result = found[goal.name]
            lower, upper = result["lower_pps"] or 0.0, result["upper_pps"]
            rows.append([size, goal.name, percent(goal.loss), mpps(lower),
                         mpps(upper) if upper else "none", mpps(result["conditional_pps"]),
                         f"{lower * size * 8 / 1e9:.2f}",
                         ", ".join(["regular" if result["regular"] else "irregular",
                                    *result["marks"]])])
            figures[f"{goal.name}_{size}_mpps"] = lower / 1e6
            figures.setdefault(f"{goal.name}_mpps", lower / 1e6)
            if goal.name in wanted:
                regular &= result["regular"]
    return [Finding(name, "Throughput: non-drop and partial-drop rate", figures,
                    ["size, B", "goal", "loss allowed, %", "lower bound, Mpps", "upper bound",
                     "conditional throughput", "Gb/s", "search"], rows,
                    [loss_chart(series)],
                    note="" if regular else "A search without both bounds is irregular: no rate "
                                            "was found that meets the goal.")]


@verb("ndr", "non-drop rate (and every goal of --goal)",
      "draft-ietf-bmwg-mlrsearch; RFC 2544, 26.1")
def ndr(bench, options):
    return rate_findings(bench, options, "ndr", ("ndr",))


@verb("pdr", "partial-drop rate: up to 0.5 % may be lost", "FD.io CSIT, PDR")
def pdr(bench, options):
    return rate_findings(bench, options, "pdr", ("pdr",))


@verb("loss", "loss against load, from 100 % of the maximum down", "RFC 2544, 26.3")
def loss(bench, options):
    """Down in steps of 10 % until two in a row lose nothing."""
    bench.open(2)
    rows, figures, series = [], {}, []
    for size in options.sizes:
        bench.load(streams.pairs(2, "max", size, options.both))
        trials = mrr_trials(bench, f"loss, {size} B, as many as go", 2, options.duration)
        # The device's own fastest is 100 % where no line is given: above it all are lost.
        full = options.line_pps or max(trial["received_pps"] for trial in trials)
        bench.load(streams.pairs(2, BASE, size, options.both))
        points, good = [], 0
        for share in range(100, 0, -10):
            pps = full * share / 100
            trial, _ = bench.rate_trial(f"loss, {size} B, {share} %", BASE, pps, options.duration)
            points.append([pps / 1e6, 100 * trial["loss_ratio"]])
            rows.append([size, share, mpps(pps), mpps(trial["received_pps"]),
                         percent(trial["loss_ratio"])])
            figures[f"loss_{size}_at_{share}"] = trial["loss_ratio"]
            good = good + 1 if not trial["lost"] else 0
            if good == 2:
                break
        series.append([f"{size} B", points])
    return [Finding("loss", "Loss against load", figures,
                    ["size, B", "load, %", "offered, Mpps", "received, Mpps", "lost, %"], rows,
                    [loss_chart(series)])]


@verb("imix", "throughput of a mix: 7 of 64, 4 of 570, 1 of 1518 bytes", "FD.io CSIT, IMIX")
def imix(bench, options):
    bench.open(2)
    bench.load(streams.pairs(2, BASE, "imix", options.both))
    found, points = find_rates(bench, "imix", options.goals)
    mean = statistics.fmean(IMIX, IMIX.values())
    rows = [[goal.name, mpps(found[goal.name]["lower_pps"] or 0),
             f"{(found[goal.name]['lower_pps'] or 0) * mean * 8 / 1e9:.2f}"]
            for goal in options.goals]
    return [Finding("imix", "Throughput of a mix of sizes",
                    {f"imix_{goal.name}_mpps": (found[goal.name]["lower_pps"] or 0) / 1e6
                     for goal in options.goals},
                    ["goal", "Mpps", "Gb/s"], rows,
                    [loss_chart([["mix", points]])])]


def over_counts(bench, options, name, title, what, counts, make, n_ports=2, **opening):
    """Rate at maximum load against a number of something."""
    points, rows, figures = [], [], {}
    bench.open(n_ports, **opening)
    for count in counts:
        bench.load(make(count))
        trials = mrr_trials(bench, f"{name}, {count} {what}", max(1, options.trials // 3),
                            options.duration)
        found = spread.of(trial["received_pps"] for trial in trials)
        flooded = sum(trial["flooded"] for trial in trials)
        rows.append([count, mpps(found["median"]), mpps(found["low"]), mpps(found["high"]),
                     flooded])
        points.append([count, found["median"] / 1e6])
        figures[f"{name}_{count}_mpps"] = found["median"] / 1e6
    return [Finding(name, title, figures,
                    [what, "Mpps, median", "lowest", "highest", "flooded"], rows,
                    [{"kind": "counts", "title": title, "x": what, "y": "Mpps",
                      "series": [[what, points]]}])]


@verb("flows", "rate against the number of UDP flows")
def flows(bench, options):
    """A switch that looks at addresses should show no difference."""
    size = max(64, options.sizes[0])
    return over_counts(
        bench, options, "flows", "Rate against flows", "flows", options.counts,
        lambda count: streams.pairs(2, "max", size, options.both, ip={
            "src": {"first": "10.0.0.1", "count": min(count, 1 << 20)}}, udp={
                "src": {"first": 1024, "count": min(count, 60000)}}))


@verb("macs", "rate against the number of addresses of each port")
def macs(bench, options):
    return over_counts(
        bench, options, "macs", "Rate against addresses", "addresses", options.counts,
        lambda count: streams.pairs(2, "max", options.sizes[0], options.both, addresses=count))


@verb("vlans", "rate against the number of VLANs on a trunk")
def vlans(bench, options):
    counts = sorted({min(count, 4094) for count in options.counts})
    return over_counts(
        bench, options, "vlans", "Rate against VLANs", "VLANs", counts,
        lambda count: streams.pairs(2, "max", options.sizes[0], options.both,
                                    vlan={"first": 1, "count": count}),
        trunk=(1, 4094))
