"""Packages add rows to the tables; a bad one is told by its name and costs nothing else."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from onnx_affscore import Signature, plugins, signature
from onnx_affscore.data import open_source
from onnx_affscore.doctor import examine
from onnx_affscore.errors import DataError, OptionError, PluginError
from onnx_affscore.records import METHOD_VERSION
from onnx_affscore.report.output import format_of, write_as
from onnx_affscore.score.table import METRICS
from tests.builder import Builder
from tests.data.samples import hint, read
from tests.extras import install

X = hint("x", ("n", 2))
CODE = dedent(
    """
    import numpy as np
    from onnx_affscore.data.opening import Feeds, SourceKind
    from onnx_affscore.records import Reading
    from onnx_affscore.report import Format
    from onnx_affscore.score import Metric

    def ones(request):
        if "bad" in request.text:
            raise KeyError("bad")
        return Feeds([{h.spec.name: np.ones((5, 2)) for h in request.hints}])

    def half(sample):
        return {"half": Reading(0.5)}

    def broken(sample):
        return 1 / 0

    def nothing(sample):
        return {}

    ONES = SourceKind("ones", "ones:WORD", "ones", lambda t: t.startswith("ones:"), ones)
    HALF = Metric(half, ("half",), "a half")
    BROKEN = Metric(broken, ("third",), "fails")
    NOTHING = Metric(nothing, ("fourth",), "gives nothing")
    THIEF = Metric(half, ("affinity", "own"), "takes a name")
    NAMES = Format(".names", lambda s: "\\n".join(x.name for x in s.sites), "names")
    FAILS = Format(".fails", lambda s: 1 / 0, "fails")
    """
)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to import from, of which nothing is known before or after."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(folder)
    plugins.forget()
    yield folder
    plugins.forget()
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def add(folder: Path, *, name: str = "some_extras", code: str = CODE, **rows: str) -> None:
    """Install a package that adds ``source_ones="ONES"`` and so on."""
    groups: dict[str, dict[str, str]] = {}
    for key, value in rows.items():
        kind, _, row = key.partition("_")
        groups.setdefault(f"onnx_affscore.{kind}s", {})[row] = f"{name}:{value}"
    install(folder, name, code, entries=groups)
    invalidate_caches()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    b = Builder()
    x = b.dense(b.input(["n", 2]), 2, 3)
    b.output(b.dense(b.op("Tanh", x), 3, 2), ["n", 2])
    b.save(tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def scored(model: Path, **options: Any) -> Signature:
    rows = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    return signature(model, rows, **options)


def test_a_package_adds_a_source(place: Path) -> None:
    add(place, source_ones="ONES")
    assert read(open_source("ones:many", [X])).tolist() == [[1, 1]] * 5
    unknown = place / "x.odd"
    unknown.touch()
    with pytest.raises(DataError, match=r"give one of random.*, ones:WORD"):
        open_source(str(unknown), [X])
    with pytest.raises(PluginError, match=r"'ones' of some-extras 1\.2 failed: KeyError: 'bad'"):
        open_source("ones:bad", [X])


def test_a_package_adds_a_metric(place: Path, model: Path) -> None:
    plain = scored(model)
    add(place, metric_half="HALF")
    plugins.forget()
    for options in ({}, {"metrics": ("half", "cka")}):
        (site,) = (s for s in scored(model, **options).sites if s.activation == "Tanh")
        assert site.scores["half"] == 0.5
        assert site.scores["affinity"] == plain.sites[0].scores["affinity"]
    found = scored(model)
    assert found.run["versions"]["some-extras"] == "1.2"
    assert found.method_version == METHOD_VERSION
    assert "some-extras" not in plain.run["versions"]


def test_a_package_adds_a_format(place: Path, model: Path, tmp_path: Path) -> None:
    add(place, format_names="NAMES", format_fails="FAILS")
    found = scored(model)
    assert format_of("x.names") == format_of("-", name="names") == "names"
    write_as(found, "names", tmp_path / "x.names")
    assert (tmp_path / "x.names").read_text() == found.sites[0].name
    with pytest.raises(PluginError, match=r"'fails' of some-extras 1\.2 failed: ZeroDivisionError"):
        write_as(found, "fails", tmp_path / "x.fails")
    with pytest.raises(OptionError, match=r"no format 'other'.*, fails, names"):
        format_of("x", name="other")


def test_the_longest_suffix_decides_whoever_has_added_it(place: Path) -> None:
    code = CODE.replace('".names"', '".names.json"').replace('".fails"', '".json"')
    add(place, code=code, format_names="NAMES", format_fails="FAILS")
    assert format_of("x.names.json") == "names"
    assert format_of("x.netron.json") == "netron"
    assert format_of("v1.2/x.json") == format_of("x.v2.json") == "json"


def test_a_metric_that_fails_costs_its_own_scores_alone(place: Path, model: Path) -> None:
    add(place, metric_broken="BROKEN", metric_nothing="NOTHING", metric_thief="THIEF")
    plain = scored(model, metrics=tuple(METRICS))
    (site,) = scored(model).sites
    assert {k: site.scores[k] for k in plain.sites[0].scores} == plain.sites[0].scores
    for key, reason in (
        ("third", "'broken' of some-extras 1.2 failed: ZeroDivisionError: division by zero"),
        ("fourth", "'nothing' of some-extras 1.2 failed: it gives no Reading for fourth"),
        ("own", "'thief' of some-extras 1.2 failed: affinity is a score of onnx-affscore itself"),
    ):
        assert site.scores[key] is None
        assert reason in str(site)


@pytest.mark.parametrize(
    ("code", "row", "reason"),
    [
        ("import no_such_module", "HALF", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("HALF = 3", "HALF", "found int at some_extras:HALF, wanted Metric"),
        (CODE, "THIRD", "AttributeError"),
    ],
)
def test_one_that_cannot_be_used_is_a_warning_until_it_is_asked_for(
    place: Path, model: Path, code: str, row: str, reason: str
) -> None:
    add(place, code=code, metric_half=row)
    found = scored(model)
    (said,) = (w for w in found.warnings if "plug-in" in w)
    assert said.startswith("the plug-in 'half' of some-extras 1.2 cannot be used: ")
    assert reason in said
    assert not any("plug-in" in w for w in scored(model, metrics=("cka",)).warnings)
    with pytest.raises(PluginError, match=r"'half' of some-extras 1\.2 cannot be used"):
        scored(model, metrics=("half",))
    state = examine()
    assert said in state.problems


def test_sources_and_formats_that_cannot_be_used_are_told(place: Path) -> None:
    add(place, code="NAMES = ONES = None", source_ones="ONES", format_names="NAMES")
    with pytest.raises(DataError, match=r"'ones' of some-extras 1\.2 cannot be used: found None"):
        open_source("ones:many", [X])
    with pytest.raises(PluginError, match=r"'names' of some-extras 1\.2 cannot be used"):
        format_of("x", name="names")


def test_names_of_the_package_and_of_each_other_are_not_replaced(place: Path, model: Path) -> None:
    add(place, metric_cka="HALF", metric_half="HALF", source_npy="ONES", format_json="NAMES")
    add(place, name="z_extras", metric_half="BROKEN")
    (site,) = scored(model).sites
    assert site.scores["half"] == 0.5
    assert site.scores["cka"] != 0.5
    problems = examine().problems
    assert sum("is a name of onnx-affscore itself" in p for p in problems) == 3
    assert sum("some-extras 1.2 has the same name" in p for p in problems) == 1


def test_doctor_lists_what_is_added(place: Path) -> None:
    assert examine().facts["plug-ins"] == "none"
    add(place, source_ones="ONES", metric_half="HALF", format_names="NAMES")
    plugins.forget()
    assert examine().facts["plug-ins"] == ", ".join(
        f"{row} of some-extras 1.2" for row in ("source ones", "metric half", "format names")
    )


def test_nothing_is_imported_before_it_is_needed(place: Path, model: Path) -> None:
    add(place, code="raise SystemError", source_ones="ONES", format_names="NAMES")
    scored(model, metrics=("cka",))
    format_of("x.json")
    assert "some_extras" not in sys.modules
    code = (
        "import sys; from onnx_affscore.cli.main import main\n"
        "main(['--help'], 'x', standalone_mode=False)\n"
        "print([m for m in ('importlib.metadata', 'onnx_affscore.plugins') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
