"""Run the benchmarks and write one table: ``python -m benchmarks [NAME ...] [--gpu] [--out STEM]``.

Without names everything runs, rivals included, which takes the better part of an hour on two cores; with names only
those (``batches``, ``corruption``, …). ``--gpu`` runs the part for an accelerator, which needs nothing but jaxmech.
"""

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path
from typing import Any

import benchmarks
from benchmarks import _table


def main() -> int:
    """Run what was asked for; write STEM.md and STEM.json after every row, so that nothing is lost."""
    names = sorted(name.removeprefix("bench_") for name in _modules() if name.startswith("bench_"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--gpu", action="store_true", help="the part for an accelerator")
    parser.add_argument("--out", default="benchmarks-results", metavar="STEM", help="write STEM.md and STEM.json")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in names]
    if unknown:
        parser.error(f"NAME {unknown[0]!r}: must be one of {', '.join(names)}")
    modules = ["accelerator"] if chosen.gpu else [f"bench_{name}" for name in chosen.names or names]
    rows: list[dict[str, Any]] = []
    alone = importlib.import_module(f"benchmarks.{modules[0]}") if len(modules) == 1 else None
    columns = getattr(alone, "COLUMNS", _table.COLUMNS)
    for name in modules:
        print(f"{name} …", file=sys.stderr, flush=True)
        for row in importlib.import_module(f"benchmarks.{name}").run():
            rows.append(row)
            print(f"  {row['work']}, {row['size']}: {row['run_s']:.3g} s", file=sys.stderr, flush=True)
            about = _table.machine()
            Path(f"{chosen.out}.md").write_text(_table.markdown(rows, about, columns), encoding="utf-8")
            Path(f"{chosen.out}.json").write_text(_table.as_json(rows, about), encoding="utf-8")
    print(Path(f"{chosen.out}.md").read_text(encoding="utf-8"))
    return 0


def _modules() -> set[str]:
    return {name for _, name, _ in pkgutil.iter_modules(benchmarks.__path__)}


if __name__ == "__main__":
    sys.exit(main())
