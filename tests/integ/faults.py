#!/usr/bin/env python3
"""usage: faults.py BUILD FOLDER

Plants one fault after the other in a switch, one in 10^5 frames each, and sees whether the tester
finds as many as were planted, under their name, and nothing else. Prints "ok" and "FAIL" lines;
status 1 if any failed.
"""
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.realpath(__file__)) + "/../.."
sys.path.insert(0, f"{ROOT}/tools/swbench.d")

import host  # noqa: E402
from agent import Agent  # noqa: E402

BUILD, FOLDER = sys.argv[1:3]
EVERY = 100_000
N = 3 * EVERY + 1000
AT_ONCE = N
TRIES = 20         # a busy machine may refuse most of the frames of some runs
RATE = 200_000     # frames a second
RING = 16384       # slots
WINDOW = RING // 2 # frames under way: loss is never the machine's
QUIET = 10         # seconds without a frame while some are missing; else half a second is enough
STREAM = {"id": 7, "from": "a", "to": ["b"], "rate": RATE, "count": AT_ONCE, "burst": 16, "window": WINDOW,
          "dst": "02:00:00:00:00:ee", "src": "02:00:00:00:00:0a", "size": [64, 256, 1518]}
NAMES = ("lost", "duplicated", "reordered", "flooded", "misrouted", "corrupted")
# Fault: how its frames show.
SHOWS = {
    "none": (),
    "drop": ("lost",),
    "duplicate": ("duplicated",),
    "reorder": ("reordered",),
    "flood": ("flooded",),
    "misroute": ("misrouted", "lost"),
    "corrupt": ("corrupted",),
}
failed = 0


def check(text, good, detail=""):
    global failed
    failed += not good
    print(f"{'ok   ' if good else 'FAIL '} {text}{'' if good else f' ({detail})'}", flush=True)


def start(fault):
    """(switch, its log); its ports are a, b and c."""
    log = open(f"{FOLDER}/{fault}.switch", "w+", encoding="utf-8")
    switch = subprocess.Popen(
        [f"{BUILD}/tests/fake/faulty-vswitch", "--control", f"{FOLDER}/vs.sock"], stdout=log,
        stderr=log, env={**os.environ, "WEFT_FAULT": f"{fault}:{0 if fault == 'none' else EVERY}"},
        preexec_fn=host.die_with_parent)
    netcfg = [f"{BUILD}/netcfg/netcfg", "-S", f"{FOLDER}/vs.sock"]
    deadline = time.monotonic() + 300
    while subprocess.run([*netcfg, "bridge", "add", "br0"], capture_output=True).returncode:
        if time.monotonic() > deadline:
            raise SystemExit("the switch did not come up")
        time.sleep(0.05)
    for name in "abc":
        subprocess.run([*netcfg, "port", "add", name, "bridge", "br0", "path",
                        f"{FOLDER}/{name}", "mode", "server"], check=True)
    return switch, log


def measure():
    agent = Agent(f"{BUILD}/tools/pktlab/pktlab", min(os.sched_getaffinity(0)),
                  f"{FOLDER}/agent.log")
    try:
        agent.call("open", ports=[{"name": name, "spec": f"vhost:{FOLDER}/{name},size={RING}"}
                                  for name in "abc"])
        agent.call("wait", timeout=1800)
        # Not in the frames that faults are planted in: those go to b.
        agent.call("streams", streams=[STREAM])
        agent.call("learn", rate=1000)
        time.sleep(0.2)
        totals = dict.fromkeys(("sent", *NAMES), 0)
        for _ in range(TRIES):
            add(totals, agent.call("run", drain=QUIET, check_every=1))
            if totals["sent"] >= N:
                break
        return totals
    finally:
        agent.close()


def add(totals, result):
    stream, = result["streams"]
    flow, = stream["to"]
    for name in totals:
        totals[name] += stream[name] if name in stream else flow[name]


def one(fault):
    switch, log = start(fault)
    try:
        counts = measure()
    finally:
        switch.terminate()
        switch.wait()
    log.seek(0)
    planted = re.search(r"^planted \S+ (\d+) of (\d+)$", log.read(), re.MULTILINE)
    n = int(planted[1]) if planted else -1
    wanted = {name: n if name in SHOWS[fault] else 0 for name in NAMES}
    sent = counts.pop("sent")
    check(f"{fault}: planted {n} of {sent}", sent >= N and n >= (3 if SHOWS[fault] else 0) and
          (bool(SHOWS[fault]) or n == 0), planted and planted[0])
    check(f"{fault}: {', '.join(f'{n} {name}' for name in SHOWS[fault]) or 'nothing'} found",
          counts == wanted, f"{counts} in place of {wanted}")


for kind in SHOWS:
    one(kind)
sys.exit(failed > 0)
