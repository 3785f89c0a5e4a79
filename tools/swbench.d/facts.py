"""What a result is of, and what failed in it, in words: the head of each report."""


def title_of(result):
    return f"swbench {result['suite'] or result['verb']}"


def device_of(result):
    return f"{result['dut'].get('name', 'none')} {result['dut'].get('version', '')}".strip()


def failures(result):
    """Texts of what failed, by finding and by threshold."""
    found = [f"{finding['verb']}: {finding['title']} failed" for finding in result["findings"]
             if finding["passed"] is False]
    return found + [f"{t['condition']}: {t['value']}" for t in result["thresholds"] if t["failed"]]


def facts(result):
    """What the figures are of, in pairs."""
    where, dut = result["machine"], result["dut"]
    pairs = [("device", device_of(result)),
             *topology(result), *(("left out", text) for text in dut.get("left_out", [])),
             ("state", result["state"]),
             ("machine", f"{where['cpu']}, {where['cores']} cores, Linux {where['kernel']}, "
                         f"{where['memory_mib']} MiB"),
             ("cores", f"tester on {where['tester_cpu']}, device on {where['dut_cpu']}"
                       f"{places(result['trials'])}")]
    pairs += of_turns(result) if is_in_turns(result) else of_trials(result)
    return pairs + [("command", result["command"]), ("date", result["date"])]


def is_in_turns(result):
    return "left_out" in result["dut"]


def topology(result):
    if guests := result["dut"].get("guests"):
        return [("topology", f"{result['topology']}: {len(guests)} guests that forward")]
    return [("topology", result["topology"])] if result["topology"] != "p2p" else []


def of_trials(result):
    dut, limit = result["dut"], result["calibration"].get("pps")
    invalid = sum(1 for trial in result["trials"] if trial["invalid"])
    return [("ports", f"ring of {dut.get('ring', '-')}, {' '.join(dut.get('features', []))}, "
                      f"{'huge' if dut.get('huge_pages') else 'small'} pages"),
            ("tester alone", f"{limit / 1e6:.1f} Mpps, latency bias "
                             f"{result['calibration']['bias_ns'] / 1e3:.2f} us" if limit else
             "not calibrated"),
            ("trials", f"{len(result['trials'])}, of which invalid and repeated {invalid}"),
            ("frames", wrong_frames(result["trials"]))]


def of_turns(result):
    where = result["machine"]
    versions = [f"{where['build']} build of {where['commit']}"]
    versions += [f"{name} {where[key]}" for name, key in (("DPDK", "dpdk"),
                                                          ("Open vSwitch", "open_vswitch"))
                 if where[key]]
    return [("pages", "huge" if where["free_huge_pages"] >= 512 else "small"),
            ("versions", ", ".join(versions))]


def sharing_of(trials):
    """(trials in which the two cores shared a cache, trials in which that was looked at)."""
    found = [trial["place"] for trial in trials if "place" in trial and not trial["invalid"]]
    return found.count("same cache"), len(found)


def places(trials):
    sharing, known = sharing_of(trials)
    return f"; in the same cache in {sharing} of {known} trials" if known else ""


def wrong_frames(trials):
    """What else than lost the frames of all trials were."""
    sums = [(sum(trial[name] for trial in trials), name)
            for name in ("duplicated", "reordered", "corrupted", "misrouted", "flooded")]
    return ", ".join(f"{count} {name}" for count, name in sums if count) or \
        "none duplicated, reordered, corrupted, misrouted or flooded"
