"""A local form for people who do not write TOML: a host shell over the library, shown by Streamlit.

``jaxmech app`` serves ``_page.py``; everything else here needs no Streamlit.
"""

from jaxmech.app._draft import MEASUREMENTS, PROBLEM, Draft, named_for, read, read_costs, read_typed, toml
from jaxmech.app._show import frame_of, inert
from jaxmech.app._work import Found, cheat, solve

__all__ = [
    "MEASUREMENTS",
    "PROBLEM",
    "Draft",
    "Found",
    "cheat",
    "frame_of",
    "inert",
    "named_for",
    "read",
    "read_costs",
    "read_typed",
    "solve",
    "toml",
]
