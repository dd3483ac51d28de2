#!/usr/bin/env python3
"""A training step of cnn.yaml in PyTorch: the mean over steps of forward pass, backward pass and Adam, in seconds.

    python3 pytorch_step.py BATCH SIDE STEPS

The tiles are in memory; no decoding, no augmentation. The first step is for warming up. Needs: torch.
"""

import sys
import time

import torch
from torch import nn


def stage(inputs, outputs):
    """3x3 convolution without a bias, batch normalisation, ReLU, 2x2 max-pooling."""
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]


def main():
    batch, side, steps = map(int, sys.argv[1:])
    torch.manual_seed(1)
    dense = [nn.Linear(128, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, 256), nn.ReLU(), nn.Dropout(0.2)]
    layers = [*stage(3, 32), *stage(32, 64), *stage(64, 128), nn.AdaptiveAvgPool2d(1), nn.Flatten(), *dense, nn.Linear(256, 2)]
    model = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    tiles = torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8)
    labels = torch.arange(batch) % 2
    seconds = []
    for _ in range(steps + 1):
        started = time.perf_counter()
        loss = loss_of(model(tiles.permute(0, 3, 1, 2).float() / 255), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()
        seconds.append(time.perf_counter() - started)
    print(sum(seconds[1:]) / steps)


main()
