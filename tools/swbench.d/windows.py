"""What runs in turns come to: a table of each.

A value is the median over runs of each run's median window, those with the cores in the same cache
and in different ones apart; its spread goes from the lowest run to the highest. A dash: no window of
that kind in which nothing else ran on the two cores.
"""
import statistics

import spread
from duts import KINDS
from verb import Finding, figure_name

PLACES = ("different cache", "same cache")
UNITS = {"pps": (1e6, "mpps"), "bits_per_s": (1e9, "gbps"), "p50_ns": (1e3, "p50_us"),
         "p99_ns": (1e3, "p99_us"), "p999_ns": (1e3, "p99_9_us")}
HEADINGS = {
    "rate": "Rate, Mpps",
    "sizes": "Rate against frame size, Mpps, one way",
    "addresses": "Rate against addresses of each port, Mpps, 64 B one way, all frames rewritten",
    "mesh": "Each port to every other, Mpps in all, 64 B",
    "flood": "Broadcasts, Mpps delivered",
    "tso": "Large TCP segments, Gb/s",
    "latency": "Latency p50 / p99 / p99.9, us, 64 B one way",
    "idle": "Latency of a frame that wakes the switch, p50 / p99, us",
}
METRICS = {"tso": ("bits_per_s",), "latency": ("p50_ns", "p99_ns", "p999_ns"),
           "idle": ("p50_ns", "p99_ns")}  # others: pps
CHARTS = {"sizes": ("Rate against frame size", "frame, bytes"),
          "addresses": ("Rate against addresses, 64 B", "addresses of each port, all active")}


def summarize(runs, metric):
    """(table, row, device, place) -> {median, low, high, n}, in the metric's own unit."""
    values = {}
    for run in runs:
        for place in PLACES:
            found = [window[metric] for window in run.get("result", {}).get("windows", [])
                     if window["place"] == place and metric in window]
            if found:
                key = (run["table"], run["row"], run["dut"], place)
                values.setdefault(key, []).append(statistics.median(found))
    return {key: spread.of(medians) for key, medians in values.items()}


def metrics_of(table):
    return METRICS.get(table, ("pps",))


def rows_of(runs, table):
    """Rows of a table in the order in which they were measured."""
    return list(dict.fromkeys(run["row"] for run in runs if run["table"] == table))


def duts_of(runs, table):
    found = {run["dut"] for run in runs if run["table"] == table}
    return [name for name in KINDS if name in found]


def figure(value, metric):
    scale = UNITS[metric][0]
    return f"{value / scale:.3g}" if value / scale < 100 else f"{value / scale:.0f}"


def cell(summary, key, metric):
    """In different caches / in the same."""
    return " / ".join(figure(summary[(*key, place)]["median"], metric)
                      if (*key, place) in summary else "-" for place in PLACES)


def ratio(summary, key, base):
    """In different caches / in the same, of one cell to another; None where they have none in common."""
    parts = []
    for place in PLACES:
        if (*key, place) in summary and (*base, place) in summary:
            value = summary[(*key, place)]["median"] / summary[(*base, place)]["median"]
            parts.append(f"{value:.2f}")
        else:
            parts.append("-")
    return None if parts == ["-", "-"] else " / ".join(parts)


def spreads(summary, key):
    """In different caches / in the same."""
    parts = [spread.percent(summary[(*key, place)]) if (*key, place) in summary else None
             for place in PLACES]
    return " / ".join("-" if part is None else f"{part:.0f} %" for part in parts)


def lost(runs, table, row, dut):
    """Frames lost of those sent, over all runs."""
    picked = [run["result"] for run in runs
              if (run["table"], run["row"], run["dut"]) == (table, row, dut) and "result" in run]
    sent = sum(result["sent"] for result in picked)
    gone = sum(result["lost"] for result in picked)
    return "-" if not sent else "0" if not gone else f"{100 * gone / sent:.2g} %"


def rate_table(runs, table):
    """(columns, rows)."""
    metric, = metrics_of(table)
    summary = summarize(runs, metric)
    names = duts_of(runs, table)
    labels = rows_of(runs, table)
    base = next((name for name in ("testpmd", "ovs") if name in names and "weft" in names), None)
    relative = table in ("addresses", "mesh", "flood")
    columns = ["different / same cache", *(KINDS[name].short for name in names),
               *([f"Weft : {KINDS[base].short}"] if base else []),
               *(["Weft : its first row"] if relative else []), "Weft's spread", "Weft lost"]
    rows = []
    for label in labels:
        key = (table, label, "weft")
        cells = [label, *(cell(summary, (table, label, name), metric) for name in names)]
        if base:
            cells.append(ratio(summary, key, (table, label, base)) or "-")
        if relative:
            cells.append(ratio(summary, key, (table, labels[0], "weft")) or "-")
        rows.append([*cells, spreads(summary, key), lost(runs, table, label, "weft")])
    return columns, rows


def latency_table(runs, table):
    """(columns, rows)."""
    metrics = metrics_of(table)
    summaries = {metric: summarize(runs, metric) for metric in metrics}
    names = duts_of(runs, table)
    rows = []
    for label in rows_of(runs, table):
        for place in PLACES:
            cells = []
            for name in names:
                key = (table, label, name, place)
                cells.append(" / ".join(figure(summaries[metric][key]["median"], metric)
                                        for metric in metrics)
                             if key in summaries[metrics[0]] else "-")
            if any(text != "-" for text in cells):
                rows.append([label, place, *cells, lost(runs, table, label, "weft")])
    return ["", "place", *(KINDS[name].short for name in names), "Weft lost"], rows


def figures(runs, table):
    """Every median, by table, row, device, place and unit."""
    found = {}
    for metric in metrics_of(table):
        scale, unit = UNITS[metric]
        for key, value in summarize(runs, metric).items():
            if key[0] == table:
                found[figure_name(*key, unit)] = value["median"] / scale
    return found


def best_place(runs, table):
    """The place that most points of the table have; the same cache where it is even."""
    found = [key[3] for key in summarize(runs, "pps") if key[0] == table]
    return max(reversed(PLACES), key=found.count)


def charts(runs, table):
    """Curves of a table's devices where its rows are numbers, with what runs ranged over."""
    if table not in CHARTS:
        return []
    title, axis = CHARTS[table]
    summary, place = summarize(runs, "pps"), best_place(runs, table)
    xs = {run["row"]: run["x"] for run in runs if run["table"] == table}
    series = [[KINDS[name].short, [[xs[row], *(summary[(table, row, name, place)][part] / 1e6
                                               for part in ("median", "low", "high"))]
                                   for row in xs if (table, row, name, place) in summary]]
              for name in duts_of(runs, table)]
    return [{"kind": "counts", "title": f"{title}, {place}", "x": axis,
             "y": "Mpps, one way", "series": series}]


def left_out(runs):
    """Windows that count nowhere, and why."""
    places = [window["place"] for run in runs for window in run.get("result", {}).get("windows", [])]
    gone = [place for place in places if place not in PLACES]
    if not gone:
        return ""
    reasons = ", ".join(f"{gone.count(reason)} {reason}" for reason in sorted(set(gone)))
    return f"{len(gone)} of {len(places)} windows count nowhere: {reasons}."


def findings(runs):
    """One of each table; failed where a run did."""
    found = []
    for table in dict.fromkeys(run["table"] for run in runs):
        own = [run for run in runs if run["table"] == table]
        columns, rows = (rate_table if len(metrics_of(table)) == 1 else latency_table)(own, table)
        errors = [f"Failed: {KINDS[run['dut']].short}, {run['row']}: {run['error']}."
                  for run in own if "error" in run]
        found.append(Finding(table, HEADINGS[table], figures(own, table), columns, rows,
                             charts(own, table), passed=False if errors else None,
                             note=" ".join(filter(None, [left_out(own), *errors]))))
    return found
