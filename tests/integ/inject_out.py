#!/usr/bin/env python3
"""usage: inject_out.py SOCKET PORT HEX [ERROR]

Asks the switch at SOCKET to send a frame out of PORT, past every look-up, and wants interface PORT to get it byte for
byte; or wants the switch to refuse it by this name.
"""
import json
import socket
import sys

from trace_frames import listen, receive


def call(path, **parameters):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(json.dumps({"method": "net.weft.vswitch.Inject", "parameters": parameters}).encode() + b"\0")
        reply = b""
        while not reply.endswith(b"\0"):
            data = sock.recv(65536)
            assert data, "the switch closes the connection"
            reply += data
        return json.loads(reply[:-1])


def main():
    path, port, digits, *error = sys.argv[1:]
    sock = listen(port)
    reply = call(path, port=port, dir="out", frame=digits)
    if error:
        assert reply.get("error", "").endswith("." + error[0]), f"the switch says {reply}"
        return
    assert "error" not in reply, f"the switch says {reply}"
    got = receive(sock)
    assert got == bytes.fromhex(digits), f"{got and got.hex()} came"


if __name__ == "__main__":
    main()
