#!/usr/bin/python3
"""swbench in turns: what its tables and its picture make of windows that are known, what it tells
bench-fe, and where a report goes."""
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock
from xml.etree import ElementTree

sys.dont_write_bytecode = True
TOOLS = os.path.dirname(os.path.realpath(__file__)) + "/../../../../tools"
sys.path.insert(0, f"{TOOLS}/swbench.d")

import charts  # noqa: E402
import compare  # noqa: E402
import cycles  # noqa: E402
import features  # noqa: E402
import duts  # noqa: E402
import host  # noqa: E402
import options  # noqa: E402
import output  # noqa: E402
import points  # noqa: E402
import progress  # noqa: E402
import suites  # noqa: E402
import turns  # noqa: E402
import windows  # noqa: E402


def run(table, row, dut, found, number=0, **more):
    """found: (place, Mpps) of each window."""
    return {"table": table, "row": row, "dut": dut, "run": number, **more,
            "result": {"sent": 1000, "lost": 0, "windows": [
                {"place": place, "pps": mpps * 1e6} for place, mpps in found]}}


def rows_of(runs):
    return [row for finding in windows.findings(runs) for row in finding.rows]


class Windows(unittest.TestCase):
    """Tables."""

    def test_median_of_runs_of_median_windows_by_place(self):
        runs = [run("rate", "r", "weft", [("same cache", mpps), ("same cache", mpps + 2), ("different cache", 1),
                                          ("same cache", 1000 * mpps), ("disturbed", 5e9), ("mixed", 0)])
                for mpps in (10, 20, 90)]
        summary = windows.summarize(runs, "pps")
        same = summary[("rate", "r", "weft", "same cache")]
        self.assertEqual(same, {"median": 22e6, "low": 12e6, "high": 92e6, "n": 3})
        self.assertEqual(summary[("rate", "r", "weft", "different cache")]["median"], 1e6)
        self.assertEqual(len(summary), 2)
        finding, = windows.findings(runs)
        self.assertEqual(finding.figures, {"rate_r_weft_same_cache_mpps": 22, "rate_r_weft_different_cache_mpps": 1})

    def test_ratio_compares_like_with_like(self):
        runs = [run("rate", "r", "weft", [("same cache", 40), ("different cache", 30)]),
                run("rate", "r", "testpmd", [("same cache", 20)])]
        self.assertEqual(rows_of(runs)[0][:4], ["r", "30 / 40", "- / 20", "- / 2.00"])

    def test_spread_is_half_of_the_range(self):
        runs = [run("rate", "r", "weft", [("same cache", mpps)]) for mpps in (9, 10, 12)]
        self.assertEqual(rows_of(runs), [["r", "- / 10", "- / 15 %", "0"]])
        self.assertEqual(rows_of([run("rate", "r", "weft", [("same cache", 0)])])[0][2], "- / -")

    def test_windows_that_count_nowhere_are_said(self):
        finding, = windows.findings([run("rate", "r", "weft", [("same cache", 1), ("mixed", 1),
                                                               ("disturbed", 1)])])
        self.assertEqual(finding.note, "2 of 3 windows count nowhere: 1 disturbed, 1 mixed.")
        self.assertIsNone(finding.passed)

    def test_failures_are_said(self):
        runs = [{"table": "rate", "row": "r", "dut": "ovs", "run": 0, "error": "no such luck"}]
        finding, = windows.findings(runs)
        self.assertIs(finding.passed, False)
        self.assertIn("Failed: Open vSwitch, r: no such luck.", finding.note)

    def test_loss_is_a_share_of_all_runs(self):
        runs = [run("rate", "r", "weft", [("same cache", 1)], number=i) for i in range(2)]
        self.assertEqual(windows.lost(runs, "rate", "r", "weft"), "0")
        runs[0]["result"]["lost"] = 2
        self.assertEqual(windows.lost(runs, "rate", "r", "weft"), "0.1 %")

    def test_latencies_are_quantiles_a_place(self):
        entry = run("latency", "1 Mpps", "weft", [])
        entry["result"]["windows"] = [{"place": "same cache", "p50_ns": 210, "p99_ns": 1500,
                                       "p999_ns": 20000}]
        finding, = windows.findings([entry])
        self.assertEqual(finding.rows, [["1 Mpps", "same cache", "0.21 / 1.5 / 20", "0"]])
        self.assertEqual(finding.figures["latency_1_mpps_weft_same_cache_p99_9_us"], 20)

    def test_a_feature_is_compared_with_the_row_that_is_off(self):
        results = {(name, size): [cost * size, 2 * cost * size]
                   for cost, (name, _, _) in enumerate(features.ROWS, 1) for size in features.SIZES}
        finding = features.finding(results)
        self.assertEqual(finding.rows[0], ["a link", "64.0", "96.0", "-", "1518.0", "2277.0", "-"])
        self.assertEqual([row[3] for row in finding.rows[1:3]], ["0.50", "0.33"])
        self.assertEqual(finding.rows[-1][3], "0.91")  # of that which is flooded
        self.assertEqual(finding.figures["features_captured_128_bytes_64"], 128)

    def test_cycles_are_of_the_best_run(self):
        results = {"mesh of 16": [{"cycles_per_copy": cost, "copies": 2, "driver_cycles": driver}
                                  for cost, driver in ((60, 8), (50, 9), (90, 7))]}
        finding = cycles.finding(results, {"mesh of 16": 910})
        self.assertEqual(finding.rows, [["mesh of 16", "50.0", "60.0", "455", "3.5"]])
        self.assertEqual(finding.figures, {"cycles_mesh_of_16": 50,
                                           "cycles_mesh_of_16_instructions": 455})
        self.assertEqual(cycles.finding(results, {"mesh of 16": None}).rows[0][3], "-")


class Picture(unittest.TestCase):
    """Curves."""

    def test_every_device_is_a_curve_of_medians_and_ranges(self):
        runs = [run("sizes", f"{size} B", name, [("same cache", factor * 1000 / size)], x=size)
                for factor in (1, 2, 4) for size in points.SIZES for name in points.ALL]
        chart, = windows.charts(runs, "sizes")
        names = [duts.KINDS[name].short for name in points.ALL]
        self.assertEqual([name for name, _ in chart["series"]], names)
        self.assertEqual(chart["series"][0][1][0], [64, 2000 / 64, 1000 / 64, 4000 / 64])
        self.assertEqual([point[0] for point in chart["series"][0][1]], list(points.SIZES))
        texts = ["".join(element.itertext()) for element in
                 ElementTree.fromstring(charts.draw([chart])).iter()
                 if element.tag.endswith("}text")]
        for text in (*names, "1518", "Mpps, one way", "frame, bytes"):
            self.assertIn(text, texts)
        self.assertEqual(windows.charts(runs, "rate"), [])

    def test_the_place_that_most_points_have(self):
        other = [run("sizes", f"{x} B", "weft", [("different cache", 1)], x=x) for x in (64, 128)]
        same = [run("sizes", "64 B", "ovs", [("same cache", 1)], x=64)]
        self.assertEqual(windows.best_place(other + same, "sizes"), "different cache")
        self.assertEqual(windows.best_place(other[:1] + same, "sizes"), "same cache")


class Loads(unittest.TestCase):
    """What is measured, and what bench-fe is told of it."""

    def test_rows_of_a_table_differ(self):
        for name, table in points.TABLES.items():
            keys = [(point["row"], kind) for point in table() for kind in point["kinds"]]
            self.assertEqual(len(keys), len(set(keys)), name)

    def test_every_table_is_a_suite(self):
        self.assertEqual([*turns.NAMES, "performance"], list(suites.IN_TURNS))
        self.assertLessEqual(set(points.ALL), set(duts.KINDS))

    def test_a_device_says_what_the_tester_has_to_know(self):
        setup = mock.Mock(netcfg="/n c", tester_cpu=0, dut_cpu=1)
        told = {name: turns.dut_options(duts.KINDS[name](setup, "/f"), {"idle": True})
                for name in points.ALL}
        self.assertEqual(told["testpmd"], [])
        self.assertEqual(told["testpmd-mac"], ["--rewritten"])
        self.assertEqual(told["ovs"], ["--listen", "--any-order"])
        self.assertEqual(told["weft"][:2], ["--listen", "--when-learned"])
        self.assertIn("'/n c' -S /f/control", told["weft"][2])

    def test_a_point_becomes_options(self):
        setup = mock.Mock(tester_cpu=0, dut_cpu=1)
        found = turns.fe_options(setup, {"size": 65000, "tso": True, "ring_size": 256, "both": False,
                                         "packed": True}, 0.5)
        self.assertEqual(found, ["--cpu", "0", "--peer-cpu", "1", "--window", "0.1", "--windows", "5",
                                 "--size", "65000", "--ring-size", "256", "--tso", "--ring",
                                 "packed"])

    def measured(self, *words, missing=()):
        """(loads run by device, state, what the user is told) where some devices are missing."""
        parsed = options.settings_for(options.parse(["suite", *words]), suites.IN_TURNS_PRESET)
        bench = mock.Mock(runs=[])
        with mock.patch("turns.run_entry", side_effect=lambda _, name, *rest: run(
                "flood", str(rest[1]["row"]), name, [("same cache", 1)])), \
                mock.patch("turns.find", side_effect=lambda names: (
                    [name for name in names if name not in missing], list(missing))), \
                mock.patch("turns.host.warn_of_load"), mock.patch("sys.stderr"):
            _, state = turns.measure(bench, parsed)
        return [entry["dut"] for entry in bench.runs], state, bench.dut_description

    def test_devices_take_turns(self):
        found, state, told = self.measured("flood", "--trials", "2")
        self.assertEqual((found, state), (["weft", "ovs"] * 4, "complete"))
        self.assertEqual(told, {"name": "Weft, Open vSwitch", "left_out": []})

    def test_what_is_not_installed_is_left_out(self):
        found, _, told = self.measured("flood", "--trials", "1", missing=["ovs"])
        self.assertEqual(found, ["weft"] * 2)
        self.assertEqual(told, {"name": "Weft", "left_out": ["ovs"]})
        with self.assertRaisesRegex(host.Problem, "suite flood: ovs"):
            self.measured("flood", "--dut", "ovs", missing=["ovs"])
        with self.assertRaisesRegex(host.Problem, "it is not for testpmd"):
            self.measured("flood", "--dut", "testpmd")

    def test_what_was_measured_is_kept_when_the_user_ends_it(self):
        bench = mock.Mock(runs=[])
        parsed = options.settings_for(options.parse(["suite", "flood", "--dut", "weft"]), {})
        with mock.patch("turns.run_entry", side_effect=[run("flood", "r", "weft", [("same cache", 1)]),
                                                        KeyboardInterrupt]), \
                mock.patch("turns.host.warn_of_load"):
            findings, state = turns.measure(bench, parsed)
        self.assertEqual((len(findings), len(bench.runs), state), (1, 1, "interrupted"))

    def test_addresses_that_were_not_learned_are_an_error(self):
        dut = mock.Mock(**{"learned_command.return_value": "x", "learned.return_value": 19})
        with self.assertRaisesRegex(host.Problem, "19 of 20 addresses"):
            turns.check_learned(dut, {"ports": 2, "addresses": 10})
        turns.check_learned(mock.Mock(**{"learned_command.return_value": ""}), {"ports": 2})


class Words(unittest.TestCase):
    """The command line."""

    def refused(self, *arguments):
        with self.assertRaises(host.Problem) as caught:
            options.parse(list(arguments))
        return str(caught.exception)

    def test_devices_are_a_list_and_presets_its_own(self):
        parsed = options.parse(["suite", "rate", "sizes"])
        self.assertEqual((parsed.dut, parsed.names), (",".join(points.ALL), ["rate", "sizes"]))
        settings = options.settings_for(parsed, suites.IN_TURNS_PRESET)
        self.assertEqual((settings.trials, settings.duration), (5, 2.0))

    def test_old_words_are_understood(self):
        parsed = options.parse(["suite", "rate", "--runs", "1", "--seconds", "3", "--only", "weft"])
        self.assertEqual((parsed.trials, parsed.duration, parsed.dut), (1, 3.0, "weft"))

    def test_what_makes_no_sense_is_refused_with_its_reason(self):
        for arguments, text in (
                (["suite", "rate", "--size", "64"], "suite rate: --size does not change its loads"),
                (["suite", "rate", "--topology", "pvp"], "--topology does not change"),
                (["suite", "rate", "--dut", "weft,magic"], "--dut 'magic' is not one of weft, testpmd"),
                (["suite", "rate", "smoke"], "or some of cycles, features, rate"),
                (["suite"], "name one of smoke"),
                (["suite", "rate", "--cpus", "1,1"], "on one core disturb"),
                (["report"], "name a directory")):
            self.assertIn(text, self.refused(*arguments))

    def test_the_old_name_says_the_new_words_and_runs_them(self):
        done = subprocess.run([f"{TOOLS}/bench", "all", "--size", "64"], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("'tools/swbench suite all --size 64'", done.stderr)
        self.assertIn("suite performance: --size does not", done.stderr)


class Reports(unittest.TestCase):
    """Where they go."""

    def result(self):
        parsed = options.parse(["suite", "sizes", "--dut", "weft"])
        parsed.command = "swbench suite sizes --dut weft"
        runs = [run("sizes", f"{size} B", "weft", [("same cache", 1000 / size)], x=size)
                for size in points.SIZES]
        machine = {"cpu": "a <cpu> & more", "cores": 2, "kernel": "6", "memory_mib": 1, "load": 0,
                   "free_huge_pages": 0, "tester_cpu": 0, "dut_cpu": 1, "build": "release",
                   "commit": "c", "dpdk": "22", "open_vswitch": ""}
        bench = mock.Mock(agent=None, trials=[], runs=runs, calibration={},
                          dut_description={"name": "Weft", "left_out": ["testpmd io: missing"]},
                          **{"setup.describe.return_value": machine})
        return output.make(bench, parsed, windows.findings(runs), "complete", [])

    def test_of_turns_no_trials_are_told(self):
        text = output.markdown(self.result())
        for fact in ("- device: Weft\n", "- left out: testpmd io: missing\n", "- pages: small\n",
                     "- versions: release build of c, DPDK 22\n"):
            self.assertIn(fact, text)
        self.assertNotIn("calibrated", text)

    def test_two_runs_compare(self):
        text = compare.text(*({**self.result(), "folder": name} for name in "ab"))
        self.assertTrue(text.startswith("A: Weft (a)\nB: Weft (b)\n"))
        self.assertIn("| sizes_64_b_weft_same_cache_mpps | 15.62 | 15.62 | 1.00 |", text)

    def test_into_a_document(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/doc.md"
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"# D\n\n{output.BEGIN}\nold\n{output.END}\n\nrest\n")
            output.write(f"{folder}/run", self.result())
            for _ in range(2):  # the same a second time, from what was written
                output.write_into(path, output.read(f"{folder}/run"))
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                self.assertTrue(text.startswith(f"# D\n\n{output.BEGIN}\n\n- device: Weft\n"))
                self.assertTrue(text.endswith(f"![swbench sizes](doc.svg)\n{output.END}\n\n"
                                              "rest\n"))
                self.assertIn("\n### Rate against frame size, Mpps, one way\n", text)
                self.assertNotIn("old", text)
            ElementTree.parse(f"{folder}/doc.svg")
            with open(path, "w", encoding="utf-8") as file:
                file.write("no place\n")
            with self.assertRaisesRegex(host.Problem, "it has no lines"):
                output.write_into(path, self.result())

    def test_what_is_left_is_reckoned_from_what_is_done(self):
        shown = progress.Progress(stream=mock.Mock(**{"isatty.return_value": False}))
        with mock.patch("builtins.print") as printed, \
                mock.patch("progress.time.monotonic") as now:
            now.return_value = 100
            shown.begin_count(4)
            shown.count("a")
            now.return_value = 110
            shown.count("b")
        self.assertEqual([call.args[0] for call in printed.call_args_list],
                         ["swbench: 1 of 4, a", "swbench: 2 of 4, b, about 30 s left"])


if __name__ == "__main__":
    unittest.main()
