"""What every test may use: the shared data (absent on a fresh clone), the outside tools, the command line in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eda_plugin.domain import Corner

os.environ.setdefault("OMP_NUM_THREADS", "1")  # many threads on few rows cost more than they give, and much more on a busy machine
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))  # synthetic.py, which tests share
_BINARIES = {
    "opensta": ("sta", "opensta"),
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
}  # Debian's package is opensta, its program sta


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests read is kept in a folder of theirs, not among the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDA_PLUGIN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data beside the repository; the test is skipped, by name, where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("shared data absent: ../shared/data")
    return folder


@pytest.fixture(scope="session")
def sky130(shared_data: Path) -> Path:
    """Folder of the sixteen sky130 corners."""
    folder = shared_data / "sky130_fd_sc_hd"
    if not folder.is_dir():
        pytest.skip("shared data absent: ../shared/data/sky130_fd_sc_hd")
    return folder


@pytest.fixture(scope="session")
def needs_tool() -> Callable[[str], str]:
    """``needs_tool("ngspice")`` gives the program's path, or skips by name.

    With EDA_PLUGIN_REQUIRE_TOOLS=1, as in CI, an absent tool fails the test instead: a skip there would hide that nothing was tested.
    """

    def find(name: str) -> str:
        for binary in _BINARIES.get(name, (name,)):
            if path := shutil.which(binary):
                return path
        if os.environ.get("EDA_PLUGIN_REQUIRE_TOOLS") == "1":
            pytest.fail(f"tool absent: {name}, and EDA_PLUGIN_REQUIRE_TOOLS=1 says that it must be here")
        pytest.skip(f"tool absent: {name}")

    return find


@pytest.fixture(scope="session")
def needs_host() -> Callable[[str], Path]:
    """``needs_host("librelane")`` gives the programs' folder of the environment that ``make hosts`` makes, or skips by name.

    EDA_PLUGIN_HOSTS names another environment. As with tools, an absent host fails the test where EDA_PLUGIN_REQUIRE_TOOLS=1.
    """
    folder = Path(os.environ.get("EDA_PLUGIN_HOSTS") or ROOT / ".venv-hosts") / "bin"

    def find(module: str) -> Path:
        code = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
        python = folder / "python"
        if python.is_file() and subprocess.run([python, "-c", code, module], check=False, cwd=folder).returncode == 0:
            return folder
        if os.environ.get("EDA_PLUGIN_REQUIRE_TOOLS") == "1":
            pytest.fail(f"host absent: {module} (make hosts), and EDA_PLUGIN_REQUIRE_TOOLS=1 says that it must be here")
        pytest.skip(f"host absent: {module} (make hosts)")

    return find


@pytest.fixture(scope="session")
def mlflow_packages() -> Path:
    """The folder of packages that ``make mlflow`` makes, for PYTHONPATH; the test is skipped, or fails, as with tools."""
    folder = ROOT / ".venv-mlflow"
    if not (folder / "mlflow").is_dir():
        if os.environ.get("EDA_PLUGIN_REQUIRE_TOOLS") == "1":
            pytest.fail("package absent: mlflow (make mlflow), and EDA_PLUGIN_REQUIRE_TOOLS=1 says that it must be here")
        pytest.skip("package absent: mlflow (make mlflow)")
    return folder


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of site packages with this package's wheel in it, for a host that looks for plugins among what is installed."""
    folder = tmp_path_factory.mktemp("installed")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("eda_plugin", "adapters", "hooks"):
        shutil.copytree(ROOT / name, folder / "source" / name, symlinks=True, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source" / name)
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check", "--target", str(folder / "site")]
    made = subprocess.run([sys.executable, "-m", "pip", "install", str(folder / "source"), *options], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return folder / "site"


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``command("plan", ...)`` runs the command line in a process of its own, in ``tmp_path``, with extra environment as keywords."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "eda_plugin", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT)), "COLUMNS": "140", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """``install("name", code)`` installs a plugin the way a wheel would: a module and the entry point that names it.

    It is found in this process and, through PYTHONPATH, in those that it starts.
    """
    site = tmp_path / "site"

    def make(name: str, code: str, *, distribution: str = "", version: str = "1.0", target: str = "") -> Path:
        distribution = distribution or f"{name}-plugin"
        module = f"plugin_{name}_{abs(hash((str(tmp_path), name))) % 10**8}"
        site.mkdir(exist_ok=True)
        (site / f"{module}.py").write_text(code, encoding="utf-8")
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[eda_plugin]\n{name} = {module}{target}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(site)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(ROOT)]))
        return site

    return make


_SLEWS, _LOADS = (0.01, 0.1, 1.0), (0.001, 0.01, 0.05)  # ns, pF
_SPEED = {"ss": 1.25, "tt": 1.0, "ff": 0.8}


def liberty_text(corner: str, cells: tuple[str, ...], time_unit: str, threshold: float) -> str:
    """A library whose numbers follow a plain law of process, voltage and temperature. Each cell: one arc, power, leakage."""
    process, volts, degrees = corner.split(",")
    voltage, celsius = float(volts), float(degrees)
    name = f"demo_{Corner(process, voltage, celsius).name}"
    k = _SPEED[process] * (1.8 / voltage) ** 1.5 * (1 + 0.001 * (celsius - 25))
    unit = {"1ns": 1.0, "1ps": 1e3}[time_unit]

    def table(group: str, law: Callable[[float, float], float]) -> str:
        rows = ", \\\n            ".join('"' + ", ".join(f"{law(slew, load):.7g}" for load in _LOADS) + '"' for slew in _SLEWS)
        slews, loads = ", ".join(f"{slew * unit:.7g}" for slew in _SLEWS), ", ".join(map(str, _LOADS))
        return f"""        {group} ("grid") {{
          index_1 ("{slews}");
          index_2 ("{loads}");
          values ({rows});
        }}
"""

    text = f"""library ("{name}") {{
  delay_model : "table_lookup";
  time_unit : "{time_unit}";
  voltage_unit : "1V";
  current_unit : "1mA";
  leakage_power_unit : "1nW";
  capacitive_load_unit (1, "pf");
  nom_process : 1.0;
  nom_voltage : {voltage};
  nom_temperature : {celsius};
  input_threshold_pct_rise : 50.0;
  input_threshold_pct_fall : 50.0;
  output_threshold_pct_rise : 50.0;
  output_threshold_pct_fall : 50.0;
  slew_lower_threshold_pct_rise : {threshold};
  slew_lower_threshold_pct_fall : {threshold};
  slew_upper_threshold_pct_rise : {100 - threshold};
  slew_upper_threshold_pct_fall : {100 - threshold};
  operating_conditions ("{Corner(process, voltage, celsius).name}") {{
    process : 1.0;
    voltage : {voltage};
    temperature : {celsius};
  }}
  lu_table_template ("grid") {{
    variable_1 : "input_net_transition";
    variable_2 : "total_output_net_capacitance";
    index_1 ("1, 2, 3");
    index_2 ("1, 2, 3");
  }}
  power_lut_template ("grid") {{
    variable_1 : "input_transition_time";
    variable_2 : "total_output_net_capacitance";
    index_1 ("1, 2, 3");
    index_2 ("1, 2, 3");
  }}
"""
    for size, cell in enumerate(cells, start=1):
        timing = "".join(
            table(group, lambda slew, load, a=a, size=size: k * unit * (a + 0.2 * slew + 2 * load / size))  # type: ignore[misc]
            for group, a in (("cell_rise", 0.02), ("rise_transition", 0.03), ("cell_fall", 0.015), ("fall_transition", 0.025))
        )
        energy = 1e-3 * voltage**2 * size
        power = "".join(
            table(group, lambda slew, load, energy=energy: energy * (1 + slew + load))  # type: ignore[misc]
            for group in ("rise_power", "fall_power")
        )
        text += f"""  cell ("{cell}") {{
    area : {size};
    cell_leakage_power : {size * voltage / k:.7g};
    pin ("A") {{
      direction : "input";
      capacitance : {0.001 * size * (1 + 0.01 * voltage):.7g};
    }}
    pin ("Y") {{
      direction : "output";
      function : "!A";
      max_capacitance : {0.05 * size / k:.7g};
      timing () {{
        related_pin : "A";
        timing_sense : "negative_unate";
        timing_type : "combinational";
{timing}      }}
      internal_power () {{
        related_pin : "A";
{power}      }}
    }}
  }}
"""
    return text + "}\n"


@pytest.fixture
def make_library(tmp_path: Path) -> Callable[..., Path]:
    """``make_library("ss,1.60,100")`` writes a small Liberty file of two inverters at that corner into ``tmp_path``."""

    def make(
        corner: str, *, name: str = "", cells: tuple[str, ...] = ("INV_1", "INV_2"), time_unit: str = "1ns", threshold: float = 20.0
    ) -> Path:
        path = tmp_path / (name or f"demo_{Corner.parse(corner).name}.lib")
        path.write_text(liberty_text(corner, cells, time_unit, threshold), encoding="utf-8")
        return path

    return make


@pytest.fixture
def anchors(make_library: Callable[..., Path]) -> list[Path]:
    """Seven corners around ss,1.60,100, which is not among them."""
    corners = ("ss,1.60,25", "ss,1.80,100", "ss,1.80,25", "tt,1.80,25", "tt,1.60,100", "ff,1.95,25", "ss,1.40,100")
    return [make_library(corner) for corner in corners]


@pytest.fixture
def toy_model(install: Callable[..., Path]) -> str:
    """Installs a plugin with the model ``toy``: the nearest anchor's numbers, measured points kept; fast and of no use otherwise."""
    install("toy", (ROOT / "tests" / "data" / "plugins" / "toy.py").read_text(encoding="utf-8"))
    return "toy"
