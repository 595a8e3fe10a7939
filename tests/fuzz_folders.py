"""Run folders of someone else's making: manifests, files, tables, batches and questions, bent and made to fit."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import invented
import numpy as np
import pandas as pd
from fuzz_inputs import invented_sweep, small
from fuzz_texts import only_tags
from fuzz_words import json_values, words, writable
from hypothesis import strategies as st

from fiscal.base.errors import FiscalError
from fiscal.results import store
from fiscal.results.result import Result, compare
from fiscal.results.store.manifest import EXEMPT, SEAL
from fiscal.results.store.values import fingerprint_of
from fiscal.scenario import Scenario, load
from fiscal.scenario.design import read_design
from fiscal.studies.sweeps import Sweep, read_sweep


def _stored(result: Result | Sweep) -> Path:
    place = Path(tempfile.mkdtemp(prefix="tmp-fuzz-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return store.write_run(result, place / "run")


@cache
def small_run() -> Path:
    """A sound folder of three tables, never changed."""
    return _stored(small(load("boom")))


@cache
def _short() -> Scenario:
    """A scenario whose run has every table, few rows in each."""
    return load("boom", {"horizon.last_year": 2036, "scenario.name": "boom"})


@cache
def whole_run() -> Path:
    """A sound folder with every table of a run, never changed."""
    return _stored(invented.result(_short()))


@cache
def base_result() -> Result:
    """What a forged run is compared with."""
    return invented.result(load("baseline", {"horizon.last_year": 2036, "scenario.name": "base"}))


@contextlib.contextmanager
def with_file(run: Path, place: Path, changes: dict[str, bytes]) -> Iterator[Path]:
    """A copy of ``run`` in ``place`` with some files changed; they are put back afterwards."""
    folder = place / run.parent.name
    if not folder.is_dir():
        shutil.copytree(run, folder)
    try:
        for name, content in changes.items():
            (folder / name).write_bytes(content)
        yield folder
    finally:
        for name in changes:
            (folder / name).write_bytes((run / name).read_bytes())


def fitted(run: Path, changes: dict[str, bytes]) -> dict[str, bytes]:
    """The changed files and a manifest made to fit, as someone would who means it."""
    manifest = json.loads(_manifest(run))
    for name, content in changes.items():
        manifest["outputs"][name] = hashlib.sha256(content).hexdigest()
        manifest["sizes"][name] = len(content)
    told = {"inputs": manifest["inputs"], "outputs": manifest["outputs"]}
    manifest["record_fingerprint"] = fingerprint_of(told)
    return changes | {store.MANIFEST: json.dumps(store.sealed(manifest)).encode()}


@cache
def _manifest(run: Path) -> str:
    return (run / store.MANIFEST).read_text(encoding="utf-8")


# --- manifests --------------------------------------------------------------------------------------


def _places(value: Any, trail: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield trail
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from _places(member, (*trail, key))


@cache
def manifest_places() -> tuple[tuple[Any, ...], ...]:
    """Where a manifest can be changed; the settings are one place."""
    return tuple(
        place for place in _places(json.loads(_manifest(small_run()))) if place and len(place) < 3 or "outputs" in place
    )


@st.composite
def manifests(draw: st.DrawFn) -> bytes:
    """Manifests with parts replaced, removed or added; and no manifests at all."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.one_of(st.binary(max_size=200), json_values.map(lambda v: json.dumps(v).encode())))
    if kind == 1:
        return b"[" * draw(st.integers(1, 200_000))
    manifest = json.loads(_manifest(small_run()))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(manifest_places()))
        at: Any = manifest
        with contextlib.suppress(KeyError, IndexError, TypeError):
            for step in way:
                at = at[step]
            action = draw(st.integers(0, 3))
            if action == 0:
                del at[last]
            elif action == 1:
                at[last] = draw(json_values)
            elif action == 2:
                at[draw(words)] = at[last]
            else:
                at[last] = draw(words)
    if draw(st.booleans()):  # made to fit
        with contextlib.suppress(KeyError, TypeError, ValueError):
            inputs, outputs = manifest["inputs"], manifest["outputs"]
            manifest["input_fingerprint"] = fingerprint_of(inputs)
            manifest["record_fingerprint"] = fingerprint_of({"inputs": inputs, "outputs": outputs})
            manifest = store.sealed(manifest)
    return json.dumps(manifest).encode("utf-8", "surrogatepass")


def _as_written(told: dict[str, Any]) -> bool:
    """Whether a manifest that is taken for sound is as it was written, or made to fit, or of the version without
    hashes of its own."""
    written = json.loads(_manifest(small_run()))
    if told.get("schema_version") == 2 or told[SEAL] != written[SEAL]:
        return True
    hashed_told, hashed = ({name: part for name, part in one.items() if name not in EXEMPT} for one in (told, written))
    return hashed_told == hashed


def read_manifests(place: Path, content: bytes) -> None:
    """A folder whose manifest was changed is read, cited and replaced, or refused."""
    uses: tuple[Callable[[Path], object], ...] = (
        store.stored_result,
        store.cite,
        lambda path: store.check_target(path, force=True),
    )
    with with_file(small_run(), place, {store.MANIFEST: content}) as folder:
        with contextlib.suppress(FiscalError):
            assert store.verify(folder) or _as_written(json.loads(content))
        for use in uses:
            with contextlib.suppress(FiscalError):
                use(folder)


# --- files ------------------------------------------------------------------------------------------

FILES = [
    "tables/budget.parquet", "tables/windows.parquet", "tables/settings.parquet", "tables/budget.csv", "summary.json",
    "scenario.toml", "columns.csv",
]  # fmt: skip


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, bytes]:
    """One file of a run folder, and what stands in its place."""
    name = draw(st.sampled_from(FILES))
    content = bytearray((whole_run() / name).read_bytes())
    if draw(st.integers(0, 5)) == 0:
        return name, draw(st.one_of(st.binary(max_size=100), json_values.map(lambda v: json.dumps(v).encode())))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content) - 1))
        content[at] = draw(st.integers(0, 255))
    return name, bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


def read_files(place: Path, damage: tuple[str, bytes]) -> None:
    """A folder with a changed file and a manifest made to fit: verified, cited, made again, compared, or refused."""
    result: object = None
    with with_file(whole_run(), place, fitted(whole_run(), dict([damage]))) as folder:
        for use in (store.cite, lambda path: store.rerun(path, invented.result), store.read_run):
            with contextlib.suppress(FiscalError):
                result = use(folder)
    if isinstance(result, Result):
        shown(result)


def shown(result: Result) -> None:
    """A forged run that was taken for sound is compared, and shown in a notebook."""
    only_tags(result._repr_html_())
    for first, second in ((base_result(), result), (result, base_result())):
        compared = compare(first, second, anyway=True)
        only_tags(compared._repr_html_())
        assert compared.headline().finding
        compared.effects()


# --- tables -----------------------------------------------------------------------------------------


@cache
def tables() -> dict[str, pd.DataFrame]:
    """The tables of a whole run."""
    return dict(store.read_run(whole_run()).tables)


cells = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-1e200, 1e200),
    st.sampled_from([0.0, -0.0, 1e-300, -1e200, 1e200, 1e201, 5e-324]),
)


@st.composite
def forgeries(draw: st.DrawFn) -> dict[str, pd.DataFrame]:
    """Tables with rows, columns, types, names or numbers changed."""
    forged = {}
    for name in draw(st.lists(st.sampled_from(sorted(tables())), min_size=1, max_size=2, unique=True)):
        table = tables()[name].copy()
        for _ in range(draw(st.integers(1, 3))):
            table = _bent(draw, table)
        forged[name] = table
    return forged


def _bent(draw: st.DrawFn, table: pd.DataFrame) -> pd.DataFrame:
    if not len(table) or not len(table.columns):
        return table
    column = draw(st.sampled_from(list(table.columns)))
    row = draw(st.integers(0, len(table) - 1))
    numeric = table[column].dtype.kind in "fi"
    action = draw(st.integers(0, 11))
    if action < 4 and numeric:  # most forgeries that are taken change numbers
        values = table[column].to_numpy(dtype=float, copy=True)
        many = draw(st.booleans())
        values[slice(None) if many else row] = draw(cells)
        return table.assign(**{column: values})
    if action < 6:
        texts = table[column].astype(object)
        texts.iloc[row] = draw(st.one_of(writable, st.none(), st.booleans(), st.integers(-5, 5)))
        return table.assign(**{column: texts})
    if action == 6:
        return table.drop(columns=column)
    if action == 7:
        return table.drop(index=table.index[row]).reset_index(drop=True)
    if action == 8:
        return pd.concat([table, table.iloc[[row]]], ignore_index=True)
    if action == 9:
        return table.rename(columns={column: draw(writable.filter(lambda word: word not in table.columns))})
    if action == 10:
        kinds: list[Any] = [str, "category", "datetime64[ns]", "float32", "Int64", "complex128", "bool"]
        with contextlib.suppress(ValueError, TypeError):
            return table.assign(**{column: table[column].astype(draw(st.sampled_from(kinds)))})
        return table
    return table.sample(frac=1.0, random_state=draw(st.integers(0, 9))).reset_index(drop=True)


def _parquet(table: pd.DataFrame) -> bytes | None:
    """A table as a file; None for what no Parquet file can hold."""
    import pyarrow

    buffer = io.BytesIO()
    try:
        table.to_parquet(buffer, index=False)
    except (ValueError, TypeError, pyarrow.ArrowException):
        return None
    return buffer.getvalue()


def read_tables(place: Path, forged: dict[str, pd.DataFrame], *, report: bool = False) -> None:
    """Forged tables under a manifest made to fit: refused in one message, or compared and reported on."""
    files = {f"tables/{name}.parquet": _parquet(table) for name, table in forged.items()}
    changes = {name: content for name, content in files.items() if content is not None}
    with with_file(whole_run(), place, fitted(whole_run(), changes)) as folder:
        result = store.read_run(folder)
    shown(result)
    with np.errstate(all="ignore"):
        reported(result, place if report else None)


def report_tables(place: Path, forged: dict[str, pd.DataFrame]) -> None:
    """As :func:`read_tables`, and what is taken goes through figures, PDF, HTML and workbook: seconds each."""
    read_tables(place, forged, report=True)


def reported(result: Result, place: Path | None) -> None:
    """Brief and report as data; and with a place, as files."""
    from fiscal import report
    from fiscal.report import pdf

    pdf.as_json(report.brief((result,)))
    pdf.as_json(report.report((result,)))
    if place is not None:
        report.build((result,), place / "x.pdf", html=place / "x.html", xlsx=place / "x.xlsx")


# --- sweeps -----------------------------------------------------------------------------------------


@cache
def sweep_run() -> Path:
    """A sound folder of a sweep, never changed."""
    kinds = {"sweep": {"base": "boom", "against": "baseline", "design": "sobol", "samples": 4}}
    moved = {"settings": {"adoption.participants_share": {}, "paths.crypto_return": [0.0, 0.06]}}
    return _stored(invented_sweep(read_design(kinds | moved)))


@st.composite
def sweep_forgeries(draw: st.DrawFn) -> dict[str, bytes]:
    """Files of a stored sweep, bent."""
    name = draw(st.sampled_from(["sweep", "sweep", "indices", "tornado", "design.toml"]))
    if name == "design.toml":
        content = bytearray((sweep_run() / name).read_bytes())
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, len(content) - 1))
            content[at : at + draw(st.integers(0, 9))] = draw(
                st.one_of(st.binary(max_size=3), writable.map(lambda word: word.encode()))
            )
        return {name: bytes(content)}
    file = f"tables/{name}.parquet"
    table = pd.read_parquet(sweep_run() / file)
    for _ in range(draw(st.integers(1, 3))):
        table = _bent(draw, table)
    content_ = _parquet(table)
    return {} if content_ is None else {file: content_}


def read_sweeps(place: Path, changes: dict[str, bytes]) -> None:
    """A forged sweep is shown, or refused."""
    with with_file(sweep_run(), place, fitted(sweep_run(), changes)) as folder, contextlib.suppress(FiscalError):
        store.cite(folder)
        found = read_sweep(folder)
        only_tags(found._repr_html_())
        assert found.summary and len(found.failed) <= len(found.cases)


# --- the working place ------------------------------------------------------------------------------


def _batch() -> bytes:
    """A batch as it is kept."""
    buffer = io.BytesIO()
    np.savez(buffer, a=np.arange(6.0), b=np.ones((2, 3)))
    body = buffer.getvalue()
    return batch_head(body) + b"\n" + body


def batch_head(body: bytes) -> bytes:
    """First line of a batch of the empty question, which fits its arrays."""
    return b"fiscal batch 2 " + hashlib.sha256(fingerprint_of({}).encode() + body).hexdigest().encode()


@st.composite
def leftovers(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A question and a batch of an interrupted run, bent; the batch's hash made to fit half of the time."""
    question = draw(
        st.one_of(
            st.binary(max_size=80),
            json_values.map(lambda v: json.dumps(v).encode()),
            json_values.map(lambda v: json.dumps({"inputs": v, "environment": v}).encode()),
            json_values.map(lambda v: json.dumps({"inputs": {"settings": {"paths": v}, "tables": v}}).encode()),
        )
    )
    head, _, body = _batch().partition(b"\n")
    bent = bytearray(body)
    for _ in range(draw(st.integers(0, 5))):
        bent[draw(st.integers(0, len(bent) - 1))] = draw(st.integers(0, 255))
    content = bytes(bent[: draw(st.integers(0, len(bent)))] if draw(st.booleans()) else bent)
    if draw(st.booleans()):
        head = batch_head(content)
    return question, draw(st.one_of(st.just(head + b"\n" + content), st.binary(max_size=60)))


def resume(place: Path, left: tuple[bytes, bytes]) -> None:
    """Leftovers of anything are refused with what differs, or their batches are taken or made again."""
    question, batch = left
    working = place / "resumed.incomplete"
    shutil.rmtree(working, ignore_errors=True)
    (working / "batches").mkdir(parents=True)
    (working / "question.json").write_bytes(question)
    (working / "batches" / "real-0000000-1.npz").write_bytes(batch)
    if len(question) % 2:  # the right question: the batch is what is tried
        own = store.Place(place / "resumed", {})
        found = own.load("real-0000000-1")
        assert found is None or all(isinstance(part, np.ndarray) for part in found.values())
        return
    with contextlib.suppress(_Stop), store.working_place(place / "resumed", load_short(), resume=True):
        raise _Stop


class _Stop(BaseException):
    """Ends a run that needs nothing more."""


@cache
def load_short() -> Scenario:
    """The scenario that is asked."""
    return load("boom", {"horizon.last_year": 2036})
