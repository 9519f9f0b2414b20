"""Image and mask files of every odd kind: the right pixels, or one plain reason."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from benchbench.datasets.sources.decode import MAX_PIXELS, decode, decode_mask, open_rgba
from benchbench.errors import BenchError

ROTATE = 0x0112
Pixels = np.ndarray
# What a viewer shows of the stored pixels, by the EXIF standard's words for each orientation.
SHOWN: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: lambda p: np.rot90(p, 1),
}


def colours(height: int = 3, width: int = 4) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def saved(folder: Path, image: Image.Image, name: str, **options: object) -> Path:
    image.save(folder / name, **options)  # type: ignore[arg-type]
    return folder / name


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ROTATE] = orientation
    return exif


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def claims(path: Path, width: int, height: int) -> Path:
    """A PNG of a few bytes that says it has so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


@pytest.mark.parametrize("orientation", SHOWN)
def test_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    path = saved(tmp_path, Image.fromarray(colours()), "a.png", exif=turned(orientation))
    np.testing.assert_array_equal(np.array(decode(path)), SHOWN[orientation](colours()))


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.ppm", "a.webp"])
@settings(max_examples=15, deadline=None)
@given(pixels=arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3))))
def test_lossless_formats_give_the_very_pixels(
    tmp_path_factory: pytest.TempPathFactory, name: str, pixels: Pixels
) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    path = saved(tmp_path_factory.mktemp("d"), Image.fromarray(pixels), name, **options)
    picture = decode(path)
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(np.array(picture), pixels)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.webp", "a.tif", "a.gif", "a.ppm"])
def test_one_pixel(tmp_path: Path, name: str) -> None:
    picture = decode(saved(tmp_path, Image.new("RGB", (1, 1), (200, 100, 50)), name))
    assert (picture.size, picture.mode) == ((1, 1), "RGB")
    np.testing.assert_allclose(np.array(picture)[0, 0], (200, 100, 50), atol=4)


def test_transparency_is_composited_on_white(tmp_path: Path) -> None:
    alpha = np.array([[0, 51, 255, 204]] * 3, np.uint8)
    pixels = np.dstack([colours(), alpha])
    share = alpha[:, :, None] / 255
    expected = colours() * share + 255 * (1 - share)
    picture = decode(saved(tmp_path, Image.fromarray(pixels), "a.png"))
    np.testing.assert_allclose(np.array(picture), expected, atol=1)


def test_grey_with_alpha_is_composited_on_white(tmp_path: Path) -> None:
    image = Image.merge("LA", [Image.new("L", (2, 1), 100), Image.fromarray(np.array([[0, 255]], np.uint8))])
    assert np.array(decode(saved(tmp_path, image, "a.png")))[0].tolist() == [[255] * 3, [100] * 3]


@pytest.mark.parametrize(("mode", "colour"), [("RGB", (9, 8, 7)), ("L", 9), ("P", 1), ("I;16", 999)])
def test_the_colour_that_means_transparent_is_white(tmp_path: Path, mode: str, colour: int | tuple[int, ...]) -> None:
    image = Image.new(mode, (2, 2), colour)
    if mode == "P":
        image.putpalette([1, 2, 3, 4, 5, 6])
    picture = decode(saved(tmp_path, image, "a.png", transparency=colour))
    assert np.array(picture).min() == 255


def test_a_palette_gives_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [2, 0]], np.uint8), "L").convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    pixels = np.array(decode(saved(tmp_path, image, "a.png")))
    assert pixels.tolist() == [[[10, 20, 30], [40, 50, 60]], [[70, 80, 90], [10, 20, 30]]]


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[True, False, True]]))
    assert np.array(decode(saved(tmp_path, image, "a.png")))[0, :, 1].tolist() == [255, 0, 255]


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.ppm"])
@settings(max_examples=15, deadline=None)
@given(grey=arrays(np.uint16, (2, 3)))
def test_sixteen_bits_are_scaled_by_their_range(
    tmp_path_factory: pytest.TempPathFactory, name: str, grey: Pixels
) -> None:
    pixels = np.array(decode(saved(tmp_path_factory.mktemp("d"), Image.fromarray(grey), name)))
    for channel in range(3):
        np.testing.assert_allclose(pixels[:, :, channel], grey / 65535 * 255, atol=0.501)


def test_big_endian_sixteen_bits(tmp_path: Path) -> None:
    image = Image.frombytes("I;16B", (2, 1), struct.pack(">HH", 0x8000, 0xFFFF))
    assert np.array(decode(saved(tmp_path, image, "a.tif")))[0, :, 0].tolist() == [128, 255]


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_pixels_of_unknown_range_are_refused(tmp_path: Path, dtype: type) -> None:
    path = saved(tmp_path, Image.fromarray(np.ones((2, 2), dtype)), "deep.tif")
    with pytest.raises(BenchError, match=r"deep\.tif: 32-bit pixels, whose range is not known"):
        decode(path)


@pytest.mark.parametrize("rgb", [(255, 0, 0), (0, 200, 90), (255, 255, 255), (20, 20, 20)])
def test_adobes_inverted_cmyk(tmp_path: Path, rgb: tuple[int, int, int]) -> None:
    """The stored bytes are 255 minus the ink, as Adobe's marker says, so a reader that takes them for ink inverts."""
    path = saved(tmp_path, Image.new("RGB", (16, 16), rgb).convert("CMYK"), "a.jpg", quality=95)
    assert b"Adobe" in path.read_bytes()
    np.testing.assert_allclose(np.array(decode(path))[8, 8], rgb, atol=4)


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    path = saved(tmp_path, first, "a.gif", save_all=True, append_images=[second])
    assert decode(path).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("lost", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("name", ["half.jpg", "half.png"])
def test_a_truncated_file_is_an_error(tmp_path: Path, name: str, lost: float) -> None:
    path = saved(tmp_path, Image.fromarray(colours(64, 64)), name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * (1 - lost))])
    with pytest.raises(BenchError, match=r"half\.\w+: the file (cannot be decoded: .*[Tt]runcated|is not an image)"):
        decode(path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jpg", b"", "the file is empty (0 bytes)"),
        ("text.jpg", b"not a photograph", "the file is not an image of a known format (JPEG, PNG,"),
        (
            "figure.png",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            "the file is not an image of a known format",
        ),
    ],
)
def test_what_is_no_image_says_so(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BenchError) as caught:
        decode(tmp_path / name)
    assert str(caught.value).startswith(f"{name}: {reason}")


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"^gone\.png: there is no such file$"):
        decode(tmp_path / "gone.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(BenchError, match=r"^folder\.png: the file cannot be decoded"):
        decode(tmp_path / "folder.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("pixels", [MAX_PIXELS + 1, 3 * MAX_PIXELS])
def test_a_decompression_bomb_is_refused(tmp_path: Path, pixels: int) -> None:
    with pytest.raises(BenchError, match=r"bomb\.png: the image has more than 50,000,000 pixels"):
        decode(claims(tmp_path / "bomb.png", pixels, 1))


def test_a_bomb_is_refused_where_pillows_own_limit_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(BenchError, match=r"more than 50,000,000 pixels\. Scale it down.*max_pixels"):
        decode(claims(tmp_path / "bomb.png", 60_000, 60_000))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_bytes_raise_anything_but_a_bench_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM"]))
    buffer = io.BytesIO()
    Image.fromarray(colours(5, 5)).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("d") / "fuzzed.jpg"
    path.write_bytes(bytes(content))
    for read in (decode, decode_mask, open_rgba):
        try:
            read(path)
        except BenchError as error:
            assert error.where == "fuzzed.jpg"  # noqa: PT017 - either outcome is right, no other error is


def test_rgba_keeps_transparency(tmp_path: Path) -> None:
    pixels = np.dstack([colours(), np.full((3, 4), 77, np.uint8)])
    np.testing.assert_array_equal(np.array(open_rgba(saved(tmp_path, Image.fromarray(pixels), "a.png"))), pixels)


OBJECT = np.array([[0, 1, 0], [1, 1, 0]], bool)


def test_masks_of_every_lossless_kind(tmp_path: Path) -> None:
    flags = OBJECT.astype(np.uint8)
    blue = np.zeros((2, 3, 3), np.uint8)
    blue[OBJECT, 2] = 1
    white_first = Image.fromarray(1 - flags).convert("P")
    white_first.putpalette([255, 255, 255, 0, 0, 0])
    kinds = {
        "ones.png": Image.fromarray(flags),
        "full.bmp": Image.fromarray(flags * 255),
        "bit.png": Image.fromarray(OBJECT),
        "deep.png": Image.fromarray(flags.astype(np.uint16)),
        "blue.png": Image.fromarray(blue),
        "white-is-index-0.png": white_first,
        "opaque.png": Image.fromarray(blue).convert("RGBA"),
        "turned.png": None,
    }
    for name, image in kinds.items():
        if image is None:
            saved(tmp_path, Image.fromarray(np.rot90(flags, 1)), name, exif=turned(6))
        else:
            saved(tmp_path, image, name)
        mask = decode_mask(tmp_path / name).numpy()
        np.testing.assert_array_equal(mask, OBJECT, err_msg=name)


def test_a_jpeg_mask_has_no_halo(tmp_path: Path) -> None:
    pixels = np.zeros((40, 40), np.uint8)
    pixels[11:27, 13:30] = 255
    path = saved(tmp_path, Image.fromarray(pixels), "a.jpg", quality=60)
    stored = np.array(Image.open(path))
    assert (stored[pixels == 0] > 0).any(), "the case is only a case where JPEG leaves a halo"
    np.testing.assert_array_equal(decode_mask(path).numpy(), pixels > 0)


def test_masks_that_may_mean_two_things_are_refused(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (3, 3), (0, 0, 0, 0))
    with pytest.raises(BenchError, match=r"clear\.png: the mask has transparent pixels"):
        decode_mask(saved(tmp_path, clear, "clear.png"))
    with pytest.raises(BenchError, match=r"dark\.jpg: a JPEG mask whose brightest pixel is below 128"):
        decode_mask(saved(tmp_path, Image.new("L", (9, 9), 20), "dark.jpg"))


def test_an_all_black_mask_is_an_empty_object(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        assert not decode_mask(saved(tmp_path, Image.new("L", (9, 9)), name)).any()
