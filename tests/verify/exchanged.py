"""An exchange on disk, as tests of the independent program tamper with it."""

import hashlib
import json

import numpy as np

from jaxmech import exchange, verify
from jaxmech._json import fingerprint, json_text


class Exchanged:
    """Agreement, submissions, secret and returns of one of the examples in a module.

    Subclasses say which module (``example``) and whose files are hashed in public (``receipts``).
    """

    example = None

    def __init__(self, folder, name, *, seed=0, points=True, change=None, rewrite=None):
        example = self.example
        signed = example.agreement(name)
        data = example.draw(signed, np.random.default_rng(seed))
        if change:
            change(data)
        self.agreement, self.submissions = folder / "agreement.json", folder / "handed-in"
        self.secret, self.returns = folder / "secret.json", folder / "returns"
        self.agreement.write_text(example.text(name), encoding="utf-8")
        example.write(signed, data, self.submissions)
        if rewrite:
            rewrite(self.submissions)
        exchange.write_secret("-o", self.secret, example.SECRET)
        handed, remarks = exchange.read_submissions(self.submissions, signed)
        done = exchange.carry_out(signed, handed, remarks, example.SECRET)
        exchange.write_folder("-o", self.returns, exchange.returned_files(done, points=points))

    def verify(self, *, known=True):
        """Everything that does not agree, with what was handed in or without."""
        if not known:
            return verify.verify(self.returns, self.agreement)
        return verify.verify(self.returns, self.agreement, self.submissions, self.secret)

    def edit(self, file, change, *, signed=False):
        """Change a JSON file of the returns, or the agreement, and write it as the program would."""
        path = self.agreement if file == "agreement.json" else self.returns / file
        document = json.loads(path.read_text(encoding="utf-8"))
        change(document)
        if signed:
            document["fingerprint"] = fingerprint(document)
        path.write_text(json_text(document), encoding="utf-8")

    def receipts(self, hashes):
        """What public.json says of the parties, in their order, from the hashes of all files."""
        raise NotImplementedError

    def rehash(self):
        """Make all hashes agree again: what a careful forger does."""
        hashes = {
            path.relative_to(self.returns).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.returns.rglob("*")
            if path.is_file() and path.name not in ("operator.json", "public.json")
        }
        pairs = self.receipts(hashes)
        self.edit("public.json", lambda it: [one.update(receipt=hers) for one, hers in
                                             zip(it["parties"], pairs, strict=True)])  # fmt: skip
        hashes["public.json"] = hashlib.sha256((self.returns / "public.json").read_bytes()).hexdigest()
        self.edit("operator.json", lambda it: it.update(files=hashes))
