"""Secrets: noise that nobody can choose or predict, and commitments to it."""

import hashlib
import json
import os
import re
from pathlib import Path

from jaxmech._errors import ProblemError
from jaxmech._json import json_text

_SECRET = re.compile(r"[0-9a-f]{64}")


def new_secret() -> str:
    """Return 64 hexadecimal digits of the operating system's entropy."""
    return os.urandom(32).hex()


def commitment(secret: str) -> str:
    """Return the SHA-256 of a secret's 64 digits as text: ``printf %s SECRET | sha256sum`` gives the same.

    Example:
        >>> commitment("00" * 32)[:8]
        '60e05bd1'
    """
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def seeded_secret(seed: int) -> str:
    """Return the secret that a seed stands for: SHA-256 of ``jaxmech seed N``. Whoever knows N knows the noise.

    Example:
        >>> seeded_secret(0) == hashlib.sha256(b"jaxmech seed 0").hexdigest()
        True
    """
    return hashlib.sha256(f"jaxmech seed {seed}".encode()).hexdigest()


def read_secret(path: Path) -> str:
    """Return the secret in a file that ``jaxmech commit`` wrote.

    Raises:
        ProblemError: if it cannot be read, is no secret, or does not belong to its commitment.
    """
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "is not valid JSON"
        raise ProblemError("--secret", str(path), f"cannot be read: {why.lower()}") from None
    secret = document.get("secret") if isinstance(document, dict) else None
    if not isinstance(secret, str) or not _SECRET.fullmatch(secret):
        raise ProblemError("--secret", str(path), "must hold a secret of 64 hexadecimal digits: jaxmech commit -o FILE")
    if document.get("commitment", commitment(secret)) != commitment(secret):
        raise ProblemError("--secret", str(path), "the secret is not the one that was committed to")
    return secret


def seal(content: bytes) -> str:
    """Return the SHA-256 of a submission's bytes, which can be told before the file is handed in."""
    return hashlib.sha256(content).hexdigest()


def write_secret(option: str, target: Path, secret: str) -> None:
    """Write a secret and its commitment to a new file that only its owner may read.

    Args:
        option: the option that named the file, for messages.
        target: the file.
        secret: 64 hexadecimal digits.

    Raises:
        ProblemError: if the file exists, for a secret that is overwritten is lost, or cannot be written.
    """
    text = json_text({"kind": "secret", "secret": secret, "commitment": commitment(secret)})
    try:
        with open(target, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ProblemError(option, str(target), "exists already, and no secret is overwritten") from None
    except OSError as error:
        raise ProblemError(option, str(target), f"cannot be written: {(error.strerror or '').lower()}") from None
