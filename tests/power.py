"""A disk that loses power: what a program did to a folder is recorded, and every state that may be left is made.

The recorder sees each call that changes a name (through Python's audit hooks), each flush to the disk, and the bytes of
files between them. :class:`Disk` plays a part of that again under the rules of POSIX, which ext4 keeps and exceeds:

- bytes of a file are safe once the file was flushed; until then it may hold none of them, some, or all;
- a name (made, moved, removed) is safe once the folder that holds it was flushed; until then the change may be lost,
  whether or not a later one is;
- moving is atomic, and a change that is safe makes safe what it stands on.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

Event = tuple[Any, ...]
"""``("make", name)`` of a folder, ``("open", name)``, ``("bytes", name, content)``, ``("move", old, new)``,
``("remove", name)``, ``("flush", name)``, and ``("mark", word)`` of the program itself."""


class Recorder:
    """What happens under one folder. Writes of the program's own buffers are seen when it hands them to the system."""

    def __init__(self, root: Path) -> None:
        self.root, self.events = root, list[Event]()
        self._written: dict[str, bytes] = {}

    def mark(self, word: str) -> None:
        """Something that the program holds to be safe from here on."""
        self.events.append(("mark", word))

    def hear(self, event: str, told: tuple[Any, ...]) -> None:
        """One audit event, before it happens."""
        if event == "open":
            name, flags = self._name(told[0]), told[2]
            if name is not None and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.settle()
                if flags & os.O_TRUNC or not (self.root / name).exists():
                    self.events.append(("open", name))
                self._written.setdefault(name, b"")
                if flags & os.O_TRUNC:
                    self._written[name] = b""
        elif event == "os.mkdir":
            name = self._name(told[0], told[2])
            if name is not None and not (self.root / name).exists():  # it fails, and may
                self._add("make", name)
        elif event in ("os.remove", "os.rmdir"):
            name = self._name(told[0], told[1])
            if name is not None and self._goes(self.root / name):
                self._add("remove", name)
        elif event == "os.rename":
            old, new = self._name(told[0], told[2]), self._name(told[1], told[3])
            self._add("move", old, new)
            moved = [name for name in self._written if name == old or name.startswith(f"{old}/")]
            self._written |= {f"{new}{name[len(str(old)) :]}": self._written.pop(name) for name in moved}
        elif event in ("os.link", "os.symlink", "os.truncate"):
            raise NotImplementedError(event)

    def flushed(self, descriptor: int) -> None:
        """The file or folder of a descriptor was flushed to the disk."""
        self._add("flush", self._name(os.readlink(f"/proc/self/fd/{descriptor}")))

    def settle(self) -> None:
        """Note the bytes that files have been given since the last event."""
        for name, before in self._written.items():
            with contextlib.suppress(FileNotFoundError):
                content = (self.root / name).read_bytes()
                if content != before:
                    self._written[name] = content
                    self.events.append(("bytes", name, content))

    @staticmethod
    def _goes(path: Path) -> bool:
        """Whether something is there that can be removed."""
        return path.exists() and not (path.is_dir() and any(path.iterdir()))

    def _add(self, kind: str, *names: str | None) -> None:
        if all(name is not None for name in names):
            self.settle()
            self.events.append((kind, *names))

    def _name(self, path: Any, folder: Any = -1) -> str | None:
        """Relative name of a path under the root; None for others."""
        if not isinstance(path, str | bytes | os.PathLike):
            return None
        text = os.fsdecode(path)
        if isinstance(folder, int) and folder >= 0:
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
        relative = os.path.relpath(os.path.abspath(text), self.root)
        return None if relative.startswith("..") else relative


_heard: list[Recorder] = []


@cache
def _hooked() -> None:
    busy: list[bool] = []

    def hook(event: str, told: tuple[Any, ...]) -> None:
        if _heard and not busy and event.startswith(("open", "os.")):
            busy.append(True)  # the recorder itself opens files
            try:
                _heard[-1].hear(event, told)
            finally:
                busy.clear()

    sys.addaudithook(hook)


@contextlib.contextmanager
def recorded(root: Path) -> Iterator[Recorder]:
    """Within: what is done under ``root`` is recorded."""
    _hooked()
    recorder, flush = Recorder(root), os.fsync

    def fsync(descriptor: int) -> None:
        flush(descriptor)
        recorder.flushed(descriptor)

    with mock.patch.object(os, "fsync", fsync):
        _heard.append(recorder)
        try:
            yield recorder
        finally:
            _heard.pop()
            recorder.settle()


# --- the disk ---------------------------------------------------------------------------------------


@dataclass(eq=False)
class Node:
    """A file or folder, whatever its name at the moment; a file's bytes as they are and as they are safe."""

    folder: bool
    content: bytes = b""
    safe: bytes = b""
    names: dict[str, Node] = field(default_factory=dict)


@dataclass(eq=False)
class Change:
    """A change of names at one moment: folder, name, what it named before and after."""

    parts: list[tuple[Node, str, Node | None, Node | None]]
    safe: bool = False


class Disk:
    """A folder and what was done to it: ``root`` as the program saw it, ``changes`` that may be lost."""

    def __init__(self, start: Path) -> None:
        self.root = _read(start)
        self.start = {node: dict(node.names) for node in _folders(self.root)}
        self.changes: list[Change] = []

    def play(self, event: Event) -> None:
        """What one event does."""
        kind = event[0]
        if kind in ("make", "open"):
            self._made(event[1], Node(folder=kind == "make"))
        elif kind == "bytes":
            self._find(event[1]).content = event[2]
        elif kind == "flush":
            self._flush(self._find(event[1]))
        elif kind == "remove":
            self._change([(event[1], None)])
        elif kind == "move":
            self._change([(event[1], None), (event[2], self._find(event[1]))])

    def left(self, place: Path, keeps: Callable[[Change], bool], holds: Callable[[Node], bytes]) -> None:
        """Write into the empty folder ``place`` what is left when the changes that ``keeps`` names came through, and
        files that were not flushed hold what ``holds`` says."""
        names = {node: dict(found) for node, found in self.start.items()}
        for change in self.changes:
            fits = all(names.setdefault(at, {}).get(name) is before for at, name, before, _ in change.parts)
            if fits and (change.safe or keeps(change)):
                for at, name, _, after in change.parts:
                    names[at].pop(name, None)
                    if after is not None:
                        names[at][name] = after
        self._write(self.root, place, names, holds)

    def _write(
        self, node: Node, place: Path, names: dict[Node, dict[str, Node]], holds: Callable[[Node], bytes]
    ) -> None:
        for name, member in names.get(node, {}).items():
            if member.folder:
                (place / name).mkdir()
                self._write(member, place / name, names, holds)
            else:
                (place / name).write_bytes(member.safe if member.safe == member.content else holds(member))

    def _find(self, name: str) -> Node:
        node = self.root
        for part in Path(name).parts:
            node = node.names[part]
        return node

    def _made(self, name: str, node: Node) -> None:
        at = self._find(str(Path(name).parent))
        if Path(name).name in at.names:  # emptied
            self._find(name).content = b""
        else:
            self._change([(name, node)])

    def _change(self, told: Sequence[tuple[str, Node | None]]) -> None:
        parts = []
        for name, after in told:
            at, last = self._find(str(Path(name).parent)), Path(name).name
            parts.append((at, last, at.names.get(last), after))
        for at, last, _, after in parts:
            at.names.pop(last, None)
            if after is not None:
                at.names[last] = after
        self.changes.append(Change(parts))

    def _flush(self, node: Node) -> None:
        node.safe = node.content
        for change in self.changes:
            if any(at is node for at, *_ in change.parts):
                self._keep(change)

    def _keep(self, change: Change) -> None:
        """Safe, and with it the changes that it stands on."""
        if change.safe:
            return
        change.safe = True
        earlier = self.changes[: self.changes.index(change)]
        for at, name, _, _ in change.parts:
            for other in earlier:
                if any((at, name) == part[:2] for part in other.parts):
                    self._keep(other)
        # what is moved has been made under its old name
        for *_, after in change.parts:
            for other in earlier:
                if after is not None and any(part[3] is after for part in other.parts):
                    self._keep(other)


def _read(place: Path) -> Node:
    """A folder as it is, all of it safe."""
    if not place.is_dir():
        content = place.read_bytes()
        return Node(folder=False, content=content, safe=content)
    return Node(folder=True, names={item.name: _read(item) for item in place.iterdir()})


def _folders(node: Node) -> Iterator[Node]:
    if node.folder:
        yield node
        for member in node.names.values():
            yield from _folders(member)
