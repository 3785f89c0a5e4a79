#!/usr/bin/env python3
"""usage: capture_frames.py send INTERFACE FIRST COUNT
       capture_frames.py check FILE COUNT [INTERFACE:in|out[:VLAN] ...]
       capture_frames.py dropped FILE INTERFACE COUNT REASON
       capture_frames.py interfaces FILE
       capture_frames.py agree FILE

Frames with numbers, whose content follows from them, sent at an interface; and captures of them, read by a
reader of pcapng that has nothing in common with the one who wrote them. `check` wants each named interface
to have frames 0..COUNT-1 in that direction, each once, in order and byte for byte, with that VLAN's tag where one is
given, times that never go back, and statistics that fit. `dropped` wants them with that reason as a comment. `interfaces` prints what is told of each: name,
description, filter, resolution, received, lost. `agree` wants tshark to see the same frames as this reader does.
"""
import json
import socket
import struct
import subprocess
import sys

TYPE = 0x88B5
SIZES = (60, 61, 64, 128, 129, 200, 594, 1000, 1513, 1514)
SECTION, INTERFACE, STATISTICS, FRAME = 0x0A0D0D0A, 1, 5, 6


def frame(number):
    size = SIZES[number % len(SIZES)]
    content = b"".join(struct.pack(">I", (number * 2654435761 + i) & 0xFFFFFFFF) for i in range(8))
    head = b"\xff" * 6 + bytes.fromhex("020000000001") + struct.pack(">HI", TYPE, number)
    return (head + content * (size // 32 + 1))[:size]


def blocks(data):
    """Type and body of each block that is complete."""
    at = 0
    while at + 12 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if at + size > len(data):
            return
        assert size % 4 == 0 and struct.unpack_from("<I", data, at + size - 4)[0] == size, "lengths of a block"
        yield kind, data[at + 8 : at + size - 4]
        at += size


def options(body):
    found, at = {}, 0
    while at + 4 <= len(body):
        code, size = struct.unpack_from("<HH", body, at)
        if not code:
            assert at + 4 == len(body), "the options end the block"
            break
        found[code] = body[at + 4 : at + 4 + size]
        at += 4 + (size + 3) // 4 * 4
    return found


class Capture:
    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        self.interfaces, self.frames, self.statistics = [], [], {}
        for number, (kind, body) in enumerate(blocks(data)):
            if kind == SECTION:
                assert number == 0 and struct.unpack_from("<IHH", body) == (0x1A2B3C4D, 1, 0)
            elif kind == INTERFACE:
                assert struct.unpack_from("<H", body)[0] == 1, "Ethernet"
                self.interfaces.append(options(body[8:]))
            elif kind == STATISTICS:
                self.statistics[struct.unpack_from("<I", body)[0]] = options(body[12:])
            elif kind == FRAME:
                interface, upper, lower, kept, size = struct.unpack_from("<IIIII", body)
                assert interface < len(self.interfaces), "of an interface that is there"
                told = options(body[20 + (kept + 3) // 4 * 4 :])
                flags = struct.unpack("<I", told[2])[0]
                self.frames.append(
                    (interface, upper << 32 | lower, body[20 : 20 + kept], size, flags & 3, told.get(1))
                )

    def name(self, interface):
        return self.interfaces[interface][2].decode()


def send(interface, first, count):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    for number in range(first, first + count):
        sock.send(frame(number))


def check_interface(capture, spec, count):
    name, direction, *vlan = spec.split(":")
    wanted = {"in": 1, "out": 2}[direction]
    numbers = []
    for interface, _, data, size, flags, _ in capture.frames:
        if capture.name(interface) != name or flags != wanted:
            continue
        if vlan:
            tag = struct.pack(">HH", 0x8100, int(vlan[0]))
            if data[16:18] != struct.pack(">H", TYPE):
                continue
            assert data[12:16] == tag, "the tag of that port's wire"
            data, size = data[:12] + data[16:], size - 4
        if data[12:14] != struct.pack(">H", TYPE):
            continue
        number = struct.unpack_from(">I", data, 14)[0]
        assert data == frame(number) and size == len(data), f"{spec}: frame {number} is what was sent"
        numbers.append(number)
    assert numbers == list(range(count)), f"{spec}: {len(numbers)} frames of {count}"


def check(path, count, specs):
    capture = Capture(path)
    times = [frame[1] for frame in capture.frames]
    assert times == sorted(times), "times never go back"
    for spec in specs:
        check_interface(capture, spec, count)
    for interface, told in capture.statistics.items():
        here = sum(1 for frame in capture.frames if frame[0] == interface)
        received, lost = (struct.unpack("<Q", told[code])[0] for code in (4, 5))
        assert received == here + lost, f"{received} received, {here} here, {lost} lost"


def dropped(path, name, count, reason):
    capture = Capture(path)
    told = [
        (data, comment)
        for interface, _, data, _, flags, comment in capture.frames
        if capture.name(interface) == name and flags == 1 and data[12:14] == struct.pack(">H", TYPE)
    ]
    assert told == [(frame(n), b"dropped: " + reason.encode()) for n in range(count)], f"{len(told)} dropped"


def of_tshark(layers):
    """A frame as it stands in Capture.frames, by name of its interface and in nanoseconds."""
    told, comment = layers["frame"], layers.get("pkt_comment", {}).get("frame.comment")
    seconds, _, fraction = told["frame.time_epoch"].partition(".")
    return (
        told["frame.interface_id_tree"]["frame.interface_name"],
        int(seconds) * 10**9 + int(fraction),
        bytes.fromhex(layers["frame_raw"][0]),
        int(told["frame.len"]),
        int(told["frame.packet_flags_tree"]["frame.packet_flags_direction"], 16),
        comment and comment.encode(),
    )


def agree(path):
    capture = Capture(path)
    told = subprocess.run(["tshark", "-r", path, "-T", "json", "-x"], check=True, capture_output=True)
    theirs = [of_tshark(packet["_source"]["layers"]) for packet in json.loads(told.stdout)]
    ours = [(capture.name(interface), *frame) for interface, *frame in capture.frames]
    assert len(theirs) == len(ours), f"tshark sees {len(theirs)} frames, this reader {len(ours)}"
    for number, pair in enumerate(zip(theirs, ours)):
        assert pair[0] == pair[1], f"frame {number}: tshark sees {pair[0]}, this reader {pair[1]}"


def interfaces(path):
    capture = Capture(path)
    for number, told in enumerate(capture.interfaces):
        counts = [struct.unpack("<Q", capture.statistics[number][code])[0] for code in (4, 5)]
        print(told[2].decode(), told[3].decode(), told.get(11, b"\0-")[1:].decode(), told[9][0], *counts, sep="|")


def main():
    verb, args = sys.argv[1], sys.argv[2:]
    if verb == "send":
        send(args[0], int(args[1]), int(args[2]))
    elif verb == "dropped":
        dropped(args[0], args[1], int(args[2]), args[3])
    elif verb == "agree":
        agree(args[0])
    elif verb == "check":
        check(args[0], int(args[1]), args[2:])
    else:
        interfaces(args[0])


if __name__ == "__main__":
    main()
