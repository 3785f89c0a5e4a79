"""What a frame costs the data path itself: bench-cycles, one thread, without a switch process."""
import json
import subprocess
import tempfile

import host
import spread
from verb import Finding, figure_name

# Name and options of bench-cycles.
VARIANTS = (
    ("bridge, split", []),
    ("bridge, packed", ["--ring", "packed"]),
    ("bridge, tagged", ["--vlan", "tagged"]),
    ("bridge, 1518 B", ["--size", "1518"]),
    ("bridge, 100,000 addresses", ["--addresses", "100000"]),
    ("link", ["--topology", "link"]),
    ("mesh of 16", ["--topology", "mesh16"]),
    ("flood to 15, a copy", ["--topology", "flood16", "--steps", "32"]),
)


def instructions(program, options):
    """Instructions a frame, counted by valgrind; None without it."""
    valgrind = host.find_program("valgrind")
    if not valgrind:
        return None
    counts = []
    with tempfile.TemporaryDirectory(prefix="swbench-") as folder:
        for steps in (8, 24):
            command = [valgrind, "--tool=callgrind", "--toggle-collect=switch_bursts",
                       f"--callgrind-out-file={folder}/out", program, *options,
                       "--rounds", "1", "--steps", str(steps), "--no-instructions", "--json"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            collected = [line for line in done.stderr.split("\n") if "Collected" in line]
            if done.returncode or not collected:
                return None
            counts.append((int(collected[0].split(":")[1]),
                           json.loads(done.stdout)["frames"]))
    return (counts[1][0] - counts[0][0]) / (counts[1][1] - counts[0][1])


def run(bench, options):
    """What bench-cycles says, on the device's core."""
    command = ["taskset", "-c", str(bench.setup.dut_cpu), bench.setup.cycles, *options, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise host.Problem(done.stderr.strip())
    return json.loads(done.stdout)


def measure(bench, runs):
    """All variants, in turns."""
    bench.progress.begin_count((runs + 1) * len(VARIANTS))
    results = {name: [] for name, _ in VARIANTS}
    for _ in range(runs):
        for name, options in VARIANTS:
            bench.progress.count(f"cycles: {name}")
            results[name].append(run(bench, options))
    counted = {name: results[name][0]["instructions"] for name in results}
    for name, options in VARIANTS:
        bench.progress.count(f"cycles: instructions of {name}")
        if counted[name] is None:
            counted[name] = instructions(bench.setup.cycles, options)
    return finding(results, counted)


def finding(results, counted):
    """results: of each variant what bench-cycles said; counted: its instructions a frame."""
    rows, figures = [], {}
    for name, found in results.items():
        cost = spread.of(result["cycles_per_copy"] for result in found)
        copies = found[0]["copies"]
        driver = min(result["driver_cycles"] for result in found) / copies
        key = figure_name("cycles", name)
        figures[key] = cost["low"]
        if counted[name] is not None:
            figures[f"{key}_instructions"] = counted[name] / copies
        rows.append([name, f"{cost['low']:.1f}", f"{cost['median']:.1f}",
                     "-" if counted[name] is None else f"{counted[name] / copies:.0f}",
                     f"{driver:.1f}"])
    return Finding("cycles", "Cycles of the time stamp counter, one thread, warm caches", figures,
                   ["one frame", "cycles, best run", "median run", "instructions",
                    "driver's cycles"], rows)
