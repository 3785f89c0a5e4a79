"""What a result is of, and what failed in it, in words: the head of each report."""


def failures(result):
    """Texts of what failed, by finding and by threshold."""
    found = [f"{finding['verb']}: {finding['title']} failed" for finding in result["findings"]
             if finding["passed"] is False]
    return found + [f"{t['condition']}: {t['value']}" for t in result["thresholds"] if t["failed"]]


def facts(result):
    """What the figures are of, in pairs."""
    where, dut = result["machine"], result["dut"]
    limit = result["calibration"].get("pps")
    void = sum(1 for trial in result["trials"] if trial["void"])
    pairs = [("device", f"{dut.get('name', 'none')} {dut.get('version', '')}".strip()),
             ("state", result["state"]),
             ("machine", f"{where['cpu']}, {where['cores']} cores, Linux {where['kernel']}, "
                         f"{where['memory_mib']} MiB"),
             ("cores", f"tester on {where['tester_cpu']}, device on {where['dut_cpu']}"
                       f"{places(result['trials'])}"),
             ("ports", f"ring of {dut.get('ring', '-')}, {' '.join(dut.get('features', []))}, "
                       f"{'huge' if dut.get('huge_pages') else 'small'} pages"),
             ("tester alone", f"{limit / 1e6:.1f} Mpps, latency bias "
                              f"{result['calibration']['bias_ns'] / 1e3:.2f} us" if limit else
              "not calibrated"),
             ("trials", f"{len(result['trials'])}, of which void and repeated {void}"),
             ("frames", wrong_frames(result["trials"])),
             ("command", result["command"]), ("date", result["date"])]
    if dut.get("guests"):
        pairs.insert(1, ("topology", f"{result['topology']}: {len(dut['guests'])} guests that "
                                     "forward"))
    elif result["topology"] != "p2p":
        pairs.insert(1, ("topology", result["topology"]))
    return pairs


def near_of(trials):
    """(trials in which the two cores shared a cache, trials in which that was looked at)."""
    found = [trial["place"] for trial in trials if "place" in trial and not trial["void"]]
    return found.count("near"), len(found)


def places(trials):
    near, known = near_of(trials)
    return f"; near each other in {near} of {known} trials" if known else ""


def wrong_frames(trials):
    """What else than lost the frames of all trials were."""
    sums = [(sum(trial[name] for trial in trials), name)
            for name in ("duplicated", "reordered", "corrupted", "misrouted", "flooded")]
    return ", ".join(f"{count} {name}" for count, name in sums if count) or \
        "none duplicated, reordered, corrupted, misrouted or flooded"
