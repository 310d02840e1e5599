"""The two tables that are typed into, and how an upload fills them. A host shell of Streamlit.

Columns of the table of costs go by the rows of the table of distributions, not by their names: these may be changed,
be empty or be equal while somebody types.
"""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

AGENT, NAME, SIGMA, PRICE = "agent", "name", "sigma", "price"
_START = (
    ("Northgate", "Ashford", "Birchwood", "Calder", "Dunmore", "Elmhurst", "Fairview", "Greystone"),
    ("glucose", "HDL"),
    (("3.50", "7.30"), *(("3.93", "8.19"),) * 6, ("5.90", "inf")),
)
"""An example that begins the form, and under the division "leverage" shows all three roles."""
_SIGMA, _PRICE = "1", "100000"


def typed_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Show both tables; return what stands in them, texts only: distributions, and costs by agent."""
    state = st.session_state
    if "distributions" not in state:
        fill(*_START, sigma=_SIGMA, price=_PRICE)
    st.markdown("**What is measured**")
    distributions = _cleaned(_edit_distributions())
    columns = [str(label) for label in distributions.index]
    if columns != list(state["costs"].columns[1:]):
        _keep_columns(columns)
    st.markdown("**What one measurement costs each**")
    costs = _edit_costs(dict(zip(columns, distributions[NAME], strict=True)))
    state["typed costs"] = costs
    return distributions, _cleaned(costs)


def fill(
    agents: Sequence[str],
    distributions: Sequence[str],
    cells: Sequence[Sequence[str]],
    *,
    sigma: str = "",
    price: str = "1",
) -> None:
    """Put names and costs into the tables; σ and price stay with the distributions that keep their name.

    Args:
        agents: names of the rows.
        distributions: names of the columns.
        cells: costs as texts.
        sigma: of new distributions.
        price: of new distributions.
    """
    state = st.session_state
    before = {row[NAME]: row for row in state["now"].to_dict("records")} if "now" in state else {}
    kept = [before.get(name, {SIGMA: sigma, PRICE: price}) for name in distributions]
    rows = [{NAME: name, SIGMA: row[SIGMA], PRICE: row[PRICE]} for name, row in zip(distributions, kept, strict=True)]
    state["distributions"] = pd.DataFrame(rows, columns=[NAME, SIGMA, PRICE], dtype=object)
    table = [[name, *row] for name, row in zip(agents, cells, strict=True)]
    columns = [AGENT, *(str(k) for k in range(len(distributions)))]
    state["costs"] = pd.DataFrame(table, columns=columns, dtype=object)
    _forget_edits("distributions", "costs")


def _edit_distributions() -> pd.DataFrame:
    state = st.session_state
    texts = st.column_config.TextColumn
    found = st.data_editor(
        state["distributions"],
        key=f"distributions {state['edition distributions']}",
        num_rows="dynamic",
        hide_index=True,
        column_config={
            NAME: texts("name"),
            SIGMA: texts("σ", help="standard deviation of one measurement"),
            PRICE: texts("price", help="of a unit of squared error"),
        },
    )
    state["now"] = _cleaned(found)
    return found


def _edit_costs(names: dict[str, str]) -> pd.DataFrame:
    state = st.session_state
    texts = st.column_config.TextColumn
    labels = {label: texts(name or "(no name)") for label, name in names.items()}
    return st.data_editor(
        state["costs"],
        key=f"costs {state['edition costs']}",
        num_rows="dynamic",
        hide_index=True,
        column_config={AGENT: texts("agent"), **labels},
    )


def _keep_columns(columns: Sequence[str]) -> None:
    """Begin anew from what was typed, with a column for every distribution that there is now."""
    state = st.session_state
    typed = state.get("typed costs", state["costs"])
    if len(typed) == 0:
        typed = state["costs"]
    table = typed.reindex(columns=[AGENT, *columns]).reset_index(drop=True)
    state["costs"] = table.astype(object).fillna("")  # a new column would be one of numbers
    _forget_edits("costs")


def _forget_edits(*tables: str) -> None:
    """A table of another edition is another widget: what was typed into the last one is in its frame, or gone."""
    state = st.session_state
    for table in tables:
        state[f"edition {table}"] = state.get(f"edition {table}", 0) + 1
    state.pop("typed costs", None)


def _cleaned(frame: pd.DataFrame) -> pd.DataFrame:
    """Texts only; rows in which nothing stands do not count."""
    texts = frame.astype(object).fillna("").astype(str).map(str.strip)
    return texts[(texts != "").any(axis=1)]
