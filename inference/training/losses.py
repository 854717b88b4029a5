"""Targets and losses of both nets."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nets import stride

# A gaussian's spread as a share of the box, per axis.
spread_share = 1 / 6.5
ignored_seen = 0.4
ignored_side = 12.0


def targets(boxes: np.ndarray, seen: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of one picture: heat [h,w], boxes [4,h,w] px, box weight [h,w], heat weight [h,w] at stride 8.

    Marks that are too small or too hidden to ask for are neither wanted nor punished.
    """
    h, w = height // stride, width // stride
    heat = np.zeros((h, w), np.float32)
    wanted = np.zeros((4, h, w), np.float32)
    box_weight = np.zeros((h, w), np.float32)
    heat_weight = np.ones((h, w), np.float32)
    xs, ys = (np.arange(w) + 0.5) * stride, (np.arange(h) + 0.5) * stride
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for k in np.argsort(-areas):
        x1, y1, x2, y2 = boxes[k]
        bw, bh = x2 - x1, y2 - y1
        if seen[k] < ignored_seen or max(bw, bh) < ignored_side or min(bw, bh) < 3:
            inside = (ys[:, None] > y1 - 4) & (ys[:, None] < y2 + 4) & (xs[None] > x1 - 4) & (xs[None] < x2 + 4)
            heat_weight[inside] = np.where(heat[inside] > 0.3, heat_weight[inside], 0)
            continue
        cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
        column, row = min(w - 1, int(cx / stride)), min(h - 1, int(cy / stride))
        sx, sy = max(bw * spread_share, 2.5), max(bh * spread_share, 2.5)
        # Centred on the cell, as the peak is asked for there.
        gauss = np.exp(-((xs - xs[column]) ** 2) / (2 * sx * sx))[None] * np.exp(-((ys - ys[row]) ** 2) / (2 * sy * sy))[:, None]
        heat = np.maximum(heat, gauss)
        near = gauss > 0.25
        wanted[:, near] = np.array([x1, y1, x2, y2], np.float32)[:, None]
        box_weight[near] = gauss[near] / gauss[near].sum()
        heat_weight[near] = 1
    return heat.astype(np.float32), wanted, box_weight, heat_weight


def heat_loss(logits: Tensor, heat: Tensor, weight: Tensor) -> Tensor:
    """CenterNet's focal loss, per mark."""
    p = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
    peak = (heat > 0.999).float()
    positive = -torch.log(p) * (1 - p) ** 2 * peak
    negative = -torch.log(1 - p) * p**2 * (1 - heat) ** 4 * (1 - peak)
    return ((positive + negative) * weight).sum() / peak.sum().clamp(min=1)


def decode(distances: Tensor) -> Tensor:
    """l,t,r,b [N,4,h,w] -> x1,y1,x2,y2 px."""
    h, w = distances.shape[2:]
    x = (torch.arange(w, device=distances.device) + 0.5) * stride
    y = ((torch.arange(h, device=distances.device) + 0.5) * stride)[:, None]
    left, top, right, bottom = distances.unbind(1)
    return torch.stack([x - left, y - top, x + right, y + bottom], 1)


def box_loss(distances: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """GIoU loss, weighted; the weights of one mark sum to 1."""
    a, b = decode(distances), wanted
    overlap = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    area = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - overlap
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1)
    giou = overlap / area.clamp(min=1e-3) - (hull - area) / hull.clamp(min=1e-3)
    return ((1 - giou) * weight).sum() / weight.sum().clamp(min=1)


class MarginSoftmax(nn.Module):
    """CosFace: softmax over cosine to one proxy per class, the right one handicapped by `margin`."""

    def __init__(self, classes: int, dim: int, scale: float = 24.0, sampled: int = 2048) -> None:
        super().__init__()
        self.proxies = nn.Parameter(torch.randn(classes, dim) * 0.1)
        self.scale = scale
        self.sampled = sampled

    def forward(self, embeddings: Tensor, labels: Tensor, margin: float) -> tuple[Tensor, Tensor]:
        """Loss and the share that is nearest to its own proxy."""
        # The batch's classes and a random share of the others: a full softmax would cost as much as the net.
        others = torch.randint(len(self.proxies), (self.sampled,), device=labels.device)
        chosen, labels = torch.unique(torch.cat([labels, others]), return_inverse=True)
        labels = labels[: len(embeddings)]
        cosine = embeddings @ F.normalize(self.proxies[chosen], dim=1).t()
        right = (cosine.argmax(1) == labels).float().mean()
        handicap = torch.zeros_like(cosine).scatter_(1, labels[:, None], margin)
        return F.cross_entropy((cosine - handicap) * self.scale, labels), right


def pair_loss(seen: Tensor, clean: Tensor, labels: Tensor, temperature: float = 0.06) -> Tensor:
    """InfoNCE between what a camera sees and the clean reference views of the same classes, both ways."""
    logits = seen @ clean.t() / temperature
    same = (labels[:, None] == labels[None]) & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    logits = logits.masked_fill(same, -1e4)
    wanted = torch.arange(len(labels), device=labels.device)
    return (F.cross_entropy(logits, wanted) + F.cross_entropy(logits.t(), wanted)) / 2
