"""A provider that is asked for by name computes in the model's precision, or there is an error."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from onnx_affscore import doctor, signature
from onnx_affscore.cli.main import run
from onnx_affscore.errors import OptionError, ProviderError
from onnx_affscore.options import Options
from onnx_affscore.provenance import options_of, recorded_options
from onnx_affscore.run import starting
from onnx_affscore.run.messages import plainly
from onnx_affscore.run.providers import (
    CPU,
    CUDA,
    PROVIDERS,
    check_assignment,
    parse_options,
    parse_provider,
)
from onnx_affscore.run.session import Session
from tests.builder import Builder
from tests.faults.graphs import FEW, two_sites

TENSORRT, OPENVINO = PROVIDERS["tensorrt"].name, PROVIDERS["openvino"].name
EVERY = (*(row.name for row in PROVIDERS.values()), CUDA, CPU)


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_of_the_table_is_parsed_strictly(name: str) -> None:
    device = parse_provider(name, EVERY)
    assert (device.name, device.wanted) == (name, PROVIDERS[name].name)
    assert device.strict
    assert device.providers == ((PROVIDERS[name].name, PROVIDERS[name].options), CPU)
    assert PROVIDERS[name].name in ort.get_all_providers() or name == "rocm"  # of older builds


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_that_is_not_built_in_says_what_is_and_what_to_install(name: str) -> None:
    with pytest.raises(ProviderError) as caught:
        parse_provider(name, (CUDA, CPU))
    assert str(caught.value) == (
        f"--provider {name}: the installed ONNX Runtime has no {PROVIDERS[name].name} (it has"
        f" {CUDA}, {CPU}); install {PROVIDERS[name].install}"
    )


def test_no_provider_computes_in_less_than_the_models_precision_unasked() -> None:
    set_to = {(row, key): v for row, p in PROVIDERS.items() for key, v in p.options.items()}
    assert set_to["openvino", "precision"] == "ACCURACY"
    assert set_to["coreml", "MLComputeUnits"] == "CPUAndGPU"  # not the neural engine
    reduced = [v for (_, key), v in set_to.items() if "fp16" in key or "int8" in key]
    assert len(reduced) == 5
    assert set(reduced) == {"0"}
    for name in ("tensorrt", "coreml", "qnn"):  # what no option mends is said
        assert PROVIDERS[name].caveat


def test_options_of_the_user_count_last() -> None:
    given = ["device_type=GPU", "cache_dir=/a=b"]
    device = parse_provider("openvino", EVERY, options=given)
    settings = {"device_type": "GPU", "precision": "ACCURACY", "cache_dir": "/a=b"}
    assert device.providers == ((OPENVINO, settings), CPU)
    assert parse_provider("directml", EVERY, options=["device_id=2"]).index == 2


@pytest.mark.parametrize("text", ["", "precision", "=FP32", " =x"])
def test_an_option_is_a_key_and_a_value(text: str) -> None:
    with pytest.raises(OptionError, match="is not KEY=VALUE"):
        parse_options([text])


def test_another_name_is_an_unknown_provider() -> None:
    with pytest.raises(OptionError, match="no provider 'azure'; wanted one of tensorrt, openvino"):
        parse_provider("azure", EVERY)


def test_a_provider_that_was_not_obtained_is_an_error_with_its_cure() -> None:
    with pytest.raises(ProviderError, match=r"--provider openvino: .* could not be started .*took"):
        check_assignment(parse_provider("openvino", EVERY), (CPU,), [])


def test_nodes_that_it_does_not_take_are_an_error_that_lists_some() -> None:
    device = parse_provider("openvino", EVERY)
    took = [(OPENVINO, "Conv", "c"), (CPU, "Gather", "shape_of_batch")]
    assert check_assignment(device, (OPENVINO, CPU), took) == ()
    sums = [(CPU, "Add", "a"), (CPU, "Mul", "m")]
    (notice,) = check_assignment(device, (OPENVINO, CPU), [*took, *sums])
    assert notice.startswith("2 node(s) run on the CPU, which is right only where they compute")
    assert "Add 'a', Mul 'm'" in notice
    left = [(CPU, "Hardmax", f"h{i}") for i in range(5)]
    said = r"--provider openvino: 5 node\(s\) have no OpenVINO.* kernel: Hardmax 'h0'.*'h2'; run"
    with pytest.raises(ProviderError, match=said):
        check_assignment(device, (OPENVINO, CPU), [*took, *left])


@pytest.mark.skipif(
    TENSORRT not in ort.get_available_providers(), reason="this build has no TensorRT"
)
def test_tensorrt_without_its_libraries_is_an_error_and_prints_nothing(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if starting.provider_failures()["tensorrt"] is None:
        pytest.skip("TensorRT runs on this machine")
    with pytest.raises(ProviderError, match=r"--provider tensorrt: it does not start: .*TensorRT"):
        signature(two_sites().save(tmp_path / "model.onnx"), FEW, provider="tensorrt")
    device = parse_provider("tensorrt", EVERY)
    with pytest.raises(Exception, match="TensorRT"):  # the session alone is as strict
        Session(two_sites().proto(), device, folder=Path())
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_what_starts_is_taken_with_its_caveat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "available_providers", lambda: EVERY)
    monkeypatch.setattr(starting, "_failure", lambda providers: None)
    device, notices = starting.start_device("auto", provider="tensorrt", options=["device_id=1"])
    assert (device.wanted, device.index) == (TENSORRT, 1)
    assert "NVIDIA_TF32_OVERRIDE" in notices[0]
    assert starting.start_device("auto", provider="openvino")[1] == ()


def test_doctor_tells_which_start_and_why_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def failure(providers: Any) -> str | None:
        return None if providers[0][0] == OPENVINO else "no such chip"

    monkeypatch.setattr(starting, "available_providers", lambda: (OPENVINO, TENSORRT, CPU))
    monkeypatch.setattr(starting, "_failure", failure)
    found = doctor.examine()
    assert found.facts["providers that start"] == "cpu, openvino"
    assert found.facts["tensorrt does not start"] == "no such chip"
    assert found.started == ("cpu", "openvino") == starting.built_and_started()[1]


def test_a_provider_takes_the_place_of_a_device() -> None:
    said = "--provider openvino and --device cuda both say where to run; give one of them"
    with pytest.raises(OptionError, match=said):
        Options(provider="openvino", device="cuda")
    with pytest.raises(OptionError, match="--provider-option has no meaning without --provider"):
        Options(provider_options=("a=b",))


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--provider", "azure"], "'azure' is not one of 'tensorrt'"),
        (["--provider", "openvino", "--device", "cpu"], "both say where to run"),
        (["--provider-option", "a=b"], "without --provider"),
    ],
)
def test_wrong_use_is_a_usage_error(
    extra: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(["score", str(two_sites().save(tmp_path / "model.onnx")), *extra])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_the_record_gives_the_provider_again_unless_a_device_is_given() -> None:
    options = Options(provider="openvino", provider_options=("device_type=GPU",))
    record = {**recorded_options(options), "device": "openvino", "batch_size": 8}
    again = options_of(record)
    assert (again.provider, again.provider_options) == ("openvino", ("device_type=GPU",))
    assert again.device == "auto"
    elsewhere = options_of(record, device="cpu")
    assert (elsewhere.provider, elsewhere.provider_options, elsewhere.device) == (None, (), "cpu")


def test_a_long_message_keeps_both_its_ends() -> None:
    said = plainly(RuntimeError(f"FAIL : it broke {'std::string ' * 99}because of a node"))
    assert said.startswith("FAIL : it broke")
    assert said.endswith("because of a node")
    assert len(said) < 520


def _has(name: str) -> bool:
    return PROVIDERS[name].name in ort.get_available_providers()


@pytest.mark.skipif(not _has("openvino"), reason="this build of ONNX Runtime has no OpenVINO")
def test_openvino_gives_the_scores_of_the_cpu_and_refuses_what_it_has_no_kernel_for(
    tmp_path: Path,
) -> None:
    path = two_sites().save(tmp_path / "model.onnx")
    there = signature(path, FEW, provider="openvino", provider_options={"device_type": "CPU"})
    here = signature(path, FEW, device="cpu")
    assert there.run["device"] == there.run["provider"] == "openvino"
    assert there.run["outputs_verified"]
    np.testing.assert_allclose(there.values, here.values, atol=1e-5)  # features to 1e-6
    g = Builder()
    g.output(g.op("Hardmax", g.op("Relu", g.input(["n", 4])), node_name="top"), ["n", 4])
    with pytest.raises(ProviderError, match=r"no OpenVINO.* kernel: .*Hardmax 'top'"):
        Session(g.proto(), parse_provider("openvino", (OPENVINO, CPU)), folder=Path())
