"""Summaries of runs, and tables of them in Markdown.

A value is the median over runs of each run's median window, near and far windows apart; its spread
goes from the lowest run to the highest. A dash: no window of that kind in which
nothing else ran on the two cores.
"""
import statistics

import spread
from switches import TITLES

PLACES = ("far", "near")
UNITS = {"pps": (1e6, "Mpps"), "bits_per_s": (1e9, "Gb/s"), "p50_ns": (1e3, "us"),
         "p99_ns": (1e3, "us"), "p999_ns": (1e3, "us")}
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
QUANTILES = {"latency": ("p50_ns", "p99_ns", "p999_ns"), "idle": ("p50_ns", "p99_ns")}


def summarize(runs, metric):
    """(table, row, switch, place) -> {median, low, high, n}, in the metric's own unit."""
    values = {}
    for run in runs:
        for place in PLACES:
            windows = [w[metric] for w in run.get("result", {}).get("windows", [])
                       if w["place"] == place and metric in w]
            if windows:
                key = (run["table"], run["row"], run["switch"], place)
                values.setdefault(key, []).append(statistics.median(windows))
    return {key: spread.of(medians) for key, medians in values.items()}


def summary_list(runs):
    """The same of every metric, for programs: a list of objects."""
    return [{"table": table, "row": row, "switch": switch, "place": place, "metric": metric,
             **values}
            for metric in UNITS
            for (table, row, switch, place), values in summarize(runs, metric).items()]


def metric_of(table):
    return "bits_per_s" if table == "tso" else "pps"


def rows_of(runs, table):
    """Rows of a table in the order in which they were measured."""
    return list(dict.fromkeys(run["row"] for run in runs if run["table"] == table))


def switches_of(runs, table):
    found = {run["switch"] for run in runs if run["table"] == table}
    return [name for name in TITLES if name in found]


def figure(value, metric):
    scale = UNITS[metric][0]
    return f"{value / scale:.3g}" if value / scale < 100 else f"{value / scale:.0f}"


def cell(summary, key, metric):
    """far / near."""
    return " / ".join(figure(summary[(*key, place)]["median"], metric)
                      if (*key, place) in summary else "-" for place in PLACES)


def ratio(summary, key, base):
    """far / near of one cell to another, or None when they have no place in common."""
    parts = []
    for place in PLACES:
        if (*key, place) in summary and (*base, place) in summary:
            value = summary[(*key, place)]["median"] / summary[(*base, place)]["median"]
            parts.append(f"{value:.2f}")
        else:
            parts.append("-")
    return None if parts == ["-", "-"] else " / ".join(parts)


def spreads(summary, key):
    """far / near."""
    parts = [spread.percent(summary[(*key, place)]) if (*key, place) in summary else None
             for place in PLACES]
    return " / ".join("-" if part is None else f"{part:.0f} %" for part in parts)


def lost(runs, table, row, switch):
    """Frames lost of those sent, over all runs, and whether any was wrong or disordered."""
    picked = [run["result"] for run in runs
              if (run["table"], run["row"], run["switch"]) == (table, row, switch)
              and "result" in run]
    sent = sum(result["sent"] for result in picked)
    gone = sum(result["lost"] for result in picked)
    return "-" if not sent else "0" if not gone else f"{100 * gone / sent:.2g} %"


def line(cells):
    return "| " + " | ".join(cells) + " |"


def rate_table(runs, table):
    metric = metric_of(table)
    summary = summarize(runs, metric)
    names = switches_of(runs, table)
    rows = rows_of(runs, table)
    base = "testpmd-io" if "testpmd-io" in names else "ovs" if "ovs" in names else None
    relative = table in ("addresses", "mesh", "flood")
    head = ["far / near", *(TITLES[name] for name in names)]
    if base and "weft" in names:
        head.append(f"Weft : {TITLES[base]}")
    if relative:
        head.append("Weft : its first row")
    head += ["Weft's spread", "Weft lost"]
    lines = [line(head), line(["---"] * len(head))]
    for row in rows:
        key = (table, row, "weft")
        cells = [row, *(cell(summary, (table, row, name), metric) for name in names)]
        if base and "weft" in names:
            cells.append(ratio(summary, key, (table, row, base)) or "-")
        if relative:
            cells.append(ratio(summary, key, (table, rows[0], "weft")) or "-")
        cells += [spreads(summary, key), lost(runs, table, row, "weft")]
        lines.append(line(cells))
    return lines


def latency_table(runs, table):
    quantiles = QUANTILES[table]
    summaries = {metric: summarize(runs, metric) for metric in quantiles}
    names = switches_of(runs, table)
    head = ["", "place", *(TITLES[name] for name in names), "Weft lost"]
    lines = [line(head), line(["---"] * len(head))]
    for row in rows_of(runs, table):
        for place in PLACES:
            cells = []
            for name in names:
                key = (table, row, name, place)
                cells.append(" / ".join(figure(summaries[m][key]["median"], m)
                                        for m in quantiles)
                             if key in summaries[quantiles[0]] else "-")
            if any(text != "-" for text in cells):
                lines.append(line([row, place, *cells, lost(runs, table, row, "weft")]))
    return lines


def cycles_table(rows):
    lines = [line(["one frame", "cycles, best run", "median run", "instructions", "driver's cycles"]),
             line(["---"] * 5)]
    for row in rows:
        count = row["instructions"]
        lines.append(line([row["row"], f"{row['cycles']:.1f}", f"{row['cycles_median']:.1f}",
                           "-" if count is None else f"{count / row['copies']:.0f}",
                           f"{row['driver_cycles'] / row['copies']:.1f}"]))
    return lines


def best_place(runs, table):
    """The place that most points of the table have; near where it is even."""
    found = [key[3] for key in summarize(runs, "pps") if key[0] == table]
    return max(reversed(PLACES), key=found.count)


def chart(runs, table, title, axis):
    """Curves of a table's switches where its rows are numbers, with what runs ranged over."""
    summary, place = summarize(runs, "pps"), best_place(runs, table)
    xs = {run["row"]: run["x"] for run in runs if run["table"] == table}
    series = [[TITLES[name], [[xs[row], *(summary[(table, row, name, place)][part] / 1e6
                                          for part in ("median", "low", "high"))]
                              for row in xs if (table, row, name, place) in summary]]
              for name in switches_of(runs, table)]
    return {"kind": "counts", "title": f"{title}, cores {place}", "x": axis, "y": "Mpps, one way",
            "series": series}


def picture(result):
    """Charts, title and note: what charts.draw() takes."""
    host = result["host"]
    return ([chart(result["runs"], "sizes", "Rate against frame size", "frame, bytes"),
             chart(result["runs"], "addresses", "Rate against addresses, 64 B",
                   "addresses of each port, all active")],
            "Two vhost-user ports, one packet thread",
            f"{host['cpu']}, {host['date']}; medians, bars from lowest to highest run; tools/bench")


def left_out(runs):
    """Windows that count nowhere, and why."""
    places = [w["place"] for run in runs for w in run.get("result", {}).get("windows", [])]
    gone = [place for place in places if place not in PLACES]
    if not gone:
        return []
    reasons = ", ".join(f"{gone.count(reason)} {reason}" for reason in sorted(set(gone)))
    return [f"{len(gone)} of {len(places)} windows count nowhere: {reasons}.", ""]


def markdown(result):
    host = result["host"]
    lines = [f"{host['cpu']}, generator on core {host['generator_cpu']}, switch on core "
             f"{host['switch_cpu']}, Linux {host['kernel']}, huge pages "
             f"{'yes' if host['huge_pages'] >= 512 else 'no'}, {host['build']} build of "
             f"{host['commit']}, DPDK {host['dpdk'] or '-'}, Open vSwitch "
             f"{host['open_vswitch'] or '-'}, {host['date']}.", ""]
    lines += [f"Left out: {text}." for text in result["missing"]]
    if result["cycles"]:
        lines += ["### Cycles of the time stamp counter, one thread, warm caches", "",
                  *cycles_table(result["cycles"]), ""]
    runs = result["runs"]
    for table in dict.fromkeys(run["table"] for run in runs):
        draw = latency_table if table in QUANTILES else rate_table
        lines += [f"### {HEADINGS[table]}", "", *draw(runs, table), ""]
    lines += left_out(runs)
    wrong = [run for run in runs if run.get("error")]
    lines += [f"Failed: {run['switch']}, {run['table']}, {run['row']}: {run['error']}"
              for run in wrong]
    return "\n".join(lines).rstrip() + "\n"
