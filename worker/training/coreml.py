"""Writes a bundle's network for Apple devices and checks what was written.

Numbers can only be compared where macOS is; here the specification is checked: names and shapes.
"""

import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from shared.errors import InputError
from worker.pipeline.architectures.build import Network, build
from worker.pipeline.architectures.export import example
from worker.pipeline.bundles import Bundle


class NoCoreMl(InputError):
    """This bundle cannot be written as a Core ML package."""

    code = "no_core_ml"


def convert(bundle: Bundle, out: Path) -> dict[str, tuple[int, ...]]:
    """Write `out` (.mlpackage, fp32, one clip at a time); return its inputs and their shapes.

    Raises NoCoreMl without coremltools, for sequences, or where the package is not as it should be.
    """
    manifest = bundle.manifest
    if manifest.arch == "face_sequence" or manifest.weights is None or not manifest.weights.torch:
        raise NoCoreMl(f"{manifest.arch} is not converted; masked_fusion and late_fusion are.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for other versions of torch and scikit-learn
        logging.getLogger("coremltools").setLevel(logging.CRITICAL)
        try:
            import coremltools
        except ImportError as error:
            raise NoCoreMl("coremltools is not installed.") from error
        module = build(manifest.arch, manifest.config)
        module.load_state_dict(load_file(bundle.directory / manifest.weights.torch))
        batch = example(module.eval(), rows=1)
        with torch.inference_mode():
            traced = torch.jit.trace(module, batch, check_trace=False)  # type: ignore[no-untyped-call]
        inputs = [
            coremltools.TensorType(name=name, shape=tuple(part.shape), dtype=np.float32)
            for name, part in zip(module.inputs, batch, strict=True)
        ]
        made = coremltools.convert(
            traced,
            inputs=inputs,
            outputs=[coremltools.TensorType(name=name) for name in module.outputs],
            convert_to="mlprogram",
            minimum_deployment_target=coremltools.target.iOS16,
            compute_precision=coremltools.precision.FLOAT32,
        )
        made.save(str(out))
        return checked(coremltools.models.utils.load_spec(str(out)).description, module)


def checked(description: object, module: Network) -> dict[str, tuple[int, ...]]:
    """Return a package's inputs and shapes. Raises NoCoreMl unless they are the network's."""
    inputs = {
        one.name: tuple(one.type.multiArrayType.shape)
        for one in description.input  # type: ignore[attr-defined]
    }
    outputs = [one.name for one in description.output]  # type: ignore[attr-defined]
    wanted = {
        name: tuple(part.shape)
        for name, part in zip(module.inputs, example(module, rows=1), strict=True)
    }
    if inputs != wanted or set(outputs) != set(module.outputs):
        raise NoCoreMl(f"the package reads {inputs} and gives {outputs}.")
    return inputs
