"""Who may import what: each folder knows one outside world and none of its siblings."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import onnx_affscore

PACKAGE = Path(onnx_affscore.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
ROOT = "onnx_affscore"
SIBLINGS = ("graph", "run", "data", "score", "statistics", "report")

# Files outside graph/ that may import onnx, each with its reason.
_IMPORT_ONNX = {
    "data/test_set.py": "reads the tensors of .pb files; inside functions, where one is opened",
    "run/ordering.py": "moves the nodes of a graph that the runtime has optimised",
    "run/session.py": "hands a model's protocol buffer to the runtime and records onnx's version",
    "run/starting.py": "builds the one-node model that shows whether a device starts",
    "paper/random_weights.py": "draws the weights of a copy of a network; inside functions",
    "measurement.py": "names the type of the model that it hands from graph/ to run/",
}
_INSIDE_FUNCTIONS_ONLY = ("data/test_set.py", "paper/random_weights.py")

# What modules at the bottom may import of the package: at the top of the file, and inside
# functions, where Signature's methods reach up to what writes and reads it.
_BOTTOM: dict[str, tuple[set[str], set[str]]] = {
    "errors.py": (set(), set()),
    "feeds.py": (set(), set()),
    "fields.py": (set(), set()),
    "leaving.py": (set(), set()),
    "plain_text.py": (set(), set()),
    "given_json.py": (set(), set()),
    "groups.py": ({"fields"}, set()),
    "records.py": ({"feeds", "fields", "groups", "features"}, {"report"}),
    "protocols.py": ({"records"}, set()),
    "taps.py": ({"records"}, set()),
    "comparison.py": ({"errors", "records"}, set()),
    "asked.py": ({"errors"}, set()),
    "feeding.py": ({"errors"}, set()),
    "plugins.py": ({"errors"}, set()),
    "findings.py": ({"records"}, set()),
    "features.py": ({"records"}, set()),
}
# What a command may import before it is used.
_LIGHT = {
    *("click", "onnx_affscore", "onnx_affscore.errors", "onnx_affscore.plain_text"),
    *(f"onnx_affscore.cli.{name}" for name in ("child", "codes", "grouped", "isolate")),
    *(f"onnx_affscore.cli.{name}" for name in ("measuring", "progress", "shared", "talk")),
    *(f"onnx_affscore.cli.{name}" for name in ("interrupts", "resuming", "streams")),
}


@dataclass(frozen=True)
class Import:
    """One imported module; ``lazy`` where a function or a TYPE_CHECKING block holds it."""

    file: str
    line: int
    module: str
    lazy: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def inner(self) -> str:
        """The folder or module of this package that is imported, empty for others'."""
        return self.module.split(".")[1] if self.module.startswith(f"{ROOT}.") else ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def _imports(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text("utf-8"))
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.If)
        for inner in ast.walk(node)
    }
    file = path.relative_to(PACKAGE).as_posix()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            names = [_source(node.module or "", alias.name) for alias in node.names]
        else:
            continue
        for name in names:
            yield Import(file, node.lineno, name, id(node) in lazy)


def _source(module: str, name: str) -> str:
    """``from onnx_affscore import api`` imports a module, other names lie in one."""
    inside = module == ROOT and ((PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file())
    return f"{module}.{name}" if inside else module


IMPORTS = [found for path in FILES for found in _imports(path)]


def _folder(file: str) -> str:
    return file.partition("/")[0]


def test_only_graph_imports_onnx_but_for_the_listed_files() -> None:
    outside = {i.file for i in IMPORTS if i.top == "onnx" and _folder(i.file) != "graph"}
    assert outside == set(_IMPORT_ONNX)


def test_some_import_onnx_inside_functions_only() -> None:
    early = [i for i in IMPORTS if i.file in _INSIDE_FUNCTIONS_ONLY and i.top == "onnx"]
    assert [str(i) for i in early if not i.lazy] == []


def test_only_run_imports_onnxruntime() -> None:
    users = {_folder(i.file) for i in IMPORTS if i.top == "onnxruntime"}
    assert users == {"run"}


def test_only_cluster_imports_dask() -> None:
    users = {_folder(i.file) for i in IMPORTS if i.top in {"dask", "distributed"}}
    assert users == {"cluster"}


def test_only_integrations_import_the_tools_that_they_are_for() -> None:
    users = {i.file for i in IMPORTS if i.top in {"mlflow", "pytest", "pre_commit"}}
    assert users == {"integrations/mlflow.py", "integrations/pytest_plugin.py"}
    importers = {_folder(i.file) for i in IMPORTS if i.inner == "integrations"}
    assert importers <= {"integrations"}
    assert {i.inner for i in IMPORTS if i.file == "testing.py" and i.top == ROOT} == {"records"}


def test_siblings_never_import_one_another() -> None:
    crossing = [
        str(i)
        for i in IMPORTS
        if _folder(i.file) in SIBLINGS and i.inner in SIBLINGS and i.inner != _folder(i.file)
    ]
    assert crossing == []


@pytest.mark.parametrize("folder", ["score", "statistics"])
def test_what_computes_imports_numpy_scipy_and_the_records_alone(folder: str) -> None:
    allowed = {folder, "records", "errors", "protocols", "comparison", "fields", "plugins"}
    foreign = [
        str(i)
        for i in IMPORTS
        if _folder(i.file) == folder
        and (i.inner not in allowed if i.top == ROOT else i.top not in {"numpy", "scipy"})
        and i.top not in sys.stdlib_module_names
    ]
    assert foreign == []


def test_an_audit_rests_on_statistics_and_records_alone() -> None:
    allowed = {"audit", "statistics", "findings", "comparison", "records", "fields", "errors"}
    needed = {i.inner for i in IMPORTS if _folder(i.file) == "audit" and i.top == ROOT}
    foreign = {i.top for i in IMPORTS if _folder(i.file) == "audit" and i.top != ROOT}
    assert needed == allowed
    assert foreign <= set(sys.stdlib_module_names)


def test_siblings_import_nothing_above_them() -> None:
    below = {"fields", "records", "errors", "protocols", "taps", "asked", "comparison", "findings"}
    below |= {"leaving", "plain_text", "given_json"}
    below |= {"plugins", "feeds", "feeding", "groups", "features"}
    upward = [
        str(i)
        for i in IMPORTS
        if _folder(i.file) in SIBLINGS and i.top == ROOT
        if i.inner not in below | {_folder(i.file)}
    ]
    assert upward == []


@pytest.mark.parametrize("file", _BOTTOM)
def test_records_errors_and_protocols_import_nothing_above_them(file: str) -> None:
    early, late = _BOTTOM[file]
    own = [i for i in IMPORTS if i.file == file and i.top == ROOT]
    assert {i.inner for i in own if not i.lazy} <= early
    assert {i.inner for i in own if i.lazy} <= late


def test_the_paper_rests_on_the_whole_package_and_nothing_but_commands_on_it() -> None:
    allowed = {"", "api", "score", "statistics", "report", "records", "errors", "paper"}
    needed = {i.inner for i in IMPORTS if _folder(i.file) == "paper" and i.top == ROOT}
    assert needed <= allowed | {"graph", "data"}
    for folder, file in (("graph", "random_weights"), ("data", "images")):
        users = {i.file for i in IMPORTS if _folder(i.file) == "paper" and i.inner == folder}
        assert users == {f"paper/{file}.py"}
    assert {_folder(i.file) for i in IMPORTS if i.inner == "paper"} == {"paper", "cli"}


def test_commands_import_nothing_heavy_before_they_are_used() -> None:
    heavy = [
        str(i)
        for i in IMPORTS
        if _folder(i.file) == "cli" and not i.lazy
        if i.module not in _LIGHT and i.top not in sys.stdlib_module_names
    ]
    assert heavy == []


def test_the_rules_have_teeth() -> None:
    assert len(FILES) > 50
    seen = {i.inner for i in IMPORTS if i.file == "measurement.py"}
    assert seen >= {"graph", "run", "data"}
    assert any(i.lazy for i in IMPORTS)


@pytest.mark.parametrize("module", ["onnx_affscore", "onnx_affscore.cli.main"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    heavy = "{'numpy', 'scipy', 'onnx', 'onnxruntime', 'matplotlib', 'pandas', 'distributed'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_sorted_and_resolve() -> None:
    names = onnx_affscore.__all__
    assert names == sorted(names)
    assert len(set(names)) == len(names) <= 12
    for name in names:
        assert getattr(onnx_affscore, name) is not None
        assert name in dir(onnx_affscore)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = onnx_affscore.nothing
