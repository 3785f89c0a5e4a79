"""Charts as SVG, drawn by matplotlib. Imported by what draws alone: it takes a second.

A chart is {"kind", "title", "x", "y", "series": [[name, [point...]]...]}. A point is [x, y], or
[x, y, lowest, highest] with what y ranged over. Kinds:

  line      linear axes from 0
  log       logarithmic in x: loads that are far apart
  counts    the same with the ticks where the points are, if they are few
  quantile  logarithmic in both; x is 1 / (1 - quantile)

The same chart always gives the same text: without a date, and with names that follow from it.
"""
import io
import re

import matplotlib
from matplotlib import ticker
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

MAX_SERIES = 8
MAX_TICKS = 8     # at points; more are at powers of ten
MAX_MARKED = 40   # points of a curve that are marked one by one
PANEL_IN = (5.4, 3.1)
LEGEND_IN = 1.9
TEXT, DIM, GRID = "#1d2328", "#667078", "#dde1e4"
# Of Okabe and Ito, without black and yellow, which are lost on one of the two backgrounds: told
# apart by eyes that see few colours, the more so as each has a mark of its own.
STYLES = [("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D"),
          ("#e69f00", "v"), ("#56b4e9", "P"), ("#7f7f7f", "X"), ("#8a6d3b", "*")]
LOOKS = {
    "svg.hashsalt": "weft", "svg.fonttype": "none", "font.family": ["DejaVu Sans"],
    "font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.titlepad": 10, "axes.facecolor": "none", "axes.labelcolor": DIM, "axes.edgecolor": DIM, "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "grid.color": GRID,
    "grid.linewidth": 0.8, "xtick.color": DIM, "ytick.color": DIM, "text.color": TEXT,
    "legend.frameon": False, "lines.linewidth": 1.6, "lines.markersize": 4.5,
}
QUANTILES = {1: "0 %", 10: "90 %", 100: "99 %", 1e3: "99.9 %", 1e4: "99.99 %", 1e5: "99.999 %",
             1e6: "99.9999 %"}


def number(value, _=None):
    """A number of an axis: 100k, 1.5M."""
    for limit, unit in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else 1e6):g}{unit}"
    return f"{value:g}"


def quantile(value, _=None):
    return QUANTILES.get(value, "")


def shown(chart):
    """Its series that are drawn, without points that have no value or no place, and how many are
    not."""
    log_x, log_y = chart["kind"] != "line", chart["kind"] == "quantile"
    series = [(name, [point for point in points if point[1] is not None and
                      (point[0] > 0 or not log_x) and (point[1] > 0 or not log_y)])
              for name, points in chart["series"]]
    series = [(name, points) for name, points in series if points]
    return series[:MAX_SERIES], len(series[MAX_SERIES:])


def powers(low, high):
    """Ticks at powers of ten; of less than two decades those would be one or two."""
    return ticker.LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,))


def scale_y(axes, log, ys):
    if not log:
        axes.set_ylim(0, 1.06 * max(ys) or 1)
        axes.yaxis.set_major_formatter(number)
        return
    axes.set_yscale("log")
    axes.set_ylim(min(ys) / 1.5, 1.5 * max(ys))
    axes.yaxis.set_major_locator(powers(min(ys), max(ys)))
    axes.yaxis.set_minor_locator(ticker.NullLocator())
    axes.yaxis.set_major_formatter(number)


def scale_x(axes, kind, xs):
    if kind == "line":
        axes.set_xlim(0, 1.03 * max(xs) or 1)
        axes.xaxis.set_major_formatter(number)
        return
    xs = sorted(set(xs))
    axes.set_xscale("log")
    room = (xs[-1] / xs[0]) ** 0.03 if len(xs) > 1 else 2
    axes.set_xlim(xs[0] / room, room * xs[-1])
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    at_points = kind == "counts" and len(xs) <= MAX_TICKS
    axes.xaxis.set_major_locator(ticker.FixedLocator(xs) if at_points else
                                 ticker.LogLocator() if kind == "quantile" else
                                 powers(xs[0], xs[-1]))
    axes.xaxis.set_major_formatter(quantile if kind == "quantile" else number)


def draw_series(axes, points, style, is_alone):
    colour, mark = style
    is_marked = len(points) <= MAX_MARKED
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    # On the axes, not cut off by them.
    axes.plot(xs, ys, color=colour, marker=mark if is_marked or not is_alone else "",
              markevery=None if is_marked else 0.12, clip_on=False)
    ranged = [point for point in points if len(point) > 2]
    if ranged:
        axes.errorbar([x for x, *_ in ranged], [y for _, y, *_ in ranged],
                      [[y - low for _, y, low, _ in ranged], [high - y for _, y, _, high in ranged]],
                      fmt="none", color=colour, capsize=3, elinewidth=1)


def draw_panel(axes, chart, series, styles):
    for name, points in series:
        draw_series(axes, points, styles[name], len(series) == 1)
    scale_x(axes, chart["kind"], [point[0] for _, points in series for point in points])
    scale_y(axes, chart["kind"] == "quantile",
            [y for _, points in series for point in points for y in point[1:]])
    axes.set_title(chart["title"])
    axes.set_xlabel(chart["x"])
    axes.set_ylabel(chart["y"])


def legend(figure, styles, left_out):
    """One for all panels, beside them. A curve that is alone is named by its axis."""
    lines = [Line2D([], [], color=colour, marker=mark) for colour, mark in styles.values()]
    names = list(styles)
    if left_out:
        lines.append(Line2D([], [], linestyle=""))
        names.append(f"{left_out} more in\nresult.json")
    if len(names) > 1:
        width = figure.get_figwidth()
        figure.legend(lines, names, loc="upper left", borderaxespad=0, handlelength=2.4,
                      bbox_to_anchor=((width - LEGEND_IN + 0.1) / width, 0.9))
    return len(names) > 1


def text_of(figure, background):
    out = io.StringIO()
    figure.savefig(out, format="svg", facecolor=background,
                   metadata={name: None for name in ("Creator", "Date", "Format", "Type")})
    text = out.getvalue().replace("'DejaVu Sans'", "'DejaVu Sans', sans-serif")
    return re.sub(r" +$", "", text, flags=re.M)


def draw(charts, note="", background="white"):
    """An SVG document with the charts side by side; empty where there is nothing to see. A series
    has one colour in all of them."""
    panels = [(chart, *shown(chart)) for chart in charts]
    panels = [panel for panel in panels if panel[1]]
    if not panels:
        return ""
    names = list(dict.fromkeys(name for _, series, _ in panels for name, _ in series))
    styles = {name: STYLES[i % len(STYLES)] for i, name in enumerate(names)}
    foot = 0.25 if note else 0
    width, height = len(panels) * PANEL_IN[0], PANEL_IN[1] + foot
    with matplotlib.rc_context(LOOKS):
        figure = Figure(figsize=(width + LEGEND_IN, height), layout="constrained")
        FigureCanvasSVG(figure)
        for axes, (chart, series, _) in zip(figure.subplots(1, len(panels), squeeze=False)[0],
                                            panels):
            draw_panel(axes, chart, series, styles)
        has_legend = legend(figure, styles, sum(left_out for *_, left_out in panels))
        share = width / (width + LEGEND_IN) if has_legend else 1
        figure.get_layout_engine().set(rect=(0, foot / height, share,
                                             1 - foot / height), wspace=0.06)
        if note:
            figure.text(0.01, 0.08 / height, note, fontsize=8, color=DIM)
        return text_of(figure, background)


def inline(chart, prefix):
    """One chart as part of a page whose style has --fg, --dim and --line, so that it fits light and
    dark; prefix keeps its names apart from those of others."""
    text = draw([chart], background="none")
    text = text[text.find("<svg"):]
    for colour, variable in ((TEXT, "fg"), (DIM, "dim"), (GRID, "line")):
        text = text.replace(colour, f"var(--{variable})")
    return re.sub(r'( id="|"#|url\(#)', rf"\g<1>{prefix}-", text)
