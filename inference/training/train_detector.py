"""Trains the detector on rendered scenes; every picture is seen several times, mirrored and re-lit."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from losses import box_loss, decode, heat_loss, targets
from nets import Average, Detector, parameter_count
from paths import input_height, input_width, mark_count
from render import shards_folder
from running import Run, device, half_precision, use_threads


window_size, window_share = 320, 0.6
# Windows are cut this much larger or smaller (logarithm, uniform) and scaled to window_size.
window_zoom = 0.4


class ScenePool:
    """Draws pictures from the shards that are there: a buffer of still compressed pictures, refilled shard by shard."""

    def __init__(self, kind: str, seed: int, buffer: int = 1500) -> None:
        self.kind, self.buffer = kind, buffer
        self.rng = np.random.default_rng(seed)
        self.held: list[tuple[np.ndarray, np.ndarray]] = []
        self.order: list[Path] = []
        self.passes = 0

    def _refill(self) -> None:
        if not self.order:
            self.order = sorted((shards_folder() / self.kind).glob("*.npz"))
            if not self.order:
                raise RuntimeError(f"no shards of {self.kind}: run `train.py render` first")
            self.rng.shuffle(self.order)
            self.passes += 1
        with np.load(self.order.pop()) as shard:
            jpegs, offsets, boxes, counts = shard["jpegs"], shard["offsets"], shard["boxes"], shard["counts"]
        for index in range(len(counts)):
            self.held.append((jpegs[offsets[index] : offsets[index + 1]], boxes[index, : counts[index]]))

    def draw(self) -> tuple[np.ndarray, np.ndarray]:
        """uint8 BGR picture and float32 [n,6]: x1 y1 x2 y2 seen class."""
        if len(self.held) < self.buffer // 4:
            while len(self.held) < self.buffer:
                self._refill()
        at = int(self.rng.integers(len(self.held)))
        jpeg, boxes = self.held[at]
        self.held[at] = self.held[-1]
        self.held.pop()
        return cv2.imdecode(jpeg, cv2.IMREAD_COLOR), boxes


def _vary(rng: np.random.Generator, picture: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mirrors, shifts and re-lights; the marks' places follow."""
    boxes = boxes.copy()
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
        boxes[:, [0, 2]] = picture.shape[1] - boxes[:, [2, 0]]
    gain = rng.uniform(0.8, 1.2, 3) * rng.uniform(0.75, 1.2)
    table = np.clip(np.arange(256)[:, None] * gain + rng.uniform(-15, 15), 0, 255).astype(np.uint8)
    picture = cv2.LUT(np.ascontiguousarray(picture), table.reshape(1, 256, 3))
    if rng.random() < 0.3:
        picture = np.roll(picture, int(rng.integers(1, 3)), 2)
    if rng.random() < 0.5:  # a shift that is no multiple of the stride
        dx, dy = int(rng.integers(-24, 25)), int(rng.integers(-24, 25))
        matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        size = (picture.shape[1], picture.shape[0])
        picture = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=(114,) * 3)
        boxes = _clipped(boxes, dx, dy, *size)
    return picture, boxes


def _window(rng: np.random.Generator, picture: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A square window of the picture at another scale, around one of its marks where it has any."""
    height, width = picture.shape[:2]
    side = min(int(round(window_size * np.exp(rng.uniform(-window_zoom, window_zoom)))), height, width)
    x, y = rng.integers(0, width - side + 1), rng.integers(0, height - side + 1)
    if len(boxes) and rng.random() < 0.85:
        box = boxes[int(rng.integers(len(boxes)))]
        # A large mark is seen whole where the picture allows it.
        side = min(max(side, int(1.2 * max(box[2] - box[0], box[3] - box[1]))), height, width)
        x = (box[0] + box[2]) / 2 - rng.uniform(0.25, 0.75) * side
        y = (box[1] + box[3]) / 2 - rng.uniform(0.25, 0.75) * side
    x, y = int(np.clip(x, 0, width - side)), int(np.clip(y, 0, height - side))
    boxes = _clipped(boxes, -x, -y, side, side)
    boxes[:, :4] *= window_size / side
    way = cv2.INTER_AREA if side > window_size else cv2.INTER_LINEAR
    return cv2.resize(picture[y : y + side, x : x + side], (window_size, window_size), interpolation=way), boxes


def _clipped(boxes: np.ndarray, dx: int, dy: int, width: int, height: int) -> np.ndarray:
    """Boxes moved and cut at the picture; what is seen of them shrinks with their area, what has left goes."""
    boxes = boxes.copy()
    whole = np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1)
    boxes[:, [0, 2]] = np.clip(boxes[:, [0, 2]] + dx, 0, width)
    boxes[:, [1, 3]] = np.clip(boxes[:, [1, 3]] + dy, 0, height)
    boxes[:, 4] *= (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / whole
    return boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]


def _batches(pool: ScenePool, size: int, out: queue.Queue, stop: threading.Event) -> None:
    rng = np.random.default_rng([pool.rng.integers(1 << 30), 5])
    try:
        while not stop.is_set():
            pictures, parts = [], []
            # Mostly windows around a mark: more marks a second than whole pictures, which large marks need.
            windows = rng.random() < window_share
            for _ in range(size + size // 2 if windows else size):
                picture, boxes = pool.draw()
                if windows:
                    picture, boxes = _window(rng, picture, boxes)
                picture, boxes = _vary(rng, picture, boxes)
                pictures.append(picture)
                parts.append(targets(boxes[:, :4], boxes[:, 4], *picture.shape[:2]))
            batch = (np.stack(pictures), *(np.stack(column) for column in zip(*parts)))
            while not stop.is_set():
                try:
                    out.put(batch, timeout=1)
                    break
                except queue.Full:
                    continue
    except BaseException as problem:  # noqa: BLE001 - handed to the trainer, which raises it
        out.put(problem)


def input_tensor(pictures: np.ndarray) -> Tensor:
    """uint8 BGR [n,h,w,3] -> float32 RGB [n,3,h,w] 0..1, channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(pictures[..., ::-1])).permute(0, 3, 1, 2).float().div_(255)


@torch.no_grad()
def peaks(net: Detector, x: Tensor, count: int = mark_count) -> np.ndarray:
    """[n,count,5] x1 y1 x2 y2 score of the strongest peaks, as the exported graph finds them."""
    heat, distances = net(x)
    score = torch.sigmoid(heat)
    top = torch.nn.functional.max_pool2d(score, 3, 1, 1)
    score = torch.where(top == score, score, torch.zeros_like(score)).flatten(1)
    best, at = score.topk(count, 1)
    boxes = decode(distances).flatten(2).gather(2, at[:, None].expand(-1, 4, -1)).transpose(1, 2)
    return torch.cat([boxes, best[..., None]], 2).cpu().numpy()


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU [len(a),len(b)]."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    overlap = np.clip(high - low, 0, None).prod(2)
    area = lambda x: np.clip(x[:, 2:4] - x[:, :2], 0, None).prod(1)  # noqa: E731
    return overlap / np.maximum(area(a)[:, None] + area(b)[None] - overlap, 1e-6)


def suppressed(rows: np.ndarray, iou: float) -> np.ndarray:
    """Greedy NMS of [n,>=5] rows sorted by score."""
    kept: list[int] = []
    for index in range(len(rows)):
        if not kept or overlaps(rows[index : index + 1], rows[kept]).max() < iou:
            kept.append(index)
    return rows[kept]


def average_precision(found: list[tuple[np.ndarray, np.ndarray, np.ndarray]], low: float, high: float, iou: float = 0.5) -> tuple[float, int]:
    """AP (all points) over pictures of (rows [n,5], truth [m,4], asked [m] bool) for truth of longer side low..high px.

    Rows that match truth outside the band or not asked for count neither way; unmatched rows count where their own
    longer side lies in the band.
    """
    scores, hits, wanted = [], [], 0
    for rows, truth, asked in found:
        side = np.maximum(truth[:, 2] - truth[:, 0], truth[:, 3] - truth[:, 1])
        counted = asked & (side >= low) & (side < high)
        wanted += int(counted.sum())
        taken = np.zeros(len(truth), bool)
        table = overlaps(rows, truth) if len(truth) else np.zeros((len(rows), 0))
        for index, row in enumerate(rows):
            free = np.where(taken, 0, table[index])
            best = int(free.argmax()) if len(truth) else -1
            if best >= 0 and free[best] >= iou:
                taken[best] = True
                if counted[best]:
                    scores.append(row[4])
                    hits.append(1)
            elif low <= max(row[2] - row[0], row[3] - row[1]) < high and not (len(truth) and table[index][~asked].max(initial=0) > 0.3):
                scores.append(row[4])
                hits.append(0)
    if not wanted or not scores:
        return 0.0, wanted
    hit = np.array(hits)[np.argsort(-np.array(scores), kind="stable")]
    right = np.cumsum(hit)
    precision = np.maximum.accumulate((right / np.arange(1, len(hit) + 1))[::-1])[::-1]
    return float((precision * hit).sum() / wanted), wanted


class DetectionCheck:
    """AP50 on the validation brands' scenes."""

    def __init__(self) -> None:
        self.pictures: list[np.ndarray] = []
        self.truth: list[np.ndarray] = []
        for file in sorted((shards_folder() / "scenes-validation").glob("*.npz")):
            with np.load(file) as shard:
                for k in range(len(shard["counts"])):
                    self.pictures.append(shard["jpegs"][shard["offsets"][k] : shard["offsets"][k + 1]])
                    self.truth.append(shard["boxes"][k, : shard["counts"][k]])

    def __call__(self, net: Detector, where: torch.device) -> dict[str, float]:
        net.eval()
        found = []
        for k in range(0, len(self.pictures), 8):
            pictures = np.stack([cv2.imdecode(jpeg, cv2.IMREAD_COLOR) for jpeg in self.pictures[k : k + 8]])
            with half_precision(where):
                rows = peaks(net, input_tensor(pictures).to(where).contiguous(memory_format=torch.channels_last))
            for row, truth in zip(rows, self.truth[k : k + 8]):
                side = np.maximum(truth[:, 2] - truth[:, 0], truth[:, 3] - truth[:, 1])
                asked = (truth[:, 4] >= 0.5) & (side >= 14)
                found.append((suppressed(row, 0.5), truth[:, :4], asked))
        bands = {"16-32": (16, 32), "32-48": (32, 48), "48-64": (48, 64), "64-128": (64, 128), "128+": (128, 9999), ">=48": (48, 9999)}
        return {"AP50 " + name: round(average_precision(found, *band)[0], 4) for name, band in bands.items()}


def train_detector(
    minutes: float | None, steps: int | None, resume: bool, seed: int = 2, batch: int = 8, threads: int | None = None,
    start: dict[str, Tensor] | None = None, validate: bool = True, name: str = "detector", log_every: int = 25,
) -> dict[str, float]:
    """Returns the first and last mean loss and, where asked for, AP50 on the validation brands."""
    use_threads(threads)
    cv2.setNumThreads(1)
    torch.manual_seed(seed)
    where = device()
    net = Detector()
    if start:
        net.load_state_dict(start)
    net = net.to(where, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.02)
    average = Average(net)
    run = Run(name, minutes, steps, resume)
    if run.state:
        net.load_state_dict(run.state["net"])
        optimiser.load_state_dict(run.state["optimiser"])
        average.state, average.updates = run.state["average"], run.state["updates"]
    check = DetectionCheck() if validate else None
    print(f"detector: {parameter_count(net)} parameters", flush=True)
    stop, batches = threading.Event(), queue.Queue(4)
    pool = ScenePool("scenes", seed + run.step)
    threading.Thread(target=_batches, args=(pool, batch, batches, stop), daemon=True).start()
    sums: list[list[float]] = []
    first: float | None = None
    last = 0.0
    checked = time.time()

    def parts() -> dict:
        return {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "average": average.state, "updates": average.updates}

    def averaged() -> Detector:
        best = Detector()
        best.load_state_dict(average.state)
        return best.to(where, memory_format=torch.channels_last)

    try:
        while run.share() < 1:
            got = batches.get()
            if isinstance(got, BaseException):
                raise got
            heat, wanted, box_weight, heat_weight = (torch.from_numpy(part).to(where) for part in got[1:])
            x = input_tensor(got[0]).to(where).contiguous(memory_format=torch.channels_last)
            for group in optimiser.param_groups:
                group["lr"] = run.rate(1.5e-3)
            net.train()
            with half_precision(where):
                logits, distances = net(x)
            heat_part = heat_loss(logits[:, 0].float(), heat, heat_weight)
            box_part = box_loss(distances, wanted, box_weight)
            loss = heat_part + 4.0 * box_part
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
            optimiser.step()
            average.update(net)
            run.step += 1
            sums.append([loss.item(), heat_part.item(), box_part.item()])
            if run.step % log_every == 0 or run.share() >= 1:
                mean = np.mean(sums, 0)
                first = float(mean[0]) if first is None else first
                last = float(mean[0])
                run.log(loss=round(last, 4), heat=round(mean[1], 4), box=round(mean[2], 4), passes=pool.passes, rate=run.rate(1.5e-3))
                sums.clear()
            if check and time.time() - checked > 420:
                run.log(**check(averaged(), where))
                checked = time.time()
            run.save(**parts())
    finally:
        stop.set()
    run.save(force=True, **parts())
    result = {"first": first or last, "last": last}
    if check:
        figures = check(averaged(), where)
        run.log(**figures)
        result |= figures
    return result
