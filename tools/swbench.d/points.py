"""What suites measure that compare devices in turns: the points of each table.

A point is the load (options of bench-fe), the number of ports and the devices it is for.
"""

ALL = ("weft", "testpmd", "testpmd-mac", "ovs")
LEARNING = ("weft", "ovs")

SIZES = (64, 128, 256, 512, 1024, 1518)
ADDRESSES = (1, 10, 100, 1000, 10000, 100000)
MORE_ADDRESSES = (500000,)  # of each port: a million in the table


def point(table, row, kinds=ALL, ports=2, **load):
    return {"table": table, "row": row, "kinds": kinds, "ports": ports, **load}


def rate():
    return [
        point("rate", "64 B, one way"),
        point("rate", "64 B, both ways", both=True),
        point("rate", "64 B, one way, packed rings", packed=True),
        point("rate", "64 B, both ways, packed rings", both=True, packed=True),
        point("rate", "64 B, one way, tagged", tagged=True),
        point("rate", "1518 B, one way", size=1518),
        point("rate", "1518 B, both ways", size=1518, both=True),
    ]


def sizes():
    return [point("sizes", f"{size} B", size=size, x=size) for size in SIZES]


def addresses():
    """Addresses are rewritten at every point, so that points differ by the table alone."""
    points = [point("addresses", f"{n:,}", kinds=("weft", "testpmd", "ovs"), addresses=n,
                    touch=True, x=n) for n in ADDRESSES]
    return points + [point("addresses", f"{n:,}", kinds=("weft",), addresses=n, touch=True, x=n)
                     for n in MORE_ADDRESSES]


def mesh():
    return [point("mesh", f"{n} ports", kinds=LEARNING, ports=n, pattern="mesh")
            for n in (2, 4, 8, 16)]


def flood():
    return [
        point("flood", "64 B to 1 port, unicast", kinds=LEARNING),
        point("flood", "64 B to 15 ports, copies", kinds=LEARNING, ports=16, pattern="flood"),
    ]


def tso():
    """65000 bytes fit one buffer of testpmd's largest kind."""
    return [point("tso", "65000 B, one way", kinds=("weft", "testpmd", "ovs"), size=65000,
                  tso=True, ring_size=256, rx_buffer=66048)]


def latency():
    points = [point("latency", "1 Mpps", rate=1e6, latency=True)]
    for share in (0.1, 0.5):
        points.append(point("latency", f"{share:.0%} of its maximum", share=share, latency=True))
    return points


def idle():
    """Ten frames a second: the switch sleeps in between."""
    return [point("idle", "10 frames/s", kinds=("weft",), rate=10, latency=True, idle=True,
                  every=1)]


TABLES = {"rate": rate, "sizes": sizes, "addresses": addresses, "mesh": mesh, "flood": flood,
          "tso": tso, "latency": latency, "idle": idle}
