"""Agreements of every mechanism, made by the program once, and data to carry them out on."""

import contextlib
import dataclasses
import functools
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from jaxmech import exchange
from jaxmech.cli import main

SECRET = exchange.seeded_secret(7)
EQUAL = """[collaboration]
sigma = [1.0, 2.0]
price = [1.0, 0.5]
distributions = ["first", "second"]
agents = ["Ada", "Bo, B.", "Cleo", "Dr. D", "Eve/E", "Fay", "Gus", "Hal"]
costs = [
    [0.01, 0.02], [0.01, 0.02], [0.01, 0.02], [0.01, 0.02], [0.01, 0.02], [0.01, 0.02], [0.01, 0.02], [0.01, 0.02],
]
"""
MIXED = """[collaboration]
sigma = [1.0, 2.0]
price = [1.0, 0.5]
division = "leverage"
distributions = ["first", "second"]
agents = ["Ada", "Bo, B.", "Cleo", "Dr. D", "Eve/E", "Fay", "Gus", "Hal"]
costs = [
    [0.001, inf], [0.012, 0.02], [0.012, 0.02], [0.012, 0.02], [0.012, 0.02], [0.012, 0.021], [0.012, 0.02], [inf, 0.9],
]
"""
PANEL = """[collaboration]
sigma = [1.0, 2.0, 0.5, 4.0]
price = [1.0, 0.5, 3.0, 0.1]
distributions = ["first", "second"]
panels = { second = ["a", "b", "c"] }
agents = ["Ada", "Bo, B.", "Cleo", "Dr. D", "Eve/E", "Fay", "Gus", "Hal"]
costs = [
    [0.01, 0.02], [0.01, 0.02], [0.01, 0.02], [0.01, 0.02], [0.01, 0.02], [0.01, 0.02], [0.01, 0.02], [0.01, 0.02],
]
"""
COMMANDS = {
    "pool": ("solve", MIXED, "--mechanism", "pool"),
    "counted-pool": ("solve", MIXED, "--mechanism", "counted-pool"),
    "c3d": ("solve", EQUAL, "--mechanism", "c3d"),
    "cbl": ("solve", MIXED),
    "steady": ("solve", MIXED + 'surplus = "use"\n', "--estimate", "steady"),
    "designed": ("design", EQUAL, "--whole"),
    "unlinked": ("design", EQUAL, "--whole", "--unlinked", "--noise", "20"),
}
"""A command and a problem for every mechanism."""


LIMITED = (
    EQUAL.replace("[0.01, 0.02]", "[0.012, 0.02]", 3)
    + """division = "rational"
most = [[12, inf], [inf, inf], [inf, 9], [inf, inf], [inf, inf], [inf, inf], [inf, inf], [inf, inf]]
least = [[0, 0], [0, 0], [0, 0], [15, 0], [0, 0], [0, 0], [0, 0], [0, 0]]
budget = [inf, inf, inf, inf, 0.3, inf, inf, inf]
"""
)
EQUALLY = (
    EQUAL
    + """mechanism = "c3d"
most = [[3, inf], [inf, inf], [inf, 2], [inf, inf], [inf, inf], [inf, inf], [inf, inf], [inf, inf]]
least = [[0, 0], [0, 0], [0, 0], [9, 0], [0, 0], [0, 0], [0, 0], [0, 0]]
"""
)
BOUNDED = {"limited": ("solve", LIMITED), "bounded": ("solve", EQUALLY)}
"""The same where parties can and must collect so much, and can spend so much."""
CHEAP = EQUAL.replace("0.01, 0.02", "0.001, 0.003")
CALIBRATED = {
    "calibrated": ("solve", CHEAP + 'mechanism = "c3d"\ncalibrated = true\n'),
    "both": ("solve", CHEAP + 'mechanism = "c3d"\ncalibrated = true\nestimate = "steady"\n'),
    "robust": ("solve", CHEAP + 'mechanism = "c3d"\ncalibrated = "robust"\n'),
    "calibrated panel": (
        "solve",
        PANEL.replace("0.01, 0.02", "0.001, 0.003") + "calibrated = true\n",
        "--mechanism",
        "c3d",
    ),
}
"""The same where the noise level follows the spread of the data."""
FOLLOWING = {"following": ("design", CHEAP, "--calibrated")}
"""A design whose limits follow the spread of the data."""
PRICED = {
    "priced": (
        "solve",
        MIXED.replace("price = [1.0, 0.5]", "price = [" + "[1.0, 0.5], " * 5 + "[2, 0], [0, 1], [1, 2]]"),
    )
}
"""The same where accuracy is worth more to some parties than to others, and nothing to who looks at one mean alone."""
PANELS = {
    "panel": ("solve", PANEL, "--mechanism", "c3d"),
    "designed-panel": ("design", PANEL, "--whole"),
}
"""The same where one draw measures several values: four columns for two distributions."""


ROUND = {"ellipsoid": ("design", EQUAL, "--whole", "--ellipsoid")}
"""A design whose linked checks add up squares."""
STORED = ("designed", "unlinked", "designed-panel", "following", "ellipsoid")
"""Designs take long to find: these are kept beside this file. A long test finds them anew."""


@functools.cache
def text(name):
    """The agreement as it was written."""
    if name in STORED:
        return Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8")
    return made(name)


def made(name):
    """The agreement as the program writes it now."""
    command, problem, *options = {**COMMANDS, **PANELS, **PRICED, **BOUNDED, **CALIBRATED, **FOLLOWING, **ROUND}[name]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # names are signed, so draws rest on them
        file, target = Path("problem.toml"), Path("agreement.json")
        file.write_text(problem, encoding="utf-8")
        found = CliRunner().invoke(main, [command, str(file), *options, "--json", str(target), "--quiet"])
        assert target.is_file(), found.stderr
        return target.read_text(encoding="utf-8")


def document(name):
    """A copy that a test may change."""
    return json.loads(text(name))


@functools.cache
def agreement(name):
    """The agreement as it is carried out."""
    return exchange.read_agreement(document(name), name)


def drawn_alike(name):
    """The agreement with a fingerprint of its name: draws rest on it, and no word of the document shall change them."""
    return dataclasses.replace(agreement(name), fingerprint=hashlib.sha256(name.encode()).hexdigest())


def draw(signed, generator, mean=3.0):
    """Honest normal data, by party and distribution."""
    return [
        [mean + signed.sigma[k] * generator.standard_normal(count) for k, count in enumerate(counts)]
        for counts in signed.samples
    ]


def handed(data):
    """The same as what was handed in."""
    return [exchange.Handed("file.csv", "0" * 64, tuple(columns)) for columns in data]


def write(signed, data, folder):
    """The same as files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in zip(exchange.file_names(signed.parties), data, strict=True):
        rows = max(len(column) for column in columns)
        if rows == 0:
            continue
        cells = [[repr(float(c[row])) if row < len(c) else "" for c in columns] for row in range(rows)]
        lines = [",".join(signed.distributions), *(",".join(line) for line in cells)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def penalties(done, mean=3.0):
    """What each party really paid: the price of her squared error, and her points."""
    signed, paid = done.agreement, []
    for i in range(len(signed.parties)):
        owed = exchange.estimate_document(done, i)
        errors = [(entry["estimate"] - mean) ** 2 for entry in owed["distributions"]]
        paid.append(owed["cost"] + float(np.dot(np.broadcast_to(signed.price, signed.costs.shape)[i], errors)))
    return np.array(paid)


def promises_are_kept(name, runs, within):
    """Promised penalties are those of many exchanges on average, whose standard errors are small beside them."""
    signed, generator, paid = drawn_alike(name), np.random.default_rng(1), []
    for run in range(runs):
        done = exchange.carry_out(signed, handed(draw(signed, generator)), [], f"{run:064x}")
        paid.append(penalties(done))
    error = np.std(paid, axis=0, ddof=1) / runs**0.5
    assert (np.abs(np.mean(paid, axis=0) - signed.penalty) < 3.5 * error).all()
    assert (error < within * signed.penalty).all()
