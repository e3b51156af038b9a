"""Photos are read in the frame of their annotations, and refused when they are not whole."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from keypoints.faces.face import FormatError
from keypoints.faces.images import check_photos, photo_size, read_photo

HEIGHT, WIDTH = 32, 48
ORIENTATION = 0x0112  # of EXIF; 6: the camera was turned to the right


def left_red_right_blue() -> Image.Image:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, : WIDTH // 2, 0] = 255
    pixels[:, WIDTH // 2 :, 2] = 255
    return Image.fromarray(pixels)


def write_jpeg(path: Path, orientation: int = 1) -> Path:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    left_red_right_blue().save(path, quality=95, subsampling=0, exif=exif)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_is_read_as_stored_whatever_exif_says(tmp_path: Path, orientation: int):
    path = write_jpeg(tmp_path / "turned.jpg", orientation)
    assert photo_size(path) == (HEIGHT, WIDTH)
    assert read_photo(path, colour=False).shape == (HEIGHT, WIDTH)
    photo = read_photo(path, colour=True)
    assert photo.shape == (HEIGHT, WIDTH, 3)
    assert photo[16, 4, 0] > 240 > 10 > photo[16, 4, 2]  # red on the left: red, green, blue


def test_grey_photo_can_be_read_in_colour(tmp_path: Path):
    path = tmp_path / "grey.png"
    assert cv2.imwrite(str(path), np.full((HEIGHT, WIDTH), 77, np.uint8))
    assert read_photo(path, colour=True).shape == (HEIGHT, WIDTH, 3)
    assert (read_photo(path, colour=True) == 77).all()
    assert (read_photo(path, colour=False) == 77).all()


def test_grey_of_a_colour_photo_weighs_its_channels(tmp_path: Path):
    path = tmp_path / "colour.png"
    left_red_right_blue().save(path)
    grey = read_photo(path, colour=False)
    assert grey[0, 0] == round(0.299 * 255)
    assert grey[0, -1] == round(0.114 * 255)


def test_size_is_height_and_width(tmp_path: Path):
    Image.new("L", (17, 13)).save(tmp_path / "wide.png")
    assert photo_size(tmp_path / "wide.png") == (13, 17)


def test_missing_photo_is_named(tmp_path: Path):
    path = tmp_path / "none.jpg"
    with pytest.raises(FormatError, match=r"none\.jpg: missing"):
        read_photo(path, colour=True)
    with pytest.raises(FormatError, match=r"none\.jpg: missing"):
        photo_size(path)
    with pytest.raises(FormatError, match=r"none\.jpg: missing"):
        check_photos([path])


def test_text_named_jpg_is_no_photo(tmp_path: Path):
    path = tmp_path / "text.jpg"
    path.write_text("<html>404</html>")
    with pytest.raises(FormatError, match=r"text\.jpg: not a photo"):
        read_photo(path, colour=True)
    with pytest.raises(FormatError, match=r"text\.jpg: not a photo"):
        photo_size(path)
    with pytest.raises(FormatError, match=r"text\.jpg: not a photo"):
        check_photos([path])


def noise(suffix: str) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_photo_that_is_cut_short_is_named(tmp_path: Path, suffix: str, share: float):
    content = noise(suffix)
    path = tmp_path / f"short{suffix}"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FormatError, match=rf"short\{suffix}: not a whole photo"):
        check_photos([path])


@pytest.mark.parametrize("n_cut", [0, 2, 500])
def test_a_jpeg_is_decoded_as_from_its_file_even_without_its_end(tmp_path: Path, n_cut: int):
    path, content = tmp_path / "photo.jpg", noise(".jpg")
    path.write_bytes(content[: len(content) - n_cut])
    assert (read_photo(path, colour=True) == cv2.imread(str(path))[..., ::-1]).all()
    assert (read_photo(path, colour=False) == cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)).all()


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_jpeg(tmp_path / "large.jpg")
    monkeypatch.setattr("keypoints.faces.images.MAX_BYTES", 100)
    with pytest.raises(FormatError, match=r"large\.jpg: a file of more than 100 bytes"):
        read_photo(path, colour=True)


def test_empty_file_is_named(tmp_path: Path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(FormatError, match=r"empty\.jpg: not a photo"):
        check_photos([tmp_path / "empty.jpg"])


def test_chunk_beyond_the_end_of_a_png_takes_no_memory(tmp_path: Path):
    path, content = tmp_path / "photo.png", bytearray(noise(".png"))
    start = content.index(b"IDAT") - 4
    content[start : start + 4] = b"\x7f\xff\xff\xff"  # 2 GB
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"photo\.png: not a whole photo"):
        read_photo(path, colour=True)


def test_what_follows_a_whole_png_is_passed_over(tmp_path: Path):
    path = tmp_path / "photo.png"
    path.write_bytes(noise(".png") + b"a maker's note")
    assert read_photo(path, colour=True).size


def test_whole_photos_pass(tmp_path: Path):
    paths = [write_jpeg(tmp_path / f"{number}.jpg", number + 1) for number in range(8)]
    (tmp_path / "noise.png").write_bytes(noise(".png"))
    check_photos([*paths, tmp_path / "noise.png"])
    check_photos(iter(paths))
    check_photos([])


def test_one_bad_photo_among_many_is_found(tmp_path: Path):
    paths = [write_jpeg(tmp_path / f"{number}.jpg") for number in range(20)]
    paths[13].write_bytes(paths[13].read_bytes()[:-200])
    with pytest.raises(FormatError, match=r"13\.jpg"):
        check_photos(paths)
