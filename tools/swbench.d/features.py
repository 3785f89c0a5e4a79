"""What each feature of the switch costs a frame that it looks at, beside the same frame without: in
bench-cycles, which turns it on so that it stops nothing."""
import cycles
import spread
from verb import Finding, figure_name

SIZES = (64, 1518)
# What is said, the feature of bench-cycles (None: off), and its topology.
ROWS = (
    ("a link", None, "link"),
    ("captured, 128 bytes", "capture", "link"),
    ("counted by size and VLAN", "count", "link"),
    ("sampled, one in 1000", "sflow", "link"),
    ("policed", "policer", "link"),
    ("paced", "pacing", "link"),
    ("shaped", "shaper", "link"),
    ("delayed", "delay", "link"),
    ("mirrored", "mirror", "link"),
    ("flooded to 15", None, "flood16"),
    ("with storm control", "storm", "flood16"),
)


def arguments(feature, topology, size):
    return ["--topology", topology, "--size", str(size), "--no-instructions",
            *(["--steps", "32"] if topology == "flood16" else []),
            *(["--feature", feature] if feature else [])]


def measure(bench, runs):
    """All rows at all sizes, in turns."""
    bench.progress.begin_count(runs * len(ROWS) * len(SIZES))
    results = {(row[0], size): [] for row in ROWS for size in SIZES}
    for _ in range(runs):
        for name, feature, topology in ROWS:
            for size in SIZES:
                bench.progress.count(f"features: {name}, {size} B")
                found = cycles.run(bench, arguments(feature, topology, size))
                results[name, size].append(found["cycles"])
    return finding(results)


def finding(results):
    """results: of each row and size its cycles in each run. What comes after a row that is off is
    compared with it."""
    rows, figures, off = [], {}, {}
    for name, feature, _ in ROWS:
        row = [name]
        for size in SIZES:
            cost = spread.of(results[name, size])
            figures[figure_name("features", f"{name} {size}")] = cost["low"]
            if not feature:
                off[size] = cost["low"]
            row += [f"{cost['low']:.1f}", f"{cost['median']:.1f}",
                    f"{off[size] / cost['low']:.2f}" if feature else "-"]
        rows.append(row)
    return Finding("features", "Cycles of features, off and on", figures,
                   ["one frame", *(f"{size} B{what}" for size in SIZES
                                   for what in (", best run", ", median", ", kept"))], rows)
