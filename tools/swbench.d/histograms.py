"""Histograms of latencies: [[top of a bucket in ns, frames in it]...], ascending. Imported by what has
one alone: numpy takes a moment to begin."""
import numpy

RAREST = 1e6  # 1 / (1 - quantile) up to which a curve goes: 99.9999 %


def of_result(result):
    """Of all flows of a trial together."""
    found = [bucket for stream in result["streams"] for flow in stream["to"]
             for bucket in flow["latency"].get("hist", [])]
    if not found:
        return []
    tops, counts = numpy.array(found).T
    unique, bucket_of = numpy.unique(tops, return_inverse=True)
    sums = numpy.zeros_like(unique)
    numpy.add.at(sums, bucket_of, counts)
    return numpy.column_stack((unique, sums)).tolist()


def cumulative(hist):
    """Tops in us, frames up to each, and their share of all, as arrays."""
    tops, counts = numpy.array(hist or [], dtype=numpy.int64).reshape(-1, 2).T
    seen = counts.cumsum()
    return tops / 1e3, seen, seen / max(1, counts.sum())


def mean_us(hist):
    if not hist:
        return 0.0
    tops, counts = numpy.array(hist).T
    return float(numpy.average(tops, weights=counts)) / 1e3


def quantile_points(hist):
    """[[1 / (1 - quantile), us]...] up to RAREST, the last frame as one in all."""
    tops_us, seen, shares = cumulative(hist)
    rarity = 1 / numpy.maximum(1 - shares, 1 / max(1, seen.max(initial=0)))
    end = numpy.searchsorted(rarity, RAREST) + 1
    return numpy.column_stack((numpy.minimum(rarity, RAREST), tops_us))[:end].tolist()


def hgrm(named):
    """Percentile text as HDR histogram tools plot it, in us; one block a histogram."""
    blocks = []
    for name, hist in named.items():
        lines = [f"# {name}", f"{'Value':>12} {'Percentile':>16} {'TotalCount':>12} "
                              f"{'1/(1-Percentile)':>18}", ""]
        tops_us, seen, shares = cumulative(hist)
        for top_us, count, share in zip(tops_us, seen, shares):
            rest = f"{1 / (1 - share):.2f}" if count < seen[-1] else "inf"
            lines.append(f"{top_us:12.3f} {share:16.12f} {count:12d} {rest:>18}")
        lines.append(f"#[Mean    = {mean_us(hist):12.3f}]\n#[Max     = "
                     f"{tops_us.max(initial=0):12.3f}, Total count    = {seen.max(initial=0)}]")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"
