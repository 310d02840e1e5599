"""A table of bad problem files: what is wrong, the files, and what the one-line message must contain."""

import dataclasses

GOOD = 'sigma = 10.0\nagents = ["A", "B"]\ndistributions = ["x", "y"]\ncosts = [[0.1, 0.2], [0.3, inf]]\n'
CSV = "name,x,y\nA,0.1,0.2\nB,0.3,inf\n"
ROWS = "x,y\n" + "".join(f"{i}.5,{i * i}.25\n" for i in range(1, 12))


@dataclasses.dataclass(frozen=True)
class Bad:
    """One bad input: an id, the text below ``[collaboration]``, further files, and parts of the message."""

    name: str
    section: str
    parts: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The problem file."""
        return self.section if self.section.startswith("#whole") else f"[collaboration]\n{self.section}"


def _costs(costs: str, *parts: str, name: str) -> Bad:
    return Bad(name, f"sigma = 10.0\ncosts = {costs}\n", parts)


def _csv(csv: str, *parts: str, name: str, extra: str = "") -> Bad:
    return Bad(name, f'sigma = 1.0\ncosts = "costs.csv"\n{extra}', ("costs.csv", *parts), (("costs.csv", csv),))


def _rows(rows: str, *parts: str, name: str, keys: str = "") -> Bad:
    section = f'sigma = "rows.csv"\ndistributions = ["x", "y"]\ncosts = [[0.1, 0.2]]\n{keys}'
    return Bad(name, section, parts if keys else ("rows.csv", *parts), (("rows.csv", rows),))


PROFILE = "[multiparty]\ntypes = [0.3, 0.8]\nexternality = [[1.0, -0.2], [0.1, 1.0]]\n"
GROWING = '[multiparty]\nvaluation = "market-growth"\ngrowth = -0.7\nagents = 2\ndisparity = 30\n'


def _profile(good: str, bad: str, *parts: str, name: str) -> Bad:
    return Bad(name, "#whole\n" + PROFILE.replace(good, bad), parts)


def _growing(good: str, bad: str, *parts: str, name: str) -> Bad:
    return Bad(name, "#whole\n" + GROWING.replace(good, bad), parts)


SELLERS = "sigma = 1.0\ncontributor_costs = [0.001, 0.002]\n"
GOOD_MARKET = (
    SELLERS
    + """
[[market.buyers]]
name = "a"
count = 20
valuation = "exponential"
scale = 0.3
value = 1.0
[[market.buyers]]
name = "b"
valuation = "table"
values = [0.0, 0.5, 0.6]
"""
)


def _market(old: str, new: str, *parts: str, name: str) -> Bad:
    assert old in GOOD_MARKET
    return Bad(name, f"#whole\n[market]\n{GOOD_MARKET.replace(old, new, 1)}", parts)


POSITIVE = "must be positive"
BAD_INPUTS = (
    # keys and sections
    Bad("unknown key", GOOD + "divison = 1\n", ("divison", "1", "unknown key", 'did you mean "division"')),
    Bad("unknown section", f"#whole\n[colaboration]\n{GOOD}", ("[colaboration]", 'did you mean "collaboration"')),
    Bad("no section", "#whole\n", ("section", "must have a section [collaboration]")),
    Bad("keys above the section", f"#whole\n{GOOD}", ("sigma", "must stand below the line [collaboration]")),
    Bad("not a section", "#whole\ncollaboration = 3\n", ("collaboration", "3", "must be a section")),
    Bad("multiparty", "#whole\n[multipaty]\n", ("[multipaty]", "unknown section", 'did you mean "multiparty"')),
    Bad("sweep", "#whole\n[sweep]\n", ("[sweep]", "is for jaxmech sweep", "solve takes the file of its problem")),
    Bad("two problems", f"#whole\n[market]\n[collaboration]\n{GOOD}", ("[collaboration]", "one problem per file")),
    Bad("invalid TOML", "#whole\n[collaboration]\nsigma = = 3\n", ("line 3", "sigma = = 3", "is not valid TOML")),
    Bad("TOML that ends early", "#whole\n[collaboration]\ncosts = [[1.0]", ("end of document", "is not valid TOML")),
    Bad("key given twice", GOOD + "sigma = 2.0\n", ("line 6", "is not valid TOML")),
    Bad("no costs", "sigma = 1.0\n", ("costs", "must be given")),
    Bad("no sigma", "costs = [[1.0]]\n", ("sigma", "must be given")),
    Bad("title", GOOD + "title = 3\n", ("title", "3", "must be text")),
    # words
    Bad("division", GOOD + 'division = "nahs"\n', ("division", "'nahs'", "must be one of", 'did you mean "nash"')),
    Bad("division, a number", GOOD + "division = 1\n", ("division", "1", "must be one of")),
    Bad("estimate", GOOD + 'estimate = "stedy"\n', ("estimate", "'stedy'", 'did you mean "steady"')),
    Bad("calibrated", GOOD + "calibrated = 1\n", ("calibrated", "1", "must be true or false")),
    Bad(
        "calibrated, a word", GOOD + 'calibrated = "rubust"\n', ("calibrated", "'rubust'", 'true or false, or "robust"')
    ),
    Bad(
        "a design that follows a median",
        GOOD + 'mechanism = "designed"\ncalibrated = "robust"\n',
        ("calibrated", "is for c3d and cbl: write calibrated = true for a design"),
    ),
    Bad(
        "weights of the pool",
        GOOD + 'mechanism = "pool"\nestimate = "steady"\n',
        ("estimate", "means nothing for pool", "c3d and cbl"),
    ),
    Bad(
        "calibration of the pool",
        GOOD + 'mechanism = "pool"\ncalibrated = true\n',
        ("calibrated", "means nothing for pool", "c3d, cbl and designed"),
    ),
    Bad(
        "weights of a design",
        GOOD + 'mechanism = "designed"\nestimate = "steady"\n',
        ("estimate", "means nothing for designed", "c3d and cbl"),
    ),
    Bad("sigma_range alone", GOOD + "sigma_range = [0.5, 2.0]\n", ("sigma_range", "without calibrated = true")),
    Bad(
        "sigma_range not about 1",
        GOOD + "calibrated = true\nsigma_range = [1.5, 2.0]\n",
        ("sigma_range", "around 1, the smaller one first"),
    ),
    Bad(
        "sigma_range of three",
        GOOD + "calibrated = true\nsigma_range = [0.5, 1.0, 2.0]\n",
        ("sigma_range", "two factors of sigma"),
    ),
    Bad("mechanism", GOOD + 'mechanism = "clb"\n', ("mechanism", "'clb'", "must be one of", 'did you mean "cbl"')),
    # costs
    _costs("[0.1, 0.2]", "costs[0]", "0.1", "must be a list of rows", name="flat costs"),
    _costs("[[true], [1.0]]", "costs[0][0]", "True", "not a boolean", name="boolean cost"),
    _costs("true", "costs", "True", "must be a list of rows", name="boolean costs"),
    _costs("1.0", "costs", "1.0", "must be a list of rows", name="scalar costs"),
    _costs("[]", "costs", "[]", "must be a list of rows", name="empty costs"),
    _costs("[[]]", "costs[0]", "[]", "must be a list of rows", name="empty row"),
    _costs("[[1.0], [1.0, 2.0]]", "costs[1]", "as many entries as the first row (1)", name="ragged costs"),
    _costs('[["a"]]', "costs[0][0]", "'a'", "must be a number", name="text for a cost"),
    _costs('[["inf", 1.0]]', "costs[0][0]", "write inf, without quotation marks", "from 0", name="inf in quotes"),
    _costs('[["3,5", 1.0]]', "write 3.5, with a point and without quotation marks", name="cost as people write it"),
    Bad(
        "lists turned around",
        'sigma = 1.0\nagents = ["A", "B"]\ndistributions = ["x", "y", "z"]\ncosts = [[1, 2], [3, 4], [5, 6]]\n',
        ("costs", "3 x 2", "one row per agent and one column per distribution"),
    ),
    _csv("name,A,B\nx,0.1,0.2\ny,0.3,0.4\n", "2 x 2", "exchanged", name="a column each", extra='agents = ["A", "B"]\n'),
    _csv("name,x,y\nA,0.1,n/a\n", "costs[A][y]", "'n/a'", "cannot measure it, write inf", name="n/a for a cost"),
    _rows(ROWS.replace("1.5,", "n/a,", 1), "sigma[2][x]", 'missing = ["n/a"]', name="n/a measured"),
    _costs("[[2020-01-01]]", "costs[0][0]", "must be a number", name="date for a cost"),
    _costs("[[[1.0]]]", "costs[0][0]", "must be a number", name="nested costs"),
    _costs("[[-1.0]]", "costs[0][0]", "-1.0", POSITIVE, name="negative cost"),
    _costs("[[0.0]]", "costs[0][0]", "0.0", POSITIVE, name="zero cost"),
    _costs("[[nan]]", "costs[0][0]", "nan", POSITIVE, name="NaN cost"),
    _costs("[[-inf]]", "costs[0][0]", "-inf", POSITIVE, name="cost minus infinity"),
    _costs(f"[[1{'0' * 400}]]", "costs[0][0]", "too large", name="integer beyond floats"),
    _costs("[[1.0, inf], [2.0, inf]]", "costs[:][1]", "inf", "at least one agent", name="nobody can sample"),
    _costs("[[1e400]]", "costs[0][0] = 1e400", "too large a number", name="cost beyond floats"),
    _costs("[[-1e400]]", "costs[0][0] = -1e400", "too large a number", name="cost below floats"),
    _costs("[[1e-400]]", "costs[0][0] = 1e-400", "too small a number", name="cost that floats round to zero"),
    _costs(f"[[{'1' * 5000}]]", "line 3 = '1111", "has too many digits", name="integer of 5,000 digits"),
    _costs(f"[[0x{'f' * 5000}]]", "costs[0][0]", "too large", name="integer of 5,000 hexadecimal digits"),
    Bad("sigma beyond floats", GOOD.replace("10.0", "[1e400, 1]"), ("sigma[0] = 1e400", "too large a number")),
    Bad("price that vanishes", GOOD + "price = 1e-400\n", ("price = 1e-400", "too small a number")),
    Bad("title, a number beyond floats", GOOD + "title = 1e400\n", ("title = 1e400", "must be text")),
    Bad("keys 5,000 deep", GOOD + "a." * 5000 + "a = 1\n", ("a = ", "unknown key")),
    Bad("costs 5,000 deep", "sigma = 1.0\ncosts" + ".a" * 5000 + " = 1\n", ("costs", "list of rows")),
    Bad("key without end", GOOD + "a" * 100_000 + " = 1\n", ("aaa", "unknown key")),
    Bad("escapes in a key", GOOD + '"\\u001b[31m\\u202e" = 1\n', (r"\x1b[31m\u202e", "unknown key")),
    Bad("escapes in a section", '#whole\n["\\u001b[2J"]\n', (r"[\x1b[2J]", "unknown section")),
    Bad("escapes in a file name", 'sigma = 1.0\ncosts = "\\u001b[2J.csv"\n', (r"\x1b[2J.csv", "no such file")),
    # names
    Bad("duplicate agents", 'sigma = 1.0\nagents = ["A", "A"]\ncosts = [[1.0], [2.0]]\n', ("agents[1]", "twice")),
    Bad("duplicate distributions", GOOD.replace('"y"', '"x"'), ("distributions[1]", "'x'", "twice")),
    Bad("too few agents", GOOD.replace('"A", ', ""), ("agents", "must have 2 names", "has 1")),
    Bad("too many distributions", GOOD.replace('"y"', '"y", "z"'), ("distributions", "must have 2 names", "has 3")),
    Bad("empty name", GOOD.replace('"A"', '" "'), ("agents[0]", "must be a name")),
    Bad("number for a name", GOOD.replace('"A"', "1"), ("agents[0]", "1", "must be a name")),
    Bad("text for names", GOOD.replace('["A", "B"]', '"AB"'), ("agents", "'AB'", "must be a list of names")),
    # sigma and price
    Bad("zero sigma", GOOD.replace("10.0", "0"), ("sigma", "0.0", POSITIVE)),
    Bad("price of no agent", GOOD + "price = [[1.0, 1.0]]\n", ("price", "one row per agent (2), but has 1")),
    Bad("negative price by agent", GOOD + "price = [[1, 0], [-1, 1]]\n", ("price[1][0]", "-1.0", "0 or more")),
    Bad("infinite price by agent", GOOD + "price = [[1, 0], [1, inf]]\n", ("price[1][1]", "inf", "0 or more")),
    Bad("no price at all", GOOD + "price = 0\n", ("price", "0.0", POSITIVE)),
    Bad("a sigma for no agent", GOOD.replace("10.0", "[[1.0, 1.0]]"), ("sigma", "one row per agent (2), but has 1")),
    Bad("a ragged sigma", GOOD.replace("10.0", "[[1.0], [1.0, 2.0]]"), ("sigma[0]", "one number per distribution (2)")),
    Bad("half a table", GOOD.replace("10.0", "[1.0, [1.0, 2.0]]"), ("sigma[0]", "one number per distribution (2)")),
    Bad("negative by agent", GOOD.replace("10.0", "[[1.0, 1.0], [-1, 1]]"), ("sigma[1][0]", "-1.0", POSITIVE)),
    Bad(
        "sigma of a stranger",
        'sigma = "sigma.csv"\ncosts = "costs.csv"\n',
        ("sigma.csv: row", "'C'", "must be a name of costs"),
        (("costs.csv", CSV), ("sigma.csv", "name,x,y\nA,1,2\nC,3,4\n")),
    ),
    Bad(
        "sigma of a missing agent",
        'sigma = "sigma.csv"\ncosts = "costs.csv"\n',
        ("sigma.csv: rows", 'must include "B"'),
        (("costs.csv", CSV), ("sigma.csv", "name,x,y\nA,1,2\n")),
    ),
    Bad(
        "negative sigma in a file",
        'sigma = "sigma.csv"\ncosts = "costs.csv"\n',
        ("sigma.csv: sigma[B][x]", "-3.0", POSITIVE),
        (("costs.csv", CSV), ("sigma.csv", "name,x,y\nA,1,2\nB,-3,4\n")),
    ),
    Bad("negative sigma", GOOD.replace("10.0", "[1.0, -1.0]"), ("sigma[1]", "-1.0", POSITIVE)),
    Bad("infinite sigma", GOOD.replace("10.0", "inf"), ("sigma", "inf", "positive and finite")),
    Bad("boolean sigma", GOOD.replace("10.0", "true"), ("sigma", "True", "not a boolean")),
    Bad("too many sigmas", GOOD.replace("10.0", "[1.0, 1.0, 1.0]"), ("sigma", "one per distribution (2)", "has 3")),
    Bad("zero price", GOOD + "price = 0.0\n", ("price", "0.0", POSITIVE)),
    Bad("text for a price", GOOD + 'price = "1"\n', ("price", "'1'", "must be a number")),
    Bad("too few prices", GOOD + "price = [1.0]\n", ("price", "one per distribution (2)", "has 1")),
    # costs in a CSV file
    Bad("missing CSV", 'sigma = 1.0\ncosts = "no.csv"\n', ("costs", "'no.csv'", "no such file")),
    Bad("directory for a CSV", 'sigma = 1.0\ncosts = "."\n', ("costs", "is a directory")),
    _csv("", "is empty", name="empty CSV"),
    _csv("name,x,y\n", "no rows of numbers", name="CSV with a header only"),
    _csv("name\nA\n", "at least one column", name="CSV without columns"),
    _csv("name;a,b\nA;1,5\n", "line 1", "'name;a,b'", "semicolons and commas", name="two signs between cells"),
    _csv("name;x\nA;1,234\n", "line 2, column x", "1234 or 1.234", "write 1234", "1,2340", name="comma in doubt"),
    _csv("name\tx\nA\t1.234\n", "line 2, column x", "1234 or 1.234", name="point in doubt"),
    _csv('name,x\nA,"1,234"\n', "line 2, column x", "'1,234'", "1234 or 1.234", name="quoted comma in doubt"),
    _csv("name;x\nA;1,5\nB;1.5\n", "line 3", "'1.5'", "that 1,5 in line 2 has", name="points and commas"),
    _csv("name;x\nA;12,34,5\n", "costs[A][x]", "'12,34,5'", "must be a number", name="groups of two"),
    _csv(CSV.replace("0.3", '"0,3"'), "line 3, column x", "'0,3'", "that 0.1 in line 2 has", name="one decimal comma"),
    _csv("PAR1", "Parquet file", "CSV or .xlsx", name="Parquet for CSV"),
    _csv("PK\x03\x04", "not a valid .xlsx", name="zip for CSV"),
    _csv(CSV.replace("0.3", "1e400"), "costs[B][x]", "'1e400'", "too large a number", name="cell beyond floats"),
    _csv(CSV.replace("0.3", "0.0001e-400"), "costs[B][x]", "too small a number", name="cell that vanishes"),
    _csv(CSV.replace("0.3", "9" * 5000), "costs[B][x]", "too large a number", name="cell of 5,000 digits"),
    _csv(CSV.replace("B", "B\x1b[31m"), "row 2", r"B\x1b[31m", "printable", name="escape in a row's name"),
    _csv(CSV.replace("y", "y\u202e"), "column 2", r"y\u202e", "printable", name="direction mark in a column's name"),
    _csv(CSV.replace("B", "B\0"), "costs.csv", name="NUL in a row's name"),
    _csv(CSV.replace("0.3", ""), "costs[B][x]", "''", "must not be left empty", name="empty cell"),
    _csv(CSV.replace("0.3", "-"), "costs[B][x]", "'-'", "must not be left empty", name="dash for a cell"),
    _csv(CSV.replace("0.3", "a"), "costs[B][x]", "'a'", "must be a number", name="text in a cell"),
    _csv(CSV.replace("0.3", "1_0"), "costs[B][x]", "'1_0'", "must be a number", name="underscore in a cell"),
    _csv(CSV.replace("0.3", "-1"), "costs[B][x]", "-1.0", POSITIVE, name="negative cell"),
    _csv(CSV.replace("0.3", "nan"), "costs[B][x]", "nan", POSITIVE, name="NaN cell"),
    _csv(CSV.replace("0.3,inf", "0.3"), "line 3", "as many cells as the first row (3)", name="ragged CSV"),
    _csv(CSV.replace("B,", "A,"), "row 2", "'A'", "twice", name="duplicate rows"),
    _csv(CSV.replace("y", "x"), "column 2", "'x'", "twice", name="duplicate columns"),
    _csv(CSV.replace("B,", ","), "row 2", "must have a name", name="row without a name"),
    _csv(CSV.replace("0.2", "inf"), "costs[:][y]", "at least one agent", name="column that nobody can sample"),
    _csv('name,x\n"A,1\n', "is not valid CSV", name="open quotation mark"),
    _csv(CSV, "agents[1]", "'Bb'", 'did you mean "B"', name="agents that do not match", extra='agents = ["A", "Bb"]\n'),
    _csv(CSV, "agents", "'B'", "must be one of the names", name="agent left out", extra='agents = ["A"]\n'),
    _csv(CSV, "distributions[1]", "'z'", name="columns that do not match", extra='distributions = ["x", "z"]\n'),
    # sigma from measurements
    Bad("sigma without names", 'sigma = "rows.csv"\ncosts = [[1.0]]\n', ("sigma", "needs the names")),
    Bad(
        "sigma that is no file",
        GOOD.replace("10.0", '"nothing"'),
        ("sigma", "nothing", "one number per", "no such file"),
    ),
    Bad("no such measurements", GOOD.replace("10.0", '"no.csv"'), ("sigma", "'no.csv'", "no such file")),
    _rows(ROWS.replace("1.5,", "nan,", 1), "line 2", "column x", "nan", "must be finite", name="NaN measured"),
    _rows(ROWS.replace("1.5,", "inf,", 1), "line 2", "column x", "must be finite", name="infinity measured"),
    _rows(ROWS.replace("1.5,", ",", 1), "sigma[2][x]", "leave out the whole row", name="missing measurement"),
    _rows(ROWS.replace("1.5,", "1e400,", 1), "sigma[2][x]", "too large a number", name="measurement beyond floats"),
    _rows("x,y\n1,2\n2,3\n", "number of rows", "2", "at least 8", name="two measurements"),
    _rows("x,y\n" + "0.1,0.2\n" * 9, "column x", "0.1", "must vary", name="constant measurements"),
    _rows(ROWS.replace("y", "yy"), "'yy'", 'did you mean "y"', name="unknown column"),
    _rows(ROWS.replace("y", "yy"), "'yy'", 'ignore = ["yy"] in [collaboration]', name="column to ignore"),
    _rows(ROWS.replace("1.5,", ",", 1), 'missing = [""] with incomplete = "drop"', name="blank, with the remedy"),
    # measurements as they come
    _rows(
        ROWS, "missing", "'NA'", "must be a list of texts and numbers", name="missing, no list", keys='missing = "NA"'
    ),
    _rows(ROWS, "missing[1]", "True", "a text or a number", name="missing, boolean", keys='missing = ["", true]'),
    _rows(ROWS, "missing[0]", "[1]", "a text or a number", name="missing, list", keys="missing = [[1]]"),
    _rows(ROWS, "missing[0]", "nan", 'as "nan"', name="missing, NaN", keys="missing = [nan]"),
    _rows(ROWS, "missing[0]", "1e400", "too large a number", name="missing beyond floats", keys="missing = [1e400]"),
    _rows(
        *(ROWS, "incomplete", "'dropp'", "must be one of refuse, drop", 'did you mean "drop"'),
        name="incomplete, misspelt",
        keys='missing = [""]\nincomplete = "dropp"',
    ),
    _rows(
        *(ROWS, "surplus", "'refuse'", "must be one of drop, use"), name="surplus, no such", keys='surplus = "refuse"'
    ),
    _rows(ROWS, "incomplete", "without codes", name="drop of nothing", keys='incomplete = "drop"'),
    _rows(ROWS, "ignore", "'id'", "must be a list of names", name="ignore, no list", keys='ignore = "id"'),
    _rows(ROWS, "ignore[1]", "'id'", "twice", name="ignore twice", keys='ignore = ["id", "id"]'),
    _rows(ROWS, "ignore[0]", "'y'", "is one of the distributions", name="ignore what counts", keys='ignore = ["y"]'),
    _rows(ROWS, "ignore[0]", "'id'", "is no column of rows.csv", name="ignore nothing", keys='ignore = ["id"]'),
    _rows(
        *("x,y,date\n" + "1,2,a\n" * 9, "'date'", 'ignore = ["date"]'),
        name="ignore, misspelt",
        keys='ignore = ["dates"]',
    ),
    _rows(
        *("x,y,date\n" + "1,2,a\n2,3,b\n" * 9, "ignore[1]", "'dates'", 'did you mean "date"'),
        name="ignore more than there is",
        keys='ignore = ["date", "dates"]',
    ),
    _rows(
        *(ROWS.replace("1.5,", "NA,", 1), "rows.csv: sigma[2][x] = 'NA'", 'means "no value": incomplete = "drop"'),
        name="missing and refused",
        keys='missing = ["NA"]',
    ),
    _rows(
        *(ROWS.replace("1.5,", "na,", 1), "sigma[2][x] = 'na'", 'did you mean "NA"'),
        name="missing, in small letters",
        keys='missing = ["NA"]\nincomplete = "drop"',
    ),
    _rows(
        *("x,y\n" + "NA,1\n" * 9, "has no rows of numbers", "all 9 lack a value"),
        name="all rows dropped",
        keys='missing = ["NA"]\nincomplete = "drop"',
    ),
    _rows(
        *("x,y\n" + "NA,1\n" * 9 + "1,2\n2,3\n", "number of rows = 2", "at least 8"),
        name="few rows left",
        keys='missing = ["NA"]\nincomplete = "drop"',
    ),
    _rows("x\n" + "1\n2\n" * 5, "columns", 'must include "y"', name="missing column"),
    Bad("data", GOOD + "data = 1\n", ("data", "1", "must be the name of a table")),
    Bad("missing data", GOOD + 'data = "no.csv"\n', ("data", "'no.csv'", "no such file")),
    # competitors
    _profile("types = [0.3, 0.8]\n", "types = [0.3, -0.8]\n", "types[1] = -0.8", "not negative", name="negative type"),
    _profile("types = [0.3, 0.8]\n", "types = [0.3, true]\n", "types[1] = True", "boolean", name="boolean type"),
    _profile("types = [0.3, 0.8]\n", "types = [0.3]\n", "types", "each of the 2 agents", name="too few types"),
    _profile("types = [0.3, 0.8]\n", "types = 0.3\n", "types", "list of data sizes", name="one type"),
    _profile("types = [0.3, 0.8]\n", "", "types", "must be given", name="no types"),
    _profile("[0.1, 1.0]]", "[0.1]]", "externality[1]", "must have 2 numbers", name="ragged externality"),
    _profile("[0.1, 1.0]]", "0.1]", "externality", "must be a table", name="flat externality"),
    _profile("[0.1, 1.0]]", "[0.1, inf]]", "externality[1][1] = inf", "finite", name="infinite externality"),
    _profile("[0.1, 1.0]]", '["a", 1.0]]', "externality[1][0] = 'a'", "must be a number", name="text in externality"),
    _profile("[0.1, 1.0]]", "[0.1, 1.0]]\nquality = 'logistik'", "quality", 'did you mean "logistic"', name="quality"),
    _profile(
        "[0.1, 1.0]]", "[0.1, 1.0]]\nmechanism = 'cbl'", "mechanism", "exploitation, free", name="wrong mechanism"
    ),
    _profile("[0.1, 1.0]]", "[0.1, 1.0]]\nagents = 2", "agents = 2", "list of names", name="number of agents"),
    _profile("[0.1, 1.0]]", "[0.1, 1.0]]\nagents = ['A', 3]", "agents[1] = 3", "must be a name", name="number as name"),
    _profile(
        "[0.1, 1.0]]", "[0.1, 1.0]]\ndisparity = 3", "disparity = 3", "means nothing with", name="key of the market"
    ),
    _growing("growth = -0.7", "growth = -1.2", "growth = -1.2", "must be at least -1", name="shrinking market"),
    _growing("growth = -0.7", "growth = '-0.7'", "growth = '-0.7'", "must be a number", name="text for growth"),
    _growing("growth = -0.7", "growth = 1e400", "growth = 1e400", "too large a number", name="growth beyond floats"),
    _growing("growth = -0.7\n", "", "growth", "must be given", name="no growth"),
    _growing("agents = 2", "agents = 1", "agents = 1", "at least 2", name="one competitor"),
    _growing("agents = 2", "agents = ['A', 'B']", "agents", "must be their number", name="names in a market"),
    _growing("disparity = 30", "disparity = 0", "disparity = 0", "at least 1", name="no disparity"),
    _growing("disparity = 30", "disparity = 2.5", "disparity = 2.5", "whole number", name="fractional disparity"),
    _growing("disparity = 30", "disparty = 3", "disparty", 'did you mean "disparity"', name="misspelt disparity"),
    _growing("market-growth", "market-grwth", "valuation", 'did you mean "market-growth"', name="misspelt valuation"),
    _profile(
        "[0.1, 1.0]]", '[0.1, 1.0]]\nagents = ["A", "a\\u001b[31m"]', "agents[1]", "printable", name="escape in a name"
    ),
    _profile("[0.1, 1.0]]", '[0.1, 1.0]]\nagents = ["A", "a\\nb"]', "agents[1]", "printable", name="line break"),
    _growing("agents = 2", "agents = 100000000", "agents = 100000000", "at most 10,000", name="millions of agents"),
    # markets
    _market('name = "b"', 'name = "b\\u001b[1m"', "buyers[1].name", "printable", name="escape in a buyer's name"),
    _market(
        "sigma = 1.0", 'sigma = 1.0\ncontributors = ["a", "b\\n"]', "contributors[1]", "printable", name="split name"
    ),
    Bad("market without costs", "#whole\n[market]\nsigma = 1.0\n", ("contributor_costs", "must be given in [market]")),
    Bad("market without buyers", f"#whole\n[market]\n{SELLERS}", ("buyers", "must be given in [market]")),
    Bad("buyers, a number", f"#whole\n[market]\n{SELLERS}buyers = 3\n", ("buyers", "3", "[[market.buyers]]")),
    _market(
        "sigma = 1.0",
        "sigma = [1.0, -2.0]",
        "sigma[1]",
        "-2.0",
        "positive",
        name="market, a negative one of two sigmas",
    ),
    _market("sigma = 1.0", "sigma = 0", "sigma", "0", POSITIVE, name="market, sigma 0"),
    _market("0.002", "0.0", "contributor_costs[1]", "0.0", POSITIVE, name="cost 0 of a contributor"),
    _market("0.002", "-1", "contributor_costs[1]", "-1.0", POSITIVE, name="negative cost of a contributor"),
    _market("0.002", "inf", "contributor_costs[1]", "inf", POSITIVE, name="infinite cost of a contributor"),
    _market("0.002", "1e400", "contributor_costs[1] = 1e400", "too large", name="cost of a contributor beyond floats"),
    _market("0.5, 0.6", "0.5, 1e400", "buyers[1].values[2] = 1e400", "too large", name="value beyond floats"),
    _market("scale = 0.3", "scale = 1e-400", "buyers[0].scale = 1e-400", "too small", name="scale that vanishes"),
    _market("0.002", "true", "contributor_costs[1]", "True", "boolean", name="boolean cost of a contributor"),
    _market("[0.001, 0.002]", "0.001", "contributor_costs", "list of numbers", name="cost, not a list"),
    _market("[0.001, 0.002]", "[]", "contributor_costs", "list of numbers", name="no contributors"),
    Bad(
        "thousands of types",
        f"#whole\n[market]\n{SELLERS}" + "[[market.buyers]]\nvaluation = 'linear'\nscale = 1\n" * 1001,
        ("number of buyers = 1001", "at most 1,000"),
    ),
    Bad(
        "too many competitors",
        f"#whole\n[multiparty]\ntypes = [1]\nexternality = [{'[0],' * 2001}]\n",
        ("number of externality = 2001", "at most 4,000,000"),
    ),
    _market("count = 20", "count = 0", "buyers[0].count", "0", "at least 1", name="no buyers of a type"),
    _market("count = 20", "count = -3", "buyers[0].count", "-3", "at least 1", name="negative count"),
    _market("count = 20", "count = 1.5", "buyers[0].count", "1.5", "whole number", name="half a buyer"),
    _market("exponential", "exponental", "buyers[0].valuation", 'did you mean "exponential"', name="valuation"),
    _market("scale = 0.3", "scale = -1", "buyers[0].scale", "-1.0", POSITIVE, name="negative scale"),
    _market("scale = 0.3\n", "", "buyers[0].scale", "must be given", name="no scale"),
    _market("value = 1.0", "value = 1.5", "buyers[0].value", "1.5", "(0, 1]", name="value above 1"),
    _market("value = 1.0", "value = 0.0", "buyers[0].value", "0.0", name="a buyer who wants nothing"),
    _market("value = 1.0", "values = [0.0]", "buyers[0].values", "means nothing", name="values without a table"),
    _market("scale = 0.3", "scal = 0.3", "buyers[0].scal", 'did you mean "scale"', name="unknown key of a buyer"),
    _market('name = "b"', 'name = "a"', "buyers[1]", "'a'", "twice", name="duplicate buyers"),
    _market('name = "b"', 'name = ""', "buyers[1].name", "not empty", name="buyer without a name"),
    _market("0.5, 0.6", "0.5, 0.4", "buyers[1].values[2]", "0.4", "value of less data", name="values that decrease"),
    _market("0.5, 0.6", "0.5, 1.4", "buyers[1].values[2]", "1.4", "[0, 1]", name="values beyond 1"),
    _market("0.5, 0.6", "-0.5, 0.6", "buyers[1].values[1]", "-0.5", "[0, 1]", name="negative values"),
    _market("0.0, 0.5, 0.6", "0.0, 0.0, 0.0", "buyers[1].values[2]", "wants something", name="a table of nothing"),
    _market("0.0, 0.5, 0.6", "0.1, 0.5, 0.6", "buyers[1].values[0]", "must be 0", name="nothing that is worth a lot"),
    _market("sigma = 1.0", 'sigma = 1.0\nmethod = "exat"', "method", 'did you mean "exact"', name="method"),
    _market("sigma = 1.0", "sigma = 1.0\nepsilon = 0", "epsilon", POSITIVE, name="epsilon 0"),
    _market("sigma = 1.0", 'sigma = 1.0\ngrid = "level"', "grid", 'did you mean "levels"', name="grid"),
    _market("sigma = 1.0", "sigma = 1.0\nsecond = 0", "second", "0", "at least 1", name="no second sample"),
    _market("sigma = 1.0", "sigma = 1.0\nlimit = 0.5", "limit", "0.5", "whole number", name="limit"),
    _market(
        "sigma = 1.0", 'sigma = 1.0\ncontributors = ["a"]', "contributors", "must have 2 names", name="one name for two"
    ),
    _market("sigma = 1.0", 'sigma = 1.0\ncontributors = ["a", "a"]', "contributors[1]", "twice", name="twins"),
    _market("sigma = 1.0", "sigma = 1.0\nprice = 1.0", "price", "unknown key", name="unknown key of a market"),
)
