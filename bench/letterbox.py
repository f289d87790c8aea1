"""A real SMTP server in a process of its own: it writes one line of JSON for each letter that it takes.

python -m bench.letterbox PORT
"""

import email
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller

from bench.servers import PYTHON, ROOT, free_port


class Box:
    """Takes every letter; tells to whom it is, its links, and when it came."""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Take one letter (aiosmtpd's hook)."""
        letter = email.message_from_bytes(envelope.content, policy=default)
        text = letter.get_body(("plain",)).get_content()
        links = re.findall(r"https?://\S+", text)
        told = {"to": envelope.rcpt_tos[0], "links": links, "at": time.time()}
        print(json.dumps(told), flush=True)
        return "250 OK"


def main() -> None:
    """Take letters until the standard input ends."""
    controller = Controller(Box(), hostname="127.0.0.1", port=int(sys.argv[1]), ready_timeout=30)
    controller.start()
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.read()
    controller.stop()


@contextmanager
def letterbox(receive: Callable[[dict[str, Any]], None]) -> Iterator[int]:
    """Run the server; yield its port. Each letter is given to ``receive``, in a thread."""
    port = free_port()
    process = subprocess.Popen(
        [*PYTHON, "bench.letterbox", str(port)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if not process.stdout.readline():
        raise SystemExit("the SMTP server did not start")

    def read() -> None:
        for line in process.stdout:
            receive(json.loads(line))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield port
    finally:
        process.stdin.close()
        process.wait(30)
        reader.join(30)


if __name__ == "__main__":
    main()
