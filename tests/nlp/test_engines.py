"""Which precision is asked for, and what a wrong engine or precision says."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlp.engines import load_engine
from nlp.engines.openvino_engine import resolve_precision
from nlp.errors import ModelError


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("avx512f amx_bf16 amx_tile", "bf16"),
        ("avx512f avx512_bf16", "bf16"),
        ("avx2 avx512f", "f32"),
        ("", "f32"),
    ],
)
def test_auto_precision_is_bf16_only_where_native(flags: str, precision: str) -> None:
    assert resolve_precision("auto", flags) == precision


def test_precision_given_is_kept() -> None:
    assert resolve_precision("f32", "amx_bf16") == "f32"


@pytest.mark.parametrize(("engine", "precision"), [("tensorflow", "auto"), ("openvino", "int4")])
def test_load_engine_with_wrong_name_says_the_choice(engine: str, precision: str) -> None:
    with pytest.raises(ModelError, match="expected"):
        load_engine(engine, Path("model.onnx"), precision=precision)
