"""Charts as inline SVG. Colours come from the page's style, so that they fit light and dark."""
import math
from html import escape

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 14, 42
MAX_SERIES = 8


def nice_step(span, n=5):
    raw = span / n if span > 0 else 1
    power = 10 ** math.floor(math.log10(raw))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= raw)


def linear_ticks(low, high):
    step = nice_step(high - low)
    first = math.ceil(low / step)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low, high):
    return [10.0 ** i for i in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def label(value):
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    if value >= 1e4:
        return f"{value / 1e3:g}k"
    return f"{value:g}"


class Axis:
    """Maps values to pixels."""

    def __init__(self, values, start, end, log, zero=False):
        values = [value for value in values if not log or value > 0] or [1]
        low, high = min(values), max(values)
        if log:
            low, high = 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high))
            high = high if high > low else low * 10
            self.ticks = [tick for tick in log_ticks(low, high) if low <= tick <= high]
        else:
            low = 0 if zero else low
            high = high * 1.05 if high > low else low + 1
            self.ticks = linear_ticks(low, high)
        self.low, self.high, self.start, self.end, self.log = low, high, start, end, log

    def at(self, value):
        if self.log:
            value = max(value, self.low)
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def quantile_name(x):
    """1 / (1 - q) as people call it."""
    names = {1: "0", 10: "90", 100: "99", 1e3: "99.9", 1e4: "99.99", 1e5: "99.999",
             1e6: "99.9999"}
    return names.get(x, f"{100 * (1 - 1 / x):g}") + " %"


def draw(chart):
    """chart: kind (line, log, quantile), title, x, y, series [[name, [[x, y]...]]...]."""
    series = [(name, [point for point in points if point[1] is not None])
              for name, points in chart["series"] if points]
    left_out = len(series[MAX_SERIES:])
    series = series[:MAX_SERIES]
    if not any(points for _, points in series):
        return ""
    log_x = chart["kind"] in ("log", "quantile")
    log_y = chart["kind"] == "quantile"
    xs = Axis([x for _, points in series for x, _ in points], LEFT, WIDTH - RIGHT, log_x,
              zero=not log_x)
    ys = Axis([y for _, points in series for _, y in points], HEIGHT - BOTTOM, TOP, log_y,
              zero=True)
    name_x = quantile_name if chart["kind"] == "quantile" else label
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
             f'aria-label="{escape(chart["title"])}">']
    for tick in ys.ticks:
        y = ys.at(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" '
                     f'y2="{y:.1f}"/><text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" '
                     f'text-anchor="end">{label(tick)}</text>')
    for tick in xs.ticks:
        x = xs.at(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" '
                     f'y2="{HEIGHT - BOTTOM}"/><text class="tick" x="{x:.1f}" '
                     f'y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{name_x(tick)}</text>')
    parts.append(f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" '
                 f'text-anchor="middle">{escape(chart["x"])}</text>')
    parts.append(f'<text class="axis" transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) '
                 f'rotate(-90)" text-anchor="middle">{escape(chart["y"])}</text>')
    for i, (name, points) in enumerate(series):
        path = " ".join(f"{xs.at(x):.1f},{ys.at(y):.1f}" for x, y in points)
        parts.append(f'<polyline class="s{i}" points="{path}"/>')
        if len(points) <= 40:
            parts += [f'<circle class="s{i}" cx="{xs.at(x):.1f}" cy="{ys.at(y):.1f}" r="3">'
                      f'<title>{escape(name)}: {x:g}, {y:g}</title></circle>' for x, y in points]
        y = TOP + 12 + 18 * i
        parts.append(f'<line class="s{i}" x1="{WIDTH - RIGHT + 14}" x2="{WIDTH - RIGHT + 34}" '
                     f'y1="{y - 4}" y2="{y - 4}"/><text class="name" x="{WIDTH - RIGHT + 40}" '
                     f'y="{y}">{escape(name)}</text>')
    if left_out:
        parts.append(f'<text class="name" x="{WIDTH - RIGHT + 40}" '
                     f'y="{TOP + 12 + 18 * len(series)}">{left_out} more in result.json</text>')
    return "".join(parts) + "</svg>"
