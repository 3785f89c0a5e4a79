"""report.html: one file, nothing from outside."""
from html import escape

from facts import facts, failures, title_of

STYLE = """
:root { color-scheme: light dark; --bg: #fcfcfa; --fg: #1d2328; --dim: #667078; --line: #dde1e4;
  --card: #ffffff; --good: #1a7f4b; --bad: #b3261e; --warn: #9a6200; }
@media (prefers-color-scheme: dark) { :root { --bg: #14181b; --fg: #e3e7ea; --dim: #96a0a8;
  --line: #2b3238; --card: #1b2024; --good: #5dc68f; --bad: #ff8a80; --warn: #e8b04a; } }
body { margin: 0; background: var(--bg); color: var(--fg);
  font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 980px; margin: 0 auto; padding: 32px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 0 0 8px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 12px 0 24px; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 16px 20px; margin: 0 0 18px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
  font-size: 14px; }
th { text-align: right; color: var(--dim); font-weight: 500; vertical-align: bottom; }
td { text-align: right; white-space: nowrap; } th:first-child, td:first-child { text-align: left; }
th, td { padding: 4px 10px; border-bottom: 1px solid var(--line); }
p { margin: 8px 0 0; color: var(--dim); font-size: 14px; }
.mark { font-size: 12px; border: 1px solid currentColor; border-radius: 10px; padding: 1px 8px;
  margin-left: 8px; vertical-align: 2px; font-weight: 500; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
svg { max-width: 100%; height: auto; margin-top: 12px; }
"""


def mark(kind, text):
    return f'<span class="mark {kind}">{escape(text)}</span>'


def drawing(chart, prefix):
    """It takes a second to begin, and a report without pictures is better than none."""
    try:
        import charts  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        return f"<p>{escape(chart['title'])}: not drawn ({escape(str(error))}; " \
               "tools/install-packages test)</p>"
    return charts.inline(chart, prefix)


def section(finding, number):
    marks = ""
    if finding["passed"] is not None:
        marks += mark("good", "passed") if finding["passed"] else mark("bad", "failed")
    if finding["tester_bound"]:
        marks += mark("warn", "tester-bound")
    if finding["invalid"]:
        marks += mark("bad", "invalid")
    text = f"<section><h2>{escape(finding['title'])}{marks}</h2>"
    if finding["invalid"]:
        text += f"<p>{escape(finding['invalid'])}</p>"
    if finding["columns"] and finding["rows"]:
        text += "<table><thead><tr>" + "".join(
            f"<th>{escape(str(column))}</th>" for column in finding["columns"]) + "</tr></thead>"
        for row in finding["rows"]:
            text += "<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row) + "</tr>"
        text += "</table>"
    text += "".join(drawing(chart, f"f{number}c{i}") for i, chart in enumerate(finding["charts"]))
    if finding["note"]:
        text += f"<p>{escape(finding['note'])}</p>"
    return text + "</section>"


def draw(result):
    title = title_of(result)
    pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
                    for name, value in facts(result))
    failed = failures(result)
    state = mark("bad", f"{len(failed)} failed") if failed else mark("good", "nothing failed")
    if result["state"] != "complete":
        state += mark("warn", result["state"])
    sections = "".join(section(finding, i) for i, finding in enumerate(result["findings"]))
    if result["thresholds"]:
        rows = "".join(f"<tr><td>{escape(t['condition'])}</td><td>{t['value']}</td><td>"
                       f"{'failed' if t['failed'] else 'passed'}</td></tr>"
                       for t in result["thresholds"])
        sections += f"<section><h2>Thresholds</h2><table><tr><th>fail if</th><th>value</th>" \
                    f"<th></th></tr>{rows}</table></section>"
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
            f"<h1>{escape(title)}{state}</h1><dl>{pairs}</dl>{sections}</main></body></html>\n")
