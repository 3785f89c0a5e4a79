#!/usr/bin/env python3
"""usage: tagged_arp.py INTERFACE VLAN OWN-ADDRESS ADDRESS

Asks for an address by ARP in a tagged frame, and exits 0 if the answer has the tag, too. For hosts
whose kernel makes no VLAN interfaces.
"""
import select
import socket
import struct
import sys
import time

SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 1 << 4
ETH_P_ALL, TYPE_VLAN, TYPE_ARP = 3, 0x8100, 0x0806


def main(interface, vlan, own, wanted):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((interface, 0))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    mac = sock.getsockname()[4]
    own, wanted = socket.inet_aton(own), socket.inet_aton(wanted)
    request = (b"\xff" * 6 + mac + struct.pack("!HHH", TYPE_VLAN, vlan, TYPE_ARP)
               + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + own + b"\0" * 6 + wanted)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        sock.send(request)
        while select.select([sock], [], [], 0.3)[0]:
            frame, ancillary, _, _ = sock.recvmsg(2048, 256)
            tags = [struct.unpack("IIIHHHH", data[:20]) for level, kind, data in ancillary
                    if level == SOL_PACKET and kind == PACKET_AUXDATA]
            tagged = any(t[0] & TP_STATUS_VLAN_VALID and t[5] & 0xfff == vlan for t in tags)
            if frame[:6] == mac and frame[12:14] == b"\x08\x06" and frame[28:32] == wanted:
                return 0 if tagged else 1
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]))
