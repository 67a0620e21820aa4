"""Other people's packages with plug-ins, installed into a folder as pip leaves them."""

from collections.abc import Mapping
from pathlib import Path

__all__ = ["install"]


def install(
    folder: Path,
    name: str,
    code: str,
    *,
    entries: Mapping[str, Mapping[str, str]],
    version: str = "1.2",
) -> None:
    """Write the module ``name``, and the metadata that say what it adds: groups, names, objects."""
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
    )
    lines = []
    for group, rows in entries.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in rows.items())]
    info.joinpath("entry_points.txt").write_text("\n".join(lines) + "\n")
