"""The twelve classes of the data set ``shapes`` and of the zoo that is trained on it: a shape with a texture."""

from __future__ import annotations

SHAPES = ("disc", "square", "triangle", "cross")
TEXTURES = ("plain", "striped", "checked")
SHAPE_CLASSES = tuple(f"{texture} {shape}" for shape in SHAPES for texture in TEXTURES)


def parts_of(label: int) -> tuple[str, str]:
    """The shape and the texture of a class.

    Args:
        label: the class index, 0 to 11.

    Example:
        >>> from benchbench.models.shape_classes import parts_of
        >>> parts_of(4)
        ('square', 'striped')
    """
    shape, texture = divmod(label, len(TEXTURES))
    return SHAPES[shape], TEXTURES[texture]
