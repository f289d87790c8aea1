"""The programs that some tests need, where they are installed."""

import os
import shutil
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NEEDS = {
    "browser": CHROMIUM,
    "poppler": shutil.which("pdftotext"),
    "postgresql": shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb")),
    "nss": shutil.which("certutil"),
    "redis": shutil.which("redis-server"),
    "caddy": shutil.which("caddy"),
    "nginx": shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin"),  # where root finds it
    "systemd": shutil.which("systemd-analyze"),
}
