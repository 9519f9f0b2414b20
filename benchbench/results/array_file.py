"""Maps read from the bytes of a .npy file, which may be anyone's."""

from __future__ import annotations

import io

import numpy as np

from ..errors import message_of
from ..files import Damaged
from .schema import FloatArray


def maps_of(content: bytes, name: str) -> FloatArray:
    """Maps (n, h, w) in the bytes of a .npy file; no pickle is read.

    Raises:
        Damaged: it holds anything else.
    """
    try:
        maps = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # whatever broken bytes lead numpy to
        raise Damaged(f"{name} holds no maps: {message_of(error)}") from None
    return checked_maps(maps, name)


def checked_maps(maps: object, name: str) -> FloatArray:
    """The maps, if they are an array (n, h, w) of float32 with a cell at least.

    Raises:
        Damaged: they are not.
    """
    if not isinstance(maps, np.ndarray) or maps.dtype != np.float32 or maps.ndim != 3 or 0 in maps.shape[1:]:
        raise Damaged(f"{name} holds no maps (n, h, w) of float32")
    return maps
