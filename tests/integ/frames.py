#!/usr/bin/env python3
"""usage: frames.py send FIFO START COUNT LONGEST
       frames.py check PCAP LONGEST

Frames with numbers, whose content follows from them, for packet generators that read and write
capture files. `send` writes such a file into a FIFO: the header at once, and when the file START is
there COUNT frames of up to LONGEST bytes, a few each millisecond so that no ring overflows. `check`
reads what came back with its addresses swapped: every frame must be one of those, once and in order;
prints how many there were, and fails where none of them was of LONGEST bytes.
"""
import os
import struct
import sys
import time

FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
A, B = bytes.fromhex("525400000101"), bytes.fromhex("525400000102")
BURST = 16


def frame(number, longest, dst, src):
    sizes = (60, 61, 128, 594, 1000, longest - 1, longest)
    size = sizes[number % len(sizes)]
    content = b"".join(struct.pack(">I", (number * 2654435761 + i) & 0xFFFFFFFF) for i in range(8))
    head = dst + src + b"\x88\xb5" + struct.pack(">I", number)
    return (head + content * (size // 32 + 1))[:size]


def send(path, start, count, longest):
    with open(path, "r+b", buffering=0) as fifo:
        fifo.write(FILE_HEADER)
        while not os.path.exists(start):
            time.sleep(0.01)
        for number in range(count):
            data = frame(number, longest, B, A)
            fifo.write(struct.pack("<IIII", 0, 0, len(data), len(data)) + data)
            if number % BURST == BURST - 1:
                time.sleep(0.001)


def check(path, longest):
    with open(path, "rb") as file:
        data = file.read()
    at, last, count, sizes = len(FILE_HEADER), -1, 0, set()
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        got = data[at + 16 : at + 16 + size]
        at += 16 + size
        number = struct.unpack_from(">I", got, 14)[0]
        if number <= last:
            sys.exit(f"frame {number} came after {last}")
        if got != frame(number, longest, A, B):
            sys.exit(f"frame {number} of {size} bytes is not what was sent")
        last, count = number, count + 1
        sizes.add(size)
    if longest not in sizes:
        sys.exit(f"of {count} frames none has {longest} bytes")
    print(count)


def main():
    match sys.argv[1:]:
        case ["send", path, start, count, longest]:
            send(path, start, int(count), int(longest))
        case ["check", path, longest]:
            check(path, int(longest))
        case _:
            sys.exit(__doc__)


main()
