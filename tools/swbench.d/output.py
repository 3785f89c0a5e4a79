"""What a run leaves behind: result.json, trials.csv, latency.hgrm, junit.xml, report.md and
report.html in one directory."""
import csv
import itertools
import json
import os
import time
from xml.sax.saxutils import escape, quoteattr

import host
import page
from facts import facts, failures, title_of

SCHEMA = 1
# As runs of one release before have it.
FORMER_PLACES = {"near": "same cache", "far": "different cache"}
FORMER_INVALID = "void"
BEGIN, END = "<!-- swbench: begin -->", "<!-- swbench: end -->"
COLUMNS = ("verb", "label", "seconds", "intended", "sent", "refused", "late", "received", "lost",
           "loss_ratio", "duplicated", "reordered", "corrupted", "flooded", "misrouted",
           "run_share", "involuntary", "place", "tester_bound", "shared", "invalid")


def make(bench, options, findings, state, checked):
    """Everything that is known about a run, as result.json has it."""
    figures = {name: value for finding in findings for name, value in finding.figures.items()}
    return {
        "schema": SCHEMA, "version": bench.agent.hello["version"] if bench.agent else "",
        "date": time.strftime("%Y-%m-%d %H:%M"), "state": state,
        "command": options.command, "suite": " ".join(options.names) if options.verb == "suite" else "",
        "verb": options.verb, "topology": options.topology,
        "machine": bench.setup.describe(), "dut": bench.dut_description or {},
        "calibration": bench.calibration, "figures": figures,
        "findings": [finding.as_dict() for finding in findings],
        "thresholds": [{"condition": text, "value": value, "failed": failed}
                       for text, value, failed in checked],
        "trials": bench.trials, "runs": bench.runs,
    }


def write(folder, result):
    os.makedirs(folder, exist_ok=True)
    save(folder, "result.json", json.dumps(result, indent=1) + "\n")
    with open(os.path.join(folder, "trials.csv"), "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(result["trials"])
    for finding in result["findings"]:
        if finding.get("histograms"):
            import histograms  # pylint: disable=import-outside-toplevel
            save(folder, "latency.hgrm", histograms.hgrm(finding["histograms"]))
    save(folder, "junit.xml", junit(result))
    save(folder, "report.md", markdown(result))
    save(folder, "report.html", page.draw(result))


def save(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def read(path):
    """What write() left in a directory, or its result.json."""
    path = os.path.join(path, "result.json") if os.path.isdir(path) else path
    try:
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
    except (OSError, ValueError) as error:
        raise host.Problem(f"{path}: {error}") from error
    for one in itertools.chain(result.get("trials", []), result.get("findings", [])):
        if FORMER_INVALID in one:
            one["invalid"] = one.pop(FORMER_INVALID)
    for one in itertools.chain(result.get("trials", []), *(run.get("result", {}).get("windows", [])
                                                           for run in result.get("runs", []))):
        if one.get("place") in FORMER_PLACES:
            one["place"] = FORMER_PLACES[one["place"]]
    return result


def picture(result):
    """All its charts side by side."""
    try:
        import charts  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        raise host.Problem(f"no picture: {error} (tools/install-packages test)") from error
    return charts.draw([chart for finding in result["findings"] for chart in finding["charts"]],
                       note=f"{result['machine']['cpu']}, {result['date']}; medians, bars from "
                            f"lowest to highest run; {result['command'].split(' --')[0]}")


def around_place(path):
    """What a document has before and behind its place for a report."""
    try:
        with open(path, encoding="utf-8") as file:
            before, begin, rest = file.read().partition(BEGIN)
    except (OSError, ValueError) as error:
        raise host.Problem(f"--into {path}: {error}") from error
    _, end, behind = rest.partition(END)
    if not begin or not end:
        raise host.Problem(f"--into {path}: it has no lines {BEGIN} and {END}")
    return before, behind


def write_into(path, result):
    """The report into the place that a document has for it, and the picture beside it."""
    before, behind = around_place(path)
    # Two levels down, and without the title.
    text = "\n" + markdown(result).split("\n", 1)[1].replace("\n## ", "\n### ")
    if drawn := picture(result):
        name = os.path.splitext(os.path.basename(path))[0] + ".svg"
        save(os.path.dirname(path), name, drawn)
        text += f"\n![{title_of(result)}]({name})\n"
    save(os.path.dirname(path), os.path.basename(path), before + BEGIN + text + END + behind)


def junit(result):
    cases = []
    for finding in result["findings"]:
        inner = ""
        if finding["passed"] is False:
            inner = f"<failure message={quoteattr(finding['title'] + ' failed')}>" \
                    f"{escape(json.dumps(finding['rows']))}</failure>"
        elif finding["invalid"]:
            inner = f"<skipped message={quoteattr(finding['invalid'])}/>"
        cases.append(f"<testcase classname=\"swbench\" name={quoteattr(finding['verb'])}>"
                     f"{inner}</testcase>")
    for threshold in result["thresholds"]:
        inner = f"<failure message={quoteattr('value ' + str(threshold['value']))}/>" \
            if threshold["failed"] else ""
        cases.append(f"<testcase classname=\"threshold\" "
                     f"name={quoteattr(threshold['condition'])}>{inner}</testcase>")
    name = result["suite"] or result["verb"]
    return (f"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name={quoteattr(name)} "
            f"tests=\"{len(cases)}\" failures=\"{len(failures(result))}\">\n" +
            "\n".join(cases) + "\n</testsuite>\n")


def cell(value):
    return str(value).replace("|", "\\|")


def markdown(result):
    lines = [f"# {title_of(result)}", ""]
    lines += [f"- {name}: {value}" for name, value in facts(result)]
    for finding in result["findings"]:
        lines += ["", f"## {finding['title']}", ""]
        marks = [mark for mark, is_on in (
            ("passed", finding["passed"] is True), ("FAILED", finding["passed"] is False),
            ("tester-bound", finding["tester_bound"]),
            (f"invalid: {finding['invalid']}", bool(finding["invalid"]))) if is_on]
        if marks:
            lines += [", ".join(marks), ""]
        if finding["columns"] and finding["rows"]:
            lines.append("| " + " | ".join(map(cell, finding["columns"])) + " |")
            lines.append("|" + " --- |" * len(finding["columns"]))
            lines += ["| " + " | ".join(map(cell, row)) + " |" for row in finding["rows"]]
        if finding["note"]:
            lines += ["", finding["note"]]
    if result["thresholds"]:
        lines += ["", "## Thresholds", ""]
        lines += [f"- fail if {t['condition']}: {t['value']}, "
                  f"{'FAILED' if t['failed'] else 'passed'}" for t in result["thresholds"]]
    return "\n".join(lines) + "\n"
