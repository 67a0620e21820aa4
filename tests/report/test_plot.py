"""The figure file: of the kind asked for, the same each time."""

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from onnx_affscore.errors import MissingExtraError, OptionError
from onnx_affscore.records import Signature
from onnx_affscore.report.names import printable
from onnx_affscore.report.plot import SUFFIXES, draw, save_plot, to_image

MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_suffix_says_which_kind_of_file(
    signature: Signature, suffix: str, tmp_path: Path
) -> None:
    save_plot(signature, tmp_path / f"plot{suffix.upper()}")
    assert (tmp_path / f"plot{suffix.upper()}").read_bytes().startswith(MAGIC[suffix])


@pytest.mark.parametrize("name", ["plot.gif", "plot", ".png"])
def test_another_suffix_is_refused(signature: Signature, name: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"use one of \.png, \.svg, \.pdf"):
        save_plot(signature, tmp_path / name)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_signature_gives_the_same_bytes(signature: Signature, suffix: str) -> None:
    assert to_image(signature, suffix) == to_image(signature, suffix)


def test_several_signatures_share_a_grid_and_an_axis(signature: Signature) -> None:
    figure = draw([signature] * 5, labels=["a", "b", "c", "d", "e"])
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in shown] == ["a", "b", "c", "d", "e"]
    assert {axes.get_ylim() for axes in shown} == {(0.0, 1.04)}


def test_the_legend_names_each_activation_once(signature: Signature) -> None:
    labels = [text.get_text() for text in draw([signature, signature]).legends[0].get_texts()]
    scored = {site.activation for site in signature.sites if site.affinity is not None}
    assert set(labels) == scored | {"hollow: gate or recurrent", "95 % interval", "no score"}
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("label", ["$\\frac{", "活性化", "\x1b[31m", "x" * 500])
def test_a_title_is_text_and_never_a_formula(signature: Signature, label: str) -> None:
    assert to_image(signature, ".png", labels=[label]).startswith(MAGIC[".png"])


@pytest.mark.parametrize("activation", ["_hidden", "$\\frac{", "\x1b[31m"])
def test_an_activation_with_an_odd_name_is_in_the_legend(
    signature: Signature, activation: str
) -> None:
    odd = replace(signature, sites=(replace(signature.sites[0], activation=activation),))
    assert draw(odd).legends[0].get_texts()[0].get_text() == printable(activation)
    assert to_image(odd, ".svg").startswith(MAGIC[".svg"])


def test_a_score_below_zero_is_inside_the_panel(signature: Signature) -> None:
    site = signature.sites[0]
    low = replace(site, scores={**site.scores, "affinity": -0.33})
    axes = draw(replace(signature, sites=(low, site))).axes[0]
    assert axes.get_ylim()[0] < -0.33


def test_a_signature_without_scores_can_be_drawn(signature: Signature) -> None:
    assert to_image(replace(signature, sites=()), ".png").startswith(MAGIC[".png"])


def test_each_signature_wants_its_label(signature: Signature) -> None:
    with pytest.raises(OptionError, match=r"1 signature\(s\) with 2 label\(s\)"):
        draw([signature], labels=["a", "b"])
    with pytest.raises(OptionError, match="at least one"):
        draw([])


def test_without_matplotlib_the_message_says_what_to_install(
    signature: Signature, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"onnx-affscore\[plot\]"):
        to_image(signature, ".png")


def test_a_dash_writes_a_picture_to_stdout(
    signature: Signature, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw))
    save_plot(signature, "-")
    assert raw.getvalue().startswith(MAGIC[".png"])
