"""Streams for the patterns that the standards ask for: who sends to whom, with which addresses."""

BASE = 0x020000000000  # locally administered


def mac(number):
    text = f"{number:012x}"
    return ":".join(text[i:i + 2] for i in range(0, 12, 2))


def address(port, first=0):
    """The first address of a port's own range."""
    return BASE | (port + 1) << 24 | first


def span(first, count):
    return {"first": mac(first), "count": count} if count > 1 else mac(first)


def stream(number, source, targets, pps, size, **more):
    """From port number source to ports targets."""
    addresses = more.pop("addresses", 1)
    dst = more.pop("dst", None) or span(address(targets[0]), addresses)
    return {"id": number, "from": f"p{source}", "to": [f"p{target}" for target in targets],
            "rate": pps if pps == "max" else f"{pps:.6f}", "size": size, "dst": dst,
            "src": span(address(source), addresses), **more}


def pairs(n_ports, pps, size, both=True, **more):
    """0 to 1, 2 to 3, ... and back; pps in all."""
    ways = [(i, i + 1) for i in range(0, n_ports, 2)]
    if both:
        ways += [(target, source) for source, target in ways]
    return [stream(i + 1, source, [target], pps if pps == "max" else pps / len(ways), size, **more)
            for i, (source, target) in enumerate(ways)]


def mesh(n_ports, pps, size, **more):
    """Each port to every other (RFC 2889, 5.1); pps in all."""
    ways = [(source, target) for source in range(n_ports) for target in range(n_ports)
            if source != target]
    return [stream(i + 1, source, [target], pps if pps == "max" else pps / len(ways), size, **more)
            for i, (source, target) in enumerate(ways)]


def one_to_many(n_ports, pps, size, **more):
    """Port 0 to all others in turn (RFC 2889, 5.2)."""
    return [stream(target, 0, [target], pps if pps == "max" else pps / (n_ports - 1), size, **more)
            for target in range(1, n_ports)]


def many_to_one(n_ports, pps, size, **more):
    return [stream(source, source, [0], pps if pps == "max" else pps / (n_ports - 1), size, **more)
            for source in range(1, n_ports)]


def broadcast(n_ports, pps, size, **more):
    """Port 0 to everybody."""
    return [stream(1, 0, list(range(1, n_ports)), pps, size, dst="ff:ff:ff:ff:ff:ff", **more)]
