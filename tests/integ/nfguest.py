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
sys.path[:0] = [f"{ROOT}/tools/swbench.d", f"{ROOT}/tools/bench.d"]

import host  # noqa: E402
import streams  # noqa: E402
from agent import Agent  # noqa: E402

BUILD, FOLDER = sys.argv[1:3]
GUEST_MAC = ["02:00:00:00:aa:00", "02:00:00:00:aa:01"]
N = 1000
RATE = 5000  # frames a second: programs that poll share the cores for milliseconds at a time
failed = 0


def check(text, good, detail=""):
    global failed
    failed += not good
    print(f"{'ok   ' if good else 'FAIL '} {text}{'' if good else f' ({detail})'}", flush=True)


def netcfg(*words):
    subprocess.run([f"{BUILD}/netcfg/netcfg", "-S", f"{FOLDER}/vs.sock", *words], check=True,
                   capture_output=True, timeout=30)


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

    def wait(self, seconds=30):
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
    deadline = time.monotonic() + 20
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
    sink = Guest(f"mode=sink count={N} seconds=10 {words}", [10], queues, macs=["02:00:00:00:bb:00"])
    wait_carrier(sink.ports)
    gen = Guest(f"mode=gen count={N} rate={RATE} size=128 dst=02:00:00:00:bb:00 {words}", [10],
                queues)
    status, sent = gen.wait()
    check(f"generator, {text}: sends what it was told", status == 0 and
          sent["ports"][0]["tx"] == N and sent["ports"][0]["tx_bytes"] == N * 124 and
          sent["ports"][0]["ring"] == ("packed" if packed else "split") and
          sent["ports"][0]["pairs"] == queues, sent)
    status, got = sink.wait()
    check(f"sink, {text}: gets all of it", status == 0 and got["ports"][0]["rx"] == N and
          got["ports"][0]["rx_bytes"] == N * 124, got)


def send(agent, stream, **run):
    agent.call("streams", streams=[stream])
    return agent.call("run", drain=0.2, **{"check_every": 0, **run})


def reflector(agent, words="", check_name="reflector"):
    guest = Guest(f"mode=reflect count={N} seconds=10 {words}", [10])
    wait_carrier(guest.ports + ["a"])
    result = send(agent, {"id": 1, "from": "a", "to": ["a"], "rate": RATE, "count": N,
                          "dst": GUEST_MAC[0], "src": streams.mac(streams.address(0)),
                          "size": [64, 512, 1518]})
    status, line = guest.wait()
    flow = result["streams"][0]["to"][0]
    check(f"{check_name}: every frame comes back once, in order", flow["received"] == N and
          not flow["duplicated"] + flow["reordered"], flow)
    check(f"{check_name}: the guest counts the same", status == 0 and
          line["ports"][0]["rx"] == line["ports"][0]["tx"] == N, line)


def forwarder(agent):
    guest = Guest(f"mode=fwd count={2 * N} seconds=10", [10, 20])
    wait_carrier(guest.ports + ["a", "b"])
    result = None
    agent.call("streams", streams=[
        {"id": i + 1, "from": a, "to": [b], "rate": RATE, "count": N, "size": [64, 1518],
         "dst": streams.mac(streams.address(i + 10)), "src": streams.mac(streams.address(i)),
         "ip": {}, "udp": {}} for i, (a, b) in enumerate((("a", "b"), ("b", "a")))])
    result = agent.call("run", drain=0.2, check_every=1)
    status, line = guest.wait()
    flows = [stream["to"][0] for stream in result["streams"]]
    check("forwarder: both ways, whole and in order", all(
        flow["received"] == N and not flow["corrupted"] + flow["reordered"] for flow in flows),
        flows)
    check("forwarder: the guest counts the same", status == 0 and
          [port["tx"] for port in line["ports"]] == [N, N], line)


def router(agent):
    guest = Guest("mode=l3 nh1=02:00:00:00:00:0b nh0=02:00:00:00:00:0a seconds=3", [10, 20])
    wait_carrier(guest.ports + ["a", "b"])
    agent.call("streams", streams=[
        {"id": i + 1, "from": "a", "to": ["b"], "rate": RATE, "count": N,
         "dst": GUEST_MAC[0], "size": 128, "ip": {"ttl": ttl}, "udp": {}}
        for i, ttl in enumerate((64, 1))])
    result = agent.call("run", drain=0.2, check_every=0)
    status, line = guest.wait()
    check("router: packets pass", result["streams"][0]["to"][0]["received"] == N, result)
    check("router: what has lived too long does not",
          result["streams"][1]["to"][0]["received"] == 0, result)
    check("router: the guest counts both", status == 0 and line["ports"][0]["ttl"] == N and
          line["ports"][1]["tx"] == N, line)


def echo(agent):
    guest = Guest("mode=echo ip=10.0.0.2 count=20 seconds=10", [10])
    wait_carrier(guest.ports + ["a"])
    ask = bytes.fromhex("ffffffffffff" "020000000001" "0806" "0001080006040001" "020000000001"
                        "0a000001" "000000000000" "0a000002") + bytes(18)
    other = ask[:-19] + b"\x07" + bytes(18)  # for somebody else
    agent.call("inject", port="a", frames=[ask.hex(), other.hex()] * 10, rate=1000)
    status, line = guest.wait()
    check("echo: answers what is for it, and nothing else", status == 0 and
          line["ports"][0]["tx"] == 10 and line["ports"][0]["consumed"] == 10, line)


def slow(agent):
    guest = Guest("mode=reflect slow=1000 seconds=2", [10])
    wait_carrier(guest.ports + ["a"])
    send(agent, {"id": 1, "from": "a", "to": ["a"], "rate": RATE, "dst": GUEST_MAC[0],
                 "src": streams.mac(streams.address(0))}, seconds=1)
    _, line = guest.wait()
    # At most what the pace allows; how long it really ran stands in the line.
    check("slow: takes no more than it was told",
          0 < line["ports"][0]["rx"] <= line["ms"] + 64, line)


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
    agent.call("wait", timeout=10)
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
