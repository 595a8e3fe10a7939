"""Inputs chosen by the code that they reach: bytes into the readers of scenarios, returns, reforms and manifests.

Needs atheris, which no other part of the package does: ``.venv/bin/python -m pip install atheris``. Each reader is a
process of its own, for libFuzzer ends the one that it runs in; what fails is printed, and the exit code is 1.

    python tests/fuzz_guided.py --seconds 300
"""

from __future__ import annotations

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LONGEST_BYTES = 16_384
"""A longer input reaches nothing that a shorter one does not; the limits on sizes are tried elsewhere."""

READERS = (
    "fiscal.base.errors",
    "fiscal.base.files",
    "fiscal.scenario",
    "fiscal.results.store",
    "fiscal.markets.paths",
    "tomllib",
)
"""Modules whose code is watched; of those with compiled code none can be."""

NAMES = ("scenario files", "user returns", "reform files", "manifests")


def guide(name: str, seconds: int, seed: int) -> None:
    """Fuzz one reader in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=list(READERS)):
        import fuzz
        import fuzz_inputs

        from fiscal.law import reforms
    for function in ("parse_reform", "moved", "reform_years", "redated"):
        setattr(reforms, function, atheris.instrument_func(getattr(reforms, function)))
    import fuzz_folders

    from fiscal.base.errors import FiscalError

    run = fuzz_folders.small_run()
    whole = "year,crypto,bonds\n" + "".join(f"{year},0.1,-0.02\n" for year in range(2026, 2101))
    begin = {
        "scenario files": [file.read_bytes() for file in sorted(fuzz_inputs.CATALOGUE_DIR.glob("*.toml"))],
        "user returns": [
            whole.encode(),
            b"year,crypto\n2026,0.1\n2027,-0.5\n",
            b"year,path,equity,bonds\n2026,1,0.1,0\n2026,2,0,0\n",
            b"\xef\xbb\xbf# mine\nsep=;\nyear; crypto\n\n2026;-0,1\n2027;-1\n",
        ],
        "reform files": [
            b'{"policy": {"II_rt7": {"2030": 0.396}}}',
            b'{"STD": {"2026": [1, 2, 3, 4, 5]}}',
            b'// a\n{"X": {"2030": 9e99} /* b */}',
        ],
        "manifests": [(run / "manifest.json").read_bytes()],
    }[name]
    with tempfile.TemporaryDirectory(prefix="tmp-fuzz-") as folder, fuzz_inputs.quick(Path(folder)):
        place, corpus = Path(folder) / "place", Path(folder) / "corpus"
        place.mkdir()
        corpus.mkdir()
        for number, content in enumerate(begin):
            (corpus / str(number)).write_bytes(content)

        def one(content: bytes) -> None:
            with fuzz.confined(place), contextlib.suppress(FiscalError):
                fuzz.TARGETS[name].use(place, content)

        flags = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={LONGEST_BYTES}", "-timeout=0"]
        atheris.Setup([sys.argv[0], *flags, "-print_final_stats=1", f"-artifact_prefix={folder}/", str(corpus)], one)
        atheris.Fuzz()


def main() -> None:
    """Every reader for so many seconds; prints the number of inputs and of code places reached by each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300, help="for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=NAMES, help="one reader, in this process")
    told = parser.parse_args()
    if told.only:
        guide(told.only, told.seconds, told.seed)
        return
    failed = False
    for name in NAMES:
        command = [sys.executable, __file__, "--only", name]
        command += ["--seconds", str(told.seconds), "--seed", str(told.seed)]
        answer = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        tried = re.search(r"number_of_executed_units: (\d+)", answer.stderr)
        reached = re.findall(r"cov: (\d+)", answer.stderr)
        print(
            f"{name}: {tried[1] if tried else 'no'} inputs, {reached[-1] if reached else 'no'} places of code reached"
        )
        if answer.returncode != 0 or tried is None:
            failed = True
            print((answer.stdout + answer.stderr)[-4000:])
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
