#!/usr/bin/env python3
"""usage: nfguest.py BUILD FOLDER

The bare-metal guest in every mode, under our VMM, at ports of our switch. pktlab's agent sends and
looks at what comes back; what the guests count has to agree. Prints "ok" and "FAIL" lines; status
1 if any failed.
"""
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.realpath(__file__)) + "/../.."
sys.path.insert(0, f"{ROOT}/tools/swbench.d")

import host  # noqa: E402
import streams  # noqa: E402
from agent import Agent  # noqa: E402

BUILD, FOLDER = sys.argv[1:3]
GUEST_MAC = ["02:00:00:00:aa:00", "02:00:00:00:aa:01"]
N = 1000
N_AT_ONCE = 200  # frames that a ring of 256 holds: none is lost, however long the receiver is away
WINDOW = 64      # frames under way, where they come back
LIMIT = 1800     # seconds, for what hangs
RATE = 5000      # frames a second
failed = 0


def check(text, good, detail=""):
    global failed
    failed += not good
    print(f"{'ok   ' if good else 'FAIL '} {text}{'' if good else f' ({detail})'}", flush=True)


def netcfg(*words):
    subprocess.run([f"{BUILD}/netcfg/netcfg", "-S", f"{FOLDER}/vs.sock", *words], check=True,
                   capture_output=True, timeout=LIMIT)


class Guest:
    """A VM with the guest; its ports are g0, g1, ... of the switch, in the VLANs given."""

    number = 0

    def __init__(self, words, vlans=(), queues=1, name=None, macs=GUEST_MAC):
        Guest.number += 1
        self.name = name or f"g{Guest.number}"
        self.ports = []
        command = [f"{BUILD}/vmm/vmm", "run", "--slow-kvm", "--exit-status", "--memory", "32M",
                   "--kernel", f"{BUILD}/tools/nfguest/nfguest", "--cmdline", words, "--rng", "off",
                   "--serial", "stdio", "--name", self.name, "--log-level", "err"]
        for i, vlan in enumerate(vlans):
            port = f"{self.name}n{i}"
            self.ports.append(port)
            netcfg("port", "add", port, "bridge", "br0", "path", f"{FOLDER}/{port}", "mode",
                   "server", "tag", str(vlan))
            command += ["--net", f"vhost-user={FOLDER}/{port},mac={macs[i]},queues={queues}"]
        self.log = open(f"{FOLDER}/{self.name}.out", "w+", encoding="utf-8")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL,
                                        preexec_fn=host.die_with_parent)

    def wait(self, seconds=LIMIT):
        """(exit status, the last line as an object)."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
            self.process.kill()
            self.process.wait()
        for port in self.ports:
            netcfg("port", "del", port)
        self.log.seek(0)
        lines = self.log.read().splitlines()
        self.log.close()
        try:
            return status, json.loads(lines[-1])
        except (IndexError, ValueError):
            return status, {"said": lines}


def wait_carrier(names):
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        done = subprocess.run([f"{BUILD}/netcfg/netcfg", "-S", f"{FOLDER}/vs.sock", "--json", "port",
                               "show"], capture_output=True, text=True, check=True)
        up = {port["name"] for port in json.loads(done.stdout) if port["carrier"]}
        if up >= set(names):
            return
        time.sleep(0.02)
    raise SystemExit(f"ports {names} did not come up")


def refusals():
    status, line = Guest("mode=gun").wait()
    check("an unknown mode is refused", status == 2 and line.get("word") == "mode=gun", line)
    status, line = Guest("mode=sink").wait()
    check("a mode that needs a device says so", status == 1 and "error" in line, line)
    status, line = Guest("mode=fwd", [10]).wait()
    check("forwarding needs two devices", status == 2 and "error" in line, line)


def generator_to_sink(packed, queues):
    text = f"{'packed' if packed else 'split'}, {queues} queue pairs"
    words = f"packed={packed} queues={queues}"
    sink = Guest(f"mode=sink count={N_AT_ONCE} {words}", [10], queues, macs=["02:00:00:00:bb:00"])
    wait_carrier(sink.ports)
    gen = Guest(f"mode=gen count={N_AT_ONCE} rate={RATE} size=128 dst=02:00:00:00:bb:00 {words}", [10],
                queues)
    status, sent = gen.wait()
    check(f"generator, {text}: sends what it was told", status == 0 and
          sent["ports"][0]["tx"] == N_AT_ONCE and sent["ports"][0]["tx_bytes"] == N_AT_ONCE * 124 and
          sent["ports"][0]["ring"] == ("packed" if packed else "split") and
          sent["ports"][0]["pairs"] == queues, sent)
    status, got = sink.wait()
    check(f"sink, {text}: gets all of it", status == 0 and got["ports"][0]["rx"] == N_AT_ONCE and
          got["ports"][0]["rx_bytes"] == N_AT_ONCE * 124, got)


def send(agent, streams, check_every=0):
    """All frames of all streams, each stream no further ahead of what arrives than its window."""
    agent.call("streams", streams=streams)
    return agent.call("run", seconds=LIMIT, drain=60, check_every=check_every)


def reflector(agent, words="", check_name="reflector"):
    guest = Guest(f"mode=reflect count={N} {words}", [10])
    wait_carrier(guest.ports + ["a"])
    result = send(agent, [{"id": 1, "from": "a", "to": ["a"], "rate": RATE, "window": WINDOW,
                           "count": N, "dst": GUEST_MAC[0],
                           "src": streams.mac(streams.address(0)), "size": [64, 512, 1518]}])
    status, line = guest.wait()
    flow = result["streams"][0]["to"][0]
    check(f"{check_name}: every frame comes back once, in order", flow["received"] == N and
          not flow["duplicated"] + flow["reordered"], flow)
    check(f"{check_name}: the guest counts the same", status == 0 and
          line["ports"][0]["rx"] == line["ports"][0]["tx"] == N, line)


def forwarder(agent):
    guest = Guest(f"mode=fwd count={2 * N}", [10, 20])
    wait_carrier(guest.ports + ["a", "b"])
    result = send(agent, [
        {"id": i + 1, "from": a, "to": [b], "rate": RATE, "window": WINDOW, "count": N,
         "size": [64, 1518], "dst": streams.mac(streams.address(i + 10)),
         "src": streams.mac(streams.address(i)), "ip": {}, "udp": {}}
        for i, (a, b) in enumerate((("a", "b"), ("b", "a")))], check_every=1)
    status, line = guest.wait()
    flows = [stream["to"][0] for stream in result["streams"]]
    check("forwarder: both ways, whole and in order", all(
        flow["received"] == N and not flow["corrupted"] + flow["reordered"] for flow in flows),
        flows)
    check("forwarder: the guest counts the same", status == 0 and
          [port["tx"] for port in line["ports"]] == [N, N], line)


def router(agent):
    guest = Guest(f"mode=l3 nh1=02:00:00:00:00:0b nh0=02:00:00:00:00:0a count={N + WINDOW}", [10, 20])
    wait_carrier(guest.ports + ["a", "b"])
    packet = {"from": "a", "to": ["b"], "rate": RATE, "dst": GUEST_MAC[0], "size": 128, "udp": {}}
    # What has lived too long is awaited by nobody: so few that the ring holds them.
    agent.call("streams", streams=[{**packet, "id": 2, "count": WINDOW, "ip": {"ttl": 1}}])
    old = agent.call("run", drain=0.2, check_every=0)
    young = send(agent, [{**packet, "id": 1, "count": N, "window": WINDOW, "ip": {"ttl": 64}}])
    status, line = guest.wait()
    check("router: packets pass", young["streams"][0]["to"][0]["received"] == N, young)
    check("router: what has lived too long does not",
          old["streams"][0]["to"][0]["received"] == 0, old)
    check("router: the guest counts both", status == 0 and line["ports"][0]["ttl"] == WINDOW and
          line["ports"][1]["tx"] == N, line)


def echo(agent):
    guest = Guest("mode=echo ip=10.0.0.2 count=20", [10])
    wait_carrier(guest.ports + ["a"])
    ask = bytes.fromhex("ffffffffffff" "020000000001" "0806" "0001080006040001" "020000000001"
                        "0a000001" "000000000000" "0a000002") + bytes(18)
    other = ask[:-19] + b"\x07" + bytes(18)  # for somebody else
    agent.call("inject", port="a", frames=[ask.hex(), other.hex()] * 10, rate=1000)
    status, line = guest.wait()
    check("echo: answers what is for it, and nothing else", status == 0 and
          line["ports"][0]["tx"] == 10 and line["ports"][0]["consumed"] == 10, line)


def slow(agent):
    guest = Guest(f"mode=reflect slow=1000 count={N}", [10])
    wait_carrier(guest.ports + ["a"])
    time.sleep(0.2)  # nothing comes: that is neither made good nor counted
    send(agent, [{"id": 1, "from": "a", "to": ["a"], "rate": RATE, "window": WINDOW, "count": N,
                  "dst": GUEST_MAC[0], "src": streams.mac(streams.address(0))}])
    _, line = guest.wait()
    # At most what the pace allows; how long it really ran stands in the line.
    check("slow: takes no more than it was told",
          line["ports"][0]["rx"] == N and line["ms"] >= N - 64, line)


def main():
    refusals()
    for packed in (0, 1):
        for queues in (1, 2):
            generator_to_sink(packed, queues)
    agent = Agent(f"{BUILD}/tools/pktlab/pktlab", min(os.sched_getaffinity(0)), f"{FOLDER}/agent.log")
    agent.call("open", ports=[{"name": name, "spec": f"vhost:{FOLDER}/{name},listen"}
                              for name in "ab"])
    for name, vlan in (("a", 10), ("b", 20)):
        netcfg("port", "add", name, "bridge", "br0", "path", f"{FOLDER}/{name}", "mode", "client",
               "tag", str(vlan))
    agent.call("wait", timeout=LIMIT)
    reflector(agent)
    reflector(agent, "packed=0", "reflector on split rings")
    reflector(agent, "noisy=65536", "noisy reflector")
    forwarder(agent)
    router(agent)
    echo(agent)
    slow(agent)
    agent.close()
    return failed > 0


sys.exit(main())
