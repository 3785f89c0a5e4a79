"""Suites: verbs in an order, with options of their own; and those that compare devices in turns."""

RFC_SIZES = [64, 128, 256, 512, 1024, 1280, 1518]

# Of each verb: name, options that replace the user's where he did not set them, and seconds that
# it takes about, for the bar.
SUITES = {
    "smoke": [
        ("calibrate", {"sizes": [64]}, 3),
        ("loss", {"sizes": [64], "duration": 0.2}, 4),
        ("latency", {"sizes": [64], "duration": 0.3, "goals": "smoke"}, 5),
        ("broadcast", {"sizes": [64], "duration": 0.2, "trials": 2}, 3),
        ("mac-capacity", {"most_addresses": 4096, "learn_rate": 20000.0}, 4),
        ("congestion", {"duration": 0.5}, 4),
        ("errored", {}, 3),
        ("reset", {}, 20),
    ],
    "rfc2544": [
        ("calibrate", {"sizes": RFC_SIZES}, 18),
        ("ndr", {"sizes": RFC_SIZES}, 150),
        ("latency", {"sizes": [64, 512, 1518]}, 60),
        ("loss", {"sizes": RFC_SIZES}, 60),
        ("b2b", {"sizes": [64, 512, 1518]}, 40),
        ("recovery", {"duration": 5.0}, 30),
        ("reset", {}, 30),
    ],
    "rfc2889": [
        ("calibrate", {"sizes": [64, 1518]}, 6),
        ("mesh", {"sizes": [64, 512, 1518]}, 150),
        ("congestion", {"duration": 2.0}, 10),
        ("slow-guest", {}, 15),
        ("mac-capacity", {}, 90),
        ("mac-rate", {}, 60),
        ("macs", {}, 90),
        ("errored", {}, 5),
        ("broadcast", {"sizes": [64, 1518]}, 25),
    ],
    "vsperf": [
        ("calibrate", {"sizes": [64, 1518]}, 6),
        ("ndr", {"sizes": [64, 128, 512, 1024, 1518]}, 150),
        ("latency", {"sizes": [64, 1518]}, 50),
        ("b2b", {"sizes": [64]}, 20),
        ("recovery", {"duration": 5.0}, 30),
        ("reset", {}, 30),
        ("flows", {}, 60),
        ("mac-capacity", {}, 90),
        ("mac-rate", {}, 60),
        ("broadcast", {"sizes": [64]}, 15),
        ("reconf", {}, 20),
        ("density", {}, 60),
    ],
}

# Under a minute also where others use the machine, and half of the trials are invalid.
SUITES["smoke"] = [(name, {"tries": 4, **preset}, seconds)
                   for name, preset, seconds in SUITES["smoke"]]

IN_TURNS = {
    "cycles": "what a frame costs the data path, in one thread, without a switch process",
    "features": "what captures, limits and delays cost a frame, in one thread",
    "rate": "64 and 1518 bytes, one way and both, split and packed rings",
    "sizes": "rate against frame size",
    "addresses": "rate against the number of addresses",
    "mesh": "2 to 16 ports, each to every other",
    "flood": "broadcasts to 15 ports, per copy",
    "tso": "64 KiB TCP segments",
    "latency": "at 1 Mpps, and at 10 % and 50 % of each device's own maximum",
    "idle": "the first frame after the switch went to sleep",
    "performance": "all of these",
}
IN_TURNS_PRESET = {"trials": 5, "duration": 2.0}


def is_in_turns(options):
    return options.verb == "suite" and options.names[0] in IN_TURNS
