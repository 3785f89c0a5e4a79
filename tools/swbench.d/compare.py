"""compare A B: figures of two runs side by side, with what their trials ranged over."""
import re

import host
import output
import spread
from facts import device_of, sharing_of

APART = 0.1  # of trials in the same cache, of the tester's own rate: two runs further apart had two machines
SAME = ("schema", "verb", "suite", "topology")
# Loss at a share of what the device itself passes: the loads of two devices differ.
OWN_LOAD = re.compile(r"loss_\d+_at_\d+")


def read(folder):
    return {**output.read(folder), "folder": folder}


def check_same(a, b):
    """Only runs of one kind on one machine say something about their devices."""
    for name in SAME:
        if a.get(name) != b.get(name):
            raise host.Problem(f"compare: {name} differs: '{a.get(name)}' and '{b.get(name)}'")
    for name in ("cpu", "kernel", "cores", "tester_cpu", "dut_cpu"):
        if a["machine"].get(name) != b["machine"].get(name):
            raise host.Problem(f"compare: the machines differ in {name}: "
                               f"'{a['machine'].get(name)}' and '{b['machine'].get(name)}'")
    if a["dut"].get("ring") != b["dut"].get("ring"):
        raise host.Problem("compare: the rings differ in size")
    for run in (a, b):
        if run["state"] != "complete":
            raise host.Problem(f"compare: {run['folder']} is {run['state']}")


def caution(a, b):
    """Warnings where two runs had not the same machine, as it were: the cores of one in the
    same cache and those of the other not, or a tester that was not as fast by itself."""
    (sharing_a, known_a), (sharing_b, known_b) = (sharing_of(run["trials"]) for run in (a, b))
    lines = []
    if known_a and known_b and abs(sharing_a / known_a - sharing_b / known_b) > APART:
        lines += ["**Rates and latencies do not compare**: the cores of tester and device "
                  f"shared a cache in {sharing_a} of {known_a} trials of A and in {sharing_b} "
                  f"of {known_b} of B. That alone changes them by a factor. Run both again with "
                  "--cache same or --cache different.", ""]
    alone_a, alone_b = (run["figures"].get("calibrate_mpps") for run in (a, b))
    if alone_a and alone_b and min(alone_a, alone_b) < (1 - APART) * max(alone_a, alone_b):
        lines += ["**The machine was not as fast in both runs**: the tester by itself passed "
                  f"{alone_a:.1f} Mpps before A and {alone_b:.1f} before B, with no device between. "
                  "Ratios may be off by as much. Run the slower one again.", ""]
    return lines


def ranges(result):
    """Rates received by label without the number of the trial."""
    rates = {}
    for trial in result["trials"]:
        label, is_one_of_several, _ = trial["label"].partition(", trial ")
        if is_one_of_several and not trial["invalid"] and "received_pps" in trial:
            rates.setdefault(label, []).append(trial["received_pps"])
    return {label: spread.of(found) for label, found in rates.items()}


def overlap(a, b):
    if a["low"] > b["high"]:
        return "A above B"
    return "B above A" if b["low"] > a["high"] else "they overlap"


def tables(a, b):
    """(rows of figures, rows of ranges)."""
    figures = []
    for name, value in a["figures"].items():
        other = b["figures"].get(name)
        if OWN_LOAD.fullmatch(name):
            continue
        if isinstance(value, (int, float)) and isinstance(other, (int, float)):
            ratio = f"{value / other:.2f}" if other else "-"
            figures.append([name, f"{value:.4g}", f"{other:.4g}", ratio])
    spans, ours, theirs = [], ranges(a), ranges(b)
    for key in ours:
        if key in theirs:
            spans.append([key, *(f"{found['low'] / 1e6:.2f}..{found['high'] / 1e6:.2f}"
                                 for found in (ours[key], theirs[key])),
                          overlap(ours[key], theirs[key])])
    return figures, spans


def text(a, b):
    check_same(a, b)
    figures, spans = tables(a, b)
    lines = [f"A: {device_of(a)} ({a['folder']})", f"B: {device_of(b)} ({b['folder']})", "",
             *caution(a, b), "| figure | A | B | A / B |", "| --- | --- | --- | --- |"]
    lines += ["| " + " | ".join(row) + " |" for row in figures]
    if spans:
        lines += ["", "| rate over trials, Mpps | A | B | ranges |", "| --- | --- | --- | --- |"]
        lines += ["| " + " | ".join(row) + " |" for row in spans]
    return "\n".join(lines)


def document(a, b):
    """The comparison and both reports, as one text: what docs/ has."""
    title = a["suite"] or a["verb"]
    parts = [f"# {title}: {a['dut'].get('name')} and {b['dut'].get('name')}", "",
             "Written by `swbench compare A B --output FILE` from the runs of the two commands below, "
             "one after the other on one machine. Figures are of that machine; what carries over to "
             "another are ratios. `invalid` and `tester-bound` stand where a figure is not to be relied "
             "on; swbench(1) says when that is.", "", text(a, b)]
    for letter, result in (("A", a), ("B", b)):
        body = output.markdown(result).replace("\n#", "\n##").replace(
            f"# swbench {title}", f"## {letter}: {result['dut'].get('name')}", 1)
        parts += ["", body.rstrip()]
    return "\n".join(parts) + "\n"
