"""One line that says what goes on, how far it is, and how long it will take."""
import shutil
import sys
import time


def duration(seconds):
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


class Progress:
    """A bar on a terminal, a line for each new piece of work elsewhere, nothing with quiet."""

    def __init__(self, quiet=False, stream=None):
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self.tty = not quiet and self.stream.isatty()
        self.begin = time.monotonic()
        self.total_s = 0  # estimate of the whole, where one can be made
        self.what = ""
        self.shown = 0
        self.n = self.done = 0  # pieces of work, where they are counted

    def expect(self, seconds):
        self.total_s = seconds
        self.begin = time.monotonic()

    def step(self, what):
        """A new piece of work."""
        self.what = what
        if self.tty:
            self.draw("")
        elif not self.quiet:
            print(f"swbench: {what}{self.left()}", file=self.stream, flush=True)

    def begin_count(self, n):
        """The whole is n pieces of work, each about as long as those before it."""
        self.expect(0)
        self.n, self.done = n, 0

    def count(self, what):
        """The next of them."""
        if self.done:
            self.total_s = (time.monotonic() - self.begin) / self.done * self.n
        self.done += 1
        self.step(f"{self.done} of {self.n}, {what}")

    def detail(self, text):
        if self.tty and time.monotonic() - self.shown > 0.1:
            self.draw(text)

    def left(self):
        if not self.total_s:
            return ""
        seconds = self.total_s - (time.monotonic() - self.begin)
        return f", about {duration(max(1, seconds))} left"

    def draw(self, text):
        self.shown = time.monotonic()
        bar = ""
        if self.total_s:
            share = min(0.99, (self.shown - self.begin) / self.total_s)
            bar = "[" + "#" * int(20 * share) + "." * (20 - int(20 * share)) + "] "
        line = f"{bar}{self.what}{': ' + text if text else ''}{self.left()}"
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\033[K{line[:width]}", end="", file=self.stream, flush=True)

    def clear(self):
        if self.tty:
            print("\r\033[K", end="", file=self.stream, flush=True)
