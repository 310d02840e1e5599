"""Agreements to sell data and to share models, made by the program once, and data to carry them out on."""

import contextlib
import functools
import json
import tempfile
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from jaxmech import exchange
from jaxmech.cli import main

SECRET = exchange.seeded_secret(7)
MARKET = """[market]
sigma = 2.0
contributors = ["Ada", "Bo, B.", "Cleo"]
contributor_costs = [0.002, 0.003, 0.02]
second = 20

[[market.buyers]]
name = "lab/x"
count = 3
valuation = "exponential"
scale = 0.6
value = 0.8

[[market.buyers]]
name = "office"
count = 2
valuation = "linear"
scale = 1.0
value = 0.5

[[market.buyers]]
name = "authority"
valuation = "threshold"
scale = 0.2

[[market.buyers]]
name = "school"
count = 2
valuation = "table"
values = [0.0, 0.01, 0.02, 0.02, 0.3]
"""
MEANS = """[market]
sigma = [2.0, 10.0]
means = ["iron", "zinc, total"]
contributors = ["Ada", "Bo, B.", "Cleo"]
contributor_costs = [0.002, 0.003, 0.02]
second = 3
unit = "EUR"

[[market.buyers]]
name = "lab/x"
count = 3
valuation = "exponential"
scale = [0.6, 3.0]
value = [0.5, 0.3]

[[market.buyers]]
name = "office"
count = 2
valuation = "linear"
scale = 2.0
value = [2.0, 0.0]

[[market.buyers]]
name = "school"
count = 2
valuation = "table"
values = [0.0, 0.01, 0.02, 0.02, 0.3]
"""
MODELS = """[multiparty]
agents = ["Ada", "Bo, B.", "Cleo", "Dr. D"]
types = [1.2, 0.8, 0.3, 0.5]
points = 20
quality = "logistic"
externality = [
    [1.0, -0.4, -0.7, 0.2],
    [-0.3, 1.0, -0.6, -0.1],
    [0.1, -0.1, 0.9, 0.0],
    [0.3, 0.2, 0.1, 1.0],
]
"""
TIED = MARKET.replace("[0.002, 0.003, 0.02]\nsecond = 20", "[0.002, 0.002, 0.002]")
MARKETS = ("market", "tied", "means")
PROBLEMS = {"market": MARKET, "tied": TIED, "means": MEANS, "models": MODELS, "free": MODELS + 'mechanism = "free"\n'}
"""Cleo is asked for nothing in the market, unless costs are tied, and gets no model unless models are free."""


KEPT = Path(__file__).parent
"""Agreements are kept beside this file, as they take long to compile. A long test finds them anew."""


@functools.cache
def text(name):
    """The agreement as it was written."""
    return (KEPT / f"{name}.json").read_text(encoding="utf-8")


def made(name):
    """The agreement as the program writes it now."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # names are signed, so draws rest on them
        file, target = Path("problem.toml"), Path("agreement.json")
        file.write_text(PROBLEMS[name], encoding="utf-8")
        found = CliRunner().invoke(main, ["solve", str(file), "--json", str(target), "--quiet"])
        assert target.is_file(), found.stderr
        return target.read_text(encoding="utf-8")


def document(name):
    """A copy that a test may change."""
    return json.loads(text(name))


@functools.cache
def agreement(name):
    """The agreement as it is carried out."""
    return exchange.read_agreement(document(name), name)


def draw(signed, generator, mean=3.0):
    """Honest normal data, by party and distribution."""
    spread = signed.sigma if len(signed.distributions) > 1 else [2]
    return [[mean + part * generator.standard_normal(int(row[0])) for part in spread] for row in signed.samples]


def handed(data):
    """The same as what was handed in; None is no file."""
    return [
        exchange.Handed(None, None, (np.zeros(0),))
        if row is None
        else exchange.Handed("file.csv", "0" * 64, tuple(row))
        for row in data
    ]


def write(signed, data, folder):
    """The same as files; who has no points hands in none."""
    folder.mkdir(parents=True, exist_ok=True)
    header = ",".join(f'"{name}"' if "," in name else name for name in signed.distributions)
    for name, columns in zip(exchange.file_names(signed.parties), data, strict=True):
        if len(columns[0]):
            rows = zip(*(column.tolist() for column in columns), strict=True)
            lines = "".join(",".join(repr(value) for value in row) + "\n" for row in rows)
            (folder / f"{name}.csv").write_text(f"{header}\n{lines}", encoding="utf-8")
    return folder


def carry_out(name, data, secret=SECRET):
    """An exchange in memory."""
    return exchange.carry_out(agreement(name), handed(data), [], secret)
