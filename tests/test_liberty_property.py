"""Generated Liberty: parse, edit, write, parse; values equal, the rest untouched."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eda_plugin.adapters import liberty
from eda_plugin.adapters.liberty.decode import decode

NAMES = st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True)
NUMBERS = st.one_of(
    st.floats(-1e3, 1e3, allow_nan=False).map(repr),
    st.integers(-99, 99).map(str),
    st.from_regex(r"[+-]?\.[0-9]{1,5}", fullmatch=True),
    st.from_regex(r"[+-]?[1-9]\.[0-9]{0,5}[eE][+-]?[0-3]", fullmatch=True),
)
NOISE = st.sampled_from(
    [
        *("", " ", "\n", "\r\n", ";", "flag : true ;\n", "k_temp : -0.5\n", 'vendor : "{;}";', 'odd ("(", ")");'),
        *('/* a comment { " */', "// to the end of the line\n", "note : one \\\n two;", 'text : "over \\\n two lines";'),
        'extra () { values ("a, b"); when : "!A"; }',
    ]
)


@st.composite
def tables(draw: st.DrawFn) -> str:
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    comma = draw(st.sampled_from([",", ", ", " , "]))
    between = draw(st.sampled_from([", ", ",\\\n   ", " \\\r\n", "\n  ", " "]))
    body = between.join('"' + comma.join(draw(NUMBERS) for _ in range(columns)) + '"' for _ in range(rows))
    indices = " ".join(f'index_{place} ("{comma.join(map(str, range(1, n + 1)))}");' for place, n in ((1, rows), (2, columns)))
    quantity = draw(st.sampled_from(["cell_rise", "cell_fall", "rise_transition", "rise_constraint"]))
    return f"{quantity} (none) {{ {draw(NOISE)} {indices} values ({draw(st.sampled_from(['', ' ']))}{body}); {draw(NOISE)} }}"


@st.composite
def libraries(draw: st.DrawFn) -> str:
    cells = []
    for name in draw(st.lists(NAMES, max_size=3, unique=True)):
        pins = []
        for pin in draw(st.lists(NAMES, max_size=2, unique=True)):
            timing = " ".join(
                f'timing () {{ related_pin : "{draw(NAMES)}"; {draw(NOISE)} {draw(tables())} }}' for _ in range(draw(st.integers(0, 2)))
            )
            pins.append(f"pin ({pin}) {{ capacitance : {draw(NUMBERS)}; {draw(NOISE)} {timing} }}")
        cells.append(f"cell ({name}) {{ cell_leakage_power : {draw(NUMBERS)}; {draw(NOISE)} {' '.join(pins)} }}")
    return f"{draw(NOISE)} library (gen_tt_1v00_025C) {{ {draw(NOISE)} {' '.join(cells)} {draw(NOISE)} }} {draw(NOISE)}"


def put(folder: Path, text: str) -> Path:
    path = folder / "generated.lib"
    path.write_bytes(text.encode())
    return path


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=libraries(), factor=st.sampled_from([1.0, 1.5, -2.25]), seed=st.integers(0, 99))
def test_parse_edit_write_parse(tmp_path: Path, text: str, factor: float, seed: int) -> None:
    path = put(tmp_path, text)
    library = liberty.read(path, cache=False)
    out = tmp_path / "out.lib"
    liberty.write(library, out)
    assert out.read_bytes() == text.encode(), "unchanged is byte for byte"

    chosen = np.random.default_rng(seed).random(len(library.values)) < 0.5
    edited = library.with_values(np.where(chosen, library.values * factor, library.values), library.origin)
    liberty.write(edited, out)
    back = liberty.read(out, cache=False)
    assert back.keys == library.keys
    np.testing.assert_allclose(back.values, edited.values, rtol=1e-8)
    untouched = ~chosen | (library.values * factor == library.values)
    assert np.array_equal(back.values[untouched], library.values[untouched]), "numbers that were not asked for keep every digit"
    number = rb"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
    assert re.sub(number, b"#", out.read_bytes()) == re.sub(number, b"#", text.encode()), "all but numbers stays"


@settings(max_examples=80, deadline=None)
@given(places=st.lists(st.lists(NUMBERS, max_size=5), max_size=6), gap=st.sampled_from([" ", ", ", '", "', " \\\n "]))
def test_bulk_decoding_equals_float_one_by_one(places: list[list[str]], gap: str) -> None:
    text = b"|".join(gap.join(words).encode() for words in places)
    ends = np.cumsum([len(gap.join(words)) + 1 for words in places], dtype=np.int64) - 1
    begins = np.concatenate([[0], ends[:-1] + 1]) if places else ends
    flat, counts = decode(text, begins, ends, lambda *_: pytest.fail("a number was refused"))
    assert flat.tolist() == [float(word) for words in places for word in words]
    assert counts.tolist() == [len(words) for words in places]
