"""The switches that are measured: how each is started with n ports in one bridge.

A switch has `sockets` to hand to bench-fe and `listen`, whether bench-fe makes them. All of them
forward with one thread on setup.switch_cpu, and none sleeps while it is measured.
"""
import json
import os
import shlex
import subprocess

import host

VLAN = "10"  # TRAFFIC_VID of traffic.h


class Switch:
    """One start of one switch in a directory of its own."""

    listen = False
    fe_options = ()

    def __init__(self, setup, folder, point):
        self.setup = setup
        self.folder = folder
        self.point = point
        self.children = []
        self.sockets = [os.path.join(folder, f"p{i}") for i in range(point["ports"])]

    def start(self):
        raise NotImplementedError

    def spawn(self, command, env=None, alone=False):
        name = f"{len(self.children)}-{os.path.basename(command[0])}.log"
        child = host.Child(command, os.path.join(self.folder, name), env, alone)
        self.children.append(child)
        return child

    def ask_learned(self):
        """Shell command to run when every address was sent; empty where that cannot be asked."""
        return ""

    def check_learned(self):
        """Fail when the answer was that the switch does not know all of them."""

    def stop(self):
        for child in reversed(self.children):
            child.stop()


class Weft(Switch):
    """Ours, over its control socket."""

    def netcfg(self, *words):
        done = subprocess.run(
            [self.setup.netcfg, "-S", os.path.join(self.folder, "control"), *words],
            capture_output=True, text=True, check=False)
        if done.returncode:
            raise host.Problem(f"netcfg {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def start(self):
        command = [self.setup.vswitch, "--control", os.path.join(self.folder, "control"),
                   "--workers", str(self.setup.switch_cpu), "--log-level", "warn"]
        if not self.point.get("idle"):
            command.append("--busy")
        child = self.spawn(command)
        host.wait_for("its control socket",
                      lambda: os.path.exists(os.path.join(self.folder, "control")), child)
        self.netcfg("bridge", "add", "br0", "fdb-max", "1048576")
        for i, path in enumerate(self.sockets):
            vlan = ["trunks", VLAN] if self.point.get("tagged") else ["tag", VLAN]
            self.netcfg("port", "add", f"p{i}", "bridge", "br0", "path", path,
                        "mode", "server", "mtu", "65535", *vlan)

    def ask_learned(self):
        return shlex.join([self.setup.netcfg, "-S", os.path.join(self.folder, "control"), "--json",
                           "bridge", "show", "br0"]) + f" >{self.folder}/learned"

    def check_learned(self):
        with open(f"{self.folder}/learned", encoding="utf-8") as file:
            known = json.load(file)[0]["fdb_entries"]
        wanted = self.point["ports"] * self.point.get("addresses", 1)
        if known != wanted:
            raise host.Problem(f"{known} of {wanted} addresses were learned")


def dpdk_memory():
    """EAL options: huge pages without files in a file system, or none."""
    if host.huge_pages() >= 512:
        return ["--in-memory"]
    return ["--no-huge", "-m", "1024", "--file-prefix", f"weft-bench-{os.getpid()}"]


class Testpmd(Switch):
    """DPDK's forwarder between pairs of vhost ports: no table, no look-up, two copies."""

    mode = "io"

    def start(self):
        setup, point = self.setup, self.point
        command = [host.find_program("dpdk-testpmd"), "--no-pci", *dpdk_memory(),
                   "--lcores", f"0@{setup.generator_cpu},1@{setup.switch_cpu}"]
        offloads = ",tso=1,legacy-ol-flags=1" if point.get("tso") else ""
        for i, path in enumerate(self.sockets):
            command += ["--vdev", f"net_vhost{i},iface={path},queues=1{offloads}"]
        command += ["--", f"--forward-mode={self.mode}", "--nb-cores=1", "--auto-start",
                    "--no-lsc-interrupt", "--stats-period=0"]
        # One segment a frame where that is possible: its fastest way.
        command += (["--mbuf-size=65535", "--total-num-mbufs=4096"] if point.get("tso")
                    else ["--total-num-mbufs=32768"])
        child = self.spawn(command)
        host.wait_for("its sockets", lambda: all(map(os.path.exists, self.sockets)), child)


class TestpmdMac(Testpmd):
    """The same, and it writes the addresses of every frame."""

    mode = "mac"
    fe_options = ("--rewritten",)


class OpenVswitch(Switch):
    """Open vSwitch with DPDK, one bridge with the rule NORMAL: it learns."""

    listen = True
    # It forwards a burst flow by flow.
    fe_options = ("--any-order",)

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

    def start(self):
        setup, point = self.setup, self.point
        self.start_database()
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                   "other_config:dpdk-init=true",
                   "other_config:dpdk-extra=--no-pci",
                   f"other_config:dpdk-lcore-mask={1 << setup.generator_cpu:#x}",
                   f"other_config:pmd-cpu-mask={1 << setup.switch_cpu:#x}",
                   f"other_config:userspace-tso-enable={'true' if point.get('tso') else 'false'}")
        # Its taps br0 and ovs-netdev are persistent: they go with its network namespace.
        child = self.spawn([ovs_vswitchd(), f"unix:{self.folder}/db.sock",
                            f"--unixctl={self.folder}/ovs.ctl"], self.environment(), alone=True)
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev",
                   "other_config:mac-table-size=1048576", "fail-mode=standalone")
        for i, path in enumerate(self.sockets):
            vlan = f"trunks={VLAN}" if point.get("tagged") else f"tag={VLAN}"
            self.vsctl("add-port", "br0", f"p{i}", vlan, "--", "set", "interface", f"p{i}",
                       "type=dpdkvhostuserclient", f"options:vhost-server-path={path}")
        child.check()


def ovs_vswitchd():
    dpdk = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
    return dpdk if os.access(dpdk, os.X_OK) else host.find_program("ovs-vswitchd")


KINDS = {"weft": Weft, "testpmd-io": Testpmd, "testpmd-mac": TestpmdMac, "ovs": OpenVswitch}
TITLES = {"weft": "Weft", "testpmd-io": "testpmd io", "testpmd-mac": "testpmd mac",
          "ovs": "Open vSwitch"}


def find(setup, only):
    """The switches that can be measured here, and a line for each that cannot."""
    wanted = only.split(",") if only else list(KINDS)
    missing = []
    for name in wanted:
        if name not in KINDS:
            raise host.Problem(f"--only: '{name}' is not one of {', '.join(KINDS)}")
    if not host.find_program("dpdk-testpmd"):
        missing += [f"{name}: dpdk-testpmd is not installed (package dpdk-dev)"
                    for name in wanted if name.startswith("testpmd")]
    if "ovs" in wanted and not (host.find_program("ovsdb-server") and
                                os.access("/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk",
                                          os.X_OK)):
        missing.append("ovs: not installed with DPDK (package openvswitch-switch-dpdk)")
    elif "ovs" in wanted and host.huge_pages() < 512:
        missing.append("ovs: it does not run without huge pages (sysctl vm.nr_hugepages=1024)")
    gone = {line.split(":")[0] for line in missing}
    return {name: KINDS[name] for name in wanted if name not in gone}, missing
