"""Suites that compare devices in turns: each point of points.py with each device, started anew, as
often as asked for. The tester is bench-fe, whose frames lie ready in its buffers: it moves several
times as much as any device, and looks at every 256th frame only.

A run has windows of 0.1 s, each with the place of the two cores; one in which something else ran on
them is disturbed and counts nowhere (windows.py).
"""
import json
import os
import subprocess
import sys
import tempfile

import cycles
import duts
import features
import host
import points
import windows

WINDOW_S = 0.1
VLAN = 10  # TRAFFIC_VID of traffic.h
NAMES = ("cycles", "features", *points.TABLES)


def fe_options(setup, point, seconds):
    options = ["--cpu", setup.tester_cpu, "--peer-cpu", setup.dut_cpu,
               "--window", WINDOW_S, "--windows", max(1, round(seconds / WINDOW_S))]
    for name in ("size", "addresses", "pattern", "ring_size", "rx_buffer", "rate", "every"):
        if name in point:
            options += ["--" + name.replace("_", "-"), point[name]]
    for name in ("both", "touch", "latency", "tso"):
        if point.get(name):
            options.append("--" + name)
    if point.get("packed"):
        options += ["--ring", "packed"]
    if point.get("tagged"):
        options += ["--vlan", "tagged"]
    if point.get("idle"):
        options += ["--kick", "--window", 5, "--windows", 1]
    return [str(option) for option in options]


def dut_options(dut, point):
    """What bench-fe has to know of the device."""
    learned = dut.learned_command()
    return [*(["--listen"] if dut.listen else []), *([] if dut.in_order else ["--any-order"]),
            *(["--rewritten"] if dut.rewrites else []),
            *([] if point.get("idle") else ["--switch-pid", str(dut.main().process.pid)]),
            *(["--when-learned", learned] if learned else [])]


def run_fe(dut, point, seconds):
    command = [dut.setup.fe, *fe_options(dut.setup, point, seconds), *dut_options(dut, point),
               *(port["path"] for port in dut.ports)]
    limit = 120 + 4 * seconds + point.get("addresses", 1) * point["ports"] / 2000
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    if done.returncode:
        raise host.Problem(done.stderr.strip().split("\n")[-1] or f"exit code {done.returncode}")
    return json.loads(done.stdout)


def check_learned(dut, point):
    """Fail when the device does not know all addresses; empty where it cannot be asked."""
    wanted = point["ports"] * point.get("addresses", 1)
    if dut.learned_command() and dut.learned() != wanted:
        raise host.Problem(f"{dut.learned()} of {wanted} addresses were learned")


def maximum(dut, seconds):
    """Frames a second that the device forwards at most: the lowest window, so that a share of it
    is a share of what it can do wherever its core is."""
    result = run_fe(dut, {"ports": 2}, seconds)
    return min(window["pps"] for window in result["windows"])


def run_once(setup, kind, point, seconds):
    """Start one device, load it, stop it. Returns bench-fe's result."""
    with tempfile.TemporaryDirectory(prefix="swbench-") as folder:
        dut = kind(setup, folder, mtu=1500, tso=bool(point.get("tso")),
                   sleeps=bool(point.get("idle")), keeps=False)
        vlan = {"trunk": (VLAN, VLAN)} if point.get("tagged") and dut.learns else {"vlan": VLAN}
        try:
            dut.start([{"name": f"p{i}", "path": os.path.join(folder, f"p{i}"), **vlan}
                       for i in range(point["ports"])])
            load = dict(point)
            if "share" in point:
                load["rate"] = max(1000, point["share"] * maximum(dut, 1))
            result = run_fe(dut, load, seconds)
            check_learned(dut, point)
            return result
        finally:
            dut.stop()


def run_entry(setup, name, run, point, seconds):
    """One run as result.json has it, with a result or an error."""
    entry = {"run": run, "dut": name, **{k: v for k, v in point.items() if k != "kinds"}}
    try:
        entry["result"] = run_once(setup, duts.KINDS[name], point, seconds)
    except (host.Problem, OSError, subprocess.SubprocessError, ValueError) as problem:
        entry["error"] = str(problem)
        print(f"\nswbench: error: {name}, {point['table']}, {point['row']}: {problem}",
              file=sys.stderr)
    return entry


def find(names):
    """The devices that can run here, and a line for each that cannot."""
    missing = {name: duts.KINDS[name].missing() for name in names}
    return ([name for name in names if not missing[name]],
            [f"{duts.KINDS[name].short}: {why}" for name, why in missing.items() if why])


def measure(bench, options):
    """Findings of all tables that were asked for, of what was measured when the user has seen
    enough, and whether that was all."""
    tables = [name for name in NAMES if name in options.names or "performance" in options.names]
    bench.setup.require("netcfg", "vswitch", "fe", "cycles")
    loads = [point for table in tables if table in points.TABLES for point in points.TABLES[table]()]
    wanted = [name for name in options.dut.split(",")
              if any(name in point["kinds"] for point in loads)]
    names, missing = find(wanted)
    for line in missing:
        print(f"swbench: left out: {line}", file=sys.stderr)
    if loads and not names:
        raise host.Problem(f"suite {' '.join(options.names)}: "
                           f"{', '.join(missing) or f'it is not for {options.dut}'}")
    bench.dut_description = {"name": ", ".join(duts.KINDS[name].short for name in names) or "Weft",
                             "left_out": missing}
    todo = [(run, point, name) for run in range(options.trials) for point in loads
            for name in point["kinds"] if name in names]
    found, state = [], "complete"
    try:
        if "cycles" in tables:
            found.append(cycles.measure(bench, options.trials))
        if "features" in tables:
            found.append(features.measure(bench, options.trials))
        if todo:
            host.warn_of_load()
        bench.progress.begin_count(len(todo))
        for run, point, name in todo:
            bench.progress.count(f"run {run + 1}, {point['table']}: {point['row']}, {name}")
            bench.runs.append(run_entry(bench.setup, name, run, point, options.duration))
    except KeyboardInterrupt:
        state = "interrupted"
    return found + windows.findings(bench.runs), state
