"""How many small changes of the rules the tests notice: ``make mutants`` (mutmut 3).

Exit status 1 where a module has fewer than `LEAST` of its mutants killed.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

#: In hundredths.
LEAST = 85
#: What is changed, by the names that mutmut gives.
PARTS = (
    "app.signatures.rules.*",
    "app.mail.links.*",
    "app.web.rate_limits.*",
    "app.mail.quota.*",
    "app.signatures.retention.*",
    "app.signatures.erasure_log.*",
)
#: What a run of the tests ended with: a test failed, pytest itself broke, or it never came to an end.
KILLED = {1, 3, 24, -24, 36, 152, 255}
FOLDER = Path("mutants")


def main() -> int:
    """Change, test and count."""
    if FOLDER.exists():
        shutil.rmtree(FOLDER)  # what an older run kept may be of other tests
    os.nice(19 - os.nice(0))
    subprocess.run([sys.executable, "-m", "mutmut", "run", "--max-children", "2", *PARTS], check=True)
    return report()


def report() -> int:
    """Print the count of each part, and the mutants that live."""
    results: dict[str, int | None] = {}
    for file in FOLDER.glob("app/**/*.py.meta"):
        results |= json.loads(file.read_text())["exit_code_by_key"]
    enough = True
    for part in PARTS:
        killed = {name: code in KILLED for name, code in results.items() if fnmatch(name, part)}
        count = Counter(killed.values())
        enough &= bool(killed) and count[True] * 100 >= LEAST * len(killed)
        share = f"{100 * count[True] / max(1, len(killed)):.1f} %"
        print(f"{part:<28} {count[True]:>4} of {len(killed):>4} killed, {share}")
    for name, code in sorted(results.items()):
        if code not in KILLED and any(fnmatch(name, part) for part in PARTS):
            print(f"lives: {name}  (mutmut show {name})")
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
