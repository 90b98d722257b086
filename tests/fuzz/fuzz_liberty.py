"""Fuzz target of the Liberty reader and writer, for atheris.

    pip install '.[fuzz]' -c constraints.txt
    python tests/fuzz/fuzz_liberty.py [-max_total_time=30] [CORPUS...]

A finding is any exception but a ``UserError``, a ``ParseError`` without line and column, bytes that do not come back as they were, and
numbers that were edited and do not come back. Without options of libFuzzer's: inputs up to 16 KiB, 10 s and 1 GiB for each, and the corpus
of ``tests/data/liberty``. Without atheris, ``tests/test_liberty_refused.py`` runs ``check`` on random damage.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

__all__ = ["check", "mutate"]

SEEDS = Path(__file__).resolve().parent.parent / "data" / "liberty"
_TOKEN = re.compile(rb'[\w.+-]+|"[^"\n]*"|\s+|.', re.DOTALL)
_WORDS = (
    *(b"\\\n", b"\xff", b"9" * 400, b'"', b'"";', b"/*", b"*/", b"//", b"\\"),
    *rb"""{ } ( ) ; : , {} () nan inf 1e999 -0 .5 +1 1e-3 library cell pin bus bundle timing internal_power leakage_power values value
    index_1 index_2 index_3 variable_1 when related_pin timing_type timing_sense sigma_type cell_rise rise_transition rise_power
    rise_constraint ocv_sigma_cell_rise lu_table_template operating_conditions voltage_map nom_voltage nom_temperature comment
    include_file time_unit capacitive_load_unit scaled_cell test_cell ff k_volt_cell_rise define scalar VDD""".split(),
)


def check(data: bytes, folder: Path) -> None:
    """Read ``data`` as a library, write what was read, write it edited and read that. Raises ``InternalError`` for a finding."""
    from eda_plugin.adapters import liberty  # here, so that atheris instruments it first
    from eda_plugin.errors import InternalError, ParseError, UserError

    path, out = folder / "fuzz_tt_1v00_025C.lib", folder / "out.lib"
    path.write_bytes(data)
    try:
        document = liberty.open_document(path)
        document.uninterpreted()
        library = document.library()
        liberty.write(library, out, template=document)
    except ParseError as error:
        if error.line is None or error.column is None:
            raise InternalError(f"a refusal without a place: {error}") from error
        return
    except UserError:
        return
    if out.read_bytes() != document.text:
        raise InternalError("an unchanged library came back with other bytes")
    _edit(document, library, out)


def _edit(document: object, library: object, out: Path) -> None:
    """All numbers changed, at another corner: read back, each is what it was made."""
    import numpy as np

    from eda_plugin.adapters import liberty
    from eda_plugin.domain import Corner, Library
    from eda_plugin.errors import InternalError

    if not isinstance(library, Library) or not isinstance(document, liberty.Document) or not (np.abs(library.values) < 1e200).all():
        return
    corner = Corner("ss", 0.5 + library.corner.voltage % 1e3, 77.0)
    other = replace(library.with_values(library.values * 1.5, library.origin), corner=corner, name="fuzz_ss")
    liberty.write(other, out, template=document, note="edited")
    back = liberty.open_document(out)
    found = back.library(corner)
    if found.keys != other.keys or not np.allclose(found.values, other.values, rtol=1e-8, atol=1e-300):
        raise InternalError("edited numbers came back as others")
    liberty.changes(back, document)


def mutate(data: bytes, limit: int, seed: int) -> bytes:
    """Tokens dropped, doubled, exchanged, moved or put in: what stays near enough to Liberty to get past the first brace."""
    generator = random.Random(seed)
    tokens = _TOKEN.findall(data)
    for _ in range(generator.randint(1, 5)):
        at, size = generator.randrange(len(tokens) + 1), generator.choice((1, 1, 1, 2, 5, 20, 80))
        how = generator.randrange(5)
        part = tokens[at : at + size]
        if how == 0:
            tokens[at : at + size] = []
        elif how == 1:
            tokens[at:at] = part
        elif how == 2:
            tokens[at : at + 1] = [generator.choice(_WORDS)]
        elif how == 3:
            tokens[at:at] = [b" ", generator.choice(_WORDS), b" "]
        else:
            tokens[at : at + size] = []
            place = generator.randrange(len(tokens) + 1)
            tokens[place:place] = part
    return b"".join(tokens)[:limit]


def main() -> None:
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

    with atheris.instrument_imports(include=["eda_plugin"]):
        import eda_plugin.adapters.liberty  # noqa: F401

    def vary(data: bytes, limit: int, seed: int) -> bytes:
        return mutate(data, limit, seed) if seed % 4 else bytes(atheris.Mutate(data, limit))

    options = ["-max_len=16384", "-timeout=10", "-rss_limit_mb=1024", *sys.argv[1:]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = folder / "corpus"
        corpus.mkdir()
        if all(option.startswith("-") for option in options):
            options.append(str(corpus))
        atheris.Setup([sys.argv[0], *options, str(SEEDS)], lambda data: check(data, folder), custom_mutator=vary)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
