"""The signature file: what is written can be read, what is no signature is refused."""

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from onnx_affscore.errors import DataError, InternalError
from onnx_affscore.records import ActivationSite, ScoredSite, Signature
from onnx_affscore.report.columns import SCORES
from onnx_affscore.report.schema import KEYWORDS, schema, violations
from onnx_affscore.report.signature_json import dumps, load, loads, sites_to_dict, to_dict

VALIDATOR = Draft202012Validator(dict(schema()))
JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 5),
    st.floats(-1, 1),
    st.sampled_from(["", "ok", "degenerate", "hidden", "1.0", "2.0"]),
    st.just([]),
    st.just({}),
)


def with_site(signature: Signature, **changes: Any) -> Signature:
    return replace(signature, sites=(replace(signature.sites[0], **changes),))


def with_score(signature: Signature, name: str, value: Any) -> ScoredSite:
    scores = {**signature.sites[0].scores, name: value}
    return loads(dumps(with_site(signature, scores=scores))).sites[0]


def places(document: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    found = []
    for key, value in inner:
        found.append((*here, key))
        if isinstance(value, dict | list):
            found += places(value, (*here, key))
    return found


def test_a_signature_survives_its_file(signature: Signature) -> None:
    assert loads(dumps(signature)) == signature
    assert loads(dumps(signature).encode()) == signature


def test_a_file_is_read_and_named_where_it_is_none(signature: Signature, tmp_path: Path) -> None:
    signature.to_json(tmp_path / "a.json")
    assert load(tmp_path / "a.json") == Signature.from_json(tmp_path / "a.json") == signature
    with pytest.raises(DataError, match=r"cannot read the signature .*b\.json: No such file"):
        load(tmp_path / "b.json")
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(DataError, match=r"c\.json is not a signature"):
        load(tmp_path / "c.json")


def test_the_keys_come_in_the_order_of_the_contract(signature: Signature) -> None:
    document = to_dict(signature)
    first = ["schema_version", "method_version", "model", "data", "run", "sites", "skipped"]
    assert list(document) == [*first, "summary", "warnings"]
    assert tuple(document["sites"][0]["scores"]) == SCORES


def test_floats_keep_every_bit(signature: Signature) -> None:
    assert with_score(signature, "cka", 0.1 + 0.2).scores["cka"] == 0.1 + 0.2


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32("nan")])
def test_a_score_that_is_not_finite_is_null_with_a_reason(
    signature: Signature, value: float
) -> None:
    site = with_score(signature, "cka", value)
    assert site.scores["cka"] is None
    assert site.reasons["cka"] == "not a finite number"


def test_an_affinity_that_is_not_finite_makes_the_site_undefined(signature: Signature) -> None:
    site = with_score(signature, "affinity", math.nan)
    assert (site.status, site.reason) == ("undefined", "not a finite number")


def test_scores_that_nobody_took_are_null_with_a_reason(signature: Signature) -> None:
    site = loads(dumps(with_site(signature, scores={"affinity": 0.5}))).sites[0]
    assert site.reasons == dict.fromkeys(SCORES[1:], "not measured")


def test_numbers_of_numpy_become_numbers_of_json(signature: Signature) -> None:
    params = {"alpha": np.float32(0.5), "slopes": np.arange(2), "axis": np.int64(1), "t": (1, 2)}
    written = to_dict(with_site(signature, params=params))["sites"][0]["params"]
    assert written == {"alpha": 0.5, "slopes": [0, 1], "axis": 1, "t": [1, 2]}


def test_a_value_that_json_lacks_is_a_bug(signature: Signature) -> None:
    with pytest.raises(InternalError, match="type object"):
        dumps(with_site(signature, params={"x": object()}))


def test_a_whole_number_read_as_a_score_is_a_float(signature: Signature) -> None:
    text = dumps(with_site(signature)).replace('"affinity": 0.55,', '"affinity": 1,')
    assert loads(text).sites[0].affinity == 1.0


def test_no_name_can_steer_the_terminal_that_shows_the_file(signature: Signature) -> None:
    assert dumps(signature).isascii()
    assert "\x1b" not in dumps(signature)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\x08\x07\x12\x07pytorch\xff", "not text"),
        ("", r"not JSON \(line 1, column 1"),
        ("[1]", "no 'schema_version'"),
        ("{}", "no 'schema_version'"),
        ('{"schema_version": NaN}', "NaN, which is not a number in JSON"),
        ('{"schema_version": 1e999}', "1e999, which is not a number"),
        ('{"schema_version": 1}', "schema_version is '1' instead"),
        ('{"schema_version": "one"}', "schema_version is 'one' instead"),
        ('{"schema_version": "2.0"}', "version 2.0, wanted is 1.x; install a later"),
        ('{"schema_version": "0.9"}', "version 0.9, wanted is 1.x; score the model again"),
        ('{"schema_version": "1.0", "sites": []}', "holds no scores"),
        ('{"schema_version": "1.0", "data": 1}', "has no field 'method_version', and there is"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_what_is_no_signature_is_refused_with_the_reason(text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=rf"^old\.json .*{message}"):
        loads(text, origin="old.json")


def test_a_broken_field_is_named_with_its_place(signature: Signature) -> None:
    document = to_dict(signature)
    document["sites"][3]["scores"]["affinity"] = "high"
    with pytest.raises(DataError, match=r'sites\[3\]\.scores\.affinity is "high", wanted is num'):
        loads(json.dumps(document))


def test_a_later_minor_version_is_read_without_its_new_fields(signature: Signature) -> None:
    document = to_dict(signature) | {"schema_version": "1.7", "novelty": 1}
    document["sites"][0]["novelty"] = 1
    assert loads(json.dumps(document)) == signature
    document["schema_version"] = "1.0"
    with pytest.raises(DataError, match="unknown field"):
        loads(json.dumps(document))


def test_the_schema_is_a_schema_and_accepts_what_is_written(signature: Signature) -> None:
    Draft202012Validator.check_schema(dict(schema()))
    VALIDATOR.validate(json.loads(dumps(signature)))


def test_the_schema_uses_no_keyword_that_the_reader_does_not_know() -> None:
    def keywords(rules: Any) -> set[str]:
        found = set(rules)
        for name in ("properties", "$defs"):
            for inner in rules.get(name, {}).values():
                found |= keywords(inner)
        for name in ("items", "additionalProperties", "if", "then", "else"):
            found |= keywords(inner) if isinstance(inner := rules.get(name), dict) else set()
        return found

    assert keywords(schema()) <= KEYWORDS | {"$schema", "$id", "$defs", "title", "description"}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema_version",), "2.0"),
        (("model", "sha256"), "abc"),
        (("data", "synthetic"), "no"),
        (("data", "samples"), -1),
        (("run", "seconds"), {}),
        (("sites", 0, "status"), "failed"),
        (("sites", 0, "role"), "decoration"),
        (("sites", 0, "scores", "affinity"), None),
        (("sites", 0, "scores", "cka"), "0.9"),
        (("sites", 4, "scores", "affinity"), 1.0),
        (("sites", 4, "reason"), None),
        (("skipped", 0, "reason"), ""),
        (("summary", "mean"), True),
        (("extra",), 1),
    ],
)
def test_the_schema_rejects_a_mutant(
    signature: Signature, place: tuple[Any, ...], value: Any
) -> None:
    document = to_dict(signature)
    inner: Any = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    assert not VALIDATOR.is_valid(document)
    assert list(violations(document))


@given(data=st.data())
def test_the_reader_agrees_with_a_full_validator(signature: Signature, data: st.DataObject) -> None:
    document = copy.deepcopy(to_dict(replace(signature, sites=signature.sites[3:6])))
    *way, last = data.draw(st.sampled_from(places(document)))
    inner: Any = document
    for key in way:
        inner = inner[key]
    if data.draw(st.booleans()):
        inner[last] = data.draw(JSON)
    else:
        del inner[last]
    assert (not list(violations(document))) == VALIDATOR.is_valid(document)


def test_the_listing_of_sites_holds_model_sites_and_skipped(
    signature: Signature, listed: list[ActivationSite]
) -> None:
    document = json.loads(dumps(sites_to_dict(signature.model, listed, signature.skipped)))
    assert list(document) == ["schema_version", "model", "sites", "skipped"]
    written = to_dict(signature)
    assert document["model"] == written["model"]
    assert document["skipped"] == written["skipped"]
    assert "scores" not in document["sites"][0]
    assert document["sites"][4]["reason"] == "no sample axis"


def test_a_model_without_activations_has_a_listing(signature: Signature) -> None:
    assert sites_to_dict(signature.model, [])["sites"] == []


def test_details_are_kept_and_a_list_of_numbers_takes_one_line(signature: Signature) -> None:
    drawn = {"before": {"low": -1.5e-7, "high": 2.0, "counts": [3, 0, 12], "outside": 0}}
    named = replace(signature.sites[0], details=drawn, nodes=("[\n1,\n2\n]", "3"))
    text = dumps(replace(signature, sites=(named, *signature.sites[1:])))
    assert '"counts": [3, 0, 12],\n' in text
    again = loads(text)
    assert again.sites[0].details == drawn
    assert again.sites[0].nodes == named.nodes
    assert again.sites[1].details == {}  # as in a file that was written without
    assert '"details"' not in dumps(signature)


def test_details_of_another_form_are_refused(signature: Signature) -> None:
    wrong = {"before": {"low": 0.0, "high": 1.0, "counts": ["many"], "outside": 0}}
    site = replace(signature.sites[0], details=wrong)
    with pytest.raises(DataError, match=r"details\.before\.counts\[0\]"):
        loads(dumps(replace(signature, sites=(site,))))
