"""Would int8 arithmetic pay: speed, and how many labels of real comments it changes against float32.

Run: ``python -m benchmarks.batch_int8 [DUMP] [--texts N]``. The gate is that no head changes more than 0.3 % of its labels.
Static: scales from 300 other comments, run by OpenVINO. Dynamic: scales of every batch, run by ONNX Runtime. Weights only:
int8 weights with one scale an output, with OpenVINO's dynamic groups.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime import quantization as quantize

from benchmarks.batch_runs import attempt, machine, say
from benchmarks.batch_stage import Ids, compiled, cpu_and_wall, distinct_texts
from nlp.artifact import MODEL_FILE
from nlp.batching import fill_flat, plan_batches
from nlp.decode import Decoded, decode
from nlp.engines import load_engine
from nlp.heads import HEAD_BY_NAME, OUTPUT_SIZE
from nlp.scorer import NeuralScorer, load_scorer

CALIBRATION: Final = 300
GROUPS: Final = (0, 32, 104)
ONE_CHOICE: Final = ("sentiment", "emotion")
Infer = Callable[[Ids], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dump", nargs="?", type=Path)
    parser.add_argument("--texts", type=int, default=2_000)
    arguments = parser.parse_args()
    scorer = load_scorer(precision="f32")
    assert isinstance(scorer, NeuralScorer)
    texts = distinct_texts(arguments.dump, arguments.texts + CALIBRATION)
    own, other = texts[CALIBRATION:], texts[:CALIBRATION]
    tokens = scorer.encode(own)
    batches = [(b, fill_flat(tokens, b, 0)) for b in plan_batches(tokens.lengths)]
    base: Decoded | None = None
    say(f"{machine()}; {len(own):,} comments\n")
    say("| variant | CPU s | " + " | ".join(f"{h}, % changed" for h in HEAD_BY_NAME) + " |")
    say("|---" * (2 + len(HEAD_BY_NAME)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name, infer in _variants(scorer, other, Path(folder)):
            values = np.zeros((len(own), OUTPUT_SIZE), dtype=np.float32)
            for batch, ids in batches:
                values[batch.rows] = infer(ids)[: len(batch.rows)]
            found = decode(values, scorer)
            base = base or found
            cpu, _ = cpu_and_wall(lambda f=infer: [f(ids) for _, ids in batches], passes=1)
            changed = " | ".join(f"{_changed(base, found, head):.2%}" for head in HEAD_BY_NAME)
            say(f"| {name} | {cpu:.2f} | {changed} |")


def _variants(scorer: NeuralScorer, other: list[str], folder: Path) -> Iterator[tuple[str, Infer]]:
    """Name and inference; the first is the reference."""
    shipped = scorer.artifact.path / MODEL_FILE
    yield "OpenVINO f32", scorer.engine.infer
    yield "OpenVINO bf16", load_engine("openvino", shipped, precision="bf16").infer
    plain = folder / "f32.onnx"
    onnx.save(unfolded(onnx.load(str(shipped))), str(plain))
    makes = {
        "static": lambda: _static(plain, folder, scorer, other),
        "dynamic": lambda: _dynamic(plain, folder),
    }
    for name, make in makes.items():
        infer = attempt(make)
        if infer is not None:
            yield f"{name} int8", infer
    weights = folder / "weights.onnx"
    onnx.save(with_int8_weights(onnx.load(str(plain))), str(weights))
    for size in GROUPS:
        network = compiled(str(weights), "bf16", DYNAMIC_QUANTIZATION_GROUP_SIZE=size)
        yield f"int8 weights, bf16, dynamic groups of {size}", _request(network)


def _static(plain: Path, folder: Path, scorer: NeuralScorer, other: list[str]) -> Infer:
    tokens = scorer.encode(other)
    batches = iter(
        [{"ids": fill_flat(tokens, b, 0)} for b in plan_batches(tokens.lengths, budget=1_024)]
    )

    class Reader(quantize.CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Ids] | None:
            return next(batches, None)

    quantize.quantize_static(
        str(plain),
        str(folder / "static.onnx"),
        Reader(),
        quant_format=quantize.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantize.QuantType.QUInt8,
        weight_type=quantize.QuantType.QInt8,
        nodes_to_quantize=[node.name for node in linear_layers(onnx.load(str(plain)))],
    )
    return _request(compiled(str(folder / "static.onnx"), "bf16"))


def _dynamic(plain: Path, folder: Path) -> Infer:
    quantize.quantize_dynamic(
        str(plain),
        str(folder / "dynamic.onnx"),
        per_channel=True,
        weight_type=quantize.QuantType.QInt8,
        op_types_to_quantize=["MatMul"],
    )
    return load_engine("onnxruntime", folder / "dynamic.onnx").infer


def _request(network: Any) -> Infer:
    request = network.create_infer_request()
    return lambda ids: np.array(request.infer([ids])[0])


def _changed(a: Decoded, b: Decoded, head: str) -> float:
    if head in ONE_CHOICE:
        return float((a.p[head].argmax(-1) != b.p[head].argmax(-1)).mean())
    return float((a.on[head] != b.on[head]).mean())


def unfolded(model: Any) -> Any:
    """The model with its float16 weights as float32, which the quantizers read."""
    graph = model.graph
    halves = {i.name: i for i in graph.initializer if i.data_type == onnx.TensorProto.FLOAT16}
    casts = [n for n in graph.node if n.op_type == "Cast" and n.input[0] in halves]
    for cast in casts:
        weights = numpy_helper.to_array(halves[cast.input[0]]).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(weights, cast.output[0]))
        graph.node.remove(cast)
    for half in {cast.input[0] for cast in casts}:
        graph.initializer.remove(halves[half])
    return model


def linear_layers(model: Any) -> list[Any]:
    """The products with weights."""
    known = {i.name for i in model.graph.initializer}
    return [n for n in model.graph.node if n.op_type == "MatMul" and n.input[1] in known]


def with_int8_weights(model: Any) -> Any:
    """The model with the weights of its linear layers in int8, one scale an output."""
    graph = model.graph
    weights = {i.name: i for i in graph.initializer}
    made = []
    for name in dict.fromkeys(node.input[1] for node in linear_layers(model)):
        values = numpy_helper.to_array(weights[name])
        scale = (np.abs(values).max(0) / 127).astype(np.float32)
        rounded = np.clip(np.round(values / scale), -127, 127).astype(np.int8)
        parts = [(rounded, f"{name}_int8"), (scale, f"{name}_scale")]
        graph.initializer.extend([numpy_helper.from_array(v, n) for v, n in parts])
        graph.initializer.remove(weights[name])
        made.append(helper.make_node("DequantizeLinear", [n for _, n in parts], [name], axis=1))
    nodes = made + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    return model


if __name__ == "__main__":
    main()
