"""Faces that a data set contains more than once, found by a perceptual hash.

The hash is the low frequencies of the discrete cosine transform of a face, as in pHash (Zauner,
Implementation and benchmarking of perceptual image hash functions, 2010). It does not change if a
photo is compressed, resized, darkened or cropped. Natural images have most energy at the lowest
frequencies, where all portraits are alike, so each frequency is weighted by its distance from zero.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.core.geometry import enlarge_box
from keypoints.core.parallel import parallel_map
from keypoints.core.types import Array
from keypoints.faces.face import Box, Face
from keypoints.faces.images import read_photo

_SIZE = 32  # px, of the face that is transformed
_N_FREQUENCIES = 12  # per axis
_BOX_SCALE = 1.5  # of the region to the face's box
# Among 2.4 million pairs of faces of 300-W, 95 are more similar: one photo, or two of a series, but
# for one pair. Some copies with other colours are less similar, down to 0.67.
_MIN_SIMILARITY = 0.75


def perceptual_hash(photo: NDArray[np.uint8], box: Box | None) -> Array:
    """Hash of a face, of length 1; the product of two hashes is the similarity of two faces.

    `photo` is grayscale, (height, width). A box of None means the whole frame.
    """
    height, width = photo.shape
    x0, y0, x1, y1 = enlarge_box(box or (0, 0, width, height), _BOX_SCALE, _BOX_SCALE)
    region = photo[max(0, int(y0)) : max(0, int(y1)), max(0, int(x0)) : max(0, int(x1))]
    if not region.size:  # `prepare` rejects a face outside of its photo
        region = photo
    face = cv2.resize(region, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
    spectrum = cv2.dct(face.astype(np.float32))[:_N_FREQUENCIES, :_N_FREQUENCIES]
    weighted = spectrum * np.hypot(*np.ogrid[:_N_FREQUENCIES, :_N_FREQUENCIES])
    return np.asarray(weighted.ravel() / max(float(np.linalg.norm(weighted)), 1e-9), float)


def flip_hashes(hashes: Array) -> Array:
    """Hashes of the flipped faces, (n_faces, n): odd horizontal frequencies change their signs."""
    signs = np.where(np.arange(_N_FREQUENCIES) % 2, -1.0, 1.0)
    return hashes * np.tile(signs, _N_FREQUENCIES)


def find_duplicate_groups(
    faces: Sequence[Face],
    root: Path,
    photo_id: Callable[[str], str] = str,
    *,
    with_flips: bool = False,
) -> dict[str, str]:
    """Find groups that belong together: they contain similar faces, or have the same photo id.

    Args:
        faces: Faces, of which some may be duplicates.
        root: Folder of the data set.
        photo_id: Function that returns the photo id of a group; by default its name.
        with_flips: Whether faces are also compared with the horizontal flips of others.

    Returns:
        The new name of each group that gets one: the first of the names, in alphabetical order,
        of the groups that are connected to it. It does not depend on the order of the faces.

    Raises:
        FormatError: If a photo cannot be read.
    """
    from scipy.sparse import coo_matrix  # these take a second to import
    from scipy.sparse.csgraph import connected_components
    from sklearn.neighbors import radius_neighbors_graph

    def hash_face(face: Face) -> Array:
        return perceptual_hash(read_photo(root / face.photo, colour=False), face.box)

    groups = sorted({face.group for face in faces})
    numbers = {group: number for number, group in enumerate(groups)}
    group_numbers = np.array([numbers[face.group] for face in faces])
    radius = np.sqrt(2 - 2 * _MIN_SIMILARITY)  # distance of two hashes with this similarity
    hashes = np.stack([*parallel_map(hash_face, faces)])
    if with_flips:
        hashes = np.concatenate([hashes, flip_hashes(hashes)])
        group_numbers = np.tile(group_numbers, 2)
    similar = radius_neighbors_graph(hashes, radius).tocoo()
    with_id = {photo_id(group): number for group, number in numbers.items()}
    one = np.concatenate([group_numbers[similar.row], np.arange(len(groups))])
    other = np.concatenate([group_numbers[similar.col], [with_id[photo_id(g)] for g in groups]])
    links = coo_matrix((np.ones(len(one)), (one, other)), shape=(len(groups), len(groups)))
    _, components = connected_components(links, directed=False)
    _, first = np.unique(components, return_index=True)
    return {
        group: groups[first[component]]
        for group, component in zip(groups, components, strict=True)
        if groups[first[component]] != group
    }
