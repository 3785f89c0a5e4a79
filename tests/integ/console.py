#!/usr/bin/env python3
"""usage: console.py SOCKET COMMAND [TIMEOUT]

Runs a command in the shell on a guest's serial console (a Unix socket), prints what it printed and
exits with its status; 124 if the console gave no answer in time (default 1800 s: it may boot in an
emulated host).
"""
import re
import shlex
import socket
import sys
import time

PROMPT = re.compile(rb"weft:[\w.-]+# $")


class Console:
    def __init__(self, path, deadline):
        self.deadline = deadline
        self.data = b""
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            try:
                self.sock.connect(path)
                return
            except OSError:
                self.sock.close()
                self.need_time()
                time.sleep(0.1)

    def need_time(self):
        if time.monotonic() > self.deadline:
            sys.stderr.write("console: no answer; last output:\n")
            sys.stderr.write(self.data.decode(errors="replace")[-2000:] + "\n")
            sys.exit(124)

    def read(self, seconds):
        self.sock.settimeout(seconds)
        try:
            self.data += self.sock.recv(65536)
        except TimeoutError:
            pass
        self.need_time()

    def prompt(self):
        """Wait for a shell that waits: ask for a prompt until one stands at the end."""
        while not PROMPT.search(self.data):
            try:
                self.sock.sendall(b"\r")
            except TimeoutError:  # a guest that has hung reads nothing
                self.need_time()
            until = time.monotonic() + 1
            while time.monotonic() < until and not PROMPT.search(self.data):
                self.read(0.2)
        # More prompts than one may be on their way: let the line fall silent.
        while True:
            size = len(self.data)
            self.read(0.2)
            if len(self.data) == size:
                return

    def run(self, command):
        """The markers are written so that the echo of the command does not contain them."""
        self.data = b""
        line = f"echo we''ft-begin; eval {shlex.quote(command)}; echo we''ft-status:$?\r"
        self.sock.sendall(line.encode())
        ended = re.compile(rb"weft-begin\r?\n(.*?)weft-status:(\d+)\r?\n", re.S)
        while not (found := ended.search(self.data)):
            self.read(1)
        return found[1].decode(errors="replace").replace("\r", "").rstrip("\n"), int(found[2])


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    limit = float(sys.argv[3]) if len(sys.argv) == 4 else 1800
    console = Console(sys.argv[1], time.monotonic() + limit)
    console.prompt()
    output, status = console.run(sys.argv[2])
    if output:
        print(output)
    sys.exit(status)


main()
