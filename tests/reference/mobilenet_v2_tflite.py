"""Writes mobilenet_v2_tflite.json: sums over the dequantised tensors of the shared ImageNet MobileNetV2 files.

Run:  python mobilenet_v2_tflite.py FOLDER   (images/weights_mobilenet of the data folder; numpy, tflite)
The files are read by the tflite package, not by our reader; tensors are found by their shapes in the order of the graph.
Three sums a tensor: plain, of squares, and weighted by sin(position) in torchvision's layout.
"""

import json
import pathlib
import platform
import sys

import numpy
import tflite

STAGES = [(1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)]


def names():
    yield "features.0.0"
    block = 1
    for expansion, _, repeats in STAGES:
        for _ in range(repeats):
            steps = ["conv.0.0", "conv.1.0", "conv.2"] if expansion > 1 else ["conv.0.0", "conv.1"]
            for step in steps:
                yield f"features.{block}.{step}"
            block += 1
    yield f"features.{block}.0"


def dequantised(model, graph, index):
    tensor = graph.Tensors(index)
    kind = {tflite.TensorType.UINT8: "<u1", tflite.TensorType.INT8: "<i1", tflite.TensorType.INT32: "<i4"}[tensor.Type()]
    raw = model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
    quantised = numpy.frombuffer(raw, kind).reshape(tensor.ShapeAsNumpy()).astype(numpy.float64)
    quantisation = tensor.Quantization()
    scale = quantisation.ScaleAsNumpy().astype(numpy.float64)
    zero = quantisation.ZeroPointAsNumpy().astype(numpy.float64)
    if scale.size > 1:
        shape = [1] * quantised.ndim
        shape[quantisation.QuantizedDimension()] = scale.size
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return (scale * (quantised - zero)).astype(numpy.float32)


def tensors(path):
    model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    layer = names()
    found = {}
    for step in range(graph.OperatorsLength()):
        operator = graph.Operators(step)
        code = model.OperatorCodes(operator.OpcodeIndex())
        code = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if code not in (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D):
            continue
        name = next(layer, None)
        if name is None:
            break
        weight = dequantised(model, graph, operator.Inputs(1))
        axes = (3, 0, 1, 2) if code == tflite.BuiltinOperator.DEPTHWISE_CONV_2D else (0, 3, 1, 2)
        found[f"{name}.weight"] = weight.transpose(axes)
        found[f"{name}.bias"] = dequantised(model, graph, operator.Inputs(2))
    return found


def sums(tensor):
    flat = numpy.ascontiguousarray(tensor).reshape(-1).astype(numpy.float64)
    return [flat.sum(), (flat**2).sum(), (flat * numpy.sin(numpy.arange(flat.size))).sum()]


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    files = {path.name: {n: sums(t) for n, t in tensors(path).items()} for path in sorted(folder.glob("*.tflite"))}
    versions = {"python": platform.python_version(), "numpy": numpy.__version__, "tflite": tflite.__version__}
    out = {"script": "mobilenet_v2_tflite.py", "versions": versions, "files": files}
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, indent=0) + "\n")
