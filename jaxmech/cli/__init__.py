"""The command line: thin commands over the library."""

from jaxmech.cli._main import main

__all__ = ["main"]
