"""The machine that is measured on: where programs are, what it is, child processes."""
import ctypes
import os
import platform
import shutil
import signal
import subprocess
import sys
import time

# Where `meson install` puts programs and nfguest, seen from the folder where it puts this file.
INSTALLED = [os.path.normpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), path))
             for path in ("../../../../bin", "../..")]

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1


class Problem(Exception):
    """Something that the user has to know, in one line."""


PROGRAMS = {"vswitch": "vswitch/vswitch", "netcfg": "netcfg/netcfg", "vmm": "vmm/vmm",
            "pktlab": "tools/pktlab/pktlab", "nfguest": "tools/nfguest/nfguest",
            "fe": "tools/bench.d/bench-fe", "cycles": "tools/bench.d/bench-cycles"}


def find(build, path):
    """What was built, or else what was installed with us."""
    built = os.path.abspath(os.path.join(build, path))
    installed = [os.path.join(folder, os.path.basename(path)) for folder in INSTALLED]
    return next((name for name in [built, *installed] if os.path.isfile(name)), built)


class Setup:
    """Programs of a build, as members, and cores: the tester's, the device's, those of guests."""

    def __init__(self, build, cpus):
        self.build = build
        self.tester_cpu, self.dut_cpu = cpus[:2]
        online = os.sched_getaffinity(0)
        for cpu in cpus:
            if cpu not in online:
                raise Problem(f"core {cpu} cannot be used here; there are {sorted(online)}")
        for name, path in PROGRAMS.items():
            setattr(self, name, find(build, path))

    def require(self, *names):
        for name in names:
            if not os.access(getattr(self, name), os.X_OK):
                raise Problem(f"{getattr(self, name)} is missing: meson setup {self.build} && "
                              f"ninja -C {self.build}")

    def describe(self):
        """The machine, and what is installed on it."""
        return {
            "cpu": cpu_model(), "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(), "memory_mib": memory("MemTotal") // 1024,
            "free_huge_pages": huge_pages(), "load": os.getloadavg()[0],
            "tester_cpu": self.tester_cpu, "dut_cpu": self.dut_cpu,
            "build": build_type(self.build),
            "commit": output(["git", "-C", os.path.dirname(__file__), "describe", "--always",
                              "--dirty"]),
            "dpdk": package_version("dpdk"),
            "open_vswitch": package_version("openvswitch-switch-dpdk"),
        }


def output(command):
    """First line that a command prints; empty where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.split("\n")[0].strip()


def package_version(name):
    return output(["dpkg-query", "-W", "-f", "${Version}", name])


def build_type(build):
    try:
        text = subprocess.run(["meson", "introspect", "--buildoptions", build], text=True,
                              capture_output=True, check=False).stdout
    except OSError:
        return "unknown"
    at = text.find('"name": "buildtype"')
    return text[at:].split('"value": "', 1)[1].split('"')[0] if at >= 0 else "unknown"


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def memory(name):
    """A number of /proc/meminfo, KiB or pages; 0 where there is none."""
    with open("/proc/meminfo", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields.get(name, "0").split()[0])


def huge_pages():
    """Free huge pages of 2 MiB."""
    return memory("HugePages_Free") if memory("Hugepagesize") == 2048 else 0


def warn_of_load():
    load = os.getloadavg()[0]
    if load > 0.7:
        print(f"swbench: warning: the machine is busy (load {load:.1f}): figures will be noisy",
              file=sys.stderr)
    if huge_pages() < 512:
        print("swbench: warning: fewer than 512 free huge pages; everything runs in small pages "
              "(sysctl vm.nr_hugepages=1024)", file=sys.stderr)


def find_program(*names):
    """Path of the first of these programs that is installed, or None."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    return None


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def begin_alone():
    """As root, in a network namespace that ends with the process, and all interfaces in it."""
    die_with_parent()
    ctypes.CDLL(None).unshare(CLONE_NEWNET)


class Child:
    """A process that is ended with us. Its output goes to a file."""

    def __init__(self, command, log, env=None, alone=False):
        self.name = os.path.basename(command[0])
        self.log = log
        with open(log, "ab") as out:
            # An open pipe as standard input: testpmd ends at the end of its own.
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=out, stderr=out, env=env,
                preexec_fn=begin_alone if alone else die_with_parent, start_new_session=True)

    def check(self):
        if self.process.poll() is not None:
            raise Problem(f"{self.name} ended: {self.last_words()}")

    def last_words(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
        telling = [line for line in lines
                   if any(word in line.lower() for word in ("error", "cannot", "fail", "invalid"))]
        return " | ".join((telling or lines)[-2:]) or "it said nothing"

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.process.stdin.close()


def wait_for(what, condition, child, seconds=20):
    """Wait until condition() holds; child must be alive meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        child.check()
        if time.monotonic() > deadline:
            raise Problem(f"{child.name}: {what} did not come up in {seconds} s: "
                          f"{child.last_words()}")
        time.sleep(0.02)
