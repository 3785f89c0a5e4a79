#!/usr/bin/env python3
"""The shell of the small guest says that the guest is ready once it reads its terminal itself: what is typed from then
on is echoed by nobody else."""
import os
import pathlib
import pty
import select
import termios
import unittest

PROFILE = pathlib.Path(__file__).resolve().parents[3] / "tools/guest.d/profile"
READY = b"weft-guest: ready\r\n"
LIMIT_S = 300  # ends only what hangs


class Shell:
    """A shell as on the guest's console."""

    def __init__(self):
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.execvp("bash", ["bash", "--noprofile", "--rcfile", str(PROFILE), "-i"])
        self.said = b""

    def wait_for(self, text):
        while text not in self.said:
            if not select.select([self.terminal], [], [], LIMIT_S)[0]:
                raise TimeoutError(f"{text} does not come behind {self.said}")
            self.said += os.read(self.terminal, 4096)

    def type(self, line):
        os.write(self.terminal, line)

    def end(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


class GuestShell(unittest.TestCase):
    def setUp(self):
        self.shell = Shell()
        self.addCleanup(self.shell.end)

    def test_ready_is_said_once_the_terminal_does_not_echo(self):
        self.shell.wait_for(READY.strip())
        self.assertFalse(termios.tcgetattr(self.shell.terminal)[3] & termios.ECHO)
        self.shell.type(b"echo do''ne\n")
        self.shell.wait_for(b"done\r\n")
        self.assertEqual(self.shell.said.count(b"echo do''ne"), 1)

    def test_ready_is_said_once(self):
        for word in (b"one", b"two"):
            self.shell.type(b"echo " + word[:1] + b"''" + word[1:] + b"\n")
            self.shell.wait_for(word + b"\r\n")
        self.shell.type(b"exit\n")
        self.shell.wait_for(b"exit\r\n")
        self.assertEqual(self.shell.said.count(READY), 1)
        self.assertIn(READY + b"weft:", self.shell.said)


if __name__ == "__main__":
    unittest.main()
