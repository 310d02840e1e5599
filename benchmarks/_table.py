"""Rows of benchmarks as Markdown and JSON, with the machine and the versions that they were measured on."""

import json
import os
import platform
from importlib import metadata
from typing import Any

COLUMNS = ("work", "size", "rival", "compile_s", "run_s", "rival_s", "ratio", "accuracy", "rival_accuracy")
PACKAGES = ("jaxmech", "jax", "jaxlib", "numpy", "scipy", "cvxpy", "clarabel", "moreau", "qocogen", "networkx")


def machine() -> dict[str, Any]:
    """Return what the figures depend on beside the code."""
    import jax

    return {
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "devices": [f"{device.platform}: {device.device_kind}" for device in jax.devices()],
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
    }


def markdown(rows: list[dict[str, Any]], about: dict[str, Any], columns: tuple[str, ...] = COLUMNS) -> str:
    """Return the rows as a table, below one line on the machine; what only some rows have comes last.

    Args:
        rows: by name of the column.
        about: the machine.
        columns: of the table; a benchmark may have its own, and then has no others.
    """
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    head = f"{about['processor']}, {about['cores']} cores; {', '.join(about['devices'])}; Python {about['python']}"
    lines = [f"{head}; {versions}. Times in seconds; compilation is not part of them.", ""]
    if columns != COLUMNS:
        lines += [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)]
        return "\n".join([*lines, *(f"| {' | '.join(_short(row[key]) for key in columns)} |" for row in rows)]) + "\n"
    lines += [f"| {' | '.join(COLUMNS)} | more |", "|" + " --- |" * (len(COLUMNS) + 1)]
    for row in rows:
        more = ", ".join(f"{key} {_short(value)}" for key, value in row.items() if key not in COLUMNS)
        lines.append(f"| {' | '.join(_short(row.get(key, '')) for key in COLUMNS)} | {more} |")
    return "\n".join(lines) + "\n"


def as_json(rows: list[dict[str, Any]], about: dict[str, Any]) -> str:
    """Return machine and rows as one document."""
    return json.dumps({"machine": about, "rows": rows}, indent=1, default=float) + "\n"


def _short(value: Any) -> str:
    if isinstance(value, float) and value != value:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
