"""Carrying out an agreement: submissions in, what each party is owed out, with receipts and noise nobody can choose."""

from jaxmech.exchange._agreement import MECHANISMS, Agreement, Noise, read_agreement
from jaxmech.exchange._draws import Subset, Words, draw_subset, normal
from jaxmech.exchange._exchange import (
    WARNING,
    Exchange,
    carry_out,
    estimate_document,
    operator_document,
    public_document,
    receipt_document,
    returned_files,
)
from jaxmech.exchange._folder import check_absent, write_folder
from jaxmech.exchange._names import OPERATOR, PUBLIC, file_names
from jaxmech.exchange._respond import Response, respond
from jaxmech.exchange._secret import commitment, new_secret, read_secret, seal, seeded_secret, write_secret
from jaxmech.exchange._submissions import FaultyError, Remark, read_submissions, remarks
from jaxmech.exchange._tables import Fault, Handed, read_handed

__all__ = [
    "MECHANISMS",
    "OPERATOR",
    "PUBLIC",
    "WARNING",
    "Agreement",
    "Exchange",
    "Fault",
    "FaultyError",
    "Handed",
    "Noise",
    "Remark",
    "Response",
    "Subset",
    "Words",
    "carry_out",
    "check_absent",
    "commitment",
    "draw_subset",
    "estimate_document",
    "file_names",
    "new_secret",
    "normal",
    "operator_document",
    "public_document",
    "read_agreement",
    "read_handed",
    "read_secret",
    "read_submissions",
    "receipt_document",
    "remarks",
    "respond",
    "returned_files",
    "seal",
    "seeded_secret",
    "write_folder",
    "write_secret",
]
