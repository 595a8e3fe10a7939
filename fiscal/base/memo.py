"""Results that are kept by the content of what they were made from.

What a scenario does not change is then worked out once in a process: people, contributions, opening balances, and
rates of withdrawal are the same in a run and in the next with another adoption. A function that is remembered must
depend on its arguments and on the data tables alone. Its arrays are kept read-only; of a frame each caller gets a copy.
Where the content of an argument cannot be told, nothing is kept.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

KEPT = 4
"""Results of one function that are kept, the latest."""

_ALL: list[OrderedDict[Any, Any]] = []
_LOCK = threading.Lock()
_NOTHING: Any = object()


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """The function, its latest results kept in this process by the content of its arguments and by data folder."""
    return _remembered(function, KEPT)


def remembering(most: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """As :func:`remembered`, with another number of results that are kept."""
    return lambda function: _remembered(function, most)


def _remembered(function: Callable[P, R], most: int) -> Callable[P, R]:
    kept: OrderedDict[Any, Any] = OrderedDict()
    _ALL.append(kept)

    @wraps(function)
    def found(*args: P.args, **options: P.kwargs) -> R:
        try:
            key = _data(), _content(args), _content(options)
        except TypeError:  # an iterator, say, whose content is gone once it is read
            return function(*args, **options)
        with _LOCK:
            own = kept.get(key, _NOTHING)
            if own is not _NOTHING:
                kept.move_to_end(key)
        if own is _NOTHING:
            own = _read_only(function(*args, **options))
            with _LOCK:
                kept[key] = own
                while len(kept) > most:
                    kept.popitem(last=False)
        answer: R = _handed_out(own)
        return answer

    return found


def depend_on(data: Callable[[], Hashable]) -> None:
    """Say what identifies the data that functions read, and that drops everything kept when it has changed."""
    global _data
    _data = data


def _data() -> Hashable:
    return None


def forget() -> None:
    """Drop everything that is kept, because a table has changed."""
    with _LOCK:
        for kept in _ALL:
            kept.clear()


def _content(value: Any) -> Any:
    """What identifies a value: numbers and texts themselves with their type, arrays and frames by hash."""
    if isinstance(value, float):
        return type(value).__name__, float(value).hex()  # tells -0.0 from 0.0 and finds NaN again
    if value is None or isinstance(value, str | bool | int):
        return type(value).__name__, value
    if is_dataclass(value):
        return type(value).__name__, tuple(_content(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple | list | range):
        return type(value).__name__, tuple(map(_content, value))
    if isinstance(value, Mapping):
        return "mapping", tuple((key, _content(one)) for key, one in value.items())
    if hasattr(value, "__array_interface__"):
        if value.dtype.hasobject:  # its bytes are addresses
            return value.dtype.str, value.shape, _content(value.ravel().tolist())
        return value.dtype.str, value.shape, hashlib.blake2b(value.tobytes(), digest_size=16).digest()
    if hasattr(value, "to_numpy") and hasattr(value, "axes"):  # a frame or a series
        columns = [value.iloc[:, at] for at in range(value.shape[1])] if value.ndim > 1 else [value]
        kinds = tuple(str(column.dtype) for column in columns)
        name = None if value.ndim > 1 else _content(value.name)
        return name, *map(_content, value.axes), kinds, *(_content(column.to_numpy()) for column in columns)
    if hasattr(value, "to_numpy"):  # an index
        return type(value).__name__, _content(list(value.names)), _content(value.to_numpy())
    raise TypeError(f"cannot remember by {type(value).__name__}")


def _read_only(value: Any) -> Any:
    """The value, its arrays read-only."""
    if hasattr(value, "__array_interface__") and hasattr(value, "flags"):
        value.flags.writeable = False
    elif isinstance(value, tuple | list):
        for one in value:
            _read_only(one)
    elif isinstance(value, Mapping):
        for one in value.values():
            _read_only(one)
    elif is_dataclass(value):
        for field in fields(value):
            _read_only(getattr(value, field.name))
    return value


def _handed_out(value: Any) -> Any:
    """A copy of a frame, which its callers may change; anything else as it is."""
    return value.copy() if hasattr(value, "to_numpy") and hasattr(value, "axes") else value
