"""What several runs came to."""
import statistics


def of(values):
    """Their median and what they ranged over."""
    values = list(values)
    return {"median": statistics.median(values), "low": min(values), "high": max(values),
            "n": len(values)}


def percent(spread):
    """Half of the distance from the lowest to the highest, in per cent of the median; None of 0."""
    half = (spread["high"] - spread["low"]) / 2
    return 100 * half / spread["median"] if spread["median"] else None
