"""Writes adamw.json: five steps of torch.optim.AdamW on six parameters, decay on the first four.

Run:  python adamw.py   (torch)
"""

import json
import pathlib
import platform

import torch

torch.manual_seed(1)
start = torch.randn(6)
gradients = [torch.randn(6) * (1 + step) for step in range(5)]
rate, weight_decay = 0.01, 0.1
kernel = torch.nn.Parameter(start[:4].double())
bias = torch.nn.Parameter(start[4:].double())
groups = [{"params": [kernel], "weight_decay": weight_decay}, {"params": [bias], "weight_decay": 0.0}]
optimiser = torch.optim.AdamW(groups, lr=rate)
after = []
for gradient in gradients:
    kernel.grad, bias.grad = gradient[:4].double(), gradient[4:].double()
    optimiser.step()
    after.append(torch.cat([kernel, bias]).tolist())
out = {
    "script": "adamw.py",
    "versions": {"python": platform.python_version(), "torch": torch.__version__},
    "start": start.tolist(),
    "gradients": [gradient.tolist() for gradient in gradients],
    "rate": rate,
    "weight_decay": weight_decay,
    "after": after,
}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, indent=0) + "\n")
