"""Writes mobilenet_v2_gradient.json: maps and gradients of a MobileNetV2 with TensorFlow's padding, by PyTorch.

Run:  python mobilenet_v2_gradient.py   (torch, torchvision)
torchvision's layers with batch normalisation replaced by a bias and padding by TensorFlow's SAME, in f64; parameters and
images are sines, the same as in src/embed/fine_tuning/backbone.rs.
"""

import json
import math
import pathlib
import platform

import torch
import torch.nn.functional as F
import torchvision

torch.set_default_dtype(torch.float64)
ROWS, COLUMNS = 48, 33


class Same(torch.nn.Conv2d):
    """A convolution with a bias and TensorFlow's SAME padding."""

    def forward(self, x):
        pads = []
        for length, kernel, stride in zip(x.shape[:1:-1], self.kernel_size, self.stride):
            total = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pads), self.weight, self.bias, self.stride, 0, 1, self.groups)


def replace(module):
    for name, child in list(module.named_children()):
        if isinstance(child, torch.nn.Conv2d):
            same = Same(child.in_channels, child.out_channels, child.kernel_size, child.stride, groups=child.groups)
            setattr(module, name, same)
        elif isinstance(child, torch.nn.BatchNorm2d):
            setattr(module, name, torch.nn.Identity())
        elif isinstance(child, torch.nn.ReLU6):
            setattr(module, name, torch.nn.ReLU6())
        else:
            replace(child)


def sums(values):
    flat = values.reshape(-1)
    weighted = (flat * torch.cos(0.01 * torch.arange(flat.numel()))).sum()
    return [flat.pow(2).sum().sqrt().item(), weighted.item()]


network = torchvision.models.mobilenet_v2(weights=None).features
replace(network)
parameters = {f"features.{name}": p for name, p in network.named_parameters()}
for number, (name, p) in enumerate(parameters.items()):
    i = torch.arange(p.numel())
    spread = math.sqrt(4.0 / p[0].numel()) if name.endswith("weight") else 0.1
    values = spread * torch.sin(0.7 * i + 0.3 * (i // 7) + number)
    # The Rust side holds f32 parameters.
    p.data = values.to(torch.float32).to(torch.float64).reshape(p.shape)
images = torch.cos(0.37 * torch.arange(2 * ROWS * COLUMNS * 3)).to(torch.float32).to(torch.float64)
x = images.reshape(2, ROWS, COLUMNS, 3).permute(0, 3, 1, 2)
for block, layer in enumerate(network):
    x = layer(x)
    if block == 3:
        skip = x.permute(0, 2, 3, 1)
features = x.mean((2, 3))
loss = (features * torch.cos(torch.arange(1280.0))).sum()
loss = loss + (skip.reshape(-1) * torch.sin(0.11 * torch.arange(skip.numel())) * 0.01).sum()
loss.backward()
out = {
    "script": "mobilenet_v2_gradient.py",
    "versions": {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    },
    "rows": ROWS,
    "columns": COLUMNS,
    "features": features[0, ::10].tolist(),
    "after_block_3": sums(skip.detach()),
    "gradients": {name: sums(p.grad) for name, p in parameters.items()},
}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, indent=0) + "\n")
