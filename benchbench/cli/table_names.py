"""The user's names for a table: a YAML or JSON file that maps keys or display names to names."""

from __future__ import annotations

from pathlib import Path

import yaml

from ..errors import BenchError
from ..study.study_file import PlainLoader

_LONGEST = 80  # letters of a name
_BYTES = 1_000_000


def read_names(path: Path) -> dict[str, str]:
    """By key or display name, the name that the table shows.

    Raises:
        BenchError: no such file, not a mapping of texts, or a key twice.
    """
    if not path.is_file():
        raise BenchError("no such file", where=str(path), hint="Give a YAML or JSON file of lines KEY: NAME, or keys")
    if path.stat().st_size > _BYTES:
        raise BenchError(f"it has more than {_BYTES:,} bytes", where=str(path), hint="Give a file of names")
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), PlainLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise BenchError(f"not readable as YAML: {reason}", where=str(path)) from None
    if not isinstance(root, yaml.MappingNode):
        raise BenchError("it is no mapping", where=str(path), hint="Write lines such as gradcam: Grad-CAM (ours)")
    names: dict[str, str] = {}
    for key, value in root.value:
        line = f"{path}, line {key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode):
            raise BenchError("a name is a text", where=line, hint="Write lines such as gradcam: Grad-CAM (ours)")
        if key.value in names:
            raise BenchError(f"{key.value!r} has two names", where=line, hint="Remove one of them")
        if len(value.value) > _LONGEST:
            raise BenchError(f"the name of {key.value!r} is too long", where=line, hint=f"At most {_LONGEST} letters")
        names[key.value] = value.value
    return names
