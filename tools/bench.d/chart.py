"""The picture: rate against frame size and against addresses, every switch in one panel."""
import math

import report
from switches import TITLES

WIDTH, HEIGHT = 980, 460
PANEL_W, PANEL_H = 330, 290
TOP = 92
# Told apart in lightness, too, for print and for eyes that see few colours.
STYLES = {"weft": ("#0b5cad", 3.2), "testpmd-io": ("#7a7a7a", 2), "testpmd-mac": ("#b3b3b3", 2),
          "ovs": ("#d9730d", 2)}


def text(x, y, words, size=12, anchor="start", colour="#333", weight="normal"):
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}" font-weight="{weight}">{words}</text>')


def best_place(runs, table):
    """The place that most points of the table have; near where it is even."""
    count = {place: 0 for place in report.PLACES}
    for key in report.summarize(runs, "pps"):
        if key[0] == table:
            count[key[3]] += 1
    return "far" if count["far"] > count["near"] else "near"


def curves(runs, table, place):
    """switch -> [(x, low, median, high)] in Mpps."""
    summary = report.summarize(runs, "pps")
    xs = {run["row"]: run["x"] for run in runs if run["table"] == table}
    found = {}
    for name in report.switches_of(runs, table):
        points = [(xs[row], *(summary[(table, row, name, place)][part] / 1e6
                              for part in ("low", "median", "high")))
                  for row in report.rows_of(runs, table)
                  if (table, row, name, place) in summary]
        if points:
            found[name] = points
    return found


def nice_step(top):
    """A round step that cuts 0..top into about five."""
    raw = top / 5
    power = 10 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw)


def spread_labels(wanted, gap=15):
    """Move labels apart: [(y, what)] -> the same with y at least gap from its neighbours."""
    placed = []
    for y, what in sorted(wanted):
        placed.append((max(y, placed[-1][0] + gap) if placed else y, what))
    return placed


def thousands(x):
    return f"{x // 1000000} M" if x >= 1000000 else f"{x // 1000} k" if x >= 10000 else f"{x:,}"


def panel(left, title, subtitle, x_title, found, tick):
    xs = sorted({p[0] for points in found.values() for p in points})
    step = nice_step(max(p[3] for points in found.values() for p in points))
    top = step * math.ceil(max(p[3] for points in found.values() for p in points) / step)
    low, high = math.log(xs[0]), math.log(xs[-1])

    def at_x(x):
        return left + 14 + (math.log(x) - low) / ((high - low) or 1) * (PANEL_W - 28)

    def at_y(y):
        return TOP + PANEL_H - y / top * PANEL_H

    out = [text(left, TOP - 30, title, 15, weight="bold", colour="#111"),
           text(left, TOP - 12, subtitle, 12, colour="#666")]
    value = 0.0
    while value <= top * 1.001:
        out.append(f'<line x1="{left}" x2="{left + PANEL_W}" y1="{at_y(value):.1f}" '
                   f'y2="{at_y(value):.1f}" stroke="{"#888" if not value else "#e4e4e4"}"/>')
        out.append(text(left - 6, at_y(value) + 4, f"{value:g}", 11, "end", "#666"))
        value += step
    for x in xs:
        out.append(f'<line x1="{at_x(x):.1f}" x2="{at_x(x):.1f}" y1="{TOP + PANEL_H}" '
                   f'y2="{TOP + PANEL_H + 4}" stroke="#888"/>')
        out.append(text(at_x(x), TOP + PANEL_H + 18, tick(x), 11, "middle", "#666"))
    out.append(text(left + PANEL_W / 2, TOP + PANEL_H + 38, x_title, 12, "middle", "#444"))
    labels = []
    for name, points in reversed(list(found.items())):
        colour, width = STYLES[name]
        path = " ".join(f"{at_x(p[0]):.1f},{at_y(p[2]):.1f}" for p in points)
        for x, lowest, _, highest in points:
            out.append(f'<line x1="{at_x(x):.1f}" x2="{at_x(x):.1f}" y1="{at_y(lowest):.1f}" '
                       f'y2="{at_y(highest):.1f}" stroke="{colour}" stroke-opacity="0.45"/>')
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                   f'stroke-width="{width}" stroke-linejoin="round"/>')
        out += [f'<circle cx="{at_x(p[0]):.1f}" cy="{at_y(p[2]):.1f}" r="{width:.1f}" '
                f'fill="{colour}"/>' for p in points]
        labels.append((at_y(points[-1][2]) + 4, (at_x(points[-1][0]), name)))
    for y, (x, name) in spread_labels(labels):
        colour, width = STYLES[name]
        out.append(text(max(x + 10, left + PANEL_W), y, TITLES[name], 12.5, colour=colour,
                        weight="bold" if name == "weft" else "normal"))
    return out


def draw(result):
    """An SVG document; panels for which nothing was measured stay away."""
    runs = result["runs"]
    panels = []
    for table, title, x_title, tick in (
            ("sizes", "Rate against frame size", "frame, bytes", str),
            ("addresses", "Rate against addresses, 64 B", "addresses of each port, all active",
             thousands)):
        place = best_place(runs, table)
        found = curves(runs, table, place)
        if found:
            panels.append((title, f"Mpps, one way, one core, cores {place}", x_title, found, tick))
    width = 40 + 470 * max(1, len(panels))
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" '
           f'viewBox="0 0 {width} {HEIGHT}" font-family="DejaVu Sans, Helvetica, sans-serif">',
           f'<rect width="{width}" height="{HEIGHT}" fill="#ffffff"/>',
           text(24, 32, "Two vhost-user ports, one packet thread", 18, weight="bold",
                colour="#111")]
    for i, args in enumerate(panels):
        out += panel(54 + 470 * i, *args)
    host = result["host"]
    out.append(text(24, HEIGHT - 12, f"{host['cpu']}, {host['date']}; medians, bars from lowest "
                    f"to highest run; tools/bench", 11, colour="#777"))
    return "\n".join(out) + "\n</svg>\n"
