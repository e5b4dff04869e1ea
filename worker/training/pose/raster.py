"""Draws capsules into a depth buffer: which one is in front at each pixel, and how it faces us."""

import numpy as np
from numpy.typing import NDArray

from worker.training.pose.camera import PX, Camera, project
from worker.training.pose.compiled import compiled

FAR = np.float32(1e9)


class Canvas:
    """What is nearest at each pixel: depth, the capsule's index (-1: nothing), place, normal."""

    def __init__(self) -> None:
        self.depth = np.full((PX, PX), FAR, np.float32)
        self.index = np.full((PX, PX), -1, np.int32)
        self.along = np.zeros((PX, PX), np.float32)  # 0..1 from one end to the other
        self.normal = np.zeros((PX, PX, 3), np.float32)  # right, down, away

    def draw(
        self,
        camera: Camera,
        capsules: NDArray[np.float64],
        first: int,
        fluff: NDArray[np.float64],
        fur: NDArray[np.float32],
    ) -> None:
        """Draw capsules (n, 8), numbered from `first`; `fluff` (n,) lets fur stand off."""
        a = project(camera, capsules[:, 0:3], capsules[:, 3])
        b = project(camera, capsules[:, 4:7], capsules[:, 7])
        sizes = np.stack([capsules[:, 3], capsules[:, 7]], axis=1)
        fill(self.depth, self.index, self.along, self.normal, a, b, sizes, first, fluff, fur)


@compiled
def fill(
    depth: NDArray[np.float32],
    index: NDArray[np.int32],
    along: NDArray[np.float32],
    normal: NDArray[np.float32],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    sizes: NDArray[np.float64],
    first: int,
    fluff: NDArray[np.float64],
    fur: NDArray[np.float32],
) -> None:
    """Rasterise; one loop over pixels of each capsule's box, hence its length."""
    n_rows, n_columns = depth.shape
    size = fur.shape[0]
    for i in range(len(a)):
        if a[i, 2] < -50 or b[i, 2] < -50:
            continue
        wide = 1 + 1.5 * fluff[i]
        ra, rb = a[i, 3] * wide, b[i, 3] * wide
        x0 = max(0, int(min(a[i, 0] - ra, b[i, 0] - rb)))
        x1 = min(n_columns, int(max(a[i, 0] + ra, b[i, 0] + rb)) + 2)
        y0 = max(0, int(min(a[i, 1] - ra, b[i, 1] - rb)))
        y1 = min(n_rows, int(max(a[i, 1] + ra, b[i, 1] + rb)) + 2)
        dx, dy = b[i, 0] - a[i, 0], b[i, 1] - a[i, 1]
        length2 = dx * dx + dy * dy + 1e-9
        for y in range(y0, y1):
            for x in range(x0, x1):
                px, py = x + 0.5 - a[i, 0], y + 0.5 - a[i, 1]
                t_near = min(1.0, max(0.0, (px * dx + py * dy) / length2))
                stands = 1 + fluff[i] * fur[(y * 2 + i * 7) % size, (x * 2 + i * 13) % size]
                for candidate in range(3):
                    t = t_near if candidate == 0 else float(candidate - 1)
                    r = (a[i, 3] + (b[i, 3] - a[i, 3]) * t) * stands
                    ex, ey = px - t * dx, py - t * dy
                    d2 = ex * ex + ey * ey
                    if d2 >= r * r:
                        continue
                    bulge = np.sqrt(r * r - d2) / r
                    body = sizes[i, 0] + (sizes[i, 1] - sizes[i, 0]) * t
                    z = a[i, 2] + (b[i, 2] - a[i, 2]) * t - bulge * body
                    if z < depth[y, x]:
                        depth[y, x] = z
                        index[y, x] = i + first
                        along[y, x] = t
                        normal[y, x, 0] = ex / r
                        normal[y, x, 1] = ey / r
                        normal[y, x, 2] = -bulge
