"""Embeddings of torchvision's and timm's encoders on generated weights and images, for tests/it/encoders_parity.rs.

usage: encoders.py        (writes encoders.json beside it)
       encoders.py DIR    (writes DIR/<case>.safetensors, the same weights as a file, instead)

No weight is stored: tensor `name` holds scale(name, shape) * u(name, i) + offset(name), where u is uniform in [-1, 1) from
splitmix64 seeded by the FNV-1a hash of the name. The test computes the same numbers.
"""
import json, math, os, re, sys
os.environ["OMP_NUM_THREADS"] = "1"
import numpy as np
import timm, torch, torchvision
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
M = (1 << 64) - 1


def uniform(name, count):
    """`count` numbers in [-1, 1), multiples of 2^-23."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & M
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1.0


def generated(name, shape):
    """Weights with the variance 2 / fan-in; scales about 1 (0.3 late in a residual block, so
    that the sums do not grow with depth), shifts about 0, variances about 1, layer scales about 0.5."""
    if name.endswith("running_var"):
        scale, offset = 0.3, 1.0
    elif name.endswith("gamma") or name.endswith("layer_scale"):
        scale, offset = 0.2, 0.5
    elif len(shape) >= 2 and not re.search(r"token|embed$", name):
        scale, offset = math.sqrt(6.0 / (math.prod(shape) // shape[0])), 0.0
    elif re.match(r"layer\d\.\d+\.bn[23]\.weight$", name):
        scale, offset = 0.06, 0.3
    elif len(shape) == 1 and name.endswith("weight"):
        scale, offset = 0.2, 1.0
    else:
        scale, offset = 0.1, 0.0
    values = uniform(name, math.prod(shape)) * scale + offset
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


class Same(nn.Module):
    """A convolution with TensorFlow's SAME margins: the odd zero below and right."""

    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x):
        pads = []
        for size, k, s in zip(reversed(x.shape[2:]), reversed(self.conv.kernel_size), reversed(self.conv.stride)):
            total = max((math.ceil(size / s) - 1) * s + k - size, 0)
            pads += [total // 2, total - total // 2]
        c = self.conv
        return F.conv2d(F.pad(x, pads), c.weight, c.bias, c.stride, 0, 1, c.groups)


def tensorflow_mobilenet(colours):
    """torchvision's MobileNetV2 with biases for batch normalisation and SAME margins."""
    model = torchvision.models.mobilenet_v2()

    def replace(module):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d):
                inputs = colours if child.in_channels == 3 else child.in_channels
                groups = child.groups
                conv = nn.Conv2d(inputs, child.out_channels, child.kernel_size, child.stride, 0, groups=groups, bias=True)
                setattr(module, name, Same(conv))
            elif isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
            else:
                replace(child)

    replace(model)
    return model


def torchvision_model(name):
    model = getattr(torchvision.models, name)()
    for head in ("fc", "classifier"):
        if hasattr(model, head) and name != "convnext_tiny":
            setattr(model, head, nn.Identity())
    if name == "convnext_tiny":
        model.classifier[2] = nn.Identity()
    return model


def timm_model(name, **options):
    return timm.create_model(name, pretrained=False, num_classes=0, **options)


# Case, architecture of this crate, model, input channels, sizes (height, width).
CASES = [
    ("resnet18", "resnet18", lambda: torchvision_model("resnet18"), 3, [(224, 224), (97, 131)]),
    ("resnet50", "resnet50", lambda: torchvision_model("resnet50"), 3, [(224, 224), (97, 131)]),
    ("mobilenet_v2", "mobilenet_v2", lambda: torchvision_model("mobilenet_v2"), 3, [(224, 224), (97, 131)]),
    ("mobilenet_v2_timm", "mobilenet_v2", lambda: timm_model("mobilenetv2_100"), 3, [(224, 224)]),
    ("mobilenet_v2_tf", "mobilenet_v2_tf", lambda: tensorflow_mobilenet(1), 1, [(224, 224), (97, 131)]),
    ("efficientnet_b0", "efficientnet_b0", lambda: torchvision_model("efficientnet_b0"), 3, [(224, 224), (97, 131)]),
    ("efficientnet_b0_timm", "efficientnet_b0", lambda: timm_model("efficientnet_b0"), 3, [(224, 224)]),
    ("convnext_tiny", "convnext_tiny", lambda: torchvision_model("convnext_tiny"), 3, [(224, 224), (97, 131)]),
    ("convnext_tiny_timm", "convnext_tiny", lambda: timm_model("convnext_tiny"), 3, [(224, 224)]),
    ("vit_small_patch16", "vit_small_patch16",
     lambda: timm_model("vit_small_patch16_224", dynamic_img_size=True), 3, [(224, 224), (96, 144)]),
    ("vit_small_patch14_dinov2", "vit_small_patch14_dinov2",
     lambda: timm_model("vit_small_patch14_dinov2", dynamic_img_size=True), 3, [(224, 224), (98, 140)]),
    ("vit_small_patch14_reg4", "vit_small_patch14_dinov2",
     lambda: timm_model("vit_small_patch14_reg4_dinov2", dynamic_img_size=True), 3, [(98, 140)]),
]


def stored_name(name):
    """The wrapper `Same` is no part of a name."""
    return name.replace(".conv.weight", ".weight").replace(".conv.bias", ".bias")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else None
    cases = []
    for case, architecture, build, channels, sizes in CASES:
        model = build().eval()
        tensors = {}
        for name, value in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensors[stored_name(name)] = generated(stored_name(name), list(value.shape))
                value.copy_(tensors[stored_name(name)])
        if folder:
            from safetensors.torch import save_file
            save_file(tensors, f"{folder}/{case}.safetensors")
            continue
        images = []
        for height, width in sizes:
            with torch.inference_mode():
                shape = (2, channels, height, width)
                x = torch.from_numpy(uniform("images", math.prod(shape)).astype(np.float32).reshape(shape))
                if case == "mobilenet_v2_tf":
                    y = model.features(x).mean((2, 3))
                else:
                    y = model(x).flatten(1)
            first = [[float(f"{v:.9g}") for v in row[:64].tolist()] for row in y]
            norms = [float(f"{v:.9g}") for v in y.double().norm(dim=1).tolist()]
            print(case, height, width, tuple(y.shape), "rms", float(y.square().mean().sqrt()), "max", float(y.abs().max()))
            images.append({"height": height, "width": width, "first_64": first, "norms": norms})
        cases.append({"case": case, "architecture": architecture, "channels": channels, "dim": y.shape[1],
                      "tensors": {name: list(value.shape) for name, value in tensors.items()}, "images": images})
    if not folder:
        versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__}
        path = os.path.splitext(os.path.abspath(__file__))[0] + ".json"
        with open(path, "w") as f:
            f.write(json.dumps({"versions": versions, "cases": cases}, separators=(",", ":")).replace('{"case"', '\n{"case"') + "\n")


main()
