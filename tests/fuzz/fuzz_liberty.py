"""Fuzz target of the Liberty reader and writer, for atheris.

    pip install atheris
    python tests/fuzz/fuzz_liberty.py -max_total_time=30 -max_len=4096 CORPUS [tests/data/liberty]

A finding is any exception but a ``UserError``, a ``ParseError`` without line and column, and bytes that do not come back as they were.
Without atheris, ``tests/test_liberty_refused.py`` runs ``check`` on random damage.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

__all__ = ["check"]


def check(data: bytes, folder: Path) -> None:
    """Read ``data`` as a library, and write what was read. Raises ``InternalError`` for a finding."""
    from eda_plugin.adapters import liberty  # here, so that atheris instruments it first
    from eda_plugin.errors import InternalError, ParseError, UserError

    path, out = folder / "fuzz_tt_1v00_025C.lib", folder / "out.lib"
    path.write_bytes(data)
    try:
        document = liberty.open_document(path)
        document.uninterpreted()
        liberty.write(document.library(), out, template=document)
    except ParseError as error:
        if error.line is None or error.column is None:
            raise InternalError(f"a refusal without a place: {error}") from error
        return
    except UserError:
        return
    if out.read_bytes() != document.text:
        raise InternalError("an unchanged library came back with other bytes")


def main() -> None:
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

    with atheris.instrument_imports(include=["eda_plugin"]):
        import eda_plugin.adapters.liberty  # noqa: F401

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        atheris.Setup(sys.argv, lambda data: check(data, folder))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
