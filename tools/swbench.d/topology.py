"""Where the tester and guests are: how a device's ports are used.

  p2p       the tester at two ports
  pvp       the tester at two ports, and a guest between them that forwards: frames cross the
            device twice
  pvvp      the same with two guests in a row; chain:N with N
  v2v       a guest that sends and a guest that counts
  mesh:N    the tester at N ports
"""
import host
import suites

CHAINS = {"p2p": 0, "pvp": 1, "pvvp": 2}
MOST_GUESTS = 16
MOST_PORTS = 64
GUEST_SIZE = 2000   # the longest frame of a guest
OF_CHAINS = {"calibrate", "mrr", "ndr", "pdr", "loss", "latency", "b2b", "recovery", "imix",
             "flows", "soak", "reset"}
OF_GUESTS = {"calibrate", "mrr", "ndr", "pdr", "loss"}
OF_MESHES = {"calibrate", "mesh", "broadcast"}


class Topology:
    """n_between: guests between p0 and p1. is_v2v: p0 and p1 are guests."""

    def __init__(self, n_between=0, is_v2v=False, n_ports=0):
        self.n_between = n_between
        self.is_v2v = is_v2v
        self.n_ports = n_ports

    @property
    def n_guests(self):
        return 2 if self.is_v2v else self.n_between

    def verbs(self):
        """What can be measured; None: everything."""
        return OF_GUESTS if self.is_v2v else OF_CHAINS if self.n_between else \
            OF_MESHES if self.n_ports else None

    def chain(self, first_vlan):
        """[(port, VLAN)...] along the way that frames take: two and two are one segment."""
        inner = [f"g{i}{side}" for i in range(self.n_between) for side in "ab"]
        return [(name, first_vlan + i // 2) for i, name in enumerate(["p0", *inner, "p1"])]


def number(text, most):
    _, _, digits = text.partition(":")
    if not digits.isdigit() or not 2 <= int(digits) <= most and not text.startswith("chain:1"):
        raise host.Problem(f"--topology '{text}': a number up to {most} has to follow the colon")
    return int(digits)


def parse(text):
    if text in CHAINS:
        return Topology(CHAINS[text])
    if text == "v2v":
        return Topology(is_v2v=True)
    if text.startswith("chain:"):
        return Topology(number(text, MOST_GUESTS))
    if text.startswith("mesh:"):
        return Topology(n_ports=number(text, MOST_PORTS))
    raise host.Problem(f"--topology '{text}' is not one of p2p, v2v, pvp, pvvp, chain:N, mesh:N")


def check(options):
    """Refuse what a topology cannot do, before anything is started."""
    shape, name = options.shape, f"--topology {options.topology}"
    known = shape.verbs()
    wanted = [step[0] for step in suites.SUITES.get(options.names[0], [])] \
        if options.verb == "suite" else [options.verb]
    for verb in wanted:
        if known and verb not in known and verb not in ("list", "help", "compare", "report"):
            raise host.Problem(f"{name}: {verb} cannot be measured so; there "
                               f"{'are' if len(known) > 2 else 'is'} "
                               f"{', '.join(sorted(known - {'calibrate'}))}")
    if not shape.n_guests:
        return
    if options.dut == "bridge":
        raise host.Problem(f"{name}: guests have vhost-user ports, a Linux bridge has not")
    if options.dut in ("external", "testpmd") and shape.is_v2v and options.dut == "external":
        raise host.Problem(f"{name}: the ports of an external device are the tester's")
    if "sizes" in options.given and max(options.sizes) > GUEST_SIZE:
        raise host.Problem(f"{name}: guests take frames up to {GUEST_SIZE} bytes, --size says "
                           f"{max(options.sizes)}")
    if len(options.cpus) < 2 + shape.n_guests and not options.share_cores:
        raise host.Problem(
            f"{name}: {shape.n_guests} guest{'s' if shape.n_guests > 1 else ''} poll, each on a "
            "core of its own: --cpus T,D,G... names one for each (--share-cores lets them share, "
            "and marks the results)")
