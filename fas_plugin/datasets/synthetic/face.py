"""A parametric face: shading of an ellipsoid, skin texture, and features placed by identity."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

#: Side of the square canvas on which a face is drawn, in pixels; the head fills most of it.
CANVAS = 288

#: Face box (x, y, width, height) and eye centres on the canvas, for annotations.
BOX = (76, 78, 136, 164)
EYE_Y = 146

_Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Identity:
    """Everything about a face that stays the same over its clips. Colours are RGB in [0, 1]."""

    skin: _Rgb
    hair: _Rgb
    iris: _Rgb
    lips: _Rgb
    shirt: _Rgb
    head_width: float
    head_height: float
    eye_distance: float
    eye_size: float
    brow: float
    nose: float
    mouth_width: float
    hair_line: float
    hair_length: float
    stripes: float
    beard: float
    texture_seed: int


def make_identity(seed: tuple[int, ...]) -> Identity:
    """Draw an identity; equal seeds give equal identities, different seeds different ones."""
    random = np.random.default_rng(seed)
    tone = random.uniform(0, 1)
    light, dark = np.array((0.94, 0.77, 0.67)), np.array((0.45, 0.30, 0.22))
    skin = light + (dark - light) * tone**1.3 + random.normal(0, 0.015, 3)
    hair = random.choice(
        [(0.08, 0.06, 0.05), (0.25, 0.16, 0.09), (0.5, 0.37, 0.2), (0.35, 0.34, 0.33)]
    )
    return Identity(
        skin=_rgb(skin),
        hair=_rgb(np.array(hair) + random.normal(0, 0.02, 3)),
        iris=_rgb(random.choice([(0.25, 0.15, 0.08), (0.3, 0.42, 0.5), (0.3, 0.38, 0.2)])),
        lips=_rgb(skin * (0.88, 0.6, 0.6)),
        shirt=_rgb(random.uniform(0.1, 0.9, 3)),
        head_width=random.uniform(60, 68),
        head_height=random.uniform(84, 92),
        eye_distance=random.uniform(25, 29),
        eye_size=random.uniform(10.5, 12.5),
        brow=random.uniform(2.0, 4.0),
        nose=random.uniform(0.8, 1.25),
        mouth_width=random.uniform(19, 25),
        hair_line=random.uniform(0.55, 0.75),
        hair_length=random.uniform(0.0, 60.0),
        stripes=float(random.choice([0.0, 0.0, 0.15])),
        beard=float(random.choice([0.0, 0.0, 0.35])),
        texture_seed=int(random.integers(2**31)),
    )


def render(identity: Identity, light: float, blink: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Draw a face with neck and shoulders.

    Args:
        identity: whose face.
        light: where the light comes from, -1 (left) to 1 (right).
        blink: draw closed eyes.

    Returns:
        ``(CANVAS, CANVAS, 3)`` float32 RGB in [0, 1] and ``(CANVAS, CANVAS, 1)`` coverage.
    """
    random = np.random.default_rng(identity.texture_seed)
    size = CANVAS
    y, x = np.mgrid[:size, :size].astype(np.float32)
    centre_x, centre_y = size / 2, 158.0
    image = np.zeros((size, size, 3), np.float32)
    cover = np.zeros((size, size), np.float32)

    shirt = np.array(identity.shirt, np.float32)
    weave = 1 + identity.stripes * np.sign(np.sin(y / 5.5)) * 0.5 + random.normal(0, 0.03, y.shape)
    shoulders = _soft((x - centre_x) ** 2 / 128**2 + (y - 322) ** 2 / 82**2, 1.0, 0.03)
    image, cover = _over(image, cover, shirt * weave[..., None], shoulders)

    skin = np.array(identity.skin, np.float32)
    blotches = _noise(random, size, 14) * 0.05 + _noise(random, size, 4) * 0.03
    pores = _noise(random, size, 0.8) * 0.035
    albedo = skin * (1 + (blotches + pores)[..., None] * (1.0, 0.8, 0.7))

    neck = _soft(np.abs(x - centre_x) / 34, 1.0, 0.06) * (y > 205) * (y < 262)
    image, cover = _over(image, cover, albedo * 0.68, neck)
    if identity.hair_length > 15:
        back = _soft(
            (x - centre_x) ** 2 / 80**2 + (y - 140 - identity.hair_length / 2) ** 2 / 105**2,
            1,
            0.04,
        )
        image, cover = _over(image, cover, _strands(random, identity, x, y), back * (y < 262))
        image, cover = _over(image, cover, albedo * 0.68, neck * (y > 180))
    for side in (-1, 1):
        ear = _soft(
            (x - centre_x - side * identity.head_width) ** 2 / 9**2 + (y - 160) ** 2 / 19**2,
            1,
            0.15,
        )
        image, cover = _over(image, cover, albedo * (0.8, 0.74, 0.72), ear)

    # The head: an ellipsoid that narrows to the chin, shaded by the angle to the light.
    taper = 1 - 0.26 * np.clip((y - centre_y) / identity.head_height, 0, 1) ** 2
    u = (x - centre_x) / (identity.head_width * taper)
    v = (y - centre_y) / identity.head_height
    radius = u**2 + v**2
    depth = np.sqrt(np.clip(1 - radius, 0, 1))
    shade = 0.52 + 0.42 * depth + 0.24 * light * u - 0.12 * v
    shade += _relief(x, y, centre_x, identity)
    head = _soft(radius, 1.0, 0.035)
    image, cover = _over(image, cover, albedo * shade[..., None], head)
    jaw = np.clip((v - 0.38) / 0.25, 0, 1) * np.clip((radius - 0.22) * 3, 0, 1) * head
    image, cover = _over(
        image, cover, np.array(identity.hair, np.float32) * 1.2, jaw * identity.beard
    )

    for side in (-1, 1):
        image, cover = _eye(
            image, cover, x, y, centre_x + side * identity.eye_distance, identity, albedo, blink
        )
    image, cover = _mouth(image, cover, x, y, centre_x, identity)

    edge = centre_y - identity.hair_line * identity.head_height + 10 * np.cos(u * 2.2)
    top = _soft((x - centre_x) ** 2 / 73**2 + (y - 142) ** 2 / 92**2, 1, 0.04)
    cap = top * np.clip((edge - y) / 5 + 12 * np.clip(np.abs(u) - 0.86, 0, 1) * (y < 165), 0, 1)
    image, cover = _over(image, cover, _strands(random, identity, x, y), cap)
    return np.clip(image, 0, 1), cover[..., None]


def _eye(image, cover, x, y, cx, identity: Identity, albedo, blink: bool):
    half = identity.eye_size
    socket = np.exp(-((x - cx) ** 2 / (2 * 14**2) + (y - EYE_Y) ** 2 / (2 * 8**2)))
    image = image * (1 - 0.22 * socket[..., None])
    if blink:
        lid = np.exp(-((y - EYE_Y - 1 - 0.02 * (x - cx) ** 2) ** 2) / 3) * (np.abs(x - cx) < half)
        image, cover = _over(image, cover, albedo * 0.35, lid)
    else:
        bow = 1 - ((x - cx) / half) ** 2
        white = np.clip(
            (np.clip(bow, 0, 1) * half * 0.52 - np.abs(y - EYE_Y)) / 1.2 + 0.5, 0, 1
        ) * (bow > 0)
        image, cover = _over(image, cover, np.array((0.9, 0.88, 0.86), np.float32), white)
        distance = np.hypot(x - cx, y - EYE_Y)
        for radius, colour in ((half * 0.47, identity.iris), (half * 0.21, (0.03, 0.03, 0.03))):
            disc = np.clip(radius - distance + 0.5, 0, 1) * white
            image, cover = _over(image, cover, np.array(colour, np.float32), disc)
        glint = np.clip(1.8 - np.hypot(x - cx - 2, y - EYE_Y + 2.2), 0, 1)
        image, cover = _over(image, cover, np.ones(3, np.float32), glint * white)
        lash = np.exp(-((y - EYE_Y + np.clip(bow, 0, 1) * half * 0.52) ** 2) / 2.2) * (bow > 0)
        image, cover = _over(image, cover, np.full(3, 0.07, np.float32), lash * 0.85)
    arch = EYE_Y - 15 + 0.012 * (x - cx) ** 2
    brow = np.clip((identity.brow - np.abs(y - arch)) / 1.5, 0, 1) * (np.abs(x - cx) < half + 4)
    return _over(image, cover, np.array(identity.hair, np.float32) * 0.9, brow * 0.85)


def _mouth(image, cover, x, y, cx, identity: Identity):
    centre = 204
    half = identity.mouth_width
    bow = np.clip(1 - ((x - cx) / half) ** 2, 0, 1)
    lips = np.clip((bow * 7.5 - np.abs(y - centre)) / 1.5 + 0.3, 0, 1) * (bow > 0)
    gloss = 1 + 0.12 * np.exp(-((y - centre - 3) ** 2) / 4)
    image, cover = _over(
        image, cover, np.array(identity.lips, np.float32) * gloss[..., None], lips * 0.9
    )
    line = np.exp(-((y - centre - 0.6 * np.sin((x - cx) / 6)) ** 2) / 1.4) * (bow > 0)
    return _over(image, cover, np.array(identity.lips, np.float32) * 0.35, line * 0.8)


def _relief(x, y, cx, identity: Identity) -> np.ndarray:
    """Shading of nose, cheeks and chin, as bumps of light and dark."""

    def bump(bx, by, sx, sy):
        return np.exp(-((x - bx) ** 2 / (2 * sx**2) + (y - by) ** 2 / (2 * sy**2)))

    nose = identity.nose
    relief = 0.13 * nose * bump(cx, 165, 4.5, 18) + 0.1 * nose * bump(cx, 180, 8, 6)
    relief -= 0.13 * nose * (bump(cx - 9, 176, 4, 12) + bump(cx + 9, 176, 4, 12))
    for side in (-1, 1):
        relief -= 0.3 * bump(cx + side * 6, 188, 3.5, 2.2)
        relief += 0.07 * bump(cx + side * 34, 180, 14, 12)
    relief -= 0.1 * bump(cx, 216, 20, 4)
    relief += 0.06 * bump(cx, 228, 13, 7)
    return relief


def _strands(random, identity: Identity, x, y) -> np.ndarray:
    fibre = cv2.GaussianBlur(random.normal(0, 1, x.shape).astype(np.float32), (0, 0), 0.8, sigmaY=9)
    fibre /= fibre.std() + 1e-6
    return np.array(identity.hair, np.float32) * (1 + 0.28 * fibre[..., None])


def _noise(random, size: int, sigma: float) -> np.ndarray:
    """Gaussian noise of unit variance, smoothed to blobs of ``sigma`` pixels."""
    noise = cv2.GaussianBlur(random.normal(0, 1, (size, size)).astype(np.float32), (0, 0), sigma)
    return noise / noise.std()


def _soft(value, limit: float, width: float) -> np.ndarray:
    """1 where ``value`` is below ``limit``, 0 above, with a ramp of ``width`` between."""
    return np.clip((limit - value) / width + 0.5, 0, 1).astype(np.float32)


def _over(image, cover, colour, alpha):
    """Paint ``colour`` over both arrays, in place; only the rows and columns that it covers."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if len(rows):
        box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        paint = np.broadcast_to(np.asarray(colour, np.float32), image.shape)[box]
        opacity = alpha[box].astype(np.float32)
        image[box] += (paint - image[box]) * opacity[..., None]
        cover[box] = np.maximum(cover[box], opacity)
    return image, cover


def _rgb(values) -> _Rgb:
    red, green, blue = np.clip(values, 0.02, 0.98)
    return float(red), float(green), float(blue)
