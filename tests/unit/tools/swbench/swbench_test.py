#!/usr/bin/python3
"""What swbench believes without a switch: searches, judgements, arguments and reports."""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import warnings
import xml.etree.ElementTree as ElementTree
from unittest import mock

ROOT = os.path.dirname(os.path.realpath(__file__)) + "/../../../.."
sys.path.insert(0, f"{ROOT}/tools/swbench.d")

import bench  # noqa: E402
import charts  # noqa: E402
import compare  # noqa: E402
import duts  # noqa: E402
import histograms  # noqa: E402
import host  # noqa: E402
import mlr  # noqa: E402
import options  # noqa: E402
import output  # noqa: E402
import page  # noqa: E402
import spread  # noqa: E402
import streams  # noqa: E402
import thresholds  # noqa: E402
import verbs_rate  # noqa: E402
import verbs_switch  # noqa: E402
from verb import Finding  # noqa: E402


class Classify(unittest.TestCase):
    """Bounds, after the draft."""

    def test_without_tolerance_one_bad_trial_decides(self):
        goal = mlr.Goal("ndr", 0, 1, 3, 0)
        self.assertEqual(mlr.classify(goal, [(1, 0.0), (1, 0.001)]), "upper")
        self.assertIsNone(mlr.classify(goal, [(1, 0.0), (1, 0.0)]))
        self.assertEqual(mlr.classify(goal, [(1, 0.0)] * 3), "lower")

    def test_half_of_the_trials_may_be_bad(self):
        goal = mlr.Goal("ndr", 0, 1, 4, 0.5)
        self.assertEqual(mlr.classify(goal, [(1, 0.0), (1, 0.0)]), "lower")
        self.assertEqual(mlr.classify(goal, [(1, 0.1)] * 3), "upper")
        self.assertIsNone(mlr.classify(goal, [(1, 0.1), (1, 0.1)][:1]))

    def test_short_trials_speak_against_a_load_only(self):
        goal = mlr.Goal("ndr", 0, 1, 2, 0)
        self.assertIsNone(mlr.classify(goal, [(0.2, 0.0)] * 20))
        self.assertEqual(mlr.classify(goal, [(0.2, 0.1)]), "upper")

    def test_conditional_throughput_is_of_the_worst_trial_that_counts(self):
        goal = mlr.Goal("pdr", 0.1, 1, 3, 0)
        self.assertAlmostEqual(
            mlr.conditional_throughput(goal, 1000, [(1, 0.0), (1, 0.05), (1, 0.01)]), 950)
        goal.exceed = 0.5
        self.assertAlmostEqual(
            mlr.conditional_throughput(goal, 1000, [(1, 0.0), (1, 0.05), (1, 0.01)]), 990)


class Search(unittest.TestCase):
    """Against devices whose limit is known."""

    @staticmethod
    def device(limit):
        return lambda pps, seconds: max(0.0, 1 - limit / pps)

    def test_it_finds_the_limit(self):
        for limit in (2000.0, 77777.0, 5.3e6, 29e6):
            found = mlr.search(self.device(limit), [mlr.Goal("ndr", 0, 1, 1, 0, 0.005)], 1e3, 30e6)
            ndr = found["ndr"]
            self.assertTrue(ndr["regular"], limit)
            self.assertLessEqual(ndr["lower_pps"], limit)
            self.assertGreater(ndr["lower_pps"], limit * 0.99)
            self.assertGreater(ndr["upper_pps"], limit)
            self.assertLess(ndr["trials"], 60)

    def test_goals_share_trials_and_allow_what_they_say(self):
        found = mlr.search(self.device(1e6), mlr.PRESETS["short"], 1e3, 30e6)
        self.assertLessEqual(found["ndr"]["lower_pps"], 1e6)
        self.assertAlmostEqual(found["pdr"]["lower_pps"] / (1e6 / 0.995), 1, delta=0.03)

    def test_the_fastest_that_can_be_offered_is_a_bound_too(self):
        found = mlr.search(lambda pps, seconds: 0.0, [mlr.Goal("ndr")], 1e3, 5e6)
        self.assertEqual(found["ndr"]["lower_pps"], 5e6)
        self.assertTrue(found["ndr"]["at_limit"])
        self.assertTrue(found["ndr"]["regular"])

    def test_a_device_that_always_loses_is_irregular(self):
        found = mlr.search(lambda pps, seconds: 0.3, [mlr.Goal("ndr")], 1e3, 5e6)
        self.assertIsNone(found["ndr"]["lower_pps"])
        self.assertFalse(found["ndr"]["regular"])
        self.assertEqual(found["ndr"]["conditional_pps"], 0)

    def test_noise_ends_the_search(self):
        state = [1]

        def noisy(pps, seconds):
            state[0] = state[0] * 1103515245 + 12345 & 0x7fffffff
            return 0.01 if state[0] % 3 else 0.0

        found = mlr.search(noisy, [mlr.Goal("ndr", 0, 1, 5, 0.5, 0.001)], 1e3, 5e6)
        self.assertLess(found["ndr"]["trials"], 400)


def flow(port, received, latency=None):
    return {"port": port, "received": received, "duplicated": 0, "reordered": 0, "corrupted": 0,
            "stale": 0, "latency": latency or {"count": 0}, "gap": {"max_ns": 0, "at_ns": 0}}


NAMES_OF_TIMES = ("min_ns", "p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "p99_99_ns", "p99_999_ns",
                  "max_ns")
RESULT = {
    "seconds": 2.0, "run_share": 0.999, "involuntary": 3, "stopped": False,
    "streams": [
        {"id": 1, "intended": 1000, "sent": 950, "refused": 40, "late": 10, "flooded": 1,
         "misrouted": 2, "bytes": 64, "to": [flow("p1", 900), flow("p2", 950)]}],
    "ports": [{"name": "p0", "tx": 950, "rx": 0, "down": 0},
              {"name": "p1", "tx": 0, "rx": 900, "down": 0}],
}


class Trials(unittest.TestCase):
    """What one trial comes to."""

    def test_loss_counts_refused_frames_but_not_the_testers_own(self):
        trial = bench.summarize(RESULT)
        self.assertEqual(trial["due"], 2 * 990)
        self.assertEqual(trial["lost"], 2 * 990 - 1850)
        self.assertAlmostEqual(trial["late_ratio"], 0.01)
        self.assertEqual(trial["received_pps"], 925)

    def test_counters_that_differ_are_found(self):
        before = {"p0": (0, 0, 0), "p1": (5, 100, 0)}
        self.assertEqual(bench.reconcile(before, {"p0": (950, 0, 0), "p1": (5, 1000, 0)},
                                         RESULT), "")
        self.assertEqual(bench.reconcile(before, {"p0": (940, 0, 10), "p1": (5, 1000, 0)},
                                         RESULT), "")
        self.assertIn("port p0", bench.reconcile(
            before, {"p0": (940, 0, 0), "p1": (5, 1000, 0)}, RESULT))
        self.assertIn("port p1", bench.reconcile(
            before, {"p0": (950, 0, 0), "p1": (5, 999, 0)}, RESULT))

    def test_counters_of_open_vswitch_are_read(self):
        text = ("netdev@ovs-netdev:\n  port 2: p0 (dpdkvhostuserclient: mtu=9000)\n"
                "    RX packets:49999 errors:? dropped:3 overruns:? frame:?\n"
                "    TX packets:2 errors:? dropped:? aborted:? carrier:?\n")
        ovs = duts.OpenVswitch(None, "/nowhere")
        ovs.appctl = lambda *words: text
        self.assertEqual(ovs.counters(), {"p0": (49999, 2, 3)})


class Streams(unittest.TestCase):
    """Who sends to whom."""

    def test_a_mesh_has_every_pair_once(self):
        found = streams.mesh(4, 1200, 64)
        self.assertEqual(len({(s["from"], s["to"][0]) for s in found}), 12)
        self.assertEqual(len({s["id"] for s in found}), 12)
        self.assertTrue(all(s["rate"] == "100.000000" for s in found))

    def test_addresses_of_ports_do_not_meet(self):
        one, two = streams.pairs(2, 10, 64, addresses=100000)
        self.assertEqual(one["dst"], two["src"])
        self.assertNotEqual(one["src"], one["dst"])
        self.assertEqual(streams.mac(0x0200000000ff), "02:00:00:00:00:ff")


class Places(unittest.TestCase):
    """Whether the two cores share a cache."""

    def test_a_trial_is_where_its_begin_and_end_were(self):
        same, other = {"ns": 100, "same_cache": True}, {"ns": 400, "same_cache": False}
        self.assertEqual(bench.place_of([same, same]), "same cache")
        self.assertEqual(bench.place_of([other, other]), "different cache")
        self.assertEqual(bench.place_of([same, other]), "mixed")
        self.assertEqual(bench.place_of([same, None]), "unknown")

    def test_trials_in_different_caches_are_invalid_where_the_same_is_possible(self):
        judge = bench.Bench(options.parse(["mrr"]), None, None)
        self.addCleanup(judge.close)
        trial = {"seconds": 1.0, "run_share": 1.0, "place": "different cache", "distance_ns": [400, 410]}
        self.assertEqual(judge.judge(trial, None, None, bench.stolen_ticks()), "")
        judge.can_share_cache = True
        self.assertIn("the host moved them",
                      judge.judge(trial, None, None, bench.stolen_ticks()))


class Verbs(unittest.TestCase):
    """What verbs make of their trials."""

    def test_a_search_rests_on_the_trials_at_its_bounds(self):
        tried = [(pps, {"tester_bound": pps > 9, "invalid": "why" if pps == 4 else ""})
                 for pps in (10, 8, 6, 4)]
        found = {"pdr": {"lower_pps": 6, "upper_pps": 8}, "ndr": {"lower_pps": 4, "upper_pps": 6}}
        verbs_rate.mark_bounds(found, tried)
        self.assertEqual([trial["decides"] for _, trial in tried], [False, True, True, True])
        self.assertEqual(found["pdr"]["marks"], [])
        self.assertEqual(found["ndr"]["marks"], ["invalid"])
        top = {"lower_pps": 8, "upper_pps": 10}
        verbs_rate.mark_bounds({"top": top}, tried)
        self.assertEqual(top["marks"], ["tester-bound"])

    def learned(self, *passes, again=False):
        """What learns() makes of (lost, flooded) of each pass, and how many it made."""
        found = [{"lost": lost, "flooded": flooded, "misrouted": 0} for lost, flooded in passes]
        fake = mock.Mock()
        fake.once.side_effect = [(trial, None) for trial in found]
        with mock.patch("verbs_switch.time.sleep"):
            return verbs_switch.learns(fake, "", 4, 1e6, 64, again), fake.once.call_count

    def test_frames_lost_but_not_flooded_are_sent_again(self):
        self.assertEqual(self.learned((0, 0)), ((0, 0), 1))
        self.assertEqual(self.learned((7, 0), (0, 0)), ((0, 0), 2))
        self.assertEqual(self.learned((0, 3)), ((0, 3), 1))
        self.assertEqual(self.learned((7, 0), (7, 0), (5, 0)), ((5, 0), 3))

    def test_what_shows_an_address_may_be_lost(self):
        self.assertEqual(self.learned((0, 3), (0, 0), again=True), ((0, 0), 2))
        self.assertEqual(self.learned((7, 0), (0, 3), (0, 0), again=True), ((0, 0), 3))
        self.assertEqual(self.learned((0, 3), (0, 3), (0, 2), again=True), ((0, 2), 3))


class Options(unittest.TestCase):
    """The command line."""

    def refused(self, *arguments):
        with self.assertRaises(host.Problem) as caught:
            options.parse(list(arguments))
        return str(caught.exception)

    def test_what_makes_no_sense_is_refused_with_its_reason(self):
        for arguments, text in (
                (["mrr", "--size", "32"], "--size '32': 32 is not in 64..9018"),
                (["mrr", "--size", "a"], "--size 'a': not numbers"),
                (["mrr", "--duration", "0"], "--duration '0': 0 is not in"),
                (["mrr", "--dut", "magic"], "--dut 'magic' is not one of weft"),
                (["mrr", "--cpus", "1,1"], "on one core disturb"),
                (["mrr", "--line-rate", "10"], "--line-rate '10': not a speed"),
                (["mrr", "--goal", "best"], "--goal 'best' is not one of"),
                (["mrr", "--fail-if", "x"], "not FIGURE<NUMBER"),
                (["suite", "everything"], "name one of smoke"),
                (["compare", "a"], "name two directories"),
                (["bogus"], "verb 'bogus' is unknown"),
                (["mrr", "more"], "'more' is not understood"),
                (["mrr", "--dut", "external"], "name its sockets"),
                (["mrr", "--router", "x"], "--router 'x': not a MAC"),
                (["mrr", "--router", "02:00:00:00:00:01"], "--ip: "),
                (["mrr", "--router", "02:00:00:00:00:01", "--ip", "10.0.0.1"],
                 "source and destination"),
                (["mrr", "--ip", "10.0.0.1,10.0.0.2"], "--router MAC names it"),
                (["mrr", "--topology", "ring"], "'ring' is not one of p2p"),
                (["mrr", "--topology", "chain:0"], "chain:0': a number up to 16"),
                (["mrr", "--topology", "mesh:1"], "mesh:1': a number up to 64"),
                (["mrr", "--topology", "mesh:4"], "mrr cannot be measured so"),
                (["mrr", "--topology", "pvp"], "1 guest poll, each on a core"),
                (["macs", "--topology", "pvp", "--share-cores"], "macs cannot be measured so"),
                (["latency", "--topology", "v2v", "--share-cores"],
                 "there are loss, mrr, ndr, pdr"),
                (["mrr", "--topology", "pvp", "--share-cores", "--size", "4000"],
                 "guests take frames up to 2000 bytes"),
                (["mrr", "--topology", "v2v", "--share-cores", "--dut", "bridge"],
                 "a Linux bridge has not")):
            self.assertIn(text, self.refused(*arguments))

    def test_the_users_options_go_before_the_suites(self):
        parsed = options.parse(["suite", "smoke", "--duration", "3"])
        settings = options.settings_for(parsed, {"duration": 0.2, "sizes": [128]})
        self.assertEqual(settings.duration, 3)
        self.assertEqual(settings.sizes, [128])
        self.assertEqual([goal.name for goal in settings.goals], ["ndr", "pdr"])

    def test_full_means_the_durations_of_the_standards(self):
        settings = options.settings_for(options.parse(["ndr", "--full"]), {})
        self.assertEqual(settings.duration, 60)
        self.assertEqual(settings.goals[0].total, 60)

    def test_a_chain_is_two_ports_a_segment(self):
        shape = options.parse(["mrr", "--topology", "pvvp", "--cpus", "0,1,2,3"]).shape
        self.assertEqual(shape.chain(10), [("p0", 10), ("g0a", 10), ("g0b", 11), ("g1a", 11),
                                           ("g1b", 12), ("p1", 12)])
        self.assertEqual(options.parse(["mesh", "--topology", "mesh:6"]).ports, 6)

    def test_a_line_limits_the_search(self):
        settings = options.settings_for(options.parse(["ndr", "--line-rate", "10G"]), {})
        self.assertAlmostEqual(settings.line_pps, 14880952.38, places=1)


class Reports(unittest.TestCase):
    """What is written."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def result(self, **changes):
        finding = Finding("mrr", "Rate <&>", {"mrr_mpps": 5.0}, ["size", "Mpps"], [[64, "5"]],
                          [{"kind": "log", "title": "t", "x": "n", "y": "Mpps",
                            "series": [["a", [[1, 5.0], [1000, 4.0]]]]}], passed=False)
        finding.histograms = {"64 B": [[1000, 90], [2000, 9], [3000, 1]]}
        trial = {**bench.summarize(RESULT), "verb": "mrr", "label": "mrr, trial 1 of 2",
                 "invalid": "", "shared": False, "tester_bound": False}
        return {"schema": 1, "version": "0", "date": "today", "state": "complete",
                "command": "swbench mrr", "suite": "", "verb": "mrr", "topology": "p2p",
                "machine": {"cpu": "c", "cores": 2, "kernel": "k", "memory_mib": 1,
                            "tester_cpu": 0, "dut_cpu": 1},
                "dut": {"name": "Weft", "ring": 1024}, "calibration": {},
                "figures": {"mrr_mpps": 5.0}, "findings": [finding.as_dict()],
                "thresholds": [{"condition": "mrr_mpps<6", "value": 5.0, "failed": True}],
                "trials": [trial], **changes}

    def test_every_file_is_there_and_well_formed(self):
        output.write(self.folder.name, self.result())
        names = set(os.listdir(self.folder.name))
        self.assertEqual(names, {"result.json", "trials.csv", "latency.hgrm", "junit.xml",
                                 "report.md", "report.html"})
        root = ElementTree.parse(f"{self.folder.name}/junit.xml").getroot()
        self.assertEqual(root.get("failures"), "2")
        with open(f"{self.folder.name}/report.html", encoding="utf-8") as file:
            text = file.read()
        self.assertIn("Rate &lt;&amp;&gt;", text)
        self.assertIn("<svg", text)
        self.assertNotRegex(text, r"(src|href)=.?[^#\"]")  # nothing from outside
        with open(f"{self.folder.name}/latency.hgrm", encoding="utf-8") as file:
            self.assertIn("0.990000000000           99             100.00", file.read())

    def test_words_of_former_runs_are_read_as_those_of_now(self):
        result = self.result()
        former = json.loads(json.dumps(result).replace('"invalid": ', '"void": '))
        self.assertIn("void", former["findings"][0])
        former["trials"][0]["place"], result["trials"][0]["place"] = "near", "same cache"
        output.save(self.folder.name, "result.json", json.dumps(former))
        self.assertEqual(output.read(self.folder.name), json.loads(json.dumps(result)))

    def test_a_figure_that_is_missing_fails_its_threshold(self):
        self.assertEqual(thresholds.judge([thresholds.parse("x<1")], {}), [("x<1", None, True)])
        self.assertEqual(thresholds.judge([thresholds.parse("x < 1")], {"x": 2.0}),
                         [("x<1", 2.0, False)])

    def test_different_runs_are_not_compared(self):
        a, b = self.result(folder="a"), self.result(folder="b")
        self.assertIn("| mrr_mpps | 5 | 5 | 1.00 |", compare.text(a, b))
        self.assertIn("they overlap", compare.text(a, b))
        b["machine"]["cpu"] = "another"
        with self.assertRaises(host.Problem):
            compare.text(a, b)
        with self.assertRaises(host.Problem):
            compare.text(a, self.result(folder="b", state="interrupted"))

    def test_loss_at_loads_of_a_devices_own_is_not_compared(self):
        a = self.result(folder="a", figures={"loss_64_at_50": 0.1, "soak_loss_ratio": 0.0})
        text = compare.text(a, {**a, "folder": "b"})
        self.assertNotIn("loss_64_at_50", text)
        self.assertIn("| soak_loss_ratio | 0 | 0 | - |", text)

    def test_a_machine_that_was_not_as_fast_is_told(self):
        a = self.result(folder="a", figures={"calibrate_mpps": 40.0})
        for mpps, is_told in ((26.0, True), (37.0, False), (52.0, True)):
            text = compare.text(a, self.result(folder="b", figures={"calibrate_mpps": mpps}))
            self.assertEqual(f"40.0 Mpps before A and {mpps} before B" in text, is_told)

    def test_a_comparison_is_one_document(self):
        text = compare.document(self.result(folder="a"), self.result(folder="b"))
        self.assertEqual([line for line in text.splitlines() if line.startswith("#")],
                         ["# mrr: Weft and Weft", "## A: Weft", "### Rate <&>", "### Thresholds",
                          "## B: Weft", "### Rate <&>", "### Thresholds"])
        self.assertIn("| mrr_mpps | 5 | 5 | 1.00 |", text)

    def test_reports_say_where_cores_were_and_what_frames_became(self):
        result = self.result()
        self.assertIn("frames: 2 misrouted, 1 flooded", output.markdown(result))
        result["trials"] = [{**result["trials"][0], "place": place, "corrupted": 2}
                            for place in ("same cache", "different cache", "same cache")]
        text = output.markdown(result)
        self.assertIn("in the same cache in 2 of 3 trials", text)
        self.assertIn("6 corrupted", text)

    def test_versions_are_numbers(self):
        self.assertEqual(duts.number_of("vswitch 0.1.0"), "0.1.0")
        self.assertEqual(duts.number_of("ovs-vswitchd (Open vSwitch) 3.1.0"), "3.1.0")
        self.assertEqual(duts.number_of(""), "")


class Statistics(unittest.TestCase):
    """Figures of data that is known."""

    HIST = [[900, 1], [1000, 90], [2500, 8], [3000, 2000000], [7000, 1], [9000, 1]]

    def test_of_an_even_number_the_median_is_between(self):
        self.assertEqual(spread.of(iter([4, 1, 3, 9])),
                         {"median": 3.5, "low": 1, "high": 9, "n": 4})
        self.assertAlmostEqual(spread.percent(spread.of([9, 10, 12])), 15)
        self.assertIsNone(spread.percent(spread.of([0])))

    def test_latencies_of_flows_weigh_as_their_frames(self):
        flows = [flow("p1", 1, {name: value for name in NAMES_OF_TIMES} | {
            "count": count, "mean_ns": value, "hist": hist}) for value, count, hist in (
                (100, 1, [[100, 1]]), (200, 3, [[100, 2], [300, 1]]))]
        result = {**RESULT, "streams": [{**RESULT["streams"][0], "to": flows}]}
        latency = bench.summarize(result)["latency"]
        self.assertEqual((latency["min_ns"], latency["mean_ns"], latency["p99_ns"]), (100, 175, 200))
        self.assertEqual(histograms.of_result(result), [[100, 3], [300, 1]])
        self.assertEqual(histograms.of_result(RESULT), [])

    def test_a_curve_ends_at_its_rarest_quantile(self):
        for (x, y), (wanted_x, wanted_y) in zip(histograms.quantile_points(self.HIST), (
                (1.0000004999750012, 0.9), (1.0000454997725012, 1.0), (1.0000494999505, 2.5),
                (1e6, 3.0)), strict=True):
            self.assertAlmostEqual(x, wanted_x, places=12)
            self.assertEqual(y, wanted_y)
        self.assertEqual(histograms.quantile_points([[1000, 90], [2000, 10]]),
                         [[10.000000000000002, 1.0], [100.0, 2.0]])
        self.assertEqual(histograms.quantile_points([]), [])

    def test_percentiles_as_text(self):
        lines = histograms.hgrm({"a": self.HIST, "none": []}).splitlines()
        self.assertEqual(lines[0], "# a")
        self.assertEqual([line.split() for line in lines[3:9]], [
            ["0.900", "0.000000499975", "1", "1.00"], ["1.000", "0.000045497702", "91", "1.00"],
            ["2.500", "0.000049497500", "99", "1.00"],
            ["3.000", "0.999999000050", "2000099", "1000050.50"],
            ["7.000", "0.999999500025", "2000100", "2000101.00"],
            ["9.000", "1.000000000000", "2000101", "inf"]])
        self.assertEqual(lines[9:11], ["#[Mean    =        3.000]",
                                       "#[Max     =        9.000, Total count    = 2000101]"])
        self.assertEqual(lines[-1], "#[Max     =        0.000, Total count    = 0]")


class Charts(unittest.TestCase):
    """What is drawn."""

    @staticmethod
    def chart(kind="line", **series):
        return {"kind": kind, "title": "Rate", "x": "load, Mpps", "y": "lost, %",
                "series": list(series.items())}

    def texts(self, svg):
        return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter()
                if element.tag.endswith("}text")]

    def test_points_of_all_kinds(self):
        for kind in ("line", "log", "counts", "quantile"):
            for points in ([[1, 5], [1, 5]], [[0, 0], [1e6, 1e9]], [[1, 5, 4, 7]],
                           [[i, i] for i in range(200)]):
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    ElementTree.fromstring(charts.draw([self.chart(kind, s=points)]))
            self.assertEqual(charts.draw([self.chart(kind, s=[])]), "")
            self.assertEqual(charts.draw([self.chart(kind, s=[[0, 0], [1, None]])]) == "",
                             kind != "line")

    def test_axes_and_curves_are_named(self):
        texts = self.texts(charts.draw([self.chart("counts", a=[[64, 9]], b=[[1518, 3]])]))
        for text in ("Rate", "load, Mpps", "lost, %", "64", "1518", "a", "b"):
            self.assertIn(text, texts)
        self.assertNotIn("100", texts)
        texts = self.texts(charts.draw([self.chart("quantile", a=[[1, 0.1], [1e3, 20]])]))
        for text in ("0 %", "99.9 %", "0.1", "10"):
            self.assertIn(text, texts)

    def test_a_curve_has_one_colour_in_all_panels(self):
        svg = charts.draw([self.chart(a=[[1, 1]], b=[[1, 2]]), self.chart(b=[[1, 2]])])
        lines = re.findall(r"fill: none; stroke: (#\w+); stroke-width: 1.6", svg)
        (a, _), (b, _) = charts.STYLES[:2]
        self.assertEqual(lines[:3], [a, b, b])

    def test_what_there_is_no_room_for_is_said(self):
        series = {f"s{i}": [[1, i]] for i in range(charts.MAX_SERIES)}
        self.assertNotIn("more in", charts.draw([self.chart(**series)]))
        self.assertIn("2 more in", charts.draw([self.chart(**series, one=[[1, 1]],
                                                           another=[[1, 2]])]))

    def test_the_same_chart_is_the_same_text(self):
        chart = self.chart("log", a=[[1, 1], [100, 2]], b=[[1, 3, 2, 4]])
        self.assertEqual(charts.draw([chart]), charts.draw([chart]))
        self.assertNotRegex(charts.draw([chart]), "20[0-9][0-9]-|[mM]atplotlib v")

    def test_charts_of_a_page_share_no_names_and_follow_its_colours(self):
        one, two = (charts.inline(self.chart(a=[[1, 1]]), prefix) for prefix in ("f0c0", "f1c0"))
        names = [set(re.findall(r'\bid="([^"]*)"', svg)) for svg in (one, two)]
        self.assertFalse(names[0] & names[1])
        for svg, known in zip((one, two), names):
            self.assertLessEqual(set(re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', svg)),
                                 {(name, "") for name in known} | {("", name) for name in known})
        for variable in ("--fg", "--dim", "--line"):
            self.assertIn(f"var({variable})", one)
        self.assertNotIn("#ffffff", one)

    def test_what_does_not_draw_does_not_wait_for_matplotlib(self):
        done = subprocess.run([sys.executable, "-X", "importtime", f"{ROOT}/tools/swbench", "--help"],
                              capture_output=True, text=True, check=True)
        self.assertIn("usage: swbench", done.stdout)
        self.assertNotRegex(done.stderr, "matplotlib|numpy")

    def test_a_report_without_matplotlib_says_so(self):
        with mock.patch.dict(sys.modules, {"charts": None}):
            self.assertIn("install-packages test", page.drawing(self.chart(a=[[1, 1]]), "f0c0"))


if __name__ == "__main__":
    unittest.main()
