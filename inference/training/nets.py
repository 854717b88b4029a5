"""The two nets: a one-pass anchor-free detector and an embedder of square crops. Plain 3x3 convolutions and ReLU only."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from paths import embedding_dim

stride = 8
# Distances are exp(logit) * this many px.
distance_unit = 16.0
most_distance_logit = 3.6
contrast_floor = 0.02


class ConvUnit(nn.Module):
    """Convolution without bias, batch norm, optional ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, step: int = 1, relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, step, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return F.relu(x) if self.relu else x


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ConvUnit(width, width)
        self.second = ConvUnit(width, width, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class Detector(nn.Module):
    """[N,3,H,W] RGB 0..1, H and W multiples of 64 -> heat logits [N,1,H/8,W/8] and l,t,r,b in px [N,4,H/8,W/8]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvUnit(3, 24, step=2), ConvUnit(24, 32, step=2), ConvUnit(32, 32))
        self.stage8 = nn.Sequential(ConvUnit(32, 64, step=2), Residual(64))
        self.stage16 = nn.Sequential(ConvUnit(64, 96, step=2), Residual(96), Residual(96))
        self.stage32 = nn.Sequential(ConvUnit(96, 128, step=2), Residual(128), Residual(128), Residual(128))
        self.stage64 = nn.Sequential(ConvUnit(128, 128, step=2), Residual(128), Residual(128))
        self.lateral8 = ConvUnit(64, 64, 1, relu=False)
        self.lateral16 = ConvUnit(96, 64, 1, relu=False)
        self.lateral32 = ConvUnit(128, 64, 1, relu=False)
        self.lateral64 = ConvUnit(128, 64, 1, relu=False)
        self.merge32 = ConvUnit(64, 64)
        self.merge16 = ConvUnit(64, 64)
        self.merge8 = ConvUnit(64, 64)
        self.heat_head = ConvUnit(64, 64)
        self.heat_out = nn.Conv2d(64, 1, 1)
        self.box_head = ConvUnit(64, 64)
        self.box_out = nn.Conv2d(64, 4, 1)
        with torch.no_grad():
            for out, bias in ((self.heat_out, -4.0), (self.box_out, 0.3)):
                out.weight.mul_(0.1)
                out.bias.fill_(bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        s8 = self.stage8(self.stem(x))
        s16 = self.stage16(s8)
        s32 = self.stage32(s16)
        s64 = self.stage64(s32)
        up = self.merge32(F.relu(self.lateral32(s32) + F.interpolate(self.lateral64(s64), scale_factor=2.0, mode="nearest")))
        up = self.merge16(F.relu(self.lateral16(s16) + F.interpolate(up, scale_factor=2.0, mode="nearest")))
        up = self.merge8(F.relu(self.lateral8(s8) + F.interpolate(up, scale_factor=2.0, mode="nearest")))
        logits = self.heat_out(self.heat_head(up)).float()
        distances = torch.exp(self.box_out(self.box_head(up)).float().clamp(-4.0, most_distance_logit)) * distance_unit
        return logits, distances


def standardised(x: Tensor) -> Tensor:
    """Each crop with every channel's mean 0 and contrast 1: dim and washed out marks look like all others."""
    x = x - x.mean((2, 3), keepdim=True)
    return x / (x.square().mean((1, 2, 3), keepdim=True).sqrt() + contrast_floor)


class Embedder(nn.Module):
    """[N,3,64,64] RGB 0..1 -> [N,128], L2-normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvUnit(3, 32, step=2),
            ConvUnit(32, 64, step=2),
            ConvUnit(64, 64),
            ConvUnit(64, 128, step=2),
            Residual(128),
            ConvUnit(128, 192, step=2),
            Residual(192),
            ConvUnit(192, 64, 1),
        )
        self.out = nn.Linear(64 * 16, embedding_dim)

    def forward(self, x: Tensor) -> Tensor:
        x = self.out(self.body(standardised(x)).flatten(1)).float()
        return F.normalize(x, dim=1)


def parameter_count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


class Average:
    """Exponential moving average of a net's state, what is evaluated and exported."""

    def __init__(self, net: nn.Module, decay: float = 0.998) -> None:
        self.decay = decay
        self.updates = 0
        self.state = {k: v.detach().clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for key, value in net.state_dict().items():
            mine = self.state[key]
            if mine.dtype.is_floating_point:
                mine.lerp_(value.detach().to(mine.dtype), 1 - decay)
            else:
                mine.copy_(value)
