"""The page of a simulation."""

import dataclasses
import io

import numpy as np
from rich.console import Console

from jaxmech import Status, report
from jaxmech.report.simulation import Answer, Play, document
from jaxmech.report.simulation._alone import alone_in_words, worse_in_short, worse_off
from jaxmech.report.simulation._law import above, law_in_words
from tests.report.examples import SETTINGS


def test_standard_errors_are_written_out():
    """Penalties of hundreds of dollars have errors above 10, and no reader wants them in powers of ten."""
    zero = np.zeros((2, 1))
    play = Play(
        name="the 442 rows of clinics.csv", promised=np.array([740.6, 229.6]), penalty=np.array([748.8, 235.2]),
        standard_error=np.array([13.4, 187.0]), squared_error=zero, cost=zero[:, 0], samples=zero, replications=2000,
        sigma=np.ones(1), skewness=np.zeros(1), kurtosis=np.zeros(1), log_skewness=np.zeros(1),
    )  # fmt: skip
    made = Answer(
        source="clinics", title="", agents=("Ashford", "Dunmore"), distributions=("HDL",), mechanism="mechanism cbl",
        amounts="whole samples", sigma=np.ones(1), price=np.ones(1), any_law=False, plays=(play,),
        cheat="", claims=(), status=Status.OK, residual=0.0, settings=SETTINGS,
    )  # fmt: skip
    buffer = io.StringIO()
    report.simulation.print_page(made, Console(file=buffer, width=80))
    text = buffer.getvalue()
    rows = [line.split() for line in text.splitlines() if line.startswith(("Ashford", "Dunmore"))]
    assert [row[3] for row in rows] == ["13", "187"]
    assert "e+0" not in text


def played(change=(0.18, 0.01, 0.0), sigma=1.0, skewness=2.0, log_skewness=0.1):
    """Three agents, two distributions; errors rose in the second one."""
    promised, zero, one = np.array([1.0, 2.0, 3.0]), np.zeros(2), np.ones(2)
    normal = Play(
        name="normal data", promised=promised, penalty=promised, standard_error=0.001 * promised,
        squared_error=np.full((3, 2), 0.1), cost=np.zeros(3), samples=np.full((3, 2), 4.0), replications=1000,
        sigma=one, skewness=zero, kurtosis=zero, log_skewness=np.full(2, np.nan),
    )  # fmt: skip
    data = dataclasses.replace(
        normal, name="the 90 rows of a.csv", penalty=promised * (1 + np.array(change)), standard_error=0.02 * promised,
        squared_error=np.array([[0.1, 0.2]] * 3), sigma=np.array([1.0, sigma]), skewness=np.array([0.3, skewness]),
        kurtosis=np.array([0.1, 5.0]), log_skewness=np.array([np.nan, log_skewness]),
    )  # fmt: skip
    return Answer(
        source="a.toml", title="", agents=("Ann", "Bo", "Cy"), distributions=("HDL", "fat"), mechanism="mechanism c3d",
        amounts="whole samples", sigma=one, price=one, any_law=False, plays=(normal, data), cheat="", claims=(),
        status=Status.OK, residual=0.0, settings=SETTINGS,
    )  # fmt: skip


def test_who_ends_worse_than_alone_is_told_with_the_error_and_who_is_nearest_where_nobody_does():
    made = played((0.18, 0.01, 0.0))
    normal, data = made.plays
    alone = np.array([1.1, 2.5, np.inf])  # Cy could not measure something
    plays = tuple(dataclasses.replace(play, alone=alone) for play in (normal, data))
    made = dataclasses.replace(made, plays=plays)
    assert worse_off(made, plays[0]) == ()
    assert alone_in_words(made, plays[0]) == []  # on normal data it is a promise
    (one,) = worse_off(made, plays[1])
    assert (one.agent, one.penalty, one.standard_error, one.alone) == ("Ann", 1.18, 0.02, 1.1)
    (told,) = alone_in_words(made, plays[1])
    assert told.startswith(
        "Worse than alone on these data: Ann pays 1.180 (standard error 0.02), and would pay 1.100 alone: 7.3 % more."
    )
    short = "1 of 3 ends worse than alone on the 90 rows of a.csv, Ann by 7.3 % (standard error 1.8 %)."
    assert worse_in_short(made, plays[1]) == short
    (record,) = document(made)["worse_than_alone"]
    assert record == {**dataclasses.asdict(one), "data": "the 90 rows of a.csv"}
    within = dataclasses.replace(plays[1], standard_error=np.array([0.05, 0.05, 0.05]))  # less than three of them
    made = dataclasses.replace(made, plays=(plays[0], within))
    assert worse_in_short(made, within) == ""
    (told,) = alone_in_words(made, within)
    assert told.startswith(
        "Nobody ends worse than alone by more than 3 standard errors; nearest to it is Ann, who pays 1.180"
    )
    buffer = io.StringIO()
    report.simulation.print_page(made, Console(file=buffer, width=200))
    assert "Nobody ends worse than alone by more than 3 standard errors" in buffer.getvalue()


def test_who_ends_above_her_promise_is_told_with_the_reason_in_the_data_and_what_helps():
    (one,), (told,) = above(played()), law_in_words(played())
    assert (one.agent, one.distribution) == ("Ann", "fat")
    assert told.startswith(
        "Above their promise on these data: Ann 18 % (standard error 2.0 %). Why: fat is skewed and heavy-tailed"
    )
    assert "skewness 2, excess kurtosis 5" in told
    for remedy in ("larger amounts", "the logarithm of fat", "mechanism pool"):
        assert remedy in told
    assert "logarithm of" not in law_in_words(played(log_skewness=1.9))[0]
    written = document(played())
    assert written["remarks"] == [told]
    assert written["above_promise"] == [{**dataclasses.asdict(one), "data": "the 90 rows of a.csv"}]
    buffer = io.StringIO()
    report.simulation.print_page(played(), Console(file=buffer, width=200))
    assert told.replace("\n", " ") in " ".join(buffer.getvalue().split())
    assert "1 of 3 end above their promise, Ann by 18 %." in " ".join(buffer.getvalue().split())


def test_what_standard_errors_explain_is_no_news_and_a_cheat_is_another_reason():
    assert law_in_words(played(change=(0.05, -0.2, 0.0))) == []
    assert law_in_words(dataclasses.replace(played(), cheat="Bo cheats")) == []
    assert above(dataclasses.replace(played(), plays=played().plays[:1])) == ()


def test_a_mechanism_that_holds_for_any_law_blames_the_standard_deviation_alone():
    (told,) = law_in_words(dataclasses.replace(played(sigma=1.3), any_law=True))
    assert "fat has a standard deviation of 1.3 instead of 1." in told
    assert "skew" not in told
    assert "pool" not in told


def test_a_difference_that_may_be_chance_is_told_all_the_same():
    """Three percent less at a standard error of two is no news, but it is not left out of the sentence either."""
    for change, said in (
        (-0.03, "as much as promised (-3.0 %, standard error 2"),
        (-0.01, "as much as promised (standard error 2"),
    ):
        buffer = io.StringIO()
        report.simulation.print_page(played(change=(change,) * 3), Console(file=buffer, width=200))
        assert said in " ".join(buffer.getvalue().split())


def test_the_shape_of_few_rows_is_not_blamed():
    """Neither wider nor clearly skewed: nothing is called "not normal"."""
    made = played(skewness=0.09)
    plays = [dataclasses.replace(play, kurtosis=np.full(2, -0.6)) for play in made.plays]
    (told,) = law_in_words(dataclasses.replace(made, plays=tuple(plays)))
    assert "Why: fat is near to normal data with the agreed spread, and what is different does not show" in told
