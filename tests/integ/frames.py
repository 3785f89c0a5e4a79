#!/usr/bin/env python3
"""usage: frames.py send FIFO START PCAP COUNT LONGEST
       frames.py check PCAP COUNT LONGEST

Frames with numbers, whose content follows from them, for packet generators that read and write
capture files. `send` writes such a file into a FIFO: the header at once, and when the file START is
there COUNT frames of up to LONGEST bytes, no more of them ahead of what has come back into PCAP than a
ring holds: nothing is lost,
however slow the machine is. It ends when all are back. `check` reads what came back with its addresses
swapped: all COUNT frames, each once and in order. COUNT is a multiple of what DPDK reads at once: it waits for
as many.
"""
import os
import struct
import sys
import time

FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
A, B = bytes.fromhex("525400000101"), bytes.fromhex("525400000102")
AT_ONCE = 32  # frames that DPDK reads from a file
WINDOW = 64  # the least ring has 255 slots, and a frame of 4,000 bytes takes two


def frame(number, longest, dst, src):
    sizes = (60, 61, 128, 594, 1000, longest - 1, longest)
    size = sizes[number % len(sizes)]
    content = b"".join(struct.pack(">I", (number * 2654435761 + i) & 0xFFFFFFFF) for i in range(8))
    head = dst + src + b"\x88\xb5" + struct.pack(">I", number)
    return (head + content * (size // 32 + 1))[:size]


def records(data):
    """The frames of a capture file, as far as it is written."""
    at = len(FILE_HEADER)
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        if at + 16 + size > len(data):
            return
        yield data[at + 16 : at + 16 + size]
        at += 16 + size


def n_back(path):
    try:
        with open(path, "rb") as file:
            return sum(1 for _ in records(file.read()))
    except FileNotFoundError:
        return 0


def send(path, start, returned, count, longest):
    with open(path, "r+b", buffering=0) as fifo:
        fifo.write(FILE_HEADER)
        while not os.path.exists(start):
            time.sleep(0.01)
        for number in range(count):
            while number % AT_ONCE == 0 and number + AT_ONCE - n_back(returned) > WINDOW:
                time.sleep(0.01)
            data = frame(number, longest, B, A)
            fifo.write(struct.pack("<IIII", 0, 0, len(data), len(data)) + data)
        while n_back(returned) < count:
            time.sleep(0.01)


def check(path, count, longest):
    with open(path, "rb") as file:
        got = list(records(file.read()))
    for number, data in enumerate(got):
        if data != frame(number, longest, A, B):
            sys.exit(f"frame {number}, of {len(data)} bytes, is not what was sent")
    if len(got) != count:
        sys.exit(f"{len(got)} of {count} frames came back")


def main():
    match sys.argv[1:]:
        case ["send", path, start, returned, count, longest]:
            send(path, start, returned, int(count), int(longest))
        case ["check", path, count, longest]:
            check(path, int(count), int(longest))
        case _:
            sys.exit(__doc__)


main()
