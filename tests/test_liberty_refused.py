"""Broken and hostile Liberty files: refused with file, line and column, in bounded time and memory."""

from __future__ import annotations

import gzip
import random
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from eda_plugin.adapters import liberty
from eda_plugin.adapters.liberty import scan, source, tables
from eda_plugin.errors import ParseError, UserError

FORMS = Path(__file__).parent / "data" / "liberty" / "forms.lib"


def refused(path: Path) -> ParseError:
    with pytest.raises(ParseError) as caught:
        liberty.read(path, cache=False)
    assert caught.value.line is not None
    assert caught.value.column is not None
    return caught.value


def library(*body: str) -> str:
    return "library (a_tt_1v00_025C) {\n" + "\n".join(body) + "\n}\n"


def table(values: str, index: str = 'index_1 ("1, 2"); index_2 ("1, 2");') -> str:
    return library("cell (X) {", "pin (Y) {", 'timing () { related_pin : "A";', f"cell_rise (t) {{ {index}", values, "} } } }")


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (library("cell (X) {"), 1, 1, r"the group library \(a_tt_1v00_025C\) is never closed"),
        (library("}"), 3, 1, "a closing brace without a group"),
        (library('area : "1'), 2, 8, "a string that is never closed"),
        (library("cell (X {"), 2, 1, "a parenthesis that is never closed"),
        (library("/* open"), 2, 1, "a comment that is never closed"),
        (library("area"), 2, 1, "expected ':' or '\\('"),
        (library("  ? : 1;"), 2, 3, "expected an attribute, a group or '}'"),
        ("cell (X) { area : 1; }", 1, 1, "no library group in this file"),
        (table('values ("1, 2", "3, x");'), 6, 21, "expected a finite number .found 'x'."),
        (table('values ("1, 2", "3, nan");'), 6, 21, "expected a finite number .found 'nan'."),
        (table('values ("1, inf", "3, 4");'), 6, 13, "expected a finite number .found 'inf'."),
        (table('values ("1, 1e999", "3, 4");'), 6, 13, "expected a finite number .found '1e999'."),
        (table('values ("1, 1_0", "3, 4");'), 6, 13, "expected a finite number"),
        (table('values ("1, 2-3", "3, 4");'), 6, 13, "expected a finite number .found '2-3'."),
        (table('values ("1, 2e", "3, 4");'), 6, 13, "expected a finite number .found '2e'."),
        (table('values ("1, - 2", "3");'), 6, 13, "expected a finite number .found '-'."),
        (table('values ("1, 2, 3");'), 6, 9, "3 values where the axes of X A -> Y combinational cell_rise ask for 2 x 2"),
        (table('values ("1, 2, 3", "4");'), 6, 9, "rows of different lengths: row 2 of .* has 1 values, row 1 has 3"),
        (table('values ("1, 2");', ""), 6, 9, "2 values where the axes of .* ask for 1"),
        (table('values ("1");', 'index_1 ("one");'), 5, 27, "expected a finite number .found 'one'."),
        (table('values ("1");', 'index_1 ("");'), 5, 17, "index_1 holds no number"),
        (library("cell (X) { area : big; }"), 2, 19, "area: expected a number"),
        (library('time_unit : "1parsec";'), 2, 13, "expected a unit of time"),
        (library('time_unit : "1V";'), 2, 13, "expected a unit of time"),
        (library('leakage_power_unit : "1e999W";'), 2, 22, "expected a unit of leakage"),
        (library("cell (X) { cell_leakage_power : many; }"), 2, 33, "expected a finite number .found 'many'."),
        (library("nom_voltage : high;"), 2, 15, "nom_voltage: expected a number"),
    ],
)
def test_an_error_says_where_and_what(tmp_path: Path, text: str, line: int, column: int, message: str) -> None:
    path = tmp_path / "broken.lib"
    path.write_text(text)
    with pytest.raises(ParseError, match=message) as caught:
        liberty.read(path, cache=False)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"{path}:{line}:{column}: ")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.lib", b"", "the file is empty"),
        ("binary.lib", bytes(range(256)) * 4, "binary data"),
        ("wide.lib", "library".encode("utf-16"), "binary data"),
        ("plain.lib.gz", b"library (x) { }", "not a gz file in spite of its name"),
        ("cut.lib.gz", gzip.compress(FORMS.read_bytes())[:-200], "truncated or damaged"),
        ("flipped.lib.gz", gzip.compress(FORMS.read_bytes())[:-4] + b"abcd", "truncated or damaged"),
        ("damaged.lib.gz", gzip.compress(FORMS.read_bytes())[:60] + b"\xff" * 60, "truncated or damaged"),
        ("damaged.lib.xz", b"\xfd7zXZ\x00" + b"\xff" * 60, "truncated or damaged"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert message in str(refused(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for cache in (False, True):
        with pytest.raises(UserError, match=r"cannot read .*No such file"):
            liberty.read(tmp_path / "none.lib", cache=cache)
        with pytest.raises(UserError, match="cannot read"):
            liberty.read(tmp_path, cache=cache)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    data = FORMS.read_bytes().rstrip()
    path = tmp_path / "cut.lib"
    for size in range(1, len(data), 97):
        path.write_bytes(data[:size])
        refused(path)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.lib"
    path.write_text("library (x) {" + "a () {" * 100_000)
    assert "nested deeper than 64" in str(refused(path))


def test_a_gzip_bomb_is_refused_before_it_expands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_FREE", 1 << 20)
    path = tmp_path / "bomb.lib.gz"
    path.write_bytes(gzip.compress(b"library (x) {" + b" \n" * (1 << 24)))
    assert "expands more than 250 times" in str(refused(path))


def test_a_huge_line_and_a_huge_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_CHUNK", 1 << 12)
    monkeypatch.setattr(source, "MAX_LINE", 1 << 14)
    path = tmp_path / "long.lib"
    path.write_bytes(b"library (x) {\n" + b"a" * (1 << 15))
    assert refused(path).line == 2
    path.write_bytes(FORMS.read_bytes())
    liberty.read(path, cache=False)
    monkeypatch.setattr(source, "MAX_BYTES", 1 << 12)
    assert "MiB of text" in str(refused(path))


@pytest.mark.parametrize(
    ("module", "bound", "message"),
    [
        (scan, "MAX_STATEMENTS", "statements"),
        (scan, "MAX_NAMES", "different names"),
        (tables, "MAX_TABLES", "tables"),
        (tables, "MAX_VALUES", "values up to"),
    ],
)
def test_counts_are_bounded(monkeypatch: pytest.MonkeyPatch, module: object, bound: str, message: str) -> None:
    monkeypatch.setattr(module, bound, 20)
    assert message in str(refused(FORMS))


def test_axes_that_ask_for_more_than_memory_are_refused(tmp_path: Path) -> None:
    axis = ", ".join(map(str, range(1000)))
    path = tmp_path / "wide.lib"
    indices = " ".join(f'index_{n} ("{axis}");' for n in (1, 2, 3))
    path.write_text(table("", indices))
    assert "values up to here" in str(refused(path))


def include(folder: Path, name: str, top: str = "top.lib") -> Path:
    path = folder / top
    path.write_text(library("", f'  include_file ("{name}");'))
    return path


@pytest.mark.parametrize("name", ["../secret.inc", "/etc/hostname", "link.inc"])
def test_an_include_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "library"
    inside.mkdir()
    (tmp_path / "secret.inc").write_text("cell (X) { area : 1; }")
    (inside / "link.inc").symlink_to(tmp_path / "secret.inc")
    error = refused(include(inside, name))
    assert "outside of the library's folder" in str(error)
    assert (error.line, error.column) == (3, 3)


def test_an_include_that_names_itself_is_refused(tmp_path: Path) -> None:
    assert "includes itself" in str(refused(include(tmp_path, "top.lib")))
    (tmp_path / "a.inc").write_text('include_file ("b.inc");')
    (tmp_path / "b.inc").write_text('\n include_file ("a.inc");')
    error = refused(include(tmp_path, "a.inc"))
    assert "includes itself, by way of 3 file(s)" in str(error)
    assert (Path(error.path).name, error.line, error.column) == ("b.inc", 2, 2)


def test_an_error_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "a.inc").write_text("cell (X) {\n  area : big;\n}\n")
    error = refused(include(tmp_path, "a.inc"))
    assert (Path(error.path).name, error.line, error.column) == ("a.inc", 2, 10)
    assert "does not exist" in str(refused(include(tmp_path, "absent.inc")))


def test_includes_cannot_multiply_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_INCLUDES", 50)
    (tmp_path / "leaf.inc").write_text("x : 1;\n")
    for level, below in (("c", "leaf"), ("b", "c"), ("a", "b")):
        (tmp_path / f"{level}.inc").write_text(f'include_file ("{below}.inc");\n' * 10)
    assert "more than 50 included files" in str(refused(include(tmp_path, "a.inc")))


def fuzz_target() -> tuple[Callable[[bytes, Path], None], Callable[[bytes, int, int], bytes]]:
    target = runpy.run_path(str(Path(__file__).parent / "fuzz" / "fuzz_liberty.py"))
    return cast(Callable[[bytes, Path], None], target["check"]), cast(Callable[[bytes, int, int], bytes], target["mutate"])


@pytest.mark.parametrize("seed", range(3))
def test_random_damage_ends_in_a_clear_error_or_a_library(tmp_path: Path, seed: int) -> None:
    check, _ = fuzz_target()
    generator = random.Random(seed)
    original = FORMS.read_bytes()
    pieces = (b"{", b"}", b"(", b")", b'"', b"\\", b";", b":", b"/*", b"nan", b"9" * 400, b"\xff", b"", b"-", b",")
    for _ in range(60):
        data = bytearray(original)
        for _ in range(generator.randint(1, 4)):
            at = generator.randrange(len(data))
            data[at : at + generator.choice((0, 1, 5, 40))] = generator.choice(pieces)
        check(bytes(data), tmp_path)


@pytest.mark.parametrize("name", ["forms.lib", "small.lib", "tiny.lib"])
def test_exchanged_words_end_in_a_clear_error_or_a_library(tmp_path: Path, name: str) -> None:
    check, mutate = fuzz_target()
    original = (FORMS.parent / name).read_bytes()
    check(original, tmp_path)
    for seed in range(80):
        check(mutate(original, 1 << 14, seed), tmp_path)


def test_a_nul_byte_far_into_the_text_is_refused_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "late.lib"
    filler = "/* " + "x" * 90 + " */\n"
    text = library(*[filler.strip()] * 100, "  cell (a) { }").encode()
    at = text.index(b"cell (a)")
    path.write_bytes(text[:at] + b"\0" + text[at:])
    caught = refused(path)
    assert "a NUL byte" in str(caught)
    assert (caught.line, caught.column) == (102, 3)
