"""The command line of swbench."""
import argparse
import ipaddress
import os
import re

import duts
import host
import mlr
import points
import suites
import thresholds
import topology
import verbs

HERE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
COUNTS = [1, 10, 100, 1000, 10000, 100000]
DEFAULTS = {"sizes": [64], "duration": 1.0, "trials": 10, "goals": "short", "counts": COUNTS,
            "most_addresses": 262144, "learn_rate": 20000.0, "learn_addresses": 8192, "hours": 6.0,
            "tries": 8}  # of a trial until it is taken as it is

OF_TURNS = {"verb", "names", "help", "dut", "duration", "trials", "cpus", "build", "output", "into",
            "fail_if", "quick", "json", "quiet"}


class Parser(argparse.ArgumentParser):
    """Errors as the other programs have them."""

    def error(self, message):
        raise host.Problem(message)


def numbers(text, convert, low, high, what):
    try:
        values = [convert(part) for part in text.split(",")]
    except ValueError as error:
        raise host.Problem(f"{what} '{text}': not numbers with commas between") from error
    for value in values:
        if not low <= value <= high:
            raise host.Problem(f"{what} '{text}': {value:g} is not in {low:g}..{high:g}")
    return values


def parse_line(text):
    units = {"K": 1e3, "M": 1e6, "G": 1e9}
    body = text.removesuffix("bps").removesuffix("bit/s")
    try:
        bits = float(body[:-1]) * units[body[-1].upper()]
    except (KeyError, ValueError, IndexError) as error:
        raise host.Problem(f"--line-rate '{text}': not a speed, as in 10G") from error
    if not 0 < bits < 1e13:
        raise host.Problem(f"--line-rate '{text}': not a speed that a link has")
    return bits


def goals_of(text):
    found = {}
    for name in text.split(","):
        if name == "smoke":
            presets = [mlr.Goal("pdr", 0.005, 0.15, 0.15, 0, 0.1)]
        elif name in ("ndr", "pdr"):
            presets = [goal for goal in mlr.PRESETS["short"] if goal.name == name]
        elif name in mlr.PRESETS:
            presets = mlr.PRESETS[name]
        else:
            raise host.Problem(f"--goal '{name}' is not one of ndr, pdr, "
                               f"{', '.join(mlr.PRESETS)}")
        for goal in presets:
            found.setdefault(goal.name, goal)
    return list(found.values())


def make_parser():
    parser = Parser(prog="swbench", add_help=False, usage="swbench VERB [OPTION]...")
    parser.add_argument("verb", nargs="?", default="help")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--help", "-h", action="store_true")
    parser.add_argument("--dut", "--only")
    parser.add_argument("--dut-path")
    parser.add_argument("--socket", action="append", default=[])
    parser.add_argument("--listen", action="store_true")
    parser.add_argument("--topology", default="p2p")
    parser.add_argument("--size", "--sizes", dest="sizes")
    parser.add_argument("--duration", "--seconds")
    parser.add_argument("--trials", "--runs")
    parser.add_argument("--goal", dest="goals")
    parser.add_argument("--counts")
    parser.add_argument("--ports", default="4")
    parser.add_argument("--line-rate")
    parser.add_argument("--one-way", action="store_true")
    parser.add_argument("--router")
    parser.add_argument("--ip")
    parser.add_argument("--packed", action="store_true")
    parser.add_argument("--ring")
    parser.add_argument("--hours")
    parser.add_argument("--cpus", default="0,1")
    parser.add_argument("--cache", choices=("same", "different"))
    parser.add_argument("--place", choices=("near", "far"))  # what --cache was called
    parser.add_argument("--share-cores", action="store_true")
    parser.add_argument("--build", default=os.path.join(os.path.dirname(HERE), "build"))
    parser.add_argument("--output")
    parser.add_argument("--into")
    parser.add_argument("--fail-if", action="append", default=[])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quiet", "-q", action="store_true")
    return parser


def check_names(options):
    if options.verb == "suite":
        # "all" as in tools/bench, which it was.
        options.names = ["performance" if name == "all" else name for name in options.names]
        are_in_turns = options.names and set(options.names) <= set(suites.IN_TURNS)
        if not are_in_turns and (len(options.names) != 1 or options.names[0] not in suites.SUITES):
            raise host.Problem(f"suite: name one of {', '.join(suites.SUITES)}, or some of "
                               f"{', '.join(suites.IN_TURNS)}")
    elif options.verb == "report":
        if len(options.names) != 1:
            raise host.Problem("report: name a directory that swbench wrote")
    elif options.verb == "compare":
        if len(options.names) != 2:
            raise host.Problem("compare: name two directories that swbench wrote")
    elif options.verb not in ("list", "help") and options.names:
        raise host.Problem(f"{options.verb}: '{options.names[0]}' is not understood")
    elif options.verb not in ("list", "help") and options.verb not in verbs.VERBS:
        raise host.Problem(f"verb '{options.verb}' is unknown (see swbench list)")


def check_turns(options, parser):
    """What is compared in turns has loads of its own; the devices are those that it knows."""
    for action in parser._actions:  # pylint: disable=protected-access
        if action.dest not in OF_TURNS and getattr(options, action.dest) != action.default:
            raise host.Problem(f"suite {options.names[0]}: {action.option_strings[0]} does not "
                               "change its loads")
    for name in options.dut.split(","):
        if name not in points.ALL:
            raise host.Problem(f"--dut '{name}' is not one of {', '.join(points.ALL)}")


def check_router(options):
    """--router and --ip belong together, and one way is routed."""
    if options.ip and not options.router:
        raise host.Problem("--ip: only what routes needs addresses; --router MAC names it")
    if not options.router:
        return
    if not re.fullmatch("[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", options.router):
        raise host.Problem(f"--router '{options.router}': not a MAC address")
    try:
        options.ip = [str(ipaddress.IPv4Address(part)) for part in (options.ip or "").split(",")]
    except ValueError as error:
        raise host.Problem(f"--ip: {error}") from error
    if len(options.ip) != 2:
        raise host.Problem("--ip: source and destination, as in 10.0.1.2,10.0.2.2")
    options.both = False


def parse(arguments):
    parser = make_parser()
    options = parser.parse_args(arguments)
    check_names(options)
    options.in_turns = suites.is_in_turns(options)
    options.dut = options.dut or (",".join(points.ALL) if options.in_turns else "weft")
    if options.in_turns:
        check_turns(options, parser)
    elif options.dut not in duts.KINDS:
        raise host.Problem(f"--dut '{options.dut}' is not one of {', '.join(duts.KINDS)}")
    options.cache = options.cache or {"near": "same", "far": "different"}.get(options.place)
    options.cache = options.cache and f"{options.cache} cache"
    if options.cache and options.share_cores:
        raise host.Problem(f"--cache {options.cache.split()[0]}: --share-cores gives tester and device no "
                           "place of their own; drop one of the two")
    if options.dut == "external" and not options.socket:
        raise host.Problem("--dut external: name its sockets with --socket PATH, one a port")
    convert = {"sizes": lambda text: numbers(text, int, 64, 9018, "--size"),
               "duration": lambda text: numbers(text, float, 0.05, 1e6, "--duration")[0],
               "trials": lambda text: numbers(text, int, 1, 10000, "--trials")[0],
               "counts": lambda text: numbers(text, int, 1, 1 << 20, "--counts"),
               "hours": lambda text: numbers(text, float, 1e-4, 1e4, "--hours")[0],
               "goals": lambda text: text}
    options.given = {name for name in convert if getattr(options, name) is not None}
    for name, function in convert.items():
        if name in options.given:
            setattr(options, name, function(getattr(options, name)))
    options.ports = numbers(options.ports, int, 2, 64, "--ports")[0]
    if options.ring:
        options.ring = numbers(options.ring, int, 128, 32768, "--ring")[0]
    options.cpus = numbers(options.cpus, int, 0, 4095, "--cpus")
    if len(options.cpus) < 2:
        raise host.Problem("--cpus: one core for the tester and one for the device, as in 0,1, and "
                           "one for each guest")
    if options.cpus[0] == options.cpus[1] and not options.share_cores:
        raise host.Problem("--cpus: tester and device on one core disturb each other "
                           "(--share-cores allows it and marks the results)")
    options.line_bps = parse_line(options.line_rate) if options.line_rate else None
    options.both = not options.one_way
    options.shape = topology.parse(options.topology)
    topology.check(options)
    options.ports = options.shape.n_ports or options.ports
    options.both &= not options.shape.is_v2v  # guests send or count
    check_router(options)
    options.conditions = [thresholds.parse(text) for text in options.fail_if]
    if "goals" in options.given:
        goals_of(options.goals)  # refused before anything is measured
    return options


def settings_for(options, preset):
    """The options of one verb: the user's, then the suite's, then the defaults."""
    found = argparse.Namespace(**vars(options))
    for name, default in DEFAULTS.items():
        if name not in options.given:
            setattr(found, name, preset.get(name, default))
    if options.full and "duration" not in options.given:
        found.duration = 60.0
    if options.full and "goals" not in options.given:
        found.goals = "rfc2544"
    if options.quick and "duration" not in options.given:
        found.duration = min(found.duration, 0.2)
    if options.full:
        found.most_addresses = 1 << 20
    found.goals = goals_of(found.goals)
    # A line's rate in frames of the smallest size that is asked for: no search goes above it.
    found.line_pps = options.line_bps / (8 * (min(found.sizes) + 20)) if options.line_bps else None
    return found
