"""usage: tutorial.py DOCUMENT SECONDS LOG

Types what a document has people type: lines of its indented blocks that begin with "$ ". The lines
below one must come in that order, among others; their numbers may be others, their blanks more or
fewer. Prints "ok" or "failed", a tab and the command; details go to LOG. SECONDS is
the patience of what waits for guests, which a document states for a quiet machine.
"""
import re
import subprocess
import sys

INDENT = "    "
DURATION = r"(?:[0-9]+[dhms])+"  # 5s may be 1m3s on a busy machine


def read(path):
    """[command, [line of output]]"""
    steps = []
    with open(path, encoding="utf-8") as file:
        for line in file.read().split("\n"):
            if not line.startswith(INDENT):
                continue
            text = line[len(INDENT):]
            if text.startswith("$ "):
                steps.append((text[2:], []))
            elif steps:
                steps[-1][1].append(text)
    return steps


def pattern(line):
    """Of a line, for what is the same in every run: words."""
    words = (DURATION if re.fullmatch(DURATION, word) else
             re.sub(r"\d+(\\\.\d+)*", r"[0-9.]+", re.escape(word)) for word in line.split())
    return r"\s+".join(words)


def patient(command, seconds):
    command = re.sub(r"--wait=\d+", f"--wait={seconds}", command)
    return re.sub(r"^netcfg exec (\w+) --", rf"netcfg exec \1 --timeout={seconds} --", command)


def matches(wanted, got):
    lines = iter([line.strip() for line in got.split("\n")])
    return all(any(re.fullmatch(pattern(want), line) for line in lines)
               for want in wanted if want.strip())


def main(path, seconds, log_path):
    with open(log_path, "w", encoding="utf-8") as log:
        for command, wanted in read(path):
            print(f"$ {command}", file=log, flush=True)
            done = subprocess.run(["bash", "-c", patient(command, seconds)], text=True, check=False,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            print(done.stdout, end="", file=log)
            good = done.returncode == 0 and matches(wanted, done.stdout)
            if not good:
                print(f"status {done.returncode}, wanted:", *wanted, sep="\n", file=log)
            print("ok" if good else "failed", command, sep="\t", flush=True)
        print("end", file=log)


main(*sys.argv[1:])
