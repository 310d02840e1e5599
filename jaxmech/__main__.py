"""``python -m jaxmech``: the command line, where its script is not on the path."""

from jaxmech.cli import main

if __name__ == "__main__":
    main(prog_name="jaxmech")
