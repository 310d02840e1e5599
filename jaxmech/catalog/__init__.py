"""The shipped problems as plain files, and the values that the papers publish for their instances."""

from jaxmech.catalog._appendix_c import APPENDIX_C, COSTS, SIGMA, SOURCE, Misprint, Published
from jaxmech.catalog._shipped import describe, names, path, sweeps, text
from jaxmech.catalog._statements import STATEMENTS, Numbered

__all__ = [
    "APPENDIX_C",
    "COSTS",
    "SIGMA",
    "SOURCE",
    "STATEMENTS",
    "Misprint",
    "Numbered",
    "Published",
    "describe",
    "names",
    "path",
    "sweeps",
    "text",
]
