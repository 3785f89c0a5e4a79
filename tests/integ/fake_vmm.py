#!/usr/bin/env python3
"""usage: vmm run OPTIONS, as netcfg starts vmm

A vmm without a machine, for tests of netcfg where there is no KVM: it serves the control socket, writes what a
ready guest writes, and moves no frame. Words of the guest's command line make it another one:
fake=mute (its console says nothing), fake=refused (it ends with an error and a hint), fake=shell (a shell of busybox
on its console). KVM is fit unless FAKE_UNFIT, and may be used unless FAKE_DENIED.
"""
import json
import os
import pty
import socket
import sys
import threading
import time

METHOD = "net.weft.vmm."


def options(argv):
    found = {"--net": []}
    for name, value in zip(argv, argv[1:]):
        if name == "--net":
            found[name].append(value)
        elif name.startswith("--"):
            found[name] = value
    return found


def settings(text):
    return dict(word.partition("=")[::2] for word in text.split(","))


class Vm:
    def __init__(self, opts):
        self.opts = opts
        self.started = time.monotonic()
        self.state = "running"

    def status(self):
        return {"name": self.opts["--name"], "pid": os.getpid(), "state": self.state,
                "vcpus": int(self.opts["--vcpus"]), "memory_bytes": int(self.opts["--memory"][:-1]) << 10,
                "memory_used_bytes": 1 << 20, "uptime_s": int(time.monotonic() - self.started),
                "nics": len(self.opts["--net"]), "config": self.opts["--config-digest"]}

    def nics(self):
        for i, net in enumerate(map(settings, self.opts["--net"])):
            yield {"nic": i, "mac": net["mac"], "path": net["vhost-user"], "state": "listening",
                   "link": False, "mtu": int(net.get("mtu", 0))}

    def answer(self, method):
        if method == "Status":
            return [{"parameters": self.status()}]
        if method == "NicShow":
            return [{"parameters": row, "continues": True} for row in self.nics()] + [{}]
        if method in ("Stop", "Reset", "Pause", "Resume"):
            return [{}]
        return [{"error": METHOD + "MethodNotFound", "parameters": {"message": "unknown method"}}]


def serve(vm, connection):
    data = b""
    while True:
        got = connection.recv(65536)
        if not got:
            return
        data += got
        while b"\0" in data:
            message, _, data = data.partition(b"\0")
            method = json.loads(message)["method"].removeprefix(METHOD)
            for reply in vm.answer(method):
                connection.sendall(json.dumps(reply).encode() + b"\0")
            if method == "Stop":
                os._exit(0)


class Console:
    """A shell on a terminal; what it prints goes to the file and to whoever is connected. It reads its
    terminal itself once it has prompted: until then the terminal echoes what comes, too."""

    PROMPT = b"fake# "

    def __init__(self, log, path):
        self.log, self.clients = log, []
        pid, self.terminal = pty.fork()
        if not pid:
            os.execvpe("busybox", ["busybox", "ash", "-i"], dict(os.environ, PS1=self.PROMPT.decode(), TERM="vt100"))
        said = b""
        while self.PROMPT not in said:
            said += os.read(self.terminal, 4096)
        self.log.write(said + b"\n")
        self.log.flush()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.output, daemon=True).start()
        threading.Thread(target=self.accept, daemon=True).start()

    def output(self):
        while data := os.read(self.terminal, 4096):
            self.log.write(data)
            self.log.flush()
            for client in list(self.clients):
                try:
                    client.sendall(data)
                except OSError:
                    self.clients.remove(client)

    def input(self, client):
        while data := client.recv(4096):
            while data:
                data = data[os.write(self.terminal, data):]

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            self.clients.append(client)
            threading.Thread(target=self.input, args=(client,), daemon=True).start()


def main():
    if sys.argv[1] == "check":
        permitted = not os.environ.get("FAKE_DENIED")
        fit = permitted and not os.environ.get("FAKE_UNFIT")
        reason = {} if fit else {"reason": "KVM here is too slow" if permitted else "KVM: permission denied",
                                 "hint": "use another machine" if permitted else "be in the group kvm"}
        print(json.dumps({"fit": fit, "permitted": permitted, **reason}))
        return
    opts = options(sys.argv)
    if "fake=refused" in opts["--cmdline"]:
        sys.exit("vmm: error: kernel 'k': it is none\nvmm: hint: give it one")
    serial = settings(opts["--serial"])
    with open(serial["file"], "wb") as console:
        if "fake=shell" in opts["--cmdline"]:
            Console(open(serial["file"], "ab"), serial["unix"])
        console.seek(0, os.SEEK_END)
        console.write(b"boots\n" if "fake=mute" in opts["--cmdline"] else b'weft-guest: ready\n{"ready":1}\n')
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(opts["--control"])
        listener.listen()
        vm = Vm(opts)
        while True:
            threading.Thread(target=serve, args=(vm, listener.accept()[0]), daemon=True).start()


main()
