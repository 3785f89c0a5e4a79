#!/usr/bin/python3
"""tools/bench: what its tables and its picture make of windows that are known."""
import os
import sys
import unittest
from xml.etree import ElementTree

sys.dont_write_bytecode = True
TOOLS = os.path.dirname(os.path.realpath(__file__)) + "/../../../tools"
sys.path[:0] = [f"{TOOLS}/bench.d", f"{TOOLS}/swbench.d"]

import charts  # noqa: E402
import report  # noqa: E402
import switches  # noqa: E402
import tables  # noqa: E402

HOST = {"cpu": "a <cpu> & more", "generator_cpu": 0, "switch_cpu": 1, "kernel": "6", "huge_pages": 0,
        "build": "release", "commit": "c", "dpdk": "", "open_vswitch": "", "date": "2026-01-01"}


def run(table, row, switch, windows, number=0, **more):
    """windows: (place, Mpps)."""
    return {"table": table, "row": row, "switch": switch, "run": number, **more,
            "result": {"sent": 1000, "lost": 0, "windows": [
                {"place": place, "pps": mpps * 1e6} for place, mpps in windows]}}


def document(runs):
    return {"host": HOST, "missing": [], "cycles": [], "runs": runs}


class Report(unittest.TestCase):
    def test_median_of_runs_of_median_windows_by_place(self):
        runs = [run("rate", "r", "weft", [("near", mpps), ("near", mpps + 2), ("far", 1),
                                          ("near", 1000 * mpps), ("disturbed", 5e9), ("mixed", 0)])
                for mpps in (10, 20, 90)]
        summary = report.summarize(runs, "pps")
        near = summary[("rate", "r", "weft", "near")]
        self.assertEqual(near, {"median": 22e6, "low": 12e6, "high": 92e6, "n": 3})
        self.assertEqual(summary[("rate", "r", "weft", "far")]["median"], 1e6)
        self.assertEqual(len(summary), 2)

    def test_ratio_compares_like_with_like(self):
        runs = [run("rate", "r", "weft", [("near", 40), ("far", 30)]),
                run("rate", "r", "testpmd-io", [("near", 20)])]
        text = report.markdown(document(runs))
        self.assertIn("| r | 30 / 40 | - / 20 | - / 2.00 |", text)

    def test_spread_is_half_of_the_range(self):
        runs = [run("rate", "r", "weft", [("near", mpps)]) for mpps in (9, 10, 12)]
        self.assertIn("| - / 15 % |", report.markdown(document(runs)))
        self.assertIn("| - / - |", report.markdown(document([run("rate", "r", "weft",
                                                                 [("near", 0)])])))

    def test_windows_that_count_nowhere_are_told(self):
        runs = [run("rate", "r", "weft", [("near", 1), ("mixed", 1), ("disturbed", 1)])]
        self.assertIn("2 of 3 windows count nowhere: 1 disturbed, 1 mixed.",
                      report.markdown(document(runs)))

    def test_failures_are_told(self):
        failed = {"table": "rate", "row": "r", "switch": "ovs", "run": 0, "error": "no such luck"}
        self.assertIn("Failed: ovs, rate, r: no such luck", report.markdown(document([failed])))

    def test_loss_is_a_share_of_all_runs(self):
        runs = [run("rate", "r", "weft", [("near", 1)], number=i) for i in range(2)]
        self.assertEqual(report.lost(runs, "rate", "r", "weft"), "0")
        runs[0]["result"]["lost"] = 2
        self.assertEqual(report.lost(runs, "rate", "r", "weft"), "0.1 %")


class Picture(unittest.TestCase):
    def test_every_switch_is_a_curve_of_medians_and_ranges(self):
        runs = [run("sizes", f"{size} B", name, [("near", factor * 1000 / size)], x=size)
                for factor in (1, 2, 4) for size in tables.SIZES for name in switches.KINDS]
        (sizes, addresses), _, note = report.picture(document(runs))
        self.assertEqual([name for name, _ in sizes["series"]], list(switches.TITLES.values()))
        self.assertEqual(sizes["series"][0][1][0], [64, 2000 / 64, 1000 / 64, 4000 / 64])
        self.assertEqual([point[0] for point in sizes["series"][0][1]], list(tables.SIZES))
        self.assertEqual(addresses["series"], [])
        root = ElementTree.fromstring(charts.draw(*report.picture(document(runs))))
        texts = ["".join(element.itertext()) for element in root.iter()
                 if element.tag.endswith("}text")]
        for text in (*switches.TITLES.values(), "1518", "Mpps, one way", "frame, bytes", note):
            self.assertIn(text, texts)

    def test_the_place_that_most_points_have(self):
        far = [run("sizes", f"{x} B", "weft", [("far", 1)], x=x) for x in (64, 128)]
        near = [run("sizes", "64 B", "ovs", [("near", 1)], x=64)]
        self.assertEqual(report.best_place(far + near, "sizes"), "far")
        self.assertEqual(report.best_place(far[:1] + near, "sizes"), "near")

    def test_nothing_measured_is_no_picture(self):
        self.assertEqual(charts.draw(*report.picture(document([]))), "")


class Points(unittest.TestCase):
    def test_rows_of_a_table_differ(self):
        for name, points in tables.TABLES.items():
            keys = [(point["row"], kind) for point in points() for kind in point["kinds"]]
            self.assertEqual(len(keys), len(set(keys)), name)


if __name__ == "__main__":
    unittest.main()
