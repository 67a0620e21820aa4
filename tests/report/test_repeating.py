"""The command on the page measures the same again: it has every option that moves a score."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from onnx_affscore.cli.score import command
from onnx_affscore.feeding import Feeding
from onnx_affscore.options import Options
from onnx_affscore.provenance import recorded_options
from onnx_affscore.records import Role, Signature
from onnx_affscore.report.repeating import UNSAID, command_again
from onnx_affscore.selection import Selection

GIVEN = Options(
    samples=300, seed=7, pool="positions", feature_axis=2, covariance="empirical",
    sparsity="all", metrics=("cka", "r2"), memory_limit=3000, batches=512,
    operators=("softmax",), probes=("a:b", "c:d"), composition=True, composition_from="t",
    by="label", provider="openvino", provider_options=("a=b",),
    feeding=Feeding(
        label="gold one", stratify=True, on_error="skip", columns="1-3", label_pattern=r"^(\d+)_",
        sample_rate=8000, window=512, text_unit="paragraph", text_field="body",
        pair_field="other", target_field="answer", max_length=64, preset="clip", image_size="8x9",
        channels="bgr",
    ),
    selection=Selection(roles=(Role.HIDDEN, Role.GATE), include="x", exclude="y"),
)  # fmt: skip


def recorded(signature: Signature, options: Options, **data: Any) -> Signature:
    run = {**signature.run, **recorded_options(options), "batch_size": None}
    return replace(signature, run=run, data={**signature.data, **data})


def parsed(text: str) -> dict[str, Any]:
    """What the command line takes from a command."""
    names = ["-h", "--help"]  # click keeps the first that it hears of, for the tests that follow
    context = command.make_context("score", shlex.split(text)[2:], help_option_names=names)
    return dict(context.params)


def test_the_command_has_every_option_that_was_recorded(
    signature: Signature, tmp_path: Path
) -> None:
    for name in ("m.onnx", "t.json", "e.onnx", "lib.so"):
        (tmp_path / name).touch()
    options = replace(
        GIVEN,
        feeding=replace(
            GIVEN.feeding,
            tokenizer=str(tmp_path / "t.json"),
            encoder=str(tmp_path / "e.onnx"),
        ),
        custom_operators=(str(tmp_path / "lib.so"),),
    )
    model = replace(signature.model, path=str(tmp_path / "m.onnx"))
    made = recorded(replace(signature, model=model), options, specs=["a b.npy", "x=c.npy"])
    found, wanted = parsed(command_again(made)), recorded_options(options)
    assert found["models"] == (model.path,)
    assert found["data"] == ("a b.npy", "x=c.npy")
    for name in set(wanted) - {*UNSAID, "composition"}:  # --composition-from says it
        value = found[name]
        if name in ("metrics", "operators", "roles"):
            value = value.split(",")
        assert (list(value) if isinstance(value, tuple) else value) == wanted[name], name


def test_what_nobody_asked_for_is_not_said(signature: Signature) -> None:
    text = command_again(recorded(signature, Options(), specs=["x.npy"]))
    assert text.endswith("--data x.npy --seed 0 --pool mean --covariance auto")


def test_rows_that_were_left_out_do_not_count_as_samples_to_draw(signature: Signature) -> None:
    again = recorded(signature, Options(samples=100, feeding=Feeding(on_error="skip")), samples=97)
    assert "--samples 100 " in command_again(again)


def test_a_record_without_options_names_its_samples(signature: Signature) -> None:
    old = replace(signature, run={k: v for k, v in signature.run.items() if k != "samples"})
    assert f"--samples {signature.data['samples']} " in command_again(old)
