"""Look up each package that the program runs on: ``python -m tests.audit_packages requirements.txt``.

pip-audit fails where a known fault is found. Where nobody can be asked, that is said in one line and nothing
fails: the machine that builds has no way out, or speaks to a mirror that knows of no faults.
"""

import json
import subprocess
import sys


def main(requirements: str) -> int:
    """Return 1 where a package has a known fault."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--format", "json"]
    run = subprocess.run([*command, "-r", requirements], capture_output=True, text=True, check=False)
    return judged(run.stdout, run.stderr)


def judged(answer: str, errors: str) -> int:
    """Tell what pip-audit found, and return the status to leave with."""
    try:
        packages = json.loads(answer)["dependencies"]
    except ValueError:
        reason = (errors.strip().splitlines() or ["no answer"])[-1]
        print(f"pip-audit: nobody could be asked about known faults ({reason[:100]}); left out.")
        return 0
    asked = [package for package in packages if "skip_reason" not in package]
    faults = [(package, fault) for package in asked for fault in package["vulns"]]
    for package, fault in faults:
        fixed = ", ".join(fault["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {fault['id']}, mended in {fixed}")
    if len(asked) < len(packages):
        unknown = f"{len(packages) - len(asked)} of {len(packages)} packages"
        print(f"pip-audit: {unknown} are unknown to who was asked.")
    if asked and not faults:
        print(f"pip-audit: no known fault in {len(asked)} packages.")
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
