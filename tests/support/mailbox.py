"""A real SMTP server in a thread of the tests."""

import email
import re
import socket
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller


def free_port() -> int:
    """Return a TCP port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mailbox:
    """Keeps every letter received. ``answer`` is what it replies, as "451 later" or "550 no such user"."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.received: list[bytes] = []
        self.answer = "250 OK"
        self.sender_answer: str | None = None
        self.recipient_answer: str | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self.port = free_port()

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.sender_answer:
            return self.sender_answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.recipient_answer:
            return self.recipient_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.meanwhile()
        if self.answer.startswith("250"):
            message = email.message_from_bytes(envelope.content, policy=default)
            message["X-Envelope-To"] = ", ".join(envelope.rcpt_tos)
            self.letters.append(message)
            self.received.append(envelope.original_content)
        return self.answer

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=10)
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def wait(self, count: int, seconds: float = 30) -> EmailMessage:
        """Wait for the ``count``-th letter and return it."""
        deadline = time.monotonic() + seconds
        while len(self.letters) < count:
            assert time.monotonic() < deadline, f"{len(self.letters)} letters of {count} came"
            time.sleep(0.05)
        return self.letters[count - 1]


def text_of(message: EmailMessage) -> str:
    """Return the plain text of a letter."""
    return str(message.get_body(("plain",)).get_content())


def html_of(message: EmailMessage) -> str:
    """Return the HTML of a letter."""
    return str(message.get_body(("html",)).get_content())


def link_in(message: EmailMessage, path: str) -> str:
    """Return the one link of a letter that leads to ``path``; text and HTML must agree on it."""
    (link,) = set(re.findall(rf"https?://[^\s\"<]*{path}[^\s\"<]*", text_of(message)))
    assert link in html_of(message)
    return str(link)
