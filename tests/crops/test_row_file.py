"""Arrays on disk, written and read row by row: the bytes equal those that NumPy writes."""

from pathlib import Path

import numpy as np
import pytest

from keypoints.core.errors import PipelineError
from keypoints.crops.row_file import RowFile


@pytest.fixture
def array() -> np.ndarray:
    return np.random.default_rng(1).random((50, 4, 2))


@pytest.fixture
def path(tmp_path: Path, array: np.ndarray) -> Path:
    np.save(tmp_path / "array.npy", array)
    return tmp_path / "array.npy"


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 3), (99, 5, 2), (1000, 2, 3, 1)])
def test_rows_written_in_any_order_give_the_bytes_of_the_whole_array(
    tmp_path: Path, shape: tuple[int, ...], dtype: type
):
    rng = np.random.default_rng(1)
    array = (rng.random(shape) * 255).astype(dtype)
    with RowFile.create(tmp_path / "rows.npy", shape, dtype) as file:
        for row in rng.permutation(len(array)):
            file[row] = array[row]
    np.save(tmp_path / "once.npy", array)
    assert (tmp_path / "rows.npy").read_bytes() == (tmp_path / "once.npy").read_bytes()


def test_rows_are_read_in_the_requested_order(path: Path, array: np.ndarray):
    with RowFile.open(path) as file:
        assert (len(file), file.shape, file.dtype) == (50, (50, 4, 2), np.float64)
        np.testing.assert_array_equal(file[7], array[7])
        np.testing.assert_array_equal(file[np.int64(7)], array[7])
        np.testing.assert_array_equal(file[[9, 0, 49, 9]], array[[9, 0, 49, 9]])
        np.testing.assert_array_equal(file[np.arange(50)], array)
        assert file[[]].shape == (0, 4, 2)


def test_one_number_fills_a_row(tmp_path: Path):
    with RowFile.create(tmp_path / "a.npy", (3, 4, 2), float) as file:
        file[1] = np.nan
    np.testing.assert_array_equal(np.isnan(np.load(tmp_path / "a.npy")).all((1, 2)), [0, 1, 0])


def test_a_row_of_another_shape_is_rejected(tmp_path: Path):
    with (
        RowFile.create(tmp_path / "a.npy", (3, 4, 2), float) as file,
        pytest.raises(ValueError, match="broadcast"),
    ):
        file[0] = np.zeros((5, 2))


@pytest.mark.parametrize("row", [-1, 50])
def test_a_missing_row_is_rejected(path: Path, row: int):
    with RowFile.open(path) as file, pytest.raises(IndexError, match=f"no row {row}; it has 50"):
        file[row]


def test_a_truncated_file_is_named_with_its_first_missing_face(path: Path, array: np.ndarray):
    path.write_bytes(path.read_bytes()[:-1])
    with RowFile.open(path) as file:
        np.testing.assert_array_equal(file[48], array[48])
        with pytest.raises(OSError, match=r"array\.npy: cut short at face 49"):
            file[[48, 49]]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_named_with_the_remedy():
    with pytest.raises(OSError, match="/dev/full: No space left on device; free some space and"):
        RowFile.create(Path("/dev/full"), (3, 4, 2), float)


def test_another_write_error_does_not_mention_a_full_disk(tmp_path: Path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((3, 2)))
    with (
        RowFile.open(path) as file,  # for reading only
        pytest.raises(OSError, match=r"a\.npy: Bad file descriptor; run `dvc repro prepare@"),
    ):
        file[0] = 1


@pytest.mark.parametrize("content", [b"", b"<<<<<<< HEAD", b"\x93NUMPY\2\0"])
def test_a_damaged_header_is_named_with_the_remedy(path: Path, content: bytes):
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"array\.npy: damaged .*; run `dvc repro`"):
        RowFile.open(path)
