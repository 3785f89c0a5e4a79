"""Verbs about switching: mesh, mac-capacity, mac-rate, broadcast, congestion, slow-guest, errored,
density."""
import statistics
import time

import streams
from streams import address, mac, span
from verb import Finding, mpps, percent, us, verb
from verbs_rate import BASE, find_rates, mrr_trials

CHECK_PPS = 200e3     # of the frames that show what was learned, the first time
# A switch may learn a moment after a frame, and may look over what it keeps of flows now and then
# only: Open vSwitch does twice a second.
SETTLE_S = 1.0
PASSES = 3            # of those frames, at most,
SLOWER = 4            # each at so much lower a rate than the one before
COUNTED_S = 2.0       # until a device counts what it was sent: it may sum up now and then only
LEARN_RATES = (100, 1000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000)


@verb("mesh", "each port to every other; one to many, many to one",
      "RFC 2889, 5.1, 5.2 and 5.6 (maximum forwarding rate)")
def mesh(bench, options):
    rows, figures = [], {}
    n = options.ports
    bench.open(n)
    for size in options.sizes:
        for title, key, make in (("full mesh", "mesh", streams.mesh),
                                 ("one to many", "one_to_many", streams.one_to_many),
                                 ("many to one", "many_to_one", streams.many_to_one)):
            bench.load(make(n, "max", size))
            trials = mrr_trials(bench, f"mesh, {title}, {size} B", max(2, options.trials // 3),
                                options.duration)
            forwards = statistics.median(t["received_pps"] for t in trials)
            bench.load(make(n, BASE, size))
            found, _ = find_rates(bench, f"mesh, {title}, {size} B", options.goals[-1:])
            goal = options.goals[-1]
            lower = found[goal.name]["lower_pps"] or 0.0
            rows.append([size, title, mpps(forwards), f"{goal.name} {mpps(lower)}",
                         sum(t["flooded"] for t in trials)])
            figures[f"{key}_{size}_mpps"] = forwards / 1e6
    return [Finding("mesh", f"Forwarding between {n} ports", figures,
                    ["size, B", "pattern", "maximum forwarding rate, Mpps", "throughput, Mpps",
                     "flooded"], rows)]


def learns(bench, label, n, rate, size, again=False):
    """Send n addresses from port 1 at a rate, then one frame to each from port 0. The frames that
    were lost, and that the monitor heard. What was lost without a frame flooded was not unknown but
    too much at once, as first frames are for a switch that keeps flows, or any for one whose core
    the host took away: all are sent again, slower. So are the addresses, where asked, if a frame
    was flooded: what showed one may have been lost like any other."""
    bench.dut.flush()
    time.sleep(0.02)
    stream = streams.stream(1, 0, [1], CHECK_PPS, size, dst=span(address(1), n), count=n)
    bench.agent.call("streams", streams=[stream])
    flooded = 1
    for i in range(PASSES):
        if flooded:
            bench.agent.call("learn", rate=rate, timeout=n / rate + 60)
            time.sleep(SETTLE_S)
        # Not invalid for the load: nothing lost, or a frame flooded, says all whatever the tester had.
        trial, _ = bench.once(label, {"drain": 0.05, "unreconciled": True, "scale": SLOWER ** -i})
        flooded = trial["flooded"] + trial["misrouted"]
        trial["decides"] = bool(trial["lost"] and not flooded)
        if flooded and not again or not flooded and not trial["lost"]:
            break
    return trial["lost"], flooded


def can_learn(bench, name, title):
    if bench.dut.learns and bench.dut.changes:
        return []
    return [Finding(name, title, note="This device does not learn, or cannot be told to forget.")]


@verb("mac-capacity", "addresses that can be learned without a frame flooded", "RFC 2889, 5.7")
def mac_capacity(bench, options):
    bench.open(3)
    left_out = can_learn(bench, "mac-capacity", "Address caching capacity")
    if left_out:
        return left_out
    size, rows = options.sizes[0], []
    low, high, n = 0, None, 1024
    most = options.most_addresses
    while high is None or high - low > max(1, low // 100):
        lost, flooded = learns(bench, f"mac-capacity, {n} addresses", n, options.learn_rate, size,
                               again=True)
        rows.append([n, lost, flooded, "learned" if not lost + flooded else "past capacity"])
        if lost + flooded:
            high = n
        else:
            low = n
        if low >= most:
            break
        n = min(most, 4 * n) if high is None else (low + high) // 2
    return [Finding("mac-capacity", "Address caching capacity", {"mac_capacity": low},
                    ["addresses", "lost", "flooded", "found"], rows,
                    note=f"Learned at {options.learn_rate:.0f} addresses a second, a third port "
                         "watching for floods." +
                         (f" The search ended at its limit of {most}." if low >= most else ""))]


@verb("mac-rate", "addresses a second that can be learned", "RFC 2889, 5.8")
def mac_rate(bench, options):
    bench.open(3)
    left_out = can_learn(bench, "mac-rate", "Address learning rate")
    if left_out:
        return left_out
    n, rows, best = options.learn_addresses, [], 0
    for rate in LEARN_RATES:
        lost, flooded = learns(bench, f"mac-rate, {rate} a second", n, rate, options.sizes[0])
        rows.append([rate, n, lost, flooded])
        if lost + flooded:
            break
        best = rate
    return [Finding("mac-rate", "Address learning rate", {"mac_rate": best},
                    ["addresses a second", "addresses", "lost", "flooded"], rows,
                    [{"kind": "counts", "title": "Flooded frames against learning rate",
                      "x": "addresses a second", "y": "frames flooded",
                      "series": [["flooded", [[row[0], row[3]] for row in rows]]]}])]


@verb("broadcast", "broadcasts to at least 4 ports: rate, latency, nothing back",
      "RFC 2889, 5.10")
def broadcast(bench, options):
    n = max(5, options.ports)
    rows, figures = [], {}
    bench.open(n)
    passed = True
    for size in options.sizes:
        bench.load(streams.broadcast(n, "max", size), learn=False)
        fast = mrr_trials(bench, f"broadcast, {size} B, as many as go",
                          max(2, options.trials // 3), options.duration)
        forwards = statistics.median(t["received_pps"] for t in fast)
        bench.load(streams.broadcast(n, BASE, size), learn=False)
        calm, result = bench.rate_trial(f"broadcast, {size} B, at rest", BASE,
                                        max(1000.0, 0.1 * forwards / (n - 1)), options.duration)
        back = next(port["rx"] for port in result["ports"] if port["name"] == "p0")
        means = [flow["latency"]["mean_ns"] for flow in result["streams"][0]["to"]
                 if flow["latency"]["count"]]
        passed &= back == 0
        rows.append([size, n - 1, mpps(forwards), calm["lost"], back,
                     us(statistics.mean(means)) if means else "-",
                     us(max(means) - min(means)) if means else "-"])
        figures[f"broadcast_{size}_mpps"] = forwards / 1e6
    return [Finding("broadcast", "Broadcast forwarding", figures,
                    ["size, B", "receivers", "delivered, Mpps", "lost at 10 %", "back at ingress",
                     "latency, mean over receivers, us", "between receivers"], rows,
                    passed=passed)]


@verb("congestion", "does a port that is offered too much take frames from another?",
      "RFC 2889, 5.5 (congestion control: head-of-line blocking, back pressure)")
def congestion(bench, options):
    """Ports 0 and 1 send to 2 and 3. Port 3 takes in a fixed rate. It is offered half of it from
    port 0 and all of it from port 1: 150 %; port 2 gets the other half of port 0's frames."""
    size = options.sizes[0]
    bench.open(4)
    bench.load([streams.stream(1, 0, [2], "max", size)])
    forwards = min(t["received_pps"] for t in
                   mrr_trials(bench, "congestion, as many as go", 2, min(1, options.duration)))
    line = min(1e6, 0.2 * forwards)
    bench.load([streams.stream(1, 0, [2], line / 2, size),
                streams.stream(2, 0, [3], line / 2, size),
                streams.stream(3, 1, [3], line, size)])
    trial, result = bench.trial("congestion, 150 % of one port", seconds=options.duration,
                                slow={"p3": line}, unreconciled=True)
    by_id = {stream["id"]: stream for stream in result["streams"]}
    free, jammed = by_id[1], by_id[3]
    lost_free = (free["intended"] - free["late"] - free["to"][0]["received"]) / free["intended"]
    to_jammed = sum(by_id[i]["intended"] for i in (2, 3))
    lost_jammed = 1 - sum(by_id[i]["to"][0]["received"] for i in (2, 3)) / to_jammed
    pressed = sum(stream["refused"] for stream in result["streams"]) / trial["intended"]
    blocked = lost_free > 0.1 * lost_jammed
    is_told = not blocked or not (trial["invalid"] or trial["tester_bound"])
    return [Finding("congestion", "Congestion control",
                    {"hol_loss": lost_free, "back_pressure": pressed},
                    ["free port: lost, %", "congested port (150 %): lost, %",
                     "head-of-line blocking", "held back at the senders, %"],
                    [[percent(lost_free), percent(lost_jammed), "yes" if blocked else "no",
                      percent(pressed)]], passed=not blocked if is_told else None,
                    note="Of the congested port a third must be lost; the other is blocked if it "
                         "loses more than a tenth of that. Back pressure is what "
                         "senders could not send because their rings were not emptied." +
                         ("" if is_told else " What the free port lost here may be the tester's: "
                          "no verdict."))]


@verb("slow-guest", "does a guest that drains slowly harm its neighbours?",
      "head-of-line blocking between virtual ports")
def slow_guest(bench, options):
    """Ports 0 to 1 as fast as half of what passes, 2 to 3 at the same rate, of which port 3
    takes 0, 1, 10, 50 and 100 %."""
    size, rows, figures = options.sizes[0], [], {}
    bench.open(4)
    bench.load(streams.pairs(4, "max", size, False))
    forwards = min(t["received_pps"] for t in
                   mrr_trials(bench, "slow-guest, as many as go", 2, min(1, options.duration)))
    each = 0.25 * forwards
    bench.load(streams.pairs(4, 2 * each, size, False))
    for share in (100, 50, 10, 1, 0):
        _, result = bench.trial(f"slow-guest, drains {share} %", seconds=options.duration,
                                slow={} if share == 100 else {"p3": each * share / 100},
                                unreconciled=True)
        victim = result["streams"][0]
        lost = 1 - victim["to"][0]["received"] / (victim["intended"] - victim["late"])
        latency = victim["to"][0]["latency"]
        rows.append([share, mpps(victim["to"][0]["received"] / result["seconds"]), percent(lost),
                     us(latency["p50_ns"]), us(latency["p99_ns"])])
        figures[f"slow_guest_{share}_loss"] = lost
    return [Finding("slow-guest", "A neighbour that drains slowly", figures,
                    ["neighbour drains, %", "victim, Mpps", "lost, %", "latency p50, us", "p99"],
                    rows)]


def bad_frames():
    """(what, bytes, should it be dropped?)."""
    head = bytes.fromhex(mac(address(1)).replace(":", "") + mac(address(0)).replace(":", ""))
    return [
        ("runt of 13 bytes", head + b"\x88", True),
        ("source is a group address", head[:6] + b"\x01" + head[7:] + b"\x88\xb5" + bytes(46),
         True),
        ("reserved address 01:80:c2:00:00:00", bytes.fromhex("0180c2000000") + head[6:] +
         b"\x88\xb5" + bytes(46), True),
        ("VLAN tag cut off", head + b"\x81\x00", True),
        ("tag of a VLAN that the port is not in", head + b"\x81\x00\x0f\xa0\x88\xb5" + bytes(44),
         True),
        ("shortest frame, 60 bytes", head + b"\x88\xb5" + bytes(46), False),
        ("largest frame, 1514 bytes", head + b"\x88\xb5" + bytes(1500), False),
    ]


def inject(bench, frames):
    """Send frames from port 0: how many the device sent to other ports, once it has counted all."""
    before = bench.dut.counters()
    end = time.monotonic() + COUNTED_S
    bench.agent.call("inject", port="p0", frames=frames, rate=10000)
    while True:
        time.sleep(0.1)
        after = bench.dut.counters()
        grown = {name: [now - then for now, then in zip(after[name], before[name])]
                 for name in after if name in before}
        received, _, dropped = grown.pop("p0")
        if received + dropped >= len(frames) or time.monotonic() > end:
            return sum(sent for _, sent, _ in grown.values())


@verb("errored", "frames that must not be forwarded", "RFC 2889, 5.9, as far as virtio has them")
def errored(bench, options):
    """A CRC, dribble bits and alignment do not exist on a virtio port; sizes and addresses do."""
    rows, wrong, n = [], 0, 32
    bench.open(3)
    bench.load([streams.stream(1, 0, [1], 1000, 64, count=1)])
    if not bench.dut.counters():
        return [Finding("errored", "Errored frames", note="This device tells no counters.")]
    for what, data, drop in bad_frames():
        passed = inject(bench, [data.hex()] * n)
        good = (passed == 0) if drop else (passed == n)
        wrong += not good
        rows.append([what, n, "dropped" if drop else "forwarded", passed,
                     "yes" if good else "NO"])
    trial, _ = bench.trial("errored, a good frame after them", drain=0.05, unreconciled=True)
    wrong += trial["lost"]
    return [Finding("errored", "Errored frames", {"errored_wrong": wrong},
                    ["frame", "sent", "must be", "forwarded", "as it must"], rows,
                    passed=wrong == 0)]


@verb("density", "rate against the number of ports", "FD.io CSIT, service density")
def density(bench, options):
    """Pairs of ports, all sending to their partner."""
    rows, points, figures = [], [], {}
    for n in (2, 4, 8, 16, 32, 64):
        if n > options.ports * 8:
            break
        bench.open(n)
        bench.load(streams.pairs(n, "max", options.sizes[0], options.both))
        trials = mrr_trials(bench, f"density, {n} ports", max(1, options.trials // 3),
                            options.duration)
        rate = statistics.median(t["received_pps"] for t in trials)
        rows.append([n, mpps(rate), mpps(rate / n)])
        points.append([n, rate / 1e6])
        figures[f"density_{n}_mpps"] = rate / 1e6
    return [Finding("density", "Rate against ports", figures,
                    ["ports", "Mpps in all", "Mpps a port"], rows,
                    [{"kind": "counts", "title": "Rate against ports", "x": "ports", "y": "Mpps",
                      "series": [["all ports", points]]}])]
