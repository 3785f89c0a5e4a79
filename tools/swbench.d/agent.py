"""The packet engine, `pktlab agent`, as an object: one JSON object a line each way."""
import json
import os
import subprocess

import host


class Stopped(Exception):
    """The user wants to end; what was measured so far is kept."""


def prefer():
    """Before other programs on its core, where that is allowed; and ended with us."""
    host.die_with_parent()
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    except PermissionError:
        pass


class Agent:
    """A running agent on one core."""

    def __init__(self, program, cpu, log):
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [program, "agent", "--cpu", str(cpu)], stdin=subprocess.PIPE, text=True,
                stdout=subprocess.PIPE, stderr=out, preexec_fn=prefer, start_new_session=True)
        self.log = log
        self.number = 0
        self.hello = self.call("hello")

    def send(self, op, **members):
        self.number += 1
        try:
            self.process.stdin.write(json.dumps({"id": self.number, "op": op, **members}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise host.Problem(f"pktlab ended: {self.last_words()}") from error
        return self.number

    def last_words(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read().strip()[-300:] or "it said nothing"

    def receive(self, number, progress=None):
        """The answer to a request; events go to progress(elapsed, total)."""
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise host.Problem(f"pktlab ended: {self.last_words()}")
            answer = json.loads(line)
            if answer.get("id") != number:
                continue
            if "event" in answer:
                if progress:
                    progress(answer["elapsed"], answer["total"])
                continue
            if not answer["ok"]:
                error = answer["error"]
                hint = f" ({error['hint']})" if error["hint"] else ""
                raise host.Problem(f"pktlab: {error['message']}{hint}")
            return answer["result"]

    def call(self, op, progress=None, during=None, **members):
        """Ask and wait for the answer; during() is called in between."""
        number = self.send(op, **members)
        try:
            if during:
                during()
            return self.receive(number, progress)
        except KeyboardInterrupt as error:
            # The run ends now, and its answer is taken, so that the agent is of use again.
            self.send("stop")
            self.receive(number)
            raise Stopped from error

    def close(self):
        if self.process.poll() is None:
            try:
                self.process.stdin.close()
                self.process.wait(5)
            except (BrokenPipeError, subprocess.TimeoutExpired):
                self.process.kill()
        self.process.wait()
        self.process.stdout.close()
