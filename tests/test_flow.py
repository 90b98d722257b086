"""The steps of a run: what is read, refused, asked of plugins and written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eda_plugin as ep
from eda_plugin.config import NullProgress
from eda_plugin.domain import Corner, Library, Origin, Points
from eda_plugin.errors import FindingsError, ParseError, UserError
from eda_plugin.flow.inputs import expand, load_first, make_template, name_at, nearest, read_corner_table, simulations
from eda_plugin.flow.outputs import plain, write_all
from eda_plugin.flow.planning import budget_count, check_target
from eda_plugin.flow.session import Session
from eda_plugin.hooks import hookimpl
from eda_plugin.hooks.manager import Plugins
from eda_plugin.qa.findings import Finding, Severity

Make = Callable[..., Path]
TARGET = Corner("ss", 1.6, 100)


def session(told: list[str] | None = None) -> Session:
    return Session(Plugins.load(), NullProgress(), (told if told is not None else []).append)


# Reading


def test_libraries_come_sorted_by_corner_whatever_the_order_of_the_files(anchors: list[Path]) -> None:
    one, two = ep.read(anchors), ep.read(anchors[::-1])
    assert [library.corner for library in one] == sorted(library.corner for library in one)
    assert [library.source for library in one] == [library.source for library in two]


def test_folders_are_read_to_their_depth_and_hidden_files_left(make_library: Make, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    make_library("tt,1.80,25", name="a/b/one.lib")
    (tmp_path / "a" / "two.LIB.gz").write_bytes(gzip.compress(make_library("ff,1.80,25", name="x.lib").read_bytes()))
    (tmp_path / "a" / ".three.lib").write_text("hidden")
    (tmp_path / "a" / "notes.txt").write_text("not ours")
    assert [file.name for file in expand([tmp_path / "a"], Plugins())] == ["one.lib", "two.LIB.gz"]
    assert [library.corner.process for library in ep.read(tmp_path / "a")] == ["ff", "tt"]


def test_an_empty_folder_and_an_absent_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the folder holds no file that could be read; expected \*\.lib"):
        ep.read(tmp_path)
    with pytest.raises(UserError, match="no such file or folder"):
        ep.read(tmp_path / "absent.lib")
    with pytest.raises(UserError, match="no input"):
        ep.read([])


def test_corner_table_tells_what_files_do_not(make_library: Make, tmp_path: Path) -> None:
    file = make_library("tt,1.80,25", name="fast_cold.lib")
    table = tmp_path / "corners.csv"
    table.write_text("file,process,voltage,temperature\nfast_cold.lib,ff,1.95,-40\nelsewhere.lib,tt,1,0\n", encoding="utf-8-sig")
    assert ep.read(file, corners=table)[0].corner == Corner("ff", 1.95, -40)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("file,process,voltage\nx,tt,1.8\n", "no column 'temperature'"),
        ("file,process,voltage,temperature\nx.lib,tt,1.8,25\nx.lib,tt,1.8,25\n", r"t\.csv:3: the file stands twice .*'x.lib'"),
        ("file,process,voltage,temperature\nx.lib,tt,high,25\n", r"t\.csv:2: unreadable corner"),
        ("file,process,voltage,temperature\nx.lib,tt,-1,25\n", r"t\.csv:2: .*the supply is -1.0 V"),
        ("file,process,voltage,temperature\n", "has no row"),
        ("file,process,voltage,temperature\ny.lib,tt,1.8,25\n", r"none of its rows names one of the files that are read, such as x\.lib"),
    ],
)
def test_bad_corner_tables(make_library: Make, tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match=match):
        ep.read(make_library("tt,1.80,25", name="x.lib"), corners=tmp_path / "t.csv")


def test_a_binary_corner_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ParseError, match="is no text"):
        read_corner_table(tmp_path / "t.csv")
    with pytest.raises(UserError, match="cannot read"):
        read_corner_table(tmp_path / "absent.csv")


# Templates


def test_template_keeps_structure_and_own_limits_only(make_library: Make) -> None:
    own = ep.read(make_library("ss,1.60,100"))[0]
    template = make_template(own, TARGET)
    kept = {key.quantity for key in template.keys if np.isfinite(template[key].values).all()}
    assert kept == {"max_capacitance"}
    assert set(template.origin) == {Origin.MISSING, Origin.COPIED}
    other = make_template(ep.read(make_library("tt,1.80,25"))[0], TARGET)
    assert np.isnan(other.values).all()
    assert (other.name, other.corner) == ("demo_ss_100C_1v60", TARGET)
    assert np.isfinite(own.values).all(), "the library itself is left alone"


def test_names_follow_the_target() -> None:
    assert name_at("lib_ss_100C_1v60", TARGET) == "lib_ss_100C_1v60"
    assert name_at("lib__tt_025C_1v80_nldm", TARGET) == "lib__ss_100C_1v60_nldm"
    assert name_at("lib_tt_1p80v_25c", TARGET) == "lib_ss_100C_1v60"


def test_nearest_prefers_the_process(anchors: list[Path]) -> None:
    libraries = ep.read(anchors)
    assert nearest(TARGET, libraries).corner == Corner("ss", 1.8, 100)
    assert nearest(Corner("tt", 1.6, 25), libraries).corner.process == "tt"


def test_simulations_and_axis_order(anchors: list[Path]) -> None:
    library = ep.read(anchors)[0]
    assert simulations(library) == 2 * 2 * 9
    assert load_first(library) is False
    swapped = replace(library, axis=library.axis[:, [1, 0, 2]].copy())
    assert load_first(swapped) is True


# Targets and budgets


def test_far_targets_are_refused_unless_told(anchors: list[Path]) -> None:
    libraries = ep.read(anchors)
    assert check_target(TARGET, libraries, extrapolate=False) == ""
    assert "expect larger errors" in check_target(Corner("ss", 1.3, 100), libraries, extrapolate=False)
    with pytest.raises(UserError, match=r"outside the anchors \(ff, ss, tt; 1\.4 to 1\.95 V; 25 to 100 degrees\), at .* --extrapolate"):
        check_target(Corner("ss", 0.7, 100), libraries, extrapolate=False)
    assert check_target(Corner("ss", 0.7, 100), libraries, extrapolate=True)
    assert "no anchor has the process 'sf'" in check_target(Corner("sf", 1.6, 100), libraries, extrapolate=False)
    with pytest.raises(UserError, match=r"no anchor has the process 'vendor7' of the target .*; they have ff, ss, tt"):
        check_target(Corner("vendor7", 1.6, 100), libraries, extrapolate=False)


@pytest.mark.parametrize(
    ("text", "count"),
    [("2%", 20), ("0.02", 20), ("20", 20), ("0", 0), ("0%", 0), ("100%", 1000), ("1.0", 1000), (" 0.55 % ", 5), ("1000", 1000)],
)
def test_budgets(text: str, count: int) -> None:
    assert budget_count(text, 1000) == count


@pytest.mark.parametrize("text", ["", "two", "-1", "2 percent", "nan", "101%", "1.5", "1001"])
def test_bad_budgets(text: str) -> None:
    with pytest.raises(UserError, match="budget"):
        budget_count(text, 1000)


# Anchors that don't fit


def test_anchors_that_can_not_serve(make_library: Make, anchors: list[Path], toy_model: str) -> None:
    told = session()
    libraries = ep.read(anchors, session=told)

    def refused(match: str, *more: Library, template: Library | None = None) -> None:
        with pytest.raises(UserError, match=match):
            ep.plan([*libraries, *more], TARGET, template=template, session=told)

    refused(r"demo_ss_100C_1v60\.lib: this anchor is the target corner", ep.read(make_library("ss,1.60,100"))[0])
    refused("two anchors are at the corner ff_025C_1v95: .*again.*", ep.read(make_library("ff,1.95,25", name="again.lib"))[0])
    refused(r"slew_lower_threshold_pct_\w+ is 0\.3 in .* and 0\.2 in", ep.read(make_library("ff,1.60,25", threshold=30))[0])
    refused("shares no arc with the template", ep.read(make_library("ff,1.60,25", cells=("NAND",)))[0])
    refused("no anchor has 9 of the tables", template=ep.read(make_library("ff,1.60,25", cells=("INV_1", "NAND")))[0])
    with pytest.raises(UserError, match="no anchor"):
        ep.plan([], TARGET, session=told)


def test_units_that_differ_by_a_factor_are_the_same_inside(make_library: Make) -> None:
    one = ep.read(make_library("tt,1.80,25", name="ns.lib"))[0]
    two = ep.read(make_library("tt,1.80,25", name="ps.lib", time_unit="1ps"))[0]
    timing = [row for row, key in enumerate(one.keys) if key.quantity.startswith(("cell_r", "cell_f"))]
    for row in timing:
        np.testing.assert_allclose(one.table(row).values, two.table(row).values, rtol=1e-6)


# Plan and fill


def test_plan_then_fill_then_write(anchors: list[Path], make_library: Make, toy_model: str, tmp_path: Path) -> None:
    told: list[str] = []
    run = session(told)
    libraries = ep.read(anchors, session=run)
    truth = ep.read(make_library("ss,1.60,100", name="truth.lib"), session=run)[0]
    plan = ep.plan(libraries, TARGET, "10%", session=run)
    assert (len(plan.points), plan.total, plan.target) == (3, 36, TARGET)
    file = plan.write(tmp_path / "plan.csv")
    header, *rows = file.read_text().splitlines()
    assert header == "cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2"
    answers = []
    for row, (arc, edge) in zip(rows, zip(plan.points.arcs, plan.points.edges, strict=True), strict=True):
        tables = [next(t for t in truth if t.key.arc == arc and t.key.quantity == q) for q in (f"cell_{edge}", f"{edge}_transition")]
        answers.append(f"{row},{','.join(repr(float(t.values[0, 0] * 1e9)) for t in tables)}")
    measured = tmp_path / "measured.csv"
    measured.write_text("\n".join([f"{header},delay,transition", *answers]) + "\n")

    settings = ep.FillSettings(model="toy")
    result = ep.fill(libraries, "ss,1.60,100", measured=measured, settings=settings, session=run)
    assert result.report["origins"] == {"measured": 6, "predicted": 108}
    assert (result.report["measured"], result.report["simulations"]) == (3, 36)
    beside = [tmp_path / "v.parquet", tmp_path / "v.csv"]
    written = result.write(tmp_path / "out.lib.gz", intervals=tmp_path / "i.csv", values=beside, report=tmp_path / "r.json")
    assert written == [tmp_path / "out.lib.gz", tmp_path / "i.csv", *beside, tmp_path / "r.json"]
    assert all(path.stat().st_size for path in written)
    assert json.loads((tmp_path / "r.json").read_text())["fill"]["model"] == "toy"
    back = ep.read(tmp_path / "out.lib.gz", session=run)[0]
    assert (back.name, back.corner) == ("demo_ss_100C_1v60", TARGET)
    np.testing.assert_allclose(back.values, result.library.values, rtol=1e-6)
    assert (tmp_path / "v.csv").read_text().count("measured") == 6
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert not told
    result.write(tmp_path / "out.lib.gz", report=tmp_path / "r.md")
    assert "| predicted | 108 |" in (tmp_path / "r.md").read_text()


def test_fill_gives_the_same_bytes_for_the_same_seed_in_any_order(anchors: list[Path], toy_model: str, tmp_path: Path) -> None:
    for name, files in (("a", anchors), ("b", anchors[::-1])):
        ep.fill(ep.read(files)[:: 1 if name == "a" else -1], TARGET, settings=ep.FillSettings(model="toy")).write(tmp_path / f"{name}.lib")
    assert (tmp_path / "a.lib").read_bytes() == (tmp_path / "b.lib").read_bytes()


def test_measured_rows_must_have_an_arc(anchors: list[Path], toy_model: str, tmp_path: Path) -> None:
    libraries = ep.read(anchors)
    known = next(key for key in libraries[0].keys if key.quantity == "cell_rise").arc
    none = np.full(2, np.nan)
    for arc, match in (
        (known._replace(cell="NAND"), r"measured points, row 2: the template has no cell 'NAND'; expected an arc of .*\.lib"),
        (known._replace(when="B"), "row 2: the template has no rise delay of INV_1 A -> Y combinational negative_unate when B"),
    ):
        points = Points((known, arc), ("rise", "rise"), np.full((2, 2), 1e-12), none, none)
        with pytest.raises(UserError, match=match):
            ep.fill(libraries, TARGET, measured=points, settings=ep.FillSettings(model="toy"))
    with pytest.raises(UserError, match="no such file"):
        ep.fill(libraries, TARGET, measured=tmp_path / "absent.csv", settings=ep.FillSettings(model="toy"))


def test_a_plan_beyond_its_budget_is_refused(anchors: list[Path]) -> None:
    class Greedy:
        @hookimpl
        def choose_simulations(self, template: Library) -> Points:
            arcs = tuple(key.arc for key in template.keys if key.quantity == "cell_rise")
            return Points.plan(arcs, ("rise",) * len(arcs), np.full((len(arcs), 2), 1e-12))

    run = session()
    run.plugins.register(Greedy(), "greedy")
    with pytest.raises(UserError, match="the plan has 2 simulations and the budget buys 1"):
        ep.plan(ep.read(anchors), TARGET, 1, session=run)


def test_incomplete_results_are_never_written(anchors: list[Path], toy_model: str, tmp_path: Path) -> None:
    run = session()
    model = run.plugins.models.get("toy")

    def forgetful(*arguments: object) -> object:
        filled = model.fill(*arguments)  # type: ignore[arg-type]
        values = np.where(np.arange(len(filled.library.values)) == 40, np.nan, filled.library.values)
        return replace(filled, library=filled.library.with_values(values, filled.library.origin))  # type: ignore[type-var]

    run.plugins.models.add(replace(model, name="forgetful", fill=forgetful))  # type: ignore[arg-type]
    with pytest.raises(FindingsError, match="does not pass the checks"):
        ep.fill(ep.read(anchors), TARGET, settings=ep.FillSettings(model="forgetful"), session=run)


def test_strict_refuses_what_had_to_be_repaired(anchors: list[Path], toy_model: str) -> None:
    run = session()
    model = run.plugins.models.get("toy")

    def bumpy(*arguments: object) -> object:
        filled = model.fill(*arguments)  # type: ignore[arg-type]
        row = next(row for row, key in enumerate(filled.library.keys) if key.quantity == "cell_rise")
        values = filled.library.values.copy()
        values[filled.library.start[row] + 1] = values[filled.library.start[row]] * 0.9
        return replace(filled, library=filled.library.with_values(values, filled.library.origin))  # type: ignore[type-var]

    run.plugins.models.add(replace(model, name="bumpy", fill=bumpy))  # type: ignore[arg-type]
    libraries, settings = ep.read(anchors), ep.FillSettings(model="bumpy")
    result = ep.fill(libraries, TARGET, settings=settings, session=run)
    assert np.isin(Origin.REPAIRED, result.library.origin)
    assert result.findings
    with pytest.raises(FindingsError, match="nothing was written"):
        ep.fill(libraries, TARGET, settings=settings, strict=True, session=run)


def test_hooks_fire_in_order(anchors: list[Path], toy_model: str, tmp_path: Path) -> None:
    heard: list[str] = []

    class Listener:
        @hookimpl
        def library_loaded(self) -> None:
            heard.append("library_loaded")

        @hookimpl
        def before_fit(self) -> None:
            heard.append("before_fit")

        @hookimpl
        def after_fill(self) -> None:
            heard.append("after_fill")

        @hookimpl
        def before_write(self, path: Path) -> None:
            heard.append("before_write")
            if path.name == "no.lib":
                raise UserError("not this one")

        @hookimpl
        def after_write(self, path: Path) -> None:
            assert path.exists()
            heard.append("after_write")

        @hookimpl
        def on_error(self, error: Exception) -> None:
            heard.append(f"on_error: {error}")

    run = session()
    run.plugins.register(Listener(), "listener")
    result = ep.fill(ep.read(anchors[:2], session=run), TARGET, settings=ep.FillSettings(model="toy"), session=run)
    result.write(tmp_path / "yes.lib")
    with pytest.raises(UserError, match="not this one"):
        result.write(tmp_path / "no.lib")
    assert not (tmp_path / "no.lib").exists()
    assert heard == [
        *["library_loaded"] * 2, "before_fit", "after_fill", "before_write", "after_write", "before_write", "on_error: not this one",
    ]  # fmt: skip


# Outputs


def test_outputs_are_all_written_or_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")

    def full(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"cannot write .*b: No space left on device; nothing was written"):
        write_all([(tmp_path / "a", lambda path: path.write_text("new")), (tmp_path / "b", full)])
    assert (tmp_path / "a").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_reports_hold_what_json_can(tmp_path: Path) -> None:
    value = {1: [float("-inf"), np.float64(2.5), (np.int64(3),)], "a": np.array([np.nan, 1.0]), "b": True, "c": None, "d": tmp_path}
    made = plain(value)
    assert made == {"1": [None, 2.5, [3]], "a": [None, 1.0], "b": True, "c": None, "d": str(tmp_path)}
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_findings_without_a_number_stand_in_a_report() -> None:
    found = Finding("rule", Severity.ERROR, "no number", values=(float("-inf"), float("nan"), 1.0))
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["values"] == [None, None, 1.0]


def test_outputs_that_have_no_place(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        path.write_text("x")

    with pytest.raises(UserError, match="two outputs have the name"):
        write_all([(tmp_path / "a", write), (tmp_path / "a", write)])
    with pytest.raises(UserError, match="it is a folder"):
        write_all([(tmp_path, write)])
    with pytest.raises(UserError, match="it is no regular file"):
        write_all([(Path("/dev/null"), write)])
    with pytest.raises(UserError, match=r"the folder .*absent does not exist"):
        write_all([(tmp_path / "absent" / "a", write)])


def test_no_input_is_overwritten(anchors: list[Path], toy_model: str, tmp_path: Path) -> None:
    result = ep.fill(ep.read(anchors), TARGET, settings=ep.FillSettings(model="toy"))
    before = Path(result.template.source).read_bytes()
    with pytest.raises(UserError, match="is read in this run"):
        result.write(result.template.source)
    with pytest.raises(UserError, match="no format is written under such a name"):
        result.write(tmp_path / "out.txt")
    assert Path(result.template.source).read_bytes() == before


def test_models_are_saved(anchors: list[Path], toy_model: str, tmp_path: Path) -> None:
    result = ep.fill(ep.read(anchors), TARGET, settings=ep.FillSettings(model="toy"))
    assert (result.save(tmp_path / "deep" / "model") / "toy.txt").read_text() == "toy"
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot save the model"):
        result.save(tmp_path / "file")


# Looking at libraries


def test_summaries_count_values(make_library: Make) -> None:
    summary = ep.summarize(make_template(ep.read(make_library("tt,1.80,25"))[0], TARGET))
    assert summary.values == {"capacitance": 2, "leakage": 2, "limit": 2, "power": 36, "timing": 72}
    assert summary.missing == summary.values
    assert (summary.cells, summary.tables) == (2, 18)


def test_checks_run_all_rules_or_those_named(anchors: list[Path]) -> None:
    libraries = ep.read(anchors)
    rules = {found.rule for found in ep.check(libraries)}
    assert rules
    one = sorted(rules)[0]
    assert {found.rule for found in ep.check(libraries, rules=[one])} == {one}
    with pytest.raises(UserError, match="unknown rule 'nosuch'"):
        ep.check(libraries, rules=["nosuch"])


def test_compare_tells_same_from_different(make_library: Make) -> None:
    one, two = ep.read(make_library("tt,1.80,25"))[0], ep.read(make_library("tt,1.60,25"))[0]
    assert ep.compare(one, one).passed
    assert not ep.compare(one, two).passed
    assert ep.compare(one, two, rtol=10).passed


@pytest.mark.parametrize("bad", [{"interval": 1.0}, {"interval": 0.0}, {"seed": -1}, {"threads": -1}])
def test_settings_are_checked(bad: dict[str, float]) -> None:
    with pytest.raises(UserError, match="expected"):
        ep.FillSettings(**bad)  # type: ignore[arg-type]
