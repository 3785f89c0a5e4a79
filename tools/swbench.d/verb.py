"""What a verb is: a function of the bench and its options, that returns findings."""
import re

VERBS = {}


class Finding:
    """One result: figures by name, maybe a table and charts; passed is None where nothing can
    fail."""

    def __init__(self, verb, title, figures=None, columns=None, rows=None, charts=None,
                 passed=None, note=""):
        self.verb = verb
        self.title = title
        self.figures = figures or {}
        self.columns = columns or []
        self.rows = rows or []
        self.charts = charts or []
        self.passed = passed
        self.note = note
        self.invalid = ""
        self.tester_bound = False

    def as_dict(self):
        return dict(vars(self))


class Verb:
    """A verb of the command line."""

    def __init__(self, name, run, purpose, source):
        self.name = name
        self.run = run
        self.purpose = purpose
        self.source = source  # of the method


def verb(name, purpose, source=""):
    def register(function):
        VERBS[name] = Verb(name, function, purpose, source)
        return function
    return register


def figure_name(*parts):
    """As --fail-if takes it."""
    return re.sub("[^a-z0-9]+", "_", " ".join(parts).lower()).strip("_")


def mpps(pps):
    return f"{pps / 1e6:.3f}"


def us(ns):
    return f"{ns / 1e3:.2f}"


def percent(ratio):
    return f"{100 * ratio:.4f}" if ratio and ratio < 0.001 else f"{100 * ratio:.2f}"
