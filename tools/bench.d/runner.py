"""Runs: each point with each switch, alternating, as often as asked for."""
import json
import os
import subprocess
import sys
import tempfile
import time

import host
import spread

WINDOW_S = 0.1
# Variants of bench-cycles: name and options.
CYCLES = (
    ("bridge, split", []),
    ("bridge, packed", ["--ring", "packed"]),
    ("bridge, tagged", ["--vlan", "tagged"]),
    ("bridge, 1518 B", ["--size", "1518"]),
    ("bridge, 100,000 addresses", ["--addresses", "100000"]),
    ("link", ["--topology", "link"]),
    ("mesh of 16", ["--topology", "mesh16"]),
    ("flood to 15, a copy", ["--topology", "flood16", "--steps", "32"]),
)


class Progress:
    """One line that says how far we are and how long it will take."""

    def __init__(self, total):
        self.total = total
        self.done = 0
        self.begin = time.monotonic()
        self.tty = sys.stderr.isatty()

    def show(self, what):
        left = "?"
        if self.done:
            seconds = (time.monotonic() - self.begin) / self.done * (self.total - self.done)
            left = f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
        text = f"bench: {self.done + 1}/{self.total}, {left} left: {what}"
        if self.tty:
            print(f"\r\033[K{text[:110]}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def step(self):
        self.done += 1
        if self.tty and self.done == self.total:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def warn_of_load():
    load = os.getloadavg()[0]
    if load > 0.7:
        print(f"bench: warning: the machine is busy (load {load:.1f}): figures will be noisy",
              file=sys.stderr)
    if host.huge_pages() < 512:
        print("bench: warning: fewer than 512 free huge pages; everything runs in small pages "
              "(sysctl vm.nr_hugepages=1024)", file=sys.stderr)


# ---- One run ----

def fe_options(setup, point, seconds):
    options = ["--cpu", setup.generator_cpu, "--peer-cpu", setup.switch_cpu,
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


def run_fe(setup, switch, point, seconds):
    command = [setup.fe, *fe_options(setup, point, seconds), *switch.fe_options]
    if switch.listen:
        command.append("--listen")
    if not point.get("idle"):
        command += ["--switch-pid", str(switch.children[-1].process.pid)]
    if switch.ask_learned():
        command += ["--when-learned", switch.ask_learned()]
    limit = 120 + 4 * seconds + point.get("addresses", 1) * point["ports"] / 2000
    done = subprocess.run(command + switch.sockets, capture_output=True, text=True, check=False,
                          timeout=limit)
    if done.returncode:
        raise host.Problem(done.stderr.strip().split("\n")[-1] or f"exit code {done.returncode}")
    return json.loads(done.stdout)


def maximum(setup, switch, seconds):
    """Frames a second that the switch forwards at most: the lowest window, so that a share of it
    is a share of what it can do wherever its core is."""
    result = run_fe(setup, switch, {"ports": 2}, seconds)
    return min(window["pps"] for window in result["windows"])


def run_once(setup, kind, point, seconds):
    """Start one switch, load it, stop it. Returns bench-fe's result."""
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        switch = kind(setup, folder, point)
        try:
            switch.start()
            load = dict(point)
            if "share" in point:
                load["rate"] = max(1000, point["share"] * maximum(setup, switch, 1))
            result = run_fe(setup, switch, load, seconds)
            switch.check_learned()
            return result
        finally:
            switch.stop()


def run_entry(setup, kind, name, run, point, seconds):
    """One run as --json has it, with a result or an error."""
    entry = {"run": run, "switch": name, **{k: v for k, v in point.items() if k != "kinds"}}
    try:
        entry["result"] = run_once(setup, kind, point, seconds)
    except (host.Problem, subprocess.TimeoutExpired, ValueError) as problem:
        entry["error"] = str(problem)
        print(f"\nbench: error: {name}, {point['table']}, {point['row']}: {problem}",
              file=sys.stderr)
    return entry


def run_points(setup, kinds, points, runs, seconds):
    """All runs; those so far when the user has seen enough."""
    todo = [(run, point, name) for run in range(runs) for point in points
            for name in point["kinds"] if name in kinds]
    progress = Progress(len(todo))
    results = []
    try:
        for run, point, name in todo:
            progress.show(f"run {run + 1}, {point['table']}: {point['row']}, {name}")
            results.append(run_entry(setup, kinds[name], name, run, point, seconds))
            progress.step()
    except KeyboardInterrupt:
        print(f"\nbench: interrupted after {len(results)} of {len(todo)} runs", file=sys.stderr)
    return results


# ---- Cycles ----

def instructions(setup, options):
    """Instructions a frame, counted by valgrind; None without it."""
    valgrind = host.find_program("valgrind")
    if not valgrind:
        return None
    counts = []
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        for steps in (8, 24):
            command = [valgrind, "--tool=callgrind", "--toggle-collect=switch_bursts",
                       f"--callgrind-out-file={folder}/out", setup.cycles, *options,
                       "--rounds", "1", "--steps", str(steps), "--no-instructions", "--json"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            collected = [line for line in done.stderr.split("\n") if "Collected" in line]
            if done.returncode or not collected:
                return None
            counts.append((int(collected[0].split(":")[1]),
                           json.loads(done.stdout)["frames"]))
    return (counts[1][0] - counts[0][0]) / (counts[1][1] - counts[0][1])


def run_cycles(setup, runs):
    progress = Progress(runs * len(CYCLES))
    found = {name: [] for name, _ in CYCLES}
    for _ in range(runs):
        for name, options in CYCLES:
            progress.show(f"cycles: {name}")
            command = ["taskset", "-c", str(setup.switch_cpu), setup.cycles, *options, "--json"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise host.Problem(done.stderr.strip())
            found[name].append(json.loads(done.stdout))
            progress.step()
    rows = []
    for name, options in CYCLES:
        results = found[name]
        counted = results[0]["instructions"]
        cycles = spread.of(result["cycles_per_copy"] for result in results)
        rows.append({
            "row": name,
            "cycles": cycles["low"], "cycles_median": cycles["median"],
            "driver_cycles": min(result["driver_cycles"] for result in results),
            "instructions": counted if counted is not None else instructions(setup, options),
            "copies": results[0]["copies"],
        })
    return rows
