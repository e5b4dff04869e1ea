"""Writes a small TFLite detector with metadata, of the form of EfficientDet-Lite0's file.

Takes RGB uint8 (1, 8, 8, 3); its four detections are the picture's quarters, each as sure as it is
bright. Sources: tensorflow/lite/schema/schema.fbs, MediaPipe's metadata_schema.fbs.
"""

import io
import zipfile

import flatbuffers
import numpy as np
from mediapipe.tasks.metadata import metadata_schema_py_generated as told
from mediapipe.tasks.metadata import schema_py_generated as lite

SIDE = 8
LABELS = ("cat", "dog", "sofa")
QUARTERS = ((0, 0, 0.5, 0.5), (0, 0.5, 0.5, 1), (0.5, 0, 1, 0.5), (0.5, 0.5, 1, 1))  # y, x, y, x


def detector(classes):
    """Return the file: what is at the upper left, upper right, lower left and lower right."""
    model = lite.ModelT()
    model.version, model.description = 3, "quarters"
    model.operatorCodes = [
        code_of(k) for k in ("CAST", "AVERAGE_POOL_2D", "MEAN", "RESHAPE", "MUL")
    ]
    model.buffers = [buffer_of(b"")]
    graph = lite.SubGraphT()
    graph.tensors, graph.operators = [], []

    def tensor(name, shape, kind="FLOAT32", values=None):
        one = lite.TensorT()
        one.name, one.shape, one.type = name, list(shape), getattr(lite.TensorType, kind)
        one.buffer = 0
        if values is not None:
            one.buffer = len(model.buffers)
            model.buffers.append(buffer_of(values.tobytes()))
        graph.tensors.append(one)
        return len(graph.tensors) - 1

    def operator(code, inputs, output, options=None, kind="NONE"):
        one = lite.OperatorT()
        one.opcodeIndex, one.inputs, one.outputs = code, inputs, [output]
        one.builtinOptionsType = getattr(lite.BuiltinOptions, kind)
        one.builtinOptions = options
        graph.operators.append(one)

    picture = tensor("picture", (1, SIDE, SIDE, 3), "UINT8")
    floats = tensor("floats", (1, SIDE, SIDE, 3))
    pooled = tensor("pooled", (1, 2, 2, 3))
    grey = tensor("grey", (1, 2, 2))
    flat = tensor("flat", (1, 4))
    axis = tensor("axis", (1,), "INT32", np.array([3], np.int32))
    shape = tensor("shape", (2,), "INT32", np.array([1, 4], np.int32))
    scale = tensor("scale", (1,), "FLOAT32", np.array([1 / 255], np.float32))
    boxes = tensor("boxes", (1, 4, 4), "FLOAT32", np.array([QUARTERS], np.float32))
    kinds = tensor("kinds", (1, 4), "FLOAT32", np.array([classes], np.float32))
    scores = tensor("scores", (1, 4))
    count = tensor("count", (1,), "FLOAT32", np.array([4], np.float32))
    operator(0, [picture], floats, lite.CastOptionsT(), "CastOptions")
    pool = lite.Pool2DOptionsT()
    pool.filterWidth = pool.filterHeight = pool.strideW = pool.strideH = SIDE // 2
    pool.padding = lite.Padding.VALID
    operator(1, [floats], pooled, pool, "Pool2DOptions")
    operator(2, [pooled, axis], grey, lite.ReducerOptionsT(), "ReducerOptions")
    operator(3, [grey, shape], flat, lite.ReshapeOptionsT(), "ReshapeOptions")
    operator(4, [flat, scale], scores, lite.MulOptionsT(), "MulOptions")
    graph.inputs, graph.outputs = [picture], [boxes, kinds, scores, count]
    model.subgraphs = [graph]
    kept = lite.MetadataT()
    kept.name, kept.buffer = "TFLITE_METADATA", len(model.buffers)
    model.buffers.append(buffer_of(metadata()))
    model.metadata = [kept]
    return with_labels(packed(model, b"TFL3"))


def metadata():
    """Return what the tensors are, and that labels lie in the file."""
    picture = tensor_of("image")
    properties = told.ImagePropertiesT()
    properties.colorSpace = told.ColorSpaceType.RGB
    picture.content = content_of(told.ContentProperties.ImageProperties, properties)
    labels = told.AssociatedFileT()
    labels.name, labels.type = "labels.txt", told.AssociatedFileType.TENSOR_VALUE_LABELS
    found = [tensor_of(n) for n in ("location", "category", "score", "number of detections")]
    found[0].content = content_of(told.ContentProperties.BoundingBoxProperties, box_properties())
    found[1].associatedFiles = [labels]
    graph = told.SubGraphMetadataT()
    graph.inputTensorMetadata, graph.outputTensorMetadata = [picture], found
    model = told.ModelMetadataT()
    model.name, model.subgraphMetadata = "quarters", [graph]
    return packed(model, b"M001")


def box_properties():
    """Return that a box is its left, upper, right and lower edge, which come as y, x, y, x."""
    properties = told.BoundingBoxPropertiesT()
    properties.index, properties.type = [1, 0, 3, 2], told.BoundingBoxType.BOUNDARIES
    properties.coordinateType = told.CoordinateType.RATIO
    return properties


def content_of(kind, properties):
    """Return what a tensor holds."""
    content = told.ContentT()
    content.contentPropertiesType, content.contentProperties = kind, properties
    return content


def tensor_of(name):
    """Return a tensor's metadata."""
    one = told.TensorMetadataT()
    one.name = name
    return one


def code_of(name):
    """Return an operator's code."""
    one = lite.OperatorCodeT()
    one.builtinCode = getattr(lite.BuiltinOperator, name)
    one.deprecatedBuiltinCode, one.version = one.builtinCode, 1
    return one


def buffer_of(content):
    """Return a buffer."""
    one = lite.BufferT()
    one.data = np.frombuffer(content, np.uint8) if content else None
    return one


def packed(table, identifier):
    """Return a table as a flat buffer."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(table.Pack(builder), identifier)
    return bytes(builder.Output())


def with_labels(model):
    """Return a model with its labels behind it, as a zip archive."""
    whole = io.BytesIO(model)
    with zipfile.ZipFile(whole, "a") as archive:
        archive.writestr("labels.txt", "\n".join(LABELS))
    return whole.getvalue()
