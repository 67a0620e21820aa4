"""A signature is made again from its file alone, and whatever is not the same is told."""

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from onnx_affscore import Signature, signature
from onnx_affscore.cli.main import main
from onnx_affscore.errors import DataError, ModelError, OptionError
from onnx_affscore.feeding import Feeding
from onnx_affscore.options import Options
from onnx_affscore.provenance import data_specs, options_of, recorded_options
from onnx_affscore.records import Role
from onnx_affscore.reproduce import TOLERANCE, reproduce
from onnx_affscore.selection import Selection
from tests.builder import Builder

# Names of options that a record need not keep: it keeps what they came to, or scores do not hang
# on them.
_ELSEWHERE = {"batch_size", "device", "threads", "cluster", "resume", "influence"} | {
    "selection",
    "feeding",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and data of 300 rows."""
    folder = tmp_path_factory.mktemp("reproduce")
    b = Builder()
    x = b.input(["n", 6])
    for activation in ("Relu", "Tanh"):
        x = b.op(activation, b.dense(x, 6, 6))
    b.output(b.dense(x, 6, 2), ["n", 2])
    b.save(folder / "m.onnx")
    rows = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    np.savez(folder / "x.npz", x=rows)
    return folder


@pytest.fixture(scope="module")
def record(place: Path) -> Signature:
    made = signature(
        place / "m.onnx", [str(place / "x.npz")], samples=200, batch_size=32, seed=3, roles="all"
    )
    made.to_json(place / "sig.json")
    return Signature.from_json(place / "sig.json")


def edited(record: Signature, **run: Any) -> Signature:
    return replace(record, run={**record.run, **run})


def moved(record: Signature, by: float) -> Signature:
    """The record with another affinity of its first site."""
    site = record.sites[0]
    scores = {**site.scores, "affinity": (site.affinity or 0.0) + by}
    return replace(record, sites=(replace(site, scores=scores), *record.sites[1:]))


def test_the_same_machine_gives_the_same_bits(record: Signature) -> None:
    done = reproduce(record)
    assert done.reproduced
    assert done.changed == ()
    assert done.tolerance == 0
    assert [s.scores for s in done.found.sites] == [s.scores for s in record.sites]


def test_one_bit_counts_where_all_is_as_recorded(record: Signature) -> None:
    done = reproduce(moved(record, 2**-52))
    (deviation,) = done.deviations
    assert not done.reproduced
    assert (deviation.site, deviation.figure) == (record.sites[0].name, "affinity")


@pytest.mark.parametrize(
    "run",
    [
        {"versions": {"onnxruntime": "1.0"}},
        {"versions": {}, "machine": {}},
        {"machine": {"cores": 999}},
        {"blas_threads": 77},
    ],
)
def test_elsewhere_the_tolerance_counts(record: Signature, run: dict[str, Any]) -> None:
    other = edited(record, **run)
    for by, well in ((0.9 * TOLERANCE, True), (-1.1 * TOLERANCE, False)):
        done = reproduce(moved(other, by))
        assert done.changed
        assert done.tolerance == TOLERANCE
        assert done.reproduced == well


def test_sites_that_came_or_went_are_told(record: Signature) -> None:
    fewer = replace(record, sites=record.sites[1:])
    assert [(d.figure, d.found) for d in reproduce(fewer).deviations] == [
        ("sites", record.sites[0].name)
    ]
    other = replace(record, sites=record.sites[::-1])
    assert [d.figure for d in reproduce(other).deviations] == ["order of sites"]


def test_another_model_or_other_data_are_refused(record: Signature, place: Path) -> None:
    shutil.copy(place / "m.onnx", place / "other.onnx")
    with (place / "other.onnx").open("ab") as file:
        file.write(b"\x1a\x00")  # an empty domain: the same model, another file
    with pytest.raises(ModelError, match=rf"other.onnx .*the record has {record.model.sha256}"):
        reproduce(record, model=str(place / "other.onnx"))
    np.savez(place / "y.npz", x=np.load(place / "x.npz")["x"] + 1)
    with pytest.raises(DataError, match=rf"y.npz .*the record has {record.data['sha256']}"):
        reproduce(record, data=[str(place / "y.npz")])


def test_files_that_moved_are_found_where_the_user_says(record: Signature, place: Path) -> None:
    gone = replace(
        record,
        model=replace(record.model, path="gone.onnx"),
        data={**record.data, "specs": ["gone.npz"]},
    )
    with pytest.raises(ModelError, match=r"cannot read the model gone\.onnx"):
        reproduce(gone)
    with pytest.raises(DataError, match=r"gone\.npz"):
        reproduce(gone, model=str(place / "m.onnx"))
    again = reproduce(gone, model=str(place / "m.onnx"), data=[str(place / "x.npz")])
    assert again.reproduced


def test_data_that_were_no_files_must_be_given(record: Signature, place: Path) -> None:
    rows = np.load(place / "x.npz")["x"]
    made = signature(place / "m.onnx", rows, samples=200, seed=3, batch_size=32, roles="all")
    assert made.data["sha256"] == record.data["sha256"]
    with pytest.raises(DataError, match="arrays in memory"):
        reproduce(made)
    assert reproduce(made, data=[str(place / "x.npz")]).reproduced


@pytest.mark.parametrize("data", [None, "random:uniform"])
def test_made_up_data_are_made_again(place: Path, data: str | None) -> None:
    made = signature(place / "m.onnx", data, samples=64, seed=5)
    assert reproduce(made).reproduced


def test_a_record_of_an_older_release_does(record: Signature) -> None:
    """What was added to the record has its default, and without machine the tolerance counts."""
    known = ("device", "batch_size", "seed", "pool", "covariance", "versions", "roles", "providers")
    older = replace(
        record,
        run={name: record.run[name] for name in known} | {"samples": 200},
        data={name: value for name, value in record.data.items() if name != "specs"},
    )
    done = reproduce(older)
    assert done.reproduced
    assert done.tolerance == TOLERANCE


def test_another_version_of_the_method_is_refused(record: Signature) -> None:
    with pytest.raises(DataError, match="version 0 of the method"):
        reproduce(replace(record, method_version="0"))


def test_every_option_is_in_the_record_and_comes_back() -> None:
    options = Options(
        samples=7, seed=-2, pool="positions", feature_axis=2, covariance="empirical", verify=False,
        sparsity="all", metrics=("cka",), custom_operators=("lib.so",), memory_limit=5, jobs=3,
        batches=9, details=False, operators=("softmax",), probes=("a:b",), composition=True,
        composition_from="t", by="label",
        feeding=Feeding(
            label="class", stratify=True, on_error="skip", columns="1-3", label_pattern="^(a)",
            sample_rate=9, window=8, tokenizer="t.json", text_unit="paragraph", text_field="en",
            pair_field="q", target_field="de", max_length=17, encoder="e.onnx", preset="clip",
            image_size="240x320", channels="bgr",
        ),
        batch_size=11, threads=4, provider="openvino", provider_options=("device_type=GPU",),
        selection=Selection(roles=(Role.HEAD,), include="a", exclude="b"),
    )  # fmt: skip
    default = Options()
    kept = [f.name for f in fields(Options) if f.name not in _ELSEWHERE]
    fed = [f.name for f in fields(Feeding)]
    assert [name for name in kept if getattr(options, name) == getattr(default, name)] == []
    given, usual = options.feeding, default.feeding
    assert [name for name in fed if getattr(given, name) == getattr(usual, name)] == []
    run = json.loads(json.dumps(recorded_options(options)))
    assert set(run) == {*kept, *fed, "roles", "include", "exclude"}
    ran = run | {"batch_size": 11, "threads": 4}
    assert options_of(ran | {"device": "openvino"}) == options
    on_device = options_of(ran | {"provider": None, "provider_options": [], "device": "cuda:1"})
    assert on_device.device == "cuda:1"


def test_options_that_nobody_knows_are_refused() -> None:
    with pytest.raises(OptionError, match="cannot be used again"):
        options_of({"device": "cpu", "roles": ["decoration"]})


def test_specifications_are_those_of_the_command_line() -> None:
    assert data_specs(None) == []
    assert data_specs(Path("x.npz")) == ["x.npz"]
    assert data_specs(("a=x.npy", "random")) == ["a=x.npy", "random"]
    assert data_specs({"x": np.zeros(3)}) is None
    assert data_specs([{"x": np.zeros(3)}]) is None


def test_the_command_tells_and_exits_as_it_should(record: Signature, place: Path) -> None:
    def run(given: Signature, *more: str) -> tuple[int, str]:
        given.to_json(place / "given.json")
        command = ["reproduce", str(place / "given.json"), *more]
        done = CliRunner().invoke(main, command, standalone_mode=False, catch_exceptions=False)
        return done.return_value, " ".join(done.output.split())

    code, text = run(record, "--json", str(place / "again.json"))
    assert code == 0
    assert text.endswith(" reproduced, 2 sites")
    assert Signature.from_json(place / "again.json").values == pytest.approx(record.values, abs=0)
    code, text = run(moved(record, 0.01))
    assert code == 1
    assert text.endswith(" -0.01 NOT REPRODUCED, 2 sites")
    code, text = run(edited(record, blas_threads=77))
    assert code == 0
    assert "affinities must be within 0.0001 blas_threads" in text
    assert "recorded 77" in text
