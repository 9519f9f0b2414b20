"""Tables of a finished run for papers and README files, as Python asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from ..errors import BenchError
from ..reports.leaderboard.selection import COLUMNS, KEYS, METRICS, Names, Selection
from ..reports.table_options import TableOptions


class Shown(TypedDict, total=False):
    """What a table shows, and where: the keyword arguments of ``Run.to_latex`` and ``Run.to_markdown``.

    Args:
        methods, metrics, networks, datasets, layers: keys or display names, or a single one, in the order of the
            table; all if not given. ``deletion@rise-28`` is a metric under a single protocol.
        names: by key or display name, the name that this table shows; or ``"keys"``: the names of study files in place
            of display names.
        rows: ``methods`` (default) or ``networks``.
        columns: ``metrics``, ``networks`` (each network and data) or ``layers``; ``methods`` where networks are in the
            rows. ``auto`` (default) is ``networks`` for one metric in several settings, else ``metrics``.
        rank: whether a last column has the mean rank; default False.
        share: whether columns of shares of the ceiling stand behind the metrics that a control is made to win; default
            False.
        cite: whether names are followed by ``\\cite`` with the keys of ``Run.bibtex``, in LaTeX; default False.
    """

    methods: Iterable[str] | str
    metrics: Iterable[str] | str
    networks: Iterable[str] | str
    datasets: Iterable[str] | str
    layers: Iterable[str] | str
    names: Names
    rows: str
    columns: str
    rank: bool
    share: bool
    cite: bool


def options_of(style: str, spread: str, shown: Shown) -> TableOptions:
    """The options of a table.

    Raises:
        BenchError: a keyword argument that there is not, or names that are no texts.
    """
    unknown = [name for name in shown if name not in Shown.__annotations__]
    if unknown:
        raise BenchError(f"unknown argument {unknown[0]!r}", hint=f"Available: {', '.join(Shown.__annotations__)}")
    values: dict[str, Any] = {**shown}
    listed = {kind: _listed(kind, values.get(kind, ())) for kind in (*COLUMNS, METRICS)}
    selection = Selection(**listed, names=_names(shown.get("names", {})))
    layout = (shown.get("rows", "methods"), shown.get("columns", "auto"))
    flags = (shown.get("rank", False), shown.get("share", False), shown.get("cite", False))
    return TableOptions(style, spread, *layout, *flags, selection)


def _names(names: object) -> Names:
    if names == KEYS:
        return KEYS
    if not isinstance(names, Mapping):
        raise BenchError(
            f"names are a mapping, not {names!r}", where="names", hint='Write names={KEY: NAME}, or "keys"'
        )
    return {str(key): str(name) for key, name in names.items()}


def _listed(kind: str, names: object) -> tuple[str, ...]:
    if isinstance(names, str):
        return (names,)
    listed = tuple(names) if isinstance(names, Iterable) else (names,)
    if not all(isinstance(name, str) for name in listed):
        raise BenchError(f"{kind} are names, not {names!r}", where=kind, hint=f'Write {kind}=["NAME", ...]')
    return listed
