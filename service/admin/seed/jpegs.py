"""Photographs made from a number: smooth light, shapes and grain, so that their JPEGs vary in size as real ones do."""

import os
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

COUNT = 24
QUALITY = 80
RECIPE = 2
"""To be raised when the same numbers make another image, so that nobody is served an old one from the cache."""
_SIZES = ((612, 612), (640, 640), (800, 600), (1080, 1080), (1280, 960))


def load_jpegs(seed: int, directory: Path) -> list[Path]:
    """COUNT files in `directory`, about 30 to 300 kB each; made unless they are there."""
    directory.mkdir(parents=True, exist_ok=True)
    files = [directory / f"{RECIPE}-{seed}-{number:02}.jpg" for number in range(COUNT)]
    for number, file in enumerate(files):
        if not file.exists():
            partial = file.with_suffix(f".{os.getpid()}.partial")
            partial.write_bytes(make_jpeg(seed, number))
            partial.replace(file)
    return files


def make_jpeg(seed: int, number: int) -> bytes:
    """One JPEG; the same bytes for the same two numbers."""
    random = np.random.default_rng((seed, number))
    width, height = _SIZES[number % len(_SIZES)]
    image = _light(random, width, height)
    _draw_shapes(random, image)
    buffer = BytesIO()
    _add_grain(random, image).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _light(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """A few colours that flow into each other."""
    colours = random.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((width, height), Image.Resampling.BICUBIC)


def _draw_shapes(random: np.random.Generator, image: Image.Image) -> None:
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(5, 40))):
        x, y = random.integers(0, image.width), random.integers(0, image.height)
        across, down = random.integers(10, image.width // 3), random.integers(10, image.height // 3)
        colour = tuple(int(part) for part in random.integers(0, 256, 3))
        shape = draw.ellipse if random.random() < 0.5 else draw.rectangle
        shape((int(x), int(y), int(x + across), int(y + down)), fill=colour)


def _add_grain(random: np.random.Generator, image: Image.Image) -> Image.Image:
    """Noise as of a sensor; it decides how many bytes the JPEG takes."""
    strength = random.uniform(2, 10)
    noise = random.standard_normal((image.height, image.width, 1), dtype=np.float32) * strength
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
