"""Files: problems and measurements in, JSON and CSV out."""

from jaxmech._json import FINGERPRINT, json_text, sealed, spoken
from jaxmech._targets import check_spared, check_targets
from jaxmech.files._agreed import read_agreed
from jaxmech.files._case import KINDS, Case, locate, read, section_of
from jaxmech.files._collaboration import DESIGNED, MECHANISMS, CollaborationCase, measurement_warnings
from jaxmech.files._dependence import MAX_DEPENDENT_COLUMNS, Dependence, dependence_warnings, dependences
from jaxmech.files._levels import LevelsCase
from jaxmech.files._market import MarketCase, priced_by
from jaxmech.files._multiparty import GrowthCase, MultipartyCase, ProfileCase
from jaxmech.files._panels import refuse_panels
from jaxmech.files._read import MAX_BYTES, MAX_ENTRIES, NO_COST, Reading, Table, out_of_range, read_table
from jaxmech.files._resolved import resolved, resolved_market, resolved_multiparty
from jaxmech.files._sigma import MIN_ROWS, Estimate, estimate, measurements
from jaxmech.files._sweep import SweepCase, read_sweep
from jaxmech.files._write import csv_text, workbook, write

__all__ = [
    "DESIGNED",
    "FINGERPRINT",
    "KINDS",
    "MAX_BYTES",
    "MAX_DEPENDENT_COLUMNS",
    "MAX_ENTRIES",
    "MECHANISMS",
    "MIN_ROWS",
    "NO_COST",
    "Case",
    "CollaborationCase",
    "Dependence",
    "Estimate",
    "GrowthCase",
    "LevelsCase",
    "MarketCase",
    "MultipartyCase",
    "ProfileCase",
    "Reading",
    "SweepCase",
    "Table",
    "check_spared",
    "check_targets",
    "csv_text",
    "dependence_warnings",
    "dependences",
    "estimate",
    "json_text",
    "locate",
    "measurement_warnings",
    "measurements",
    "out_of_range",
    "priced_by",
    "read",
    "read_agreed",
    "read_sweep",
    "read_table",
    "refuse_panels",
    "resolved",
    "resolved_market",
    "resolved_multiparty",
    "sealed",
    "section_of",
    "spoken",
    "workbook",
    "write",
]
