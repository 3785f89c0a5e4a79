"""Conditions on figures, as --fail-if names them: ndr_mpps<1.0, loss_64_at_100>0."""
import re

import host

PATTERN = re.compile(r"^([a-z0-9_]+)(<=|>=|==|<|>)([0-9.eE+-]+)$")
COMPARE = {"<": lambda a, b: a < b, ">": lambda a, b: a > b, "<=": lambda a, b: a <= b,
           ">=": lambda a, b: a >= b, "==": lambda a, b: a == b}


def parse(text):
    match = PATTERN.match(text.replace(" ", ""))
    try:
        return match[1], match[2], float(match[3])
    except (TypeError, ValueError) as error:
        raise host.Problem(f"--fail-if '{text}': not FIGURE<NUMBER, as in ndr_mpps<1.0") from error


def judge(conditions, figures):
    """[(condition, value or None, failed)...]; a figure that is not there fails."""
    found = []
    for name, operator, limit in conditions:
        value = figures.get(name)
        failed = value is None or COMPARE[operator](value, limit)
        found.append((f"{name}{operator}{limit:g}", value, failed))
    return found
