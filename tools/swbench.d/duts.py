"""Devices under test: how each switch is started with ports of given VLANs, asked what it counted,
stopped and killed.

A port is {"name", "path", "vlan"} or {"name", "path", "trunk": [first, last]}. `listen`: the tester
makes the sockets and the switch connects, so that either may be restarted. All forward with one
thread on setup.dut_cpu, and none sleeps while it is measured, unless that is what is measured.
"""
import json
import os
import re
import shlex
import signal
import subprocess

import host

OVS_VSWITCHD = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"


def run(command, what):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise host.Problem(f"{what}: {done.stderr.strip()}")
    return done.stdout


def dpdk_memory():
    """EAL options: huge pages without files in a file system, or none."""
    if host.huge_pages() >= 512:
        return ["--in-memory"]
    return ["--no-huge", "-m", "1024", "--file-prefix", f"swbench-{os.getpid()}"]


class Dut:
    """One running switch in a folder of its own."""

    title = ""
    short = ""         # in tables of several
    listen = True
    in_order = True    # frames of a burst leave as they came
    rewrites = False   # the addresses of every frame
    learns = True      # knows addresses, keeps VLANs apart
    restarts = False   # can be killed and comes back with its configuration
    changes = False    # ports and addresses can be changed while it runs
    prefix = "vhost"   # type of port that the tester opens

    def __init__(self, setup, folder, program=None, *, mtu=9000, tso=False, sleeps=False,
                 keeps=True):
        """mtu: of frames without offloads. tso: with them, up to 64 KiB. sleeps: it may, when
        nothing is to do. keeps: it will be killed, and is to come back as it was."""
        self.setup = setup
        self.folder = folder
        self.program = program
        self.mtu = mtu
        self.tso = tso
        self.sleeps = sleeps
        self.keeps = keeps
        self.ports = []
        self.children = []

    @classmethod
    def missing(cls, program=None):
        """Why it, or another program of its kind, cannot run on this machine; empty where it
        can."""
        return ""

    def spawn(self, command, env=None, alone=False):
        log = os.path.join(self.folder, f"{os.path.basename(command[0])}.log")
        child = host.Child(command, log, env, alone)
        self.children.append(child)
        return child

    def start(self, ports):
        self.ports = ports
        self.start_switch()
        for port in ports:
            self.add_port(port)

    def start_switch(self):
        raise NotImplementedError

    def add_port(self, port):
        raise NotImplementedError

    def spec(self, port, options=""):
        """What the tester opens."""
        return f"vhost:{port['path']}{',listen' if self.listen else ''}{options}"

    def after_open(self):
        """The tester's ports exist."""

    def counters(self):
        """{port: (frames that it received, frames that it sent, dropped)}, or None."""
        return None

    def learned_command(self):
        """Of a shell: leaves in {folder}/learned what learned() reads; empty where it cannot be
        asked."""
        return ""

    def main(self):
        return self.children[-1]

    def kill(self, signo):
        child = self.children.pop()
        child.process.send_signal(signo)
        child.process.wait()
        child.process.stdin.close()

    def stop(self):
        for child in reversed(self.children):
            child.stop()
        self.children = []

    def describe(self):
        return {"name": self.title, "command": [c.process.args for c in self.children],
                "version": self.version()}

    def version(self):
        return ""


def number_of(version):
    """What a program prints of itself, "name 1.2", without its name."""
    return version.rsplit(" ", 1)[-1]


class Weft(Dut):
    """Ours."""

    title = "Weft vswitch"
    short = "Weft"
    restarts = changes = True

    def netcfg(self, *words):
        return run([self.setup.netcfg, "-S", f"{self.folder}/control", *words],
                   f"netcfg {' '.join(words[:3])}")

    def start_switch(self):
        child = self.spawn([
            self.program or self.setup.vswitch, "--control", f"{self.folder}/control",
            "--workers", str(self.setup.dut_cpu), "--log-level", "warn",
            *(["--state", f"{self.folder}/state"] if self.keeps else []),
            *([] if self.sleeps else ["--busy"])])
        host.wait_for("its control socket",
                      lambda: os.path.exists(f"{self.folder}/control"), child)

    def start(self, ports):
        self.ports = ports
        self.start_switch()
        self.netcfg("bridge", "add", "br0", "fdb-max", "1048576")
        for port in ports:
            self.add_port(port)

    def add_port(self, port):
        first, last = port.get("trunk", (0, 0))
        vlan = ["trunks", f"{first}-{last}"] if first else ["tag", str(port["vlan"])]
        self.netcfg("port", "add", port["name"], "bridge", "br0", "path", port["path"],
                    "mode", "client", "mtu", "65535" if self.tso else "9216", *vlan)

    def remove_port(self, port):
        self.netcfg("port", "del", port["name"])

    def flush(self):
        self.netcfg("fdb", "flush", "br0")

    def set_vlan(self, port, vlan):
        self.netcfg("port", "set", port["name"], "tag", str(vlan))

    def learned_command(self):
        return shlex.join([self.setup.netcfg, "-S", f"{self.folder}/control", "--json", "bridge",
                           "show", "br0"]) + f" >{shlex.quote(self.folder)}/learned"

    def learned(self):
        """Addresses that it knew when learned_command() ran."""
        with open(f"{self.folder}/learned", encoding="utf-8") as file:
            return json.load(file)[0]["fdb_entries"]

    def restart(self):
        """After kill(): with what it kept of its state."""
        try:
            os.unlink(f"{self.folder}/control")
        except FileNotFoundError:
            pass
        self.start_switch()

    def counters(self):
        return {port["name"]: (port["rx_frames"], port["tx_frames"],
                               port["rx_dropped"] + port["tx_dropped"])
                for port in json.loads(self.netcfg("--json", "port", "stats"))}

    def version(self):
        return number_of(host.output([self.program or self.setup.vswitch, "--version"]))


class OpenVswitch(Dut):
    """Open vSwitch with DPDK, the rule NORMAL."""

    title = "Open vSwitch with DPDK"
    short = "Open vSwitch"
    in_order = False  # it forwards a burst flow by flow
    restarts = changes = True

    @classmethod
    def missing(cls, program=None):
        if not (host.find_program("ovsdb-server") and os.access(program or OVS_VSWITCHD, os.X_OK)):
            return "not installed with DPDK (package openvswitch-switch-dpdk)"
        if host.huge_pages() < 512:
            return "it does not run without huge pages (sysctl vm.nr_hugepages=1024)"
        return ""

    def vsctl(self, *words):
        done = subprocess.run(
            ["ovs-vsctl", "--timeout=30", f"--db=unix:{self.folder}/db.sock", *words],
            capture_output=True, text=True, check=False)
        if done.returncode:
            for child in self.children:
                child.check()  # it says more than vsctl, which waited for it
            raise host.Problem(f"ovs-vsctl: {done.stderr.strip()}")

    def start_database(self):
        subprocess.run(["ovsdb-tool", "create", f"{self.folder}/conf.db",
                        "/usr/share/openvswitch/vswitch.ovsschema"], check=True,
                       capture_output=True)
        child = self.spawn([host.find_program("ovsdb-server"), f"{self.folder}/conf.db",
                            f"--remote=punix:{self.folder}/db.sock",
                            f"--unixctl={self.folder}/db.ctl"], self.environment())
        host.wait_for("its database", lambda: os.path.exists(f"{self.folder}/db.sock"), child)

    def environment(self):
        env = dict(os.environ)
        for name in ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR"):
            env[name] = self.folder
        return env

    def start_switch(self):
        self.start_database()
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                   "other_config:dpdk-extra=--no-pci",
                   f"other_config:dpdk-lcore-mask={1 << self.setup.tester_cpu:#x}",
                   f"other_config:pmd-cpu-mask={1 << self.setup.dut_cpu:#x}",
                   f"other_config:userspace-tso-enable={'true' if self.tso else 'false'}")
        self.start_daemon()
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev",
                   "other_config:mac-table-size=1048576", "fail-mode=standalone")

    def start_daemon(self):
        # Its taps br0 and ovs-netdev are persistent: they go with its network namespace.
        child = self.spawn([self.program or OVS_VSWITCHD, f"unix:{self.folder}/db.sock",
                            f"--unixctl={self.folder}/ovs.ctl"], self.environment(), alone=True)
        host.wait_for("its control socket",
                      lambda: os.path.exists(f"{self.folder}/ovs.ctl"), child)

    def add_port(self, port):
        first, last = port.get("trunk", (0, 0))
        vlan = f"trunks=[{','.join(map(str, range(first, last + 1)))}]" if first else \
            f"tag={port['vlan']}"
        # With the usual MTU its buffers are smaller, and it is faster.
        mtu = [f"mtu_request={self.mtu}"] if self.mtu > 1500 else []
        self.vsctl("add-port", "br0", port["name"], vlan, "--", "set", "interface", port["name"],
                   "type=dpdkvhostuserclient", f"options:vhost-server-path={port['path']}", *mtu)

    def remove_port(self, port):
        self.vsctl("del-port", "br0", port["name"])

    def flush(self):
        self.appctl("fdb/flush", "br0")

    def set_vlan(self, port, vlan):
        self.vsctl("set", "port", port["name"], f"tag={vlan}")

    def appctl(self, *words):
        return run(["ovs-appctl", "-t", f"{self.folder}/ovs.ctl", *words],
                   f"ovs-appctl {words[0]}")

    def kill(self, signo):
        super().kill(signo)
        try:
            os.unlink(f"{self.folder}/ovs.ctl")
        except FileNotFoundError:
            pass

    def restart(self):
        self.start_daemon()

    def counters(self):
        found, name = {}, None
        for line in self.appctl("dpctl/show", "-s").splitlines():
            if match := re.match(r"\s+port \d+: (\S+)", line):
                name = match[1]
                found[name] = [0, 0, 0]
            elif match := re.match(r"\s+(RX|TX) packets:(\d+) errors:\S+ dropped:(\d+|\?)", line):
                found[name][0 if match[1] == "RX" else 1] = int(match[2])
                found[name][2] += int(match[3]) if match[3] != "?" else 0
        return {name: tuple(values) for name, values in found.items()}

    def version(self):
        return number_of(host.output([self.program or OVS_VSWITCHD, "--version"]))


class Testpmd(Dut):
    """DPDK's forwarder between pairs of ports: no table, no VLANs."""

    title = short = "testpmd io"
    mode = "io"
    listen = learns = False

    @classmethod
    def missing(cls, program=None):
        return "" if program or host.find_program("dpdk-testpmd") else \
            "dpdk-testpmd is not installed (package dpdk-dev)"

    def start(self, ports):
        self.ports = ports
        program = self.program or host.find_program("dpdk-testpmd")
        if len(ports) % 2 or any("trunk" in port for port in ports):
            raise host.Problem("testpmd joins pairs of ports and knows no VLANs")
        command = [program, "--no-pci", *dpdk_memory(), "--lcores",
                   f"0@{self.setup.tester_cpu},1@{self.setup.dut_cpu}"]
        offloads = ",tso=1,legacy-ol-flags=1" if self.tso else ""
        for i, port in enumerate(ports):
            command += ["--vdev", f"net_vhost{i},iface={port['path']},queues=1{offloads}"]
        # One segment a frame where that is possible: its fastest way.
        buffers = ["--mbuf-size=65535", "--total-num-mbufs=4096"] if self.tso else \
            ["--total-num-mbufs=32768"]
        child = self.spawn(command + [
            "--", f"--forward-mode={self.mode}", "--nb-cores=1", "--auto-start",
            "--no-lsc-interrupt", "--stats-period=0", *buffers])
        host.wait_for("its sockets",
                      lambda: all(os.path.exists(port["path"]) for port in ports), child)

    def version(self):
        return "DPDK " + host.package_version("dpdk")


class TestpmdMac(Testpmd):
    """The same, and it writes the addresses of every frame."""

    title = short = "testpmd mac"
    mode = "mac"
    rewrites = True


class LinuxBridge(Dut):
    """The kernel's bridge over tap devices, in the network namespace that we are in."""

    title = "Linux bridge"
    prefix = "tap"
    changes = False

    def start_switch(self):
        self.bridge = f"swb{os.getpid() % 10000}"
        run(["ip", "link", "add", self.bridge, "type", "bridge"], "bridge")
        run(["ip", "link", "set", self.bridge, "up"], "bridge")

    def add_port(self, port):
        if "trunk" in port:
            raise host.Problem("the Linux bridge is measured without VLANs")
        port["tap"] = f"{self.bridge}{port['name']}"[:15]

    def spec(self, port, options=""):
        return f"tap:{port['tap']}"

    def after_open(self):
        for port in self.ports:
            run(["ip", "link", "set", port["tap"], "master", self.bridge], "bridge port")

    def counters(self):
        found = {}
        for port in self.ports:
            values = []
            for name in ("rx_packets", "tx_packets", "tx_dropped"):
                with open(f"/sys/class/net/{port['tap']}/statistics/{name}",
                          encoding="ascii") as file:
                    values.append(int(file.read()))
            found[port["name"]] = tuple(values)
        return found

    def stop(self):
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True, check=False)
        super().stop()

    def version(self):
        return os.uname().release


class External(Dut):
    """Something that speaks vhost-user and runs already: its sockets are named by the user."""

    title = "external"
    learns = True

    def __init__(self, setup, folder, program=None, sockets=(), listen=False):
        super().__init__(setup, folder, program)
        self.sockets = sockets
        self.listen = listen

    def start(self, ports):
        if len(ports) > len(self.sockets):
            raise host.Problem(f"{len(ports)} sockets are needed, --socket names "
                               f"{len(self.sockets)}")
        self.ports = ports
        for port, path in zip(ports, self.sockets):
            port["path"] = path


KINDS = {"weft": Weft, "testpmd": Testpmd, "testpmd-mac": TestpmdMac, "ovs": OpenVswitch,
         "bridge": LinuxBridge, "external": External}
SIGNALS = {"SIGTERM": signal.SIGTERM, "SIGKILL": signal.SIGKILL}
