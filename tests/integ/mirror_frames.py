#!/usr/bin/env python3
"""usage: mirror_frames.py FILE COUNT [VLAN ...] [-BYTES]

Does a pcap file hold the frames 0..COUNT-1 of capture_frames.py, each once, in order and byte for byte, with
these tags from the outermost on, and with -BYTES no more than so many of each?
"""
import struct
import sys

from capture_frames import frame


def main():
    path, count, *rest = sys.argv[1:]
    most = next((-int(word) for word in rest if word[0] == "-"), None)
    tags = b"".join(struct.pack(">HH", 0x8100, int(word)) for word in rest if word[0] != "-")
    with open(path, "rb") as file:
        data = file.read()
    assert struct.unpack_from("<I", data)[0] == 0xA1B2C3D4, "a pcap file"
    at, found = 24, []
    while at + 16 <= len(data):
        kept, size = struct.unpack_from("<8xII", data, at)
        assert kept == size, "whole frames"
        found.append(data[at + 16 : at + 16 + kept])
        at += 16 + kept
    wanted = [frame(n)[:12] + tags + frame(n)[12:] for n in range(int(count))]
    wanted = [f[:most] for f in wanted]
    assert len(found) == len(wanted), f"{len(found)} frames of {count}"
    for number, (got, want) in enumerate(zip(found, wanted)):
        assert got == want, f"frame {number}: {got[:40].hex()} {len(got)}, not {want[:40].hex()} {len(want)}"


main()
