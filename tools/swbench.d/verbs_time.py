"""Verbs about time: latency, b2b, recovery, reset, reconf, soak."""
import os
import statistics
import time

import host
import spread
import streams
from duts import SIGNALS
from verb import Finding, mpps, percent, us, verb
from verbs_rate import BASE, find_rates, mrr_trials

LATENCY_SHARES = (0, 10, 50, 90)   # per cent of the partial-drop rate
IDLE_PPS = 1000.0                  # "no load"
QUANTILES = (("min_ns", "min"), ("p50_ns", "p50"), ("p90_ns", "p90"), ("p99_ns", "p99"),
             ("p99_9_ns", "p99.9"), ("p99_99_ns", "p99.99"), ("max_ns", "max"))


def passing_rate(bench, size, both):
    """What passes with at most the loss of the loosest goal. Streams are set for BASE after it."""
    bench.load(streams.pairs(2, BASE, size, both))
    goals = sorted(bench.options.goals, key=lambda goal: -goal.loss)[:1]
    found, _ = find_rates(bench, f"{bench.verb}, {size} B, rate", goals)
    return found[goals[0].name]["lower_pps"] or 0.0


@verb("latency", "latency at no load and at 10, 50 and 90 % of the partial-drop rate",
      "FD.io CSIT, packet latency; RFC 5481 for the variation")
def latency(bench, options):
    import histograms  # pylint: disable=import-outside-toplevel
    rows, figures, charts, found = [], {}, [], {}
    bench.open(2)
    for size in options.sizes:
        series = []
        charts.append({"kind": "quantile", "title": f"Latency by percentile, {size} B",
                       "x": "percentile", "y": "latency, us", "series": series})
        rate = passing_rate(bench, size, options.both)
        for share in LATENCY_SHARES:
            pps = max(IDLE_PPS, rate * share / 100)
            trial, result = bench.rate_trial(f"latency, {size} B, {share} %", BASE, pps,
                                             options.duration, hist=True)
            times = trial.get("latency")
            if not times:
                continue
            name = f"{size} B, {share} %" if share else f"{size} B, no load"
            found[name] = histograms.of_result(result)
            series.append([name, histograms.quantile_points(found[name])])
            rows.append([size, share, mpps(pps), *(us(times[key]) for key, _ in QUANTILES),
                         us(times["p99_ns"] - times["min_ns"])])
            for key in ("p50_ns", "p99_ns", "p99_9_ns"):
                figures[f"latency_{size}_{share}_{key[:-3]}_us"] = times[key] / 1e3
    finding = Finding("latency", "Latency", figures,
                      ["size, B", "load, %", "Mpps", *(title for _, title in QUANTILES),
                       "variation p99 - min"], rows, charts,
                      note="us, from the sending of a frame to its collection, both ways together.")
    finding.histograms = found
    return [finding]


@verb("b2b", "longest burst that is lost no frame of", "RFC 9004; RFC 2544, 26.4")
def b2b(bench, options):
    """At the tester's own speed, and at a rate that the ring does not hold back."""
    repeats = 50 if options.full else max(5, options.trials)
    longest = int(2 * 15e6 if options.full else 1 << 18)
    rows, figures = [], {}
    bench.open(2)
    for size in options.sizes:
        bench.load(streams.pairs(2, "max", size, False))
        forwards = max(t["received_pps"] for t in
                       mrr_trials(bench, f"b2b, {size} B, as many as go", 2, 0.5))
        # Twice what the device forwards: its queue fills by half of what is sent.
        offered = min(2 * forwards, 0.9 * bench.calibration.get("pps", 1e9))
        bursts = [longest_burst(bench, f"b2b, {size} B, {i + 1} of {repeats}", size, offered,
                                longest) for i in range(repeats)]
        mean = statistics.mean(bursts)
        buffered = mean * max(0.0, 1 - forwards / offered)
        rows.append([size, mpps(offered), f"{mean:.0f}", min(bursts), max(bursts),
                     f"{buffered:.0f}", us(1e9 * buffered / forwards) if forwards else "-"])
        figures[f"b2b_{size}_frames"] = mean
    return [Finding("b2b", "Back-to-back frames", figures,
                    ["size, B", "burst at, Mpps", "frames, mean", "lowest", "highest",
                     "buffered, corrected", "buffer time, us"], rows,
                    note="Corrected as RFC 9004 has it: frames that were forwarded during the "
                         "burst were not in a buffer.")]


def longest_burst(bench, label, size, pps, longest):
    """By doubling and bisection; frames."""
    low, high, n = 0, longest + 1, 1024
    while high - low > max(1, low // 50):
        bench.agent.call("streams", streams=streams.pairs(2, pps, size, False, count=n))
        trial, _ = bench.trial(label, drain=0.01, unreconciled=True)
        if trial["lost"]:
            high = n
        else:
            low = n
        n = min(longest, 2 * low) if high > longest else (low + high) // 2
        if low >= longest:
            break
    return low


@verb("recovery", "time to recover from overload", "RFC 2544, 26.5; OPNFV VSPERF LTD")
def recovery(bench, options):
    """150 % of what passes, then 75 %: when the last frame is lost, and latency is back."""
    size = options.sizes[0]
    over_s = under_s = 60.0 if options.full else max(1.0, options.duration)
    interval_ms = 10.0 if over_s + under_s < 600 else 100.0
    bench.open(2)
    rate = passing_rate(bench, size, options.both)
    calm, _ = bench.rate_trial("recovery, 75 %", BASE, 0.75 * rate, under_s / 2)
    trial, result = bench.trial(
        "recovery, 150 % then 75 %", interval_ms=interval_ms, unreconciled=True,
        steps=[{"seconds": over_s, "scale": 1.5 * rate / BASE},
               {"seconds": under_s, "scale": 0.75 * rate / BASE}])
    line = result["timeline"]
    first = round(over_s * 1e3 / interval_ms)
    due = 0.75 * rate * interval_ms / 1e3
    limit_ns = 1.1 * calm["latency"]["mean_ns"] if "latency" in calm else 0
    lossy = [i for i, count in enumerate(line["sent"][first:]) if 0 < count < 0.98 * due]
    slow = [i for i, ns in enumerate(line["latency_ns"][first:]) if ns > limit_ns]
    # Of noise that a calm run has as well, only what follows the overload without a pause counts.
    loss_ms = interval_ms * unbroken(lossy)
    latency_ms = interval_ms * unbroken(slow)
    times = [i * interval_ms / 1e3 for i in range(len(line["sent"]))]
    return [Finding("recovery", "System recovery",
                    {"recovery_loss_ms": loss_ms, "recovery_latency_ms": latency_ms},
                    ["overload, Mpps", "lost in all, %", "after it, Mpps", "last loss after, ms",
                     "latency back after, ms"],
                    [[mpps(1.5 * rate), percent(trial["loss_ratio"]), mpps(0.75 * rate),
                      f"{loss_ms:.0f}", f"{latency_ms:.0f}"]],
                    [{"kind": "line", "title": "Mean latency over time", "x": "time, s", "y": "latency, us",
                      "series": [["latency", [[t, ns / 1e3] for t, ns in
                                              zip(times, line["latency_ns"])]]]}],
                    note=f"Right to one interval, {interval_ms:.0f} ms.")]


def unbroken(numbers):
    """How far 0, 1, 2, ... goes without a gap."""
    n = 0
    while n < len(numbers) and numbers[n] == n:
        n += 1
    return n


@verb("reset", "time without frames when the switch is ended and started", "RFC 6201, 4 and 5")
def reset(bench, options):
    """Both methods: frames lost at a known rate, and the longest pause between two frames."""
    if not bench.options.dut or not hasattr_restart(bench):
        return [Finding("reset", "Reset", note="This device cannot be restarted here.")]
    repeats = 10 if options.full else 3
    pps, size = 100e3, options.sizes[0]
    rows, figures = [], {}
    for name, signo in SIGNALS.items():
        times = []
        for i in range(repeats):
            bench.open(2)
            bench.load(streams.pairs(2, pps, size, False))
            times.append(reset_once(bench, f"reset, {name}, {i + 1} of {repeats}", signo, pps))
        lost, pause = (spread.of(column) for column in zip(*times))
        rows.append([name, repeats, f"{lost['median']:.1f}", f"{pause['median']:.1f}",
                     f"{pause['low']:.1f}", f"{pause['high']:.1f}"])
        figures[f"reset_{name.lower()}_ms"] = pause["median"]
    return [Finding("reset", "Reset", figures,
                    ["ended by", "trials", "from frames lost, ms", "from time stamps, ms",
                     "lowest", "highest"], rows,
                    note="From the end of the switch to the first frame that its successor "
                         "passes, its start included; the ports of the tester reconnect.")]


def hasattr_restart(bench):
    import duts  # pylint: disable=import-outside-toplevel
    return duts.KINDS[bench.options.dut].restarts


def reset_once(bench, label, signo, pps):
    """(ms by lost frames, ms by time stamps)."""
    def restart():
        time.sleep(0.5)
        bench.dut.kill(signo)
        bench.dut.restart()

    trial, result = bench.once(label, {"seconds": 8.0 if bench.options.dut == "ovs" else 2.0,
                                       "unreconciled": True}, restart)
    pause_ms = max(stream["to"][0]["gap"]["max_ns"] for stream in result["streams"]) / 1e6
    if trial["received"] < 0.2 * trial["due"]:
        raise host.Problem(f"{label}: frames did not pass again")
    # Late ones too: the tester waited for the switch to answer while it connected.
    return 1e3 * (trial["intended"] - trial["received"]) / pps, pause_ms


@verb("reconf", "what reconfiguration costs the ports that it is not about",
      "FD.io CSIT, reconfiguration tests")
def reconf(bench, options):
    """Half of what passes between two ports, while another is added and removed, its VLAN changed,
    and addresses flushed."""
    import duts  # pylint: disable=import-outside-toplevel
    if not duts.KINDS[options.dut].changes:
        return [Finding("reconf", "Reconfiguration", note="This device cannot be changed here.")]
    size, rows, figures = options.sizes[0], [], {}
    bench.open(2)
    rate = 0.5 * passing_rate(bench, size, options.both)
    extra = {"name": "px", "path": os.path.join(bench.dut.folder, "px"), "vlan": 20}

    def churn_ports():
        bench.dut.add_port(extra)
        bench.dut.remove_port(extra)

    def churn_vlans():
        bench.dut.set_vlan(extra, 21)
        bench.dut.set_vlan(extra, 20)

    actions = (("nothing", None), ("a port added and removed", churn_ports),
               ("a port's VLAN changed", churn_vlans), ("addresses flushed", bench.dut.flush))
    for title, action in actions:
        if action is churn_vlans:
            bench.dut.add_port(extra)
        trial, changes = under_change(bench, f"reconf, {title}", rate, action, options.duration)
        if action is churn_vlans:
            bench.dut.remove_port(extra)
        blocked_ms = 1e3 * max(0, trial["lost"]) / rate if rate else 0.0
        rows.append([title, changes, trial["lost"], f"{blocked_ms:.3f}", trial["flooded"],
                     us(trial["latency"]["p99_9_ns"]) if "latency" in trial else "-"])
        figures[f"reconf_{title.replace(' ', '_')}_ms".replace("'", "")] = blocked_ms
    return [Finding("reconf", "Reconfiguration under load", figures,
                    ["change", "changes", "frames lost", "blocked in all, ms", "flooded",
                     "latency p99.9, us"], rows)]


def under_change(bench, label, rate, action, seconds):
    """A trial during which action is repeated: (trial, how often)."""
    done = 0

    def repeat():
        nonlocal done
        time.sleep(0.1)
        end = time.monotonic() + 0.8 * seconds
        while action and time.monotonic() < end:
            action()
            done += 1
            time.sleep(0.005)

    trial, _ = bench.once(label, {"seconds": seconds + 0.3, "scale": rate / BASE,
                                  "unreconciled": True}, repeat)
    return trial, done


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


@verb("soak", "loss, latency and memory over hours", "OPNFV VSPERF LTD, soak")
def soak(bench, options):
    """Intervals of 300 s (of --duration with --quick), 6 hours or as --hours says."""
    interval_s = options.duration if options.quick else 300.0
    n = max(1, round(options.hours * 3600 / interval_s))
    size, rows = options.sizes[0], []
    bench.open(2)
    rate = 0.5 * passing_rate(bench, size, options.both)
    lost = due = 0
    for i in range(n):
        trial, _ = bench.rate_trial(f"soak, interval {i + 1} of {n}", BASE, rate, interval_s)
        pid = bench.dut.main().process.pid if bench.dut.children else None
        rows.append([i + 1, mpps(rate), trial["lost"], percent(trial["loss_ratio"]),
                     us(trial["latency"]["p99_ns"] - trial["latency"]["min_ns"])
                     if "latency" in trial else "-",
                     resident_kib(pid) if pid else "-",
                     len(os.listdir(f"/proc/{pid}/fd")) if pid else "-"])
        lost += trial["lost"]
        due += trial["due"]
    return [Finding("soak", "Soak", {"soak_loss_ratio": lost / due if due else 0.0},
                    ["interval", "Mpps", "lost", "lost, %", "variation p99, us", "memory, KiB",
                     "files"], rows, passed=lost == 0)]
