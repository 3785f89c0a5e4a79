"""Search for the highest rate at which the loss is no more than a goal allows.

After MLRsearch (draft-ietf-bmwg-mlrsearch): a goal is a loss ratio, a duration of trials, a sum of
durations, the share of trials that may exceed the ratio, and a width. A load is a lower bound when
trials of the sum's duration were done and few enough were bad, whatever the rest would be; an
upper bound when too many were bad. Several goals share trials.
"""
import math


class Goal:
    """What a rate has to meet."""

    def __init__(self, name, loss=0.0, duration=1.0, total=1.0, exceed=0.0, width=0.01):
        self.name = name
        self.loss = loss          # ratio of frames
        self.duration = duration  # seconds of a full trial
        self.total = total        # seconds of full trials that decide
        self.exceed = exceed      # ratio of them that may be worse
        self.width = width        # (upper - lower) / upper

    def as_dict(self):
        return dict(vars(self))


PRESETS = {
    "rfc2544": [Goal("ndr", 0, 60, 60, 0, 0.005)],
    "tst009": [Goal("ndr", 0, 60, 120, 0.5, 0.005)],
    "csit": [Goal("ndr", 0, 1, 21, 0.5, 0.005), Goal("pdr", 0.005, 1, 21, 0.5, 0.005)],
    "short": [Goal("ndr", 0, 0.5, 1.5, 0.5, 0.02), Goal("pdr", 0.005, 0.5, 1.5, 0.5, 0.02)],
}


def classify(goal, trials):
    """"lower", "upper" or None, from trials (seconds, loss ratio) at one load."""
    sums = {(long, good): 0.0 for long in (True, False) for good in (True, False)}
    for seconds, loss in trials:
        sums[(seconds >= goal.duration * 0.99, loss <= goal.loss)] += seconds
    # Good short trials make up for bad short ones, in the ratio that the goal allows.
    balance = sums[(False, True)] * goal.exceed / (1 - goal.exceed) if goal.exceed < 1 else 0
    bad = sums[(True, False)] + max(0.0, sums[(False, False)] - balance)
    whole = max(sums[(True, True)] + bad, goal.total * 0.99)
    missing = whole - sums[(True, True)] - bad
    allowed = whole * goal.exceed + 1e-9
    if bad > allowed:
        return "upper"
    return "lower" if bad + missing <= allowed else None


def conditional_throughput(goal, load, trials):
    """Rate that went through at a load, in the worst trial that the goal does not forgive."""
    losses = sorted((loss for seconds, loss in trials if seconds >= goal.duration * 0.99),
                    reverse=True)
    if not losses:
        return load
    skip = min(len(losses) - 1, math.floor(len(losses) * goal.exceed))
    return load * (1 - losses[skip])


class Search:
    """measure(pps, seconds) does a trial and returns its loss ratio."""

    MAX_TRIALS = 150

    def __init__(self, measure, low, high):
        self.measure = measure
        self.low, self.high = low, high
        self.trials = {}  # load -> [(seconds, loss ratio)]
        self.n_trials = 0

    def trial(self, load, seconds):
        load = min(self.high, max(self.low, load))
        loss = self.measure(load, seconds)
        self.trials.setdefault(load, []).append((seconds, loss))
        self.n_trials += 1
        return load, loss

    def bounds(self, goal):
        """The highest lower bound below the lowest upper bound, and that one; None where missing.
        A load below an upper bound that another trial found good does not count: the worse
        finding holds."""
        kinds = {load: classify(goal, trials) for load, trials in self.trials.items()}
        upper = min((load for load, kind in kinds.items() if kind == "upper"), default=None)
        lower = max((load for load, kind in kinds.items()
                     if kind == "lower" and (upper is None or load < upper)), default=None)
        return lower, upper

    def decide(self, goal, load):
        load = min(self.high, max(self.low, load))
        while not classify(goal, self.trials.get(load, [])) and self.n_trials < self.MAX_TRIALS:
            self.trial(load, goal.duration)
        return classify(goal, self.trials.get(load, []))

    def estimate(self, goal):
        """A load near the bound, by short trials."""
        seconds = max(0.1, goal.duration / 5)
        low, high = self.low, self.high
        load = self.high
        for _ in range(4):  # what goes through at a load is a good next guess
            load, loss = self.trial(load, seconds)
            if loss <= goal.loss:
                low = max(low, load)
                break
            high = min(high, load)
            load = load * (1 - loss) * 0.995
            if load <= low:
                break
        for _ in range(8):
            if low > self.low and (high - low) / high <= 4 * goal.width:
                break
            load, loss = self.trial(math.sqrt(max(low, high / 4) * high), seconds)
            if loss <= goal.loss:
                low = load
            else:
                high = load
            if low >= self.high:
                break
        return max(low, self.low)

    def next_load(self, goal, lower, upper, step):
        if lower is None:
            return upper * (1 - goal.width * step)
        if upper is None:
            return lower * (1 + goal.width * step)
        return math.sqrt(lower * upper)

    def find(self, goal):
        """The result for a goal, as a dictionary."""
        lower, upper = self.bounds(goal)
        step = 1.5
        if lower is None or upper is None:
            self.decide(goal, self.estimate(goal) if not self.trials else
                        (lower or upper or self.high) * (1 - goal.width))
        while self.n_trials < self.MAX_TRIALS:
            lower, upper = self.bounds(goal)
            if lower is not None and (lower >= self.high or
                                      upper is not None and (upper - lower) / upper <=
                                      goal.width * 1.001):
                break
            if lower is None and upper is not None and upper <= self.low * 1.001:
                break
            if lower is None and upper is None:
                break
            if lower is None or upper is None:
                self.decide(goal, self.next_load(goal, lower, upper, step))
                step *= 2
            else:
                self.decide(goal, self.next_load(goal, lower, upper, step))
        return self.result(goal)

    def result(self, goal):
        lower, upper = self.bounds(goal)
        found = {"goal": goal.as_dict(), "lower_pps": lower, "upper_pps": upper,
                 "regular": lower is not None and (upper is not None or lower >= self.high),
                 "at_limit": lower is not None and lower >= self.high,
                 "trials": sum(map(len, self.trials.values()))}
        found["conditional_pps"] = conditional_throughput(goal, lower, self.trials[lower]) \
            if lower is not None else 0.0
        return found


def search(measure, goals, low, high):
    """Results by goals, the strictest last, so that its search begins with what is known."""
    searcher = Search(measure, low, high)
    found = {}
    for goal in sorted(goals, key=lambda goal: -goal.loss):
        searcher.n_trials = 0
        found[goal.name] = searcher.find(goal)
    return {goal.name: found[goal.name] for goal in goals}
