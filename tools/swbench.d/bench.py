"""One bench: a device under test, the tester at its ports, and trials, each judged.

A trial is invalid, and repeated, when the tester did not have its core, was late itself, or counted
other frames than the device. A result whose trials stay invalid says so.
"""
import os
import shutil
import statistics
import tempfile
import time

import duts
import guests
import host
import streams as patterns
from agent import Agent, Stopped

MIN_SHARE = 0.99      # of its core that the tester needs: 1 % for others at most
MAX_LATE = 0.01       # share of the frames that the tester may let go; they count as not due
MAX_STOLEN = 0.01     # of the time, of all cores together
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
DRAIN_S = 0.05        # of silence ends a trial
NEAR_LIMIT = 0.9      # of what the tester can do by itself: above, it may be the limit
FIRST_VLAN = 10
LEARN_PPS = 20000
CHAIN_S = 20          # until frames pass all guests
PLACE_WAIT_S = 20     # until a host that moved the cores has moved them back
PLACE_WAITS_S = 900   # for that in all


class Bench:
    """Everything that verbs work with."""

    def __init__(self, options, setup, progress):
        self.options = options
        self.setup = setup
        self.progress = progress
        self.folder = tempfile.mkdtemp(prefix="swbench-")
        self.agent = None
        self.dut = None
        self.guests = []
        self.streams = []  # of guests that send
        self.dut_description = None
        self.features = []
        self.calibration = {}
        self.can_share_cache = False  # tester's and device's core shared a cache at some time
        self.waited_s = 0.0       # for that
        self.trials = []   # every one, invalid ones too
        self.runs = []     # of suites that compare in turns
        self.verb = ""
        self.n_starts = 0

    # ---- Ports ----

    def start_agent(self):
        if not self.agent or self.agent.process.poll() is not None:
            self.agent = Agent(self.setup.pktlab, self.setup.tester_cpu,
                               os.path.join(self.folder, "pktlab.log"))

    def join(self, options=""):
        """Two ports of the tester joined with each other, to see what it can do by itself."""
        self.close_ports()
        self.start_agent()
        self.agent.call("open", ports=[{"name": name, "spec": f"loop:link{options}"}
                                       for name in ("p0", "p1")])

    def open(self, n_ports, vlans=None, trunk=None, mtu=1500):
        """A fresh device with ports p0, p1, ... in VLANs (one for all, where not given)."""
        self.close_ports()
        self.start_agent()
        self.n_starts += 1
        folder = os.path.join(self.folder, f"dut{self.n_starts}")
        os.mkdir(folder)
        kind = duts.KINDS[self.options.dut]
        if problem := kind.missing(self.options.dut_path):
            raise host.Problem(f"{kind.title}: {problem}")
        more = {"sockets": self.options.socket, "listen": self.options.listen} \
            if kind is duts.External else {}
        self.dut = kind(self.setup, folder, self.options.dut_path, **more)
        ports = self.plan_ports(folder, n_ports, vlans, trunk)
        self.dut.start(ports)
        found = self.open_tester(ports, mtu)
        self.features = sorted({word for port in found for word in port["features"].split()})
        if self.options.shape.n_between:
            self.start_chain(ports)
        if self.dut_description is None:
            self.dut_description = {
                **self.dut.describe(), "features": self.features,
                "ring": found[0]["ring"] if found else 0,
                "huge_pages": bool(found and found[0]["huge"]),
                "guests": [" ".join(guest.process.args) for guest in self.guests]}
        return self.dut

    def plan_ports(self, folder, n_ports, vlans, trunk):
        if self.options.shape.n_between:
            planned = self.options.shape.chain(FIRST_VLAN)
        else:
            planned = [(f"p{i}", vlans[i] if vlans else FIRST_VLAN) for i in range(n_ports)]
        return [{"name": name, "path": os.path.join(folder, name),
                 **({"trunk": trunk} if trunk else {"vlan": vlan})} for name, vlan in planned]

    def open_tester(self, ports, mtu):
        """The tester at those that are not a guest's: what it says of them."""
        if self.options.shape.is_v2v:
            return []
        options = f",size={self.options.ring}" if self.options.ring else ""
        options += ",packed" if self.options.packed else ""
        options += f",mtu={mtu}"
        self.agent.call("open", ports=[
            {"name": port["name"], "spec": self.dut.spec(port, options)}
            for port in ports if port["name"].startswith("p")])
        self.dut.after_open()
        return self.agent.call("wait", timeout=20)

    def start_chain(self, ports):
        """Start the guests, and wait until a frame has passed all of them."""
        self.guests = guests.forwarders(self, ports)
        self.agent.call("streams", streams=[patterns.stream(1, 0, [1], 1000.0, 64, count=1)])
        end = time.monotonic() + CHAIN_S
        while not self.agent.call("run", drain=0.1)["streams"][0]["to"][0]["received"]:
            for guest in self.guests:
                guest.check()
            if time.monotonic() > end:
                raise host.Problem(f"no frame passes the {len(self.guests)} guests")

    def close_ports(self):
        for guest in self.guests:
            guest.stop()
        self.guests = []
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
        if self.options.shape.is_v2v and self.dut:
            self.streams = streams
            return
        if self.options.router and self.dut:
            streams = [self.through_router(stream) for stream in streams]
            learn = False
        self.agent.call("streams", streams=streams)
        if learn and self.dut and self.dut.learns:
            # Twice: an address that was not noted the first time is the second.
            for _ in range(2):
                self.agent.call("learn", rate=LEARN_PPS, timeout=600)
            time.sleep(0.05)

    def through_router(self, stream):
        src, dst = self.options.ip
        return {**stream, "dst": self.options.router, "ip": {"src": src, "dst": dst}}

    def once(self, label, run, during=None):
        """One trial as it comes, with during() called while it runs: (trial, result of the
        agent)."""
        is_placed = self.dut and not during and not self.options.share_cores
        place = [self.wait_for_place()] if is_placed else []
        stolen = stolen_ticks()
        before = self.dut.counters() if self.dut and not run.get("unreconciled") else None
        members = {"drain": DRAIN_S,
                   **({"check_every": 0} if self.options.router and self.dut else {}),
                   **{key: value for key, value in run.items() if key != "unreconciled"}}

        def detail(elapsed, total):
            self.progress.detail(f"{label}, {elapsed:.1f} of {total:.1f} s")

        if self.options.shape.is_v2v and self.dut:
            result = self.run_guests(members)
        else:
            result = self.agent.call("run", detail, during, **members)
        if result["stopped"]:
            raise Stopped
        trial = summarize(result)
        if is_placed:
            place.append(self.distance())
            trial["distance_ns"] = [found["ns"] if found else None for found in place]
            trial["place"] = place_of(place)
        trial.update(verb=self.verb, label=label,
                     invalid="" if during else self.judge(trial, result, before, stolen),
                     shared=self.options.share_cores)
        limit = self.calibration.get("pps")
        # While something is done to the device, the tester has more to do than send.
        trial["tester_bound"] = not during and (trial["late_ratio"] > MAX_LATE or bool(
            limit and trial["sent_pps"] + trial["received_pps"] > 2 * NEAR_LIMIT * limit))
        self.trials.append(trial)
        return trial, result

    # ---- Where the cores are ----

    def distance(self):
        """{"ns", "same_cache"} between the tester's core and the device's. A host moves the cores of a
        virtual machine: what a frame costs changes by a factor of several."""
        try:
            found = self.agent.call("distance", cpu=self.setup.dut_cpu)
        except host.Problem:
            return None
        self.can_share_cache |= found["same_cache"]
        return found

    def wanted_place(self):
        """The same cache or different ones; None before it is known whether they are the same at times."""
        return self.options.cache or ("same cache" if self.can_share_cache else None)

    def wait_for_place(self):
        """The distance before a trial, waited for where it is not as wanted."""
        found = self.distance()
        begin = time.monotonic()
        while found and self.wanted_place() not in (None, place_of([found])) and \
                time.monotonic() - begin < PLACE_WAIT_S and self.waited_s < PLACE_WAITS_S:
            self.progress.detail(f"the host moved the cores ({found['ns']} ns from each other, "
                                 f"wanted: {self.wanted_place()}): waiting")
            time.sleep(0.5)
            self.waited_s += 0.5
            found = self.distance()
        return found

    def run_guests(self, run):
        stream, = self.streams
        pps = None if stream["rate"] == "max" else float(stream["rate"]) * run.get("scale", 1)
        return guests.between(self, self.dut.ports, pps, run["seconds"], stream["size"])

    def judge(self, trial, result, before, stolen):
        """Why a trial says nothing; empty when it does."""
        lost_s = (stolen_ticks() - stolen) / TICKS_PER_S
        if lost_s > MAX_STOLEN * trial["seconds"] + 1 / TICKS_PER_S:
            return f"the hypervisor took {lost_s:.2f} s of the cores"
        if not self.options.share_cores and trial["run_share"] < MIN_SHARE:
            return f"the tester had {trial['run_share']:.1%} of its core"
        place, wanted = trial.get("place", "unknown"), self.wanted_place()
        if place not in ("unknown", wanted or place):
            return f"cores with {place}, wanted: {wanted} (a cache line took " \
                f"{trial['distance_ns']} ns): the host moved them"
        if before is None:
            return ""
        for _ in range(20):
            problem = reconcile(before, self.dut.counters(), result)
            if not problem:
                return ""
            time.sleep(0.1)  # a switch may sum up now and then only
        return problem

    def trial(self, label, **run):
        """A trial that is not invalid, or the last of several that were."""
        for _ in range(self.options.tries):
            trial, result = self.once(label, run)
            if not trial["invalid"] and trial["late_ratio"] <= MAX_LATE:
                break
        return trial, result

    def rate_trial(self, label, base_pps, pps, seconds, **run):
        """A trial at pps in all, of streams that were set for base_pps in all."""
        return self.trial(label, seconds=seconds, scale=pps / base_pps, **run)


def place_of(found):
    """Whether the cores shared a cache, or mixed, of measured distances."""
    if not all(found):
        return "unknown"
    same = {one["same_cache"] for one in found}
    return "mixed" if len(same) > 1 else "same cache" if same.pop() else "different cache"


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
        trial["latency"] = {
            "min_ns": min(latency["min_ns"] for latency in counted),
            "mean_ns": statistics.fmean((latency["mean_ns"] for latency in counted),
                                        [latency["count"] for latency in counted]),
            **{name: max(latency[name] for latency in counted)
               for name in ("p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "p99_99_ns", "p99_999_ns",
                            "max_ns")}}
    return trial
