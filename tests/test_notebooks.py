"""Notebooks are short and committed with the outputs of a whole run; CI executes them."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    def test_is_short(self, path):
        cells = self.cells(path)
        assert 10 <= len(cells) <= 15
        assert "".join(cells[0]["source"]).startswith("# ")

    def test_was_run_from_top_to_bottom(self, path):
        code = [cell for cell in self.cells(path) if cell["cell_type"] == "code"]
        assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
        assert all(cell["outputs"] for cell in code)

    def test_shows_no_errors_or_warnings(self, path):
        outputs = [output for cell in self.cells(path) for output in cell.get("outputs", [])]
        assert all(output["output_type"] in ("stream", "display_data", "execute_result") for output in outputs)
        assert all(output.get("name") != "stderr" for output in outputs)

    def test_plots_are_there(self, path):
        """Run without a display that notebooks show, a cell that prints loses its picture and nothing else."""
        for cell in self.cells(path):
            if cell["cell_type"] == "code" and "plt.subplots(" in "".join(cell["source"]):
                assert any("image/png" in output.get("data", {}) for output in cell["outputs"])

    def cells(self, path):
        return json.loads(path.read_text(encoding="utf-8"))["cells"]


def test_there_are_notebooks():
    assert NOTEBOOKS
