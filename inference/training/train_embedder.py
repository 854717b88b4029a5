"""Trains the embedder: what a camera sees of a mark must lie near the clean reference views of the same mark."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from crops import stored_size
from losses import MarginSoftmax, pair_loss
from marks import MarkBank
from nets import Average, Embedder, parameter_count
from paths import crop_size, embedding_dim
from references import reference_alpha, reference_views
from render import shards_folder
from running import Run, device, half_precision, use_threads

most_crops_in_memory = 330_000
# Steps with clean views only; over as many again camera views take their place.
easy_steps = 80


class CropPool:
    """All stored crops of all shards that are there, in memory, growing while shards are rendered."""

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self.kinds = kinds
        self.read: set[Path] = set()
        self.parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.count = 0
        self.starts = np.zeros(1, np.int64)

    def refresh(self) -> None:
        files = sorted(file for kind in self.kinds for file in (shards_folder() / kind).glob("*.npz"))
        for file in files:
            if file in self.read or self.count > most_crops_in_memory:
                continue
            self.read.add(file)
            with np.load(file) as shard:
                if len(shard["labels"]):
                    self.parts.append((shard["crops"], shard["labels"], shard["sizes"]))
                    self.count += len(shard["labels"])
        self.starts = np.cumsum([0, *(len(part[1]) for part in self.parts)])

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        at = rng.integers(0, self.count, count)
        part = np.searchsorted(self.starts, at, "right") - 1
        crops = np.stack([self.parts[p][0][a - self.starts[p]] for p, a in zip(part, at)])
        return crops, np.array([self.parts[p][1][a - self.starts[p]] for p, a in zip(part, at)], np.int64)


def squares(stored: Tensor, generator: np.random.Generator, shift: float, zoom: float, degrees: float) -> Tensor:
    """[n,3,80,80] -> [n,3,64,64]: the crop of a box that is off as a detector's boxes are.

    `shift` (halves of the crop) and `zoom` (logarithm) are standard deviations, `degrees` is a bound.
    """
    n = len(stored)
    base = crop_size / stored_size
    scale = base * np.exp(generator.normal(0, zoom, n).clip(-0.4, 0.4))
    turn = np.deg2rad(generator.uniform(-degrees, degrees, n))
    stretch = np.exp(generator.normal(0, zoom / 3, n).clip(-0.2, 0.2))
    theta = np.zeros((n, 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 0, 1] = scale * np.cos(turn) * stretch, -scale * np.sin(turn)
    theta[:, 1, 0], theta[:, 1, 1] = scale * np.sin(turn), scale * np.cos(turn) / stretch
    theta[:, :, 2] = generator.normal(0, shift, (n, 2)).clip(-0.45, 0.45) * base
    grid = F.affine_grid(torch.from_numpy(theta).to(stored.device), [n, 3, crop_size, crop_size], align_corners=False)
    return F.grid_sample(stored, grid, mode="bilinear", padding_mode="border", align_corners=False)


def recolour(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Gain, offset, channel order and rarely a negative: the shape decides, not the colour."""
    n = len(x)
    gain = torch.from_numpy(rng.uniform(0.75, 1.25, (n, 3, 1, 1)).astype(np.float32)).to(x.device)
    offset = torch.from_numpy(rng.uniform(-0.12, 0.12, (n, 3, 1, 1)).astype(np.float32)).to(x.device)
    x = (x * gain + offset).clamp(0, 1)
    turned = torch.from_numpy(rng.random((n, 1, 1, 1)) < 0.15).to(x.device)
    x = torch.where(turned, 1 - x, x)
    rolled = torch.from_numpy(rng.random((n, 1, 1, 1)) < 0.3).to(x.device)
    return torch.where(rolled, x.roll(int(rng.integers(1, 3)), 1), x)


def clean_views(alphas: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """float32 [n,3,64,64] 0..1: the marks of `labels` in a random pair of colours that stand out."""
    n = len(labels)
    first, second = rng.random((n, 3), np.float32), rng.random((n, 3), np.float32)
    kind = rng.random(n)
    dark, light = rng.uniform(0, 0.15, (n, 1)), rng.uniform(0.85, 1, (n, 1))
    second[kind < 0.4] = light[kind < 0.4]
    first[kind < 0.25] = dark[kind < 0.25]
    swap = (kind > 0.4) & (kind < 0.65)
    first[swap], second[swap] = np.broadcast_to(light, (n, 3))[swap], np.broadcast_to(dark, (n, 3))[swap]
    close = np.abs((first - second) @ np.array([0.3, 0.59, 0.11], np.float32)) < 0.25
    second[close] = np.where(first[close].mean(1, keepdims=True) > 0.5, 0.05, 0.95)
    share = alphas[labels][:, None].astype(np.float32) / 255
    return second[:, :, None, None] + (first - second)[:, :, None, None] * share


def easy_views(alphas: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Tensor:
    """float32 [n,3,64,64]: clean views a little off, turned and noisy."""
    views = torch.from_numpy(clean_views(alphas, labels, rng).astype(np.float32))
    edge = (stored_size - crop_size) // 2
    views = squares(F.pad(views, (edge,) * 4, mode="replicate"), rng, 0.05, 0.06, 25)
    return (views + torch.randn_like(views) * 0.04).clamp(0, 1)


def to_tensor(crops: np.ndarray) -> Tensor:
    """uint8 BGR [n,s,s,3] -> float32 RGB [n,3,s,s] 0..1."""
    return torch.from_numpy(np.ascontiguousarray(crops[..., ::-1])).permute(0, 3, 1, 2).float().div_(255)


@torch.no_grad()
def embed(net: Embedder, crops: np.ndarray, where: torch.device) -> np.ndarray:
    """uint8 or float BGR 0..255 [n,64,64,3] -> [n,128] in full precision."""
    net.eval()
    out = [net(to_tensor(crops[k : k + 256]).to(where)).cpu().numpy() for k in range(0, len(crops), 256)]
    return np.concatenate(out)


class Validation:
    """Top-1 of validation brands' crops among all validation and 850 train brands, by size."""

    def __init__(self, bank: MarkBank) -> None:
        self.pool = CropPool(("crops-validation", "scenes-validation"))
        self.pool.refresh()
        rows = bank.rows["validation"] + bank.rows["train"][:850]
        self.views = np.concatenate([reference_views(bank.mask(row), bank.hex(row) or "000000") for row in rows])
        edge = (stored_size - crop_size) // 2
        self.crops = np.concatenate([part[0] for part in self.pool.parts])[:, edge:-edge, edge:-edge]
        self.labels = np.concatenate([part[1] for part in self.pool.parts])
        self.sizes = np.concatenate([part[2] for part in self.pool.parts])

    def __call__(self, net: Embedder, where: torch.device) -> dict[str, float]:
        gallery = embed(net, self.views, where).reshape(-1, 3, embedding_dim)
        similar = np.einsum("nd,gvd->ngv", embed(net, self.crops, where), gallery).max(2)
        right = similar.argmax(1) == self.labels
        bands = {"16-32": (0, 32), "32-64": (32, 64), "64+": (64, 9999)}
        return {name: round(float(right[(self.sizes >= a) & (self.sizes < b)].mean()), 4) for name, (a, b) in bands.items()}


def train_embedder(
    minutes: float | None, steps: int | None, resume: bool, seed: int = 1, batch: int = 112, threads: int | None = None,
    start: dict[str, Tensor] | None = None, validate: bool = True, name: str = "embedder", log_every: int = 25,
) -> dict[str, float]:
    """Returns the first and last mean loss and, where asked for, the validation figures."""
    use_threads(threads)
    cv2.setNumThreads(1)
    torch.manual_seed(seed)
    where = device()
    bank = MarkBank()
    alphas = np.stack([reference_alpha(bank.mask(row, turn)) for row, turn in bank.classes])
    pool = CropPool(("crops", "scenes"))
    pool.refresh()
    net, softmax = Embedder(), MarginSoftmax(len(bank.classes), embedding_dim)
    if start:
        net.load_state_dict(start)
    net, softmax = net.to(where, memory_format=torch.channels_last), softmax.to(where)
    groups = [{"params": net.parameters(), "weight_decay": 0.02, "factor": 1.0}, {"params": softmax.parameters(), "weight_decay": 0.0, "factor": 3.0}]
    optimiser = torch.optim.AdamW(groups, lr=2e-3)
    average = Average(net)
    run = Run(name, minutes, steps, resume)
    if run.state:
        net.load_state_dict(run.state["net"])
        softmax.load_state_dict(run.state["softmax"])
        optimiser.load_state_dict(run.state["optimiser"])
        average.state, average.updates = run.state["average"], run.state["updates"]
    check = Validation(bank) if validate else None
    print(f"embedder: {parameter_count(net)} parameters, {len(bank.classes)} classes, {pool.count} crops", flush=True)
    rng = np.random.default_rng([seed, run.step])
    paired = batch * 5 // 7
    sums: list[list[float]] = []
    first: float | None = None
    last = 0.0
    refreshed = checked = time.time()

    def parts() -> dict:
        return {"net": net.state_dict(), "softmax": softmax.state_dict(), "optimiser": optimiser.state_dict(), "average": average.state, "updates": average.updates}

    while run.share() < 1:
        if time.time() - refreshed > 20:
            pool.refresh()
            refreshed = time.time()
        stored, labels = pool.draw(rng, batch)
        seen = recolour(squares(to_tensor(stored).to(where), rng, 0.13, 0.13, 6), rng)
        # At first clean marks in other colours, turned: from camera views alone nothing is learned for a long time.
        easy = rng.random(batch) < 1.0 - (run.step - easy_steps) / easy_steps
        if easy.any():
            seen[torch.from_numpy(easy).to(where)] = easy_views(alphas, labels[easy], rng).to(where)
        clean = torch.from_numpy(clean_views(alphas, labels[:paired], rng).astype(np.float32)).to(where)
        target = torch.from_numpy(labels).to(where)
        for group in optimiser.param_groups:
            group["lr"] = run.rate(2e-3) * group["factor"]
        net.train()
        with half_precision(where):
            out = net(torch.cat([seen, clean]).contiguous(memory_format=torch.channels_last))
        out = out.float()
        margin = 0.15 * min(1.0, run.step / 1500)
        class_loss, right = softmax(out, torch.cat([target, target[:paired]]), margin)
        pairs = pair_loss(out[:paired], out[batch:], target[:paired])
        loss = 0.6 * class_loss + pairs
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        average.update(net)
        run.step += 1
        sums.append([loss.item(), class_loss.item(), pairs.item(), right.item()])
        if run.step % log_every == 0 or run.share() >= 1:
            mean = np.mean(sums, 0)
            first = float(mean[0]) if first is None else first
            last = float(mean[0])
            run.log(loss=round(last, 4), classes=round(mean[1], 4), pairs=round(mean[2], 4), right=round(mean[3], 4), crops=pool.count)
            sums.clear()
        if check and time.time() - checked > 240:
            best = Embedder().to(where)
            best.load_state_dict(average.state)
            run.log(**{"top1 " + k: v for k, v in check(best, where).items()})
            checked = time.time()
        run.save(**parts())
    run.save(force=True, **parts())
    result = {"first": first or last, "last": last}
    if check:
        best = Embedder().to(where)
        best.load_state_dict(average.state)
        figures = {"top1 " + k: v for k, v in check(best, where).items()}
        run.log(**figures)
        result |= figures
    return result
