"""The page of ``jaxmech app``: Streamlit runs it from top to bottom at every change. A host shell."""

import pandas as pd
import streamlit as st

from jaxmech import files
from jaxmech._errors import JaxmechError
from jaxmech._sheets import TABLE_SUFFIXES
from jaxmech.app import MEASUREMENTS, PROBLEM, Draft, Found, cheat, frame_of, inert, named_for, read_costs, solve
from jaxmech.app._tables import AGENT, NAME, PRICE, SIGMA, fill, typed_tables
from jaxmech.collaboration import DIVISIONS
from jaxmech.report import html

_OWN_DIVISION = ("c3d", "designed")
_SHOWN = ("Standard deviations", "Who collects", "What each gets", "Alone against", "Money apart")
# how the titles of sections begin that the page shows; the report has all (a bare text would be shown by Streamlit)


def main() -> None:
    """Show the form, and what was found for it."""
    st.set_page_config(page_title="jaxmech", page_icon="⚖️")
    st.title("Who measures how much?")
    st.markdown(
        "Several parties need the same numbers, and measuring costs. Say what it costs each; the plan says who "
        "measures how much, and whether cheating would pay. Nothing leaves this machine."
    )
    draft = _form()
    if st.button("Work out the plan", type="primary", key="solve"):
        _solve(draft)
    if st.session_state.get("refused"):
        st.error(inert(st.session_state["refused"]))
    found: Found | None = st.session_state.get("found")
    if found is not None:
        _show(found, draft)


def _form() -> Draft:
    _uploaded_costs()
    distributions, costs = typed_tables()
    st.caption(
        "inf: cannot measure it. σ is the standard deviation of one measurement. The price is what a unit of "
        "squared error costs a party, in the unit of the costs; it decides how much everybody measures."
    )
    uploaded = st.file_uploader(
        "Measurements to estimate σ from (CSV or .xlsx: one column per distribution)",
        type=list(TABLE_SUFFIXES),
        key="measurements",
    )
    if uploaded:
        name = named_for(MEASUREMENTS, uploaded.getvalue())
        st.caption(f"σ is estimated from these measurements, called {name}; the column above is not used.")
    left, right = st.columns(2)
    title = left.text_input("Title (optional)", key="title")
    currency = right.text_input("Currency (optional)", key="currency", placeholder="EUR")
    division, mechanism = _choices()
    return Draft(
        agents=tuple(costs[AGENT]),
        distributions=tuple(distributions[NAME]),
        costs=tuple(costs.drop(columns=AGENT).itertuples(index=False, name=None)),
        sigma=tuple(distributions[SIGMA]),
        price=tuple(distributions[PRICE]),
        title=title,
        currency=currency,
        division=division,
        mechanism=mechanism,
        measurements=uploaded.getvalue() if uploaded else None,
    )


def _uploaded_costs() -> None:
    """Fill the tables from a file, once; a file that is refused leaves them as they are."""
    state = st.session_state
    uploaded = st.file_uploader(
        "Costs (CSV or .xlsx: names in the first row and column), or type them below",
        type=list(TABLE_SUFFIXES),
        key="upload",
    )
    if uploaded is None:
        state.pop("taken", None)
        return
    if state.get("taken") != uploaded.file_id:
        state["taken"], state["bad upload"] = uploaded.file_id, ""
        try:
            fill(*read_costs(uploaded.getvalue()))
        except JaxmechError as error:
            state["bad upload"] = str(error)
    if state["bad upload"]:
        st.error(inert(state["bad upload"]))


def _choices() -> tuple[str, str]:
    """Division and mechanism, each with what it means."""
    left, right = st.columns(2)
    mechanism = right.selectbox("Mechanism", files.MECHANISMS, index=files.MECHANISMS.index("cbl"), key="mechanism")
    right.caption(_sentence(html.MECHANISMS[mechanism]))
    own = mechanism in _OWN_DIVISION
    names = tuple(DIVISIONS)
    division = left.selectbox(
        "Division of the work", names, index=names.index("leverage"), key="division", disabled=own
    )
    left.caption(_sentence("this mechanism has a division of its own" if own else html.DIVISIONS[division]))
    return division, mechanism


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _solve(draft: Draft) -> None:
    """Work the plan out; what was found before stays where the form is refused."""
    state = st.session_state
    state["refused"] = ""
    long = "a minute" if draft.mechanism == files.DESIGNED else "ten seconds"
    try:
        with st.spinner(f"Working it out; the first time this takes about {long}."):
            state["found"] = solve(draft)
    except JaxmechError as error:
        state["refused"] = str(error)
    except MemoryError:
        state["refused"] = "the problem does not fit into memory"


def _show(found: Found, draft: Draft) -> None:
    st.divider()
    if found.draft != draft:
        st.info("The form has changed since this plan was worked out.")
    say = st.success if found.document.good else st.warning
    say(inert(" ".join(found.document.verdict)))
    for sentence in found.warnings:
        st.warning(inert(sentence))
    plan, picture, cheating, report = st.tabs(["Plan", "Picture", "What if I cheat?", "Report"])
    with plan:
        _show_plan(found)
    with picture:
        if found.picture is not None:
            st.image(found.picture, width="stretch")
    with cheating:
        _show_cheating(found)
    with report:
        st.iframe(found.report, height=800)
    _downloads(found)


def _show_plan(found: Found) -> None:
    for number, section in enumerate(found.document.sections):
        if not section.title.startswith(_SHOWN):
            continue
        st.markdown(f"**{inert(section.title)}**")
        for part, content in enumerate(section.parts):
            if isinstance(content, str):
                st.caption(inert(content))
            else:
                _show_table(content, f"table {number} {part}")


def _show_table(table: html.Table, key: str) -> None:
    frame: pd.DataFrame = frame_of(table)
    aligned = {
        name: st.column_config.Column(alignment="right" if right else "left")
        for name, right in zip(frame.columns, table.right, strict=True)
    }
    st.dataframe(frame, hide_index=True, column_config=aligned, height="content", key=key)


def _show_cheating(found: Found) -> None:
    """What speaks against it at once, and on demand the best that a search finds."""
    agents = found.agents
    agent = st.selectbox("I am", range(len(agents)), format_func=lambda i: agents[i], key="agent")
    for sentence in found.honest[agent]:
        st.markdown(inert(sentence))
    state = st.session_state
    if st.button("Search for the best that I could do", key="search"):
        state["refused"] = ""
        try:
            with st.spinner(
                "Trying amounts, lies and estimates, among them small networks; this takes about half a minute."
            ):
                state["cheat"] = (found.draft, agent, cheat(found.draft, agent))
        except JaxmechError as error:
            st.error(inert(str(error)))
    told = state.get("cheat")
    if told and told[:2] == (found.draft, agent):
        for sentence in told[2]:
            st.markdown(inert(sentence))


def _downloads(found: Found) -> None:
    st.markdown("**To keep**")
    columns = st.columns(3)
    parts = (
        ("Agreement (JSON)", found.agreement, "agreement.json", "application/json"),
        ("Report (HTML)", found.report, "report.html", "text/html"),
        ("Problem (TOML)", found.toml, PROBLEM, "application/toml"),
    )
    for column, (label, text, name, kind) in zip(columns, parts, strict=True):
        column.download_button(label, text, name, kind, key=name, on_click="ignore", width="stretch")
    beside = f" Keep it beside the measurements, called {found.draft.measured}." if found.draft.measurements else ""
    st.caption(f"The agreement is what jaxmech run carries out; the problem is what jaxmech solve reads.{beside}")


if __name__ == "__main__":
    main()
