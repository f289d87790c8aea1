"""Fuzz for as long as asked: ``python -m tests.fuzz MINUTES``. It stops at the first thing it finds.

Hypothesis has it all; where atheris is installed beside (it is in no lock file: ``pip install atheris``), a
fifth of the time goes to each of its two targets, guided by what code they reach.
"""

import importlib.util
import os
import subprocess
import sys
import time

TARGETS = ("verifier", "tokens") if importlib.util.find_spec("atheris") else ()


def main(minutes: float) -> None:
    """Run rounds, each from another seed, until the time is over."""
    until = time.time() + 60 * minutes * (1 - 0.2 * len(TARGETS))
    seed = int(time.time())
    while time.time() < until:
        seed += 1
        print(f"seed {seed}", flush=True)
        pytest = ["pytest", "-q", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}", "tests/fuzz"]
        run(*pytest, FUZZ_UNTIL=str(until))
    for target in TARGETS:
        run(
            f"tests.fuzz.atheris_{target}",
            f"-max_total_time={round(60 * minutes * 0.2)}",
            "-print_final_stats=1",
        )
    if not TARGETS:
        print("atheris is not installed: its two targets were left out.")


def run(*module_and_arguments: str, **environment: str) -> None:
    """Run a module of Python; what it finds ends all."""
    command = [sys.executable, "-m", *module_and_arguments]
    if status := subprocess.run(command, env=os.environ | environment, check=False).returncode:
        raise SystemExit(status)


if __name__ == "__main__":
    main(float(sys.argv[1]))
