"""What is wrong with a table, before anybody knows what its cells mean."""


class SheetError(Exception):
    """A table that cannot be read, or that could be read in two ways.

    Args:
        line: where, from 1; 0 where it is not in one line.
        value: what was found there, or an empty text.
        rule: what is asked for, and what to change.
        column: place of the cell in its row, from 0, or None.
    """

    def __init__(self, line: int, value: str, rule: str, column: int | None = None) -> None:
        super().__init__(rule)
        self.line, self.value, self.rule, self.column = line, value, rule, column
