"""Guests at ports of the device under test: nfguest under our VMM, each on a core."""
import json
import os
import time

import host

MAC = "02:00:00:00:9{:x}:{:02x}"
END_S = 10      # more than a guest takes to end
SETTLE_S = 0.3  # a sink is at its port, and a switch knows it


class Guest(host.Child):
    """A running guest; ports are those of the device that it is attached to."""

    def __init__(self, bench, number, ports, words):
        self.out = os.path.join(bench.folder, f"guest{bench.n_starts}-{number}.out")
        mode = "server" if bench.dut.listen else "client"
        cpus = bench.options.cpus[2:] or bench.options.cpus[:1]
        # As urgent as the tester, with which it may have to share a core.
        command = ["nice", "-n", "-20", "taskset", "-c", str(cpus[number % len(cpus)]),
                   bench.setup.vmm, "run", "--slow-kvm", "--exit-status", "--memory", "32M", "--kernel",
                   bench.setup.nfguest, "--cmdline", words, "--rng", "off", "--serial", "stdio",
                   "--name", f"g{number}", "--log-level", "err"]
        for i, port in enumerate(ports):
            command += ["--net", f"vhost-user={port['path']},mode={mode},"
                                 f"queue-size=1024,mac={MAC.format(number, i)}"]
        super().__init__(command, self.out)

    def result(self, seconds):
        """Its line of JSON, once it has ended."""
        try:
            status = self.process.wait(seconds + END_S)
        except host.subprocess.TimeoutExpired as error:
            raise host.Problem(f"a guest did not end: {self.last_words()}") from error
        self.process.stdin.close()
        if status:
            raise host.Problem(f"a guest failed: {self.last_words()}")
        with open(self.out, encoding="utf-8") as file:
            return json.loads(file.read().splitlines()[-1])


def forwarders(bench, ports):
    """Guests between p0 and p1, each at two ports that follow each other."""
    inner = ports[1:-1]
    return [Guest(bench, i, inner[2 * i:2 * i + 2], "mode=fwd")
            for i in range(len(inner) // 2)]


def between(bench, ports, pps, seconds, size):
    """One trial from a guest at ports[0] to one at ports[1], pps None for as many as go: what
    pktlab's agent would say of it. Guests count frames; their order and contents they do not
    look at."""
    seconds = max(1, round(seconds))
    rate = "" if pps is None else f" rate={max(1, round(pps))}"
    sink = Guest(bench, 1, ports[1:], f"mode=sink announce=1 seconds={seconds + 2}")
    time.sleep(SETTLE_S)
    source = Guest(bench, 0, ports[:1],
                   f"mode=gen size={size} seconds={seconds} dst={MAC.format(1, 0)}{rate}")
    try:
        sent, got = source.result(seconds), sink.result(seconds)
    finally:
        source.stop()
        sink.stop()
    out, back = sent["ports"][0], got["ports"][0]
    intended = out["tx"] if pps is None else max(out["tx"], round(pps * seconds))
    flow = {"port": "p1", "received": back["rx"], "lost": out["tx"] - back["rx"],
            "duplicated": 0, "reordered": 0, "corrupted": 0, "stale": 0, "latency": {"count": 0}}
    return {
        "seconds": sent["ms"] / 1e3, "stopped": False, "run_share": 1.0, "involuntary": 0,
        "streams": [{"id": 1, "from": "p0", "intended": intended, "sent": out["tx"],
                     "refused": intended - out["tx"], "late": 0, "flooded": 0, "misrouted": 0,
                     "bytes": out["tx_bytes"] + 4 * out["tx"], "to": [flow]}],
        "ports": [{"name": "p0", "tx": out["tx"], "rx": out["rx"], "down": 0},
                  {"name": "p1", "tx": back["tx"], "rx": back["rx"], "down": 0}]}
