"""Carrying out an agreement: submissions in, what each party is owed out, with receipts and noise nobody can choose."""

from jaxmech.exchange._agreement import MECHANISMS, Agreement, Noise
from jaxmech.exchange._draws import Subset, Words, draw_subset, normal
from jaxmech.exchange._envelope import WARNING
from jaxmech.exchange._exchange import (
    Exchange,
    estimate_document,
    operator_document,
    public_document,
    receipt_document,
)
from jaxmech.exchange._folder import check_absent, write_folder
from jaxmech.exchange._handout import Handout
from jaxmech.exchange._kinds import AnyAgreement, AnyExchange, carry_out, read_agreement, returned_files
from jaxmech.exchange._market import BROKER, Delivery, MarketAgreement, Settlement, settle
from jaxmech.exchange._models import SHARING, Allotment, ModelAgreement, allot
from jaxmech.exchange._names import OPERATOR, PUBLIC, file_names
from jaxmech.exchange._respond import Response, respond
from jaxmech.exchange._sale import Sale
from jaxmech.exchange._secret import commitment, new_secret, read_secret, seal, seeded_secret, write_secret
from jaxmech.exchange._submissions import ABOUT_DATA, FaultyError, Remark, read_submissions, remarks
from jaxmech.exchange._tables import Fault, Handed, read_handed

__all__ = [
    "ABOUT_DATA",
    "BROKER",
    "MECHANISMS",
    "OPERATOR",
    "PUBLIC",
    "SHARING",
    "WARNING",
    "Agreement",
    "Allotment",
    "AnyAgreement",
    "AnyExchange",
    "Delivery",
    "Exchange",
    "Fault",
    "FaultyError",
    "Handed",
    "Handout",
    "MarketAgreement",
    "ModelAgreement",
    "Noise",
    "Remark",
    "Response",
    "Sale",
    "Settlement",
    "Subset",
    "Words",
    "allot",
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
    "settle",
    "write_folder",
    "write_secret",
]
