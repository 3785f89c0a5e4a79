#!/usr/bin/env python3
"""usage: trace_frames.py [--inject] TRACE NETCFG SOCKET PORT HEX PEER...

Sends a frame at interface PORT and wants each interface PEER to get exactly what the trace, the rows of
`netcfg -j trace`, says: as long, tagged or not, of that VLAN and priority, with the content that was sent; and no
other to get it. What the ports of the switch count meanwhile, sent and dropped by reason, is what the trace says.
With --inject it is the switch that has it come in at PORT (`netcfg trace --send`).
"""
import json
import select
import socket
import struct
import subprocess
import sys
import time

PACKET_AUXDATA, SOL_PACKET, TP_STATUS_VLAN_VALID = 8, 263, 0x10
LIMIT_S = 20


def listen(interface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.bind((interface, 3))
    return sock


def receive(sock):
    """The next frame that came in, its tag put back where the kernel took it off; None: too late."""
    while select.select([sock], [], [], LIMIT_S)[0]:
        data, control, _, address = sock.recvmsg(65536, 256)
        if address[2] == socket.PACKET_OUTGOING:
            continue
        for level, kind, aux in control:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, _, _, _, _, tci, tpid = struct.unpack("<IIIHHHH", aux[:20])
                if status & TP_STATUS_VLAN_VALID:
                    data = data[:12] + struct.pack(">HH", tpid or 0x8100, tci) + data[12:]
        return data
    return None


def split(frame):
    """Addresses, TCI or None, and the rest."""
    if frame[12:14] == b"\x81\x00":
        return frame[:12], struct.unpack(">H", frame[14:16])[0], frame[16:]
    return frame[:12], None, frame[12:]


def check(told, got, sent):
    addresses, tci, rest = split(got)
    assert addresses == sent[:12], "the addresses are those that were sent"
    assert len(got) == told["length"], f"{len(got)} bytes, and the trace says {told['length']}"
    assert rest == split(sent)[2], "the content is what was sent"
    if "tagged" in told:
        assert (tci is not None) == told["tagged"], f"tag {tci}, and the trace says {told}"
        assert tci is None or tci == (told["pcp"] << 13 | told["vlan"]), f"tag {tci:#x}, not of {told}"


def counted(netcfg):
    """By port and "sent" or a reason."""
    counts = {}
    for row in json.loads(subprocess.check_output([*netcfg, "port", "stats"])):
        counts[row["name"], "sent"] = row["tx_frames"]
    for row in json.loads(subprocess.check_output([*netcfg, "port", "drops"])):
        counts[row["port"], row["reason"]] = row["frames"]
    return counts


def as_told(rows):
    counts = {}
    for row in rows:
        if row.get("result") in ("delivered", "crosses", "dropped"):
            key = row["port"], row.get("reason", "sent")
            counts[key] = counts.get(key, 0) + 1
    return counts


def main():
    injects = sys.argv[1] == "--inject"
    trace, program, path, port, digits, *peers = sys.argv[1 + injects:]
    netcfg = [program, "-S", path, "-j"]
    sent = bytes.fromhex(digits)
    with open(trace, encoding="utf-8") as file:
        rows = json.load(file)
    socks = {peer: listen(peer) for peer in peers}
    before = counted(netcfg)
    if injects:
        *steps, last = json.loads(subprocess.check_output([*netcfg, "trace", port, "--hex", digits, "--send"]))
        assert last == {"step": "sent", "port": port, "length": len(sent)}, f"it ends with {last}"
        assert as_told(steps) == as_told(rows), "it is traced as before"
    else:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            out.bind((port, 0))
            out.send(sent)
    told = [row for row in rows if row.get("result") == "delivered"]
    assert as_told(rows), "it goes somewhere, or it is dropped"
    for row in told:
        got = receive(socks[row["port"]])
        assert got is not None, f"nothing came to {row['port']}"
        check(row, got, sent)
    end = time.monotonic() + LIMIT_S
    while True:
        grown = {key: n - before.get(key, 0) for key, n in counted(netcfg).items() if n != before.get(key, 0)}
        if grown == as_told(rows) or time.monotonic() > end:
            break
    assert grown == as_told(rows), f"counted {grown}, and the trace says {as_told(rows)}"
    for peer, sock in socks.items():
        while select.select([sock], [], [], 0)[0]:
            data, _, _, address = sock.recvmsg(65536)
            assert address[2] == socket.PACKET_OUTGOING, f"{len(data)} bytes too many came to {peer}"


if __name__ == "__main__":
    main()
