"""One bench: a device under test, the tester at its ports, and trials, each judged.

A trial is void, and repeated, when the tester did not have its core, was late itself, or counted
other frames than the device. A result whose trials stay void says so.
"""
import os
import shutil
import tempfile
import time

import duts
import host
from agent import Agent, Stopped

MIN_SHARE = 0.99      # of its core that the tester needs: 1 % for others at most
MAX_LATE = 0.01       # share of the frames that the tester may let go; they count as not due
MAX_STOLEN = 0.01     # of the time, of all cores together
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
TRIES = 4             # of a trial until it is taken as it is
DRAIN_S = 0.05        # of silence ends a trial
NEAR_LIMIT = 0.9      # of what the tester can do by itself: above, it may be the limit
FIRST_VLAN = 10
LEARN_PPS = 20000


class Setup(host.Setup):
    """Programs and cores."""

    def __init__(self, build, cpus):
        super().__init__(build, cpus)
        self.pktlab = self.built("tools/pktlab/pktlab")
        self.vmm = self.built("vmm/vmm")


class Bench:
    """Everything that verbs work with."""

    def __init__(self, options, setup, progress):
        self.options = options
        self.setup = setup
        self.progress = progress
        self.folder = tempfile.mkdtemp(prefix="swbench-")
        self.agent = None
        self.dut = None
        self.dut_description = None
        self.features = []
        self.calibration = {}
        self.trials = []   # every one, void ones too
        self.verb = ""
        self.n_starts = 0

    # ---- Ports ----

    def start_agent(self):
        if not self.agent or self.agent.process.poll() is not None:
            self.agent = Agent(self.setup.pktlab, self.setup.generator_cpu,
                               os.path.join(self.folder, "pktlab.log"))

    def wire(self, options=""):
        """Two ports of the tester joined with each other, to see what it can do by itself."""
        self.close_ports()
        self.start_agent()
        self.agent.call("open", ports=[{"name": name, "spec": f"loop:wire{options}"}
                                       for name in ("p0", "p1")])

    def open(self, n_ports, vlans=None, trunk=None, mtu=1500):
        """A fresh device with ports p0, p1, ... in VLANs (one for all, where not given)."""
        self.close_ports()
        self.start_agent()
        self.n_starts += 1
        folder = os.path.join(self.folder, f"dut{self.n_starts}")
        os.mkdir(folder)
        kind = duts.KINDS[self.options.dut]
        more = {"sockets": self.options.socket, "listen": self.options.listen} \
            if kind is duts.External else {}
        self.dut = kind(self.setup, folder, self.options.dut_path, **more)
        ports = []
        for i in range(n_ports):
            port = {"name": f"p{i}", "path": os.path.join(folder, f"p{i}")}
            if trunk:
                port["trunk"] = trunk
            else:
                port["vlan"] = vlans[i] if vlans else FIRST_VLAN
            ports.append(port)
        self.dut.start(ports)
        options = f",size={self.options.ring}" if self.options.ring else ""
        options += ",packed" if self.options.packed else ""
        options += f",mtu={mtu}"
        self.agent.call("open", ports=[
            {"name": port["name"], "spec": self.dut.spec(port, options)} for port in ports])
        self.dut.after_open()
        found = self.agent.call("wait", timeout=20)
        self.features = sorted({word for port in found for word in port["features"].split()})
        if self.dut_description is None:
            self.dut_description = {**self.dut.describe(), "features": self.features,
                                    "ring": found[0]["ring"], "huge_pages": found[0]["huge"]}
        return self.dut

    def close_ports(self):
        if self.agent and self.agent.process.poll() is None:
            self.agent.call("close")
        if self.dut:
            self.dut.stop()
            self.dut = None

    def close(self):
        try:
            self.close_ports()
        finally:
            if self.agent:
                self.agent.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- Trials ----

    def load(self, streams, learn=True):
        """Set the streams, and teach the device where they go."""
        self.agent.call("streams", streams=streams)
        if learn and self.dut and self.dut.learns:
            # Twice: an address that was not noted the first time is the second.
            for _ in range(2):
                self.agent.call("learn", rate=LEARN_PPS, timeout=600)
            time.sleep(0.05)

    def once(self, label, run, during=None):
        """One trial as it comes, with during() called while it runs: (trial, result of the
        agent)."""
        stolen = stolen_ticks()
        before = self.dut.counters() if self.dut and not run.get("unreconciled") else None
        members = {"drain": DRAIN_S,
                   **{key: value for key, value in run.items() if key != "unreconciled"}}

        def detail(elapsed, total):
            self.progress.detail(f"{label}, {elapsed:.1f} of {total:.1f} s")

        result = self.agent.call("run", detail, during, **members)
        if result["stopped"]:
            raise Stopped
        trial = summarize(result)
        trial.update(verb=self.verb, label=label, void="" if during else self.judge(trial, result, before, stolen),
                     shared=self.options.share_cores)
        limit = self.calibration.get("pps")
        # While something is done to the device, the tester has more to do than send.
        trial["tester_bound"] = not during and (trial["late_ratio"] > MAX_LATE or bool(
            limit and trial["sent_pps"] + trial["received_pps"] > 2 * NEAR_LIMIT * limit))
        self.trials.append(trial)
        return trial, result

    def judge(self, trial, result, before, stolen):
        """Why a trial says nothing; empty when it does."""
        lost_s = (stolen_ticks() - stolen) / TICKS_PER_S
        if lost_s > MAX_STOLEN * trial["seconds"] + 1 / TICKS_PER_S:
            return f"the hypervisor took {lost_s:.2f} s of the cores"
        if not self.options.share_cores and trial["run_share"] < MIN_SHARE:
            return f"the tester had {trial['run_share']:.1%} of its core"
        if before is None:
            return ""
        for _ in range(20):
            problem = reconcile(before, self.dut.counters(), result)
            if not problem:
                return ""
            time.sleep(0.1)  # a switch may sum up now and then only
        return problem

    def trial(self, label, **run):
        """A trial that is not void, or the last of several that were."""
        for _ in range(TRIES):
            trial, result = self.once(label, run)
            if not trial["void"] and trial["late_ratio"] <= MAX_LATE:
                break
        return trial, result

    def rate_trial(self, label, base_pps, pps, seconds, **run):
        """A trial at pps in all, of streams that were set for base_pps in all."""
        return self.trial(label, seconds=seconds, scale=pps / base_pps, **run)


def stolen_ticks():
    """Time that a hypervisor kept from the machine's cores, where it tells."""
    with open("/proc/stat", encoding="ascii") as file:
        return int(file.readline().split()[8])


def reconcile(before, after, result):
    """Which port's counts differ between tester and device; empty when none do."""
    for port in result["ports"]:
        name = port["name"]
        if name not in before or name not in after or port["down"]:
            continue
        rx, tx, dropped = (now - then for now, then in zip(after[name], before[name]))
        if port["tx"] not in (rx, rx + dropped):
            return f"port {name}: the tester sent {port['tx']} frames, the device counted {rx}"
        if port["rx"] != tx:
            return f"port {name}: the device sent {tx} frames, the tester counted {port['rx']}"
    return ""


def summarize(result):
    """What a trial comes to, all streams and ports together."""
    trial = {"seconds": result["seconds"], "run_share": result["run_share"],
             "involuntary": result["involuntary"]}
    for name in ("intended", "sent", "refused", "late", "flooded", "misrouted", "bytes"):
        trial[name] = sum(stream[name] for stream in result["streams"])
    flows = [flow for stream in result["streams"] for flow in stream["to"]]
    for name in ("received", "duplicated", "reordered", "corrupted", "stale"):
        trial[name] = sum(flow[name] for flow in flows)
    # Of a stream to several ports each is to get every frame.
    due = sum((stream["intended"] - stream["late"]) * len(stream["to"])
              for stream in result["streams"])
    trial["due"] = due
    trial["lost"] = due - trial["received"]
    trial["loss_ratio"] = trial["lost"] / due if due else 0.0
    trial["late_ratio"] = trial["late"] / trial["intended"] if trial["intended"] else 0.0
    for name in ("intended", "sent", "received"):
        trial[f"{name}_pps"] = trial[name] / trial["seconds"] if trial["seconds"] else 0.0
    counted = [flow["latency"] for flow in flows if flow["latency"]["count"]]
    if counted:
        total = sum(latency["count"] for latency in counted)
        trial["latency"] = {
            "min_ns": min(latency["min_ns"] for latency in counted),
            "mean_ns": sum(latency["mean_ns"] * latency["count"] for latency in counted) / total,
            **{name: max(latency[name] for latency in counted)
               for name in ("p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "p99_99_ns", "p99_999_ns",
                            "max_ns")}}
    return trial


def histogram(result):
    """Latencies of all flows together: [[top of bucket in ns, frames]...]."""
    sums = {}
    for stream in result["streams"]:
        for flow in stream["to"]:
            for top, count in flow["latency"].get("hist", []):
                sums[top] = sums.get(top, 0) + count
    return [[top, sums[top]] for top in sorted(sums)]
