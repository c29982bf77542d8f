"""The traps of a repository with folders called ``platform`` and ``mlflow`` at its root."""

import ast
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

import autopeft
from autopeft.core.places import shipped

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "platform" / "autopeft"
DATA_FOLDERS = ("mlflow", "clusters", "search_spaces", "docs")
# Their import names: a module of ours called so would hide them in its own folder's scripts.
WRAPPED = {
    "bottleneck", "mlflow", "numpy", "omegaconf", "optuna", "pandas", "peft", "plotly", "pyarrow",
    "pydantic", "ray", "rich", "scipy", "sklearn", "soundfile", "soxr", "tokenizers", "torch",
    "transformers", "typer", "yaml",
}  # fmt: skip


def python(code: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_dir_names_what_loads_on_first_use() -> None:
    assert {"run", "open_run"} <= set(
        python("import autopeft; print(*dir(autopeft))", ROOT).split()
    )


@pytest.mark.parametrize("folder", ["platform", "tests", *DATA_FOLDERS])
def test_no_init_makes_a_top_folder_a_package(folder: str) -> None:
    assert (ROOT / folder).is_dir()
    assert not (ROOT / folder / "__init__.py").exists()


def test_no_python_lies_at_the_root_or_in_a_data_folder() -> None:
    lying = [*ROOT.glob("*.py"), *(path for f in DATA_FOLDERS for path in (ROOT / f).rglob("*.py"))]
    assert lying == []


def test_platform_holds_autopeft_and_nothing_else() -> None:
    inside = {path.name for path in (ROOT / "platform").iterdir()} - {"__pycache__"}
    assert inside == {"autopeft"}


def test_the_real_mlflow_wins_from_the_root() -> None:
    assert distribution("mlflow").version == python(
        "import mlflow; print(mlflow.__version__)", ROOT
    )


def test_the_standard_platform_wins_from_the_root() -> None:
    code = "import uuid, asyncio, platform; print(platform.system(), uuid.uuid4().version)"
    assert python(code, ROOT).endswith("4")


def test_no_module_is_named_like_the_standard_library_or_what_it_wraps() -> None:
    named = {path.stem: path for path in PACKAGE.rglob("*.py")}
    named |= {path.parent.name: path for path in PACKAGE.rglob("__init__.py")}
    # Rooms are reached as autopeft.<room>; ruff's A005 guards the same for modules.
    clashes = (named.keys() & (sys.stdlib_module_names | WRAPPED)) - {"__init__", "__main__"}
    assert not clashes, [str(named[name]) for name in clashes]


def test_every_room_has_a_shop_window() -> None:
    rooms = [path for path in PACKAGE.rglob("*") if path.is_dir() and any(path.glob("*.py"))]
    assert len(rooms) > 10
    for room in rooms:
        window = room / "__init__.py"
        assert window.is_file(), room
        assert ast.get_docstring(ast.parse(window.read_text())), f"{window} says nothing"


def test_imports_flow_one_way() -> None:
    tool = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert tool, "import-linter is missing: pip install -e '.[dev]'"
    done = subprocess.run([tool], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("folder", ["search_spaces", "clusters"])
def test_shipped_folders_are_found_in_the_checkout(folder: str) -> None:
    assert shipped(folder) == ROOT / folder
    assert list(shipped(folder).glob("*.yaml"))


def test_an_unknown_shipped_folder_is_said() -> None:
    with pytest.raises(FileNotFoundError, match="neither in"):
        shipped("no_such_folder")


def test_importing_autopeft_loads_nothing_heavy() -> None:
    heavy = "'torch', 'ray', 'transformers', 'peft', 'mlflow', 'optuna', 'pandas'"
    code = f"import sys, autopeft; print([m for m in ({heavy}) if m in sys.modules])"
    assert python(code, ROOT) == "[]"


def test_the_version_stands_once() -> None:
    assert distribution("autopeft").version == autopeft.__version__


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_what_it_ships(tmp_path: Path) -> None:
    wheel = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*wheel, "--wheel-dir", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "No module named 'hatchling'" in done.stderr:  # only pip's own build environment has it
        wheel.remove("--no-build-isolation")
        done = subprocess.run(
            [*wheel, "--wheel-dir", str(tmp_path), str(ROOT)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (built,) = tmp_path.glob("autopeft-*.whl")
    names = set(zipfile.ZipFile(built).namelist())
    for wanted in (
        "autopeft/__init__.py",
        "autopeft/py.typed",
        "autopeft/models/tiny_clap/model.safetensors",
        "autopeft/shipped/search_spaces/tiny_clap.yaml",
        "autopeft/shipped/clusters/local.yaml",
    ):
        assert wanted in names, wanted
    assert {name.split("/")[0] for name in names} == {
        "autopeft",
        f"autopeft-{autopeft.__version__}.dist-info",
    }
