"""How gunicorn serves the site; it reads this file by itself where it starts from this folder.

Slow clients: gunicorn gives a thread to a connection before anything has come, and then waits without end.
Here a connection waits without a thread until its first bytes are there, and a request that does not come to
its end is cut short, the sooner where others wait. A proxy that buffers requests, as nginx, spares us it.
"""

import socket
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from time import monotonic

from gunicorn import util
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

#: Seconds given to a whole request: 2 MB at 0.5 Mbit/s.
PATIENCE = 32
#: The same while others wait for a thread.
HURRY = 2


class Worker(ThreadWorker):
    """Threads that no slow client keeps, and refusals in French."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.waiting = set()
        self.begun = {}

    def accept(self, listener):
        """Let a new connection wait for its first bytes where it costs no thread."""
        with suppress(BlockingIOError, ConnectionAbortedError):
            client, address = listener.accept()
            self.nr_conns += 1
            connection = TConn(self.cfg, client, address, listener.getsockname())
            connection.set_timeout()
            self.pending_conns.append(connection)
            self.poller.register(client, EVENT_READ, partial(self.on_pending_socket_readable, connection))

    def enqueue_req(self, connection):
        """Note who waits for a thread."""
        self.waiting.add(connection)
        super().enqueue_req(connection)

    def handle(self, connection):
        """Note since when a thread has been reading, or answering, one request."""
        self.begun[connection] = monotonic()
        self.waiting.discard(connection)
        try:
            return super().handle(connection)
        finally:
            del self.begun[connection]

    def murder_pending(self):
        """Cut what takes too long: its thread finds the end of the request where it is. Called each second.

        Only what is still to be read is cut; an answer goes on, and its connection is closed after it.
        """
        super().murder_pending()
        limit = monotonic() - (HURRY if self.waiting else PATIENCE)
        for connection, since in list(self.begun.items()):
            if since < limit:
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RD)

    def load_wsgi(self):
        """Have the site refuse a body whose chunks are none, which shows while it is being read."""
        super().load_wsgi()
        pages = getattr(self.wsgi, "extensions", {}).get("refusals")
        if pages:  # it is our site, and none of those that it is compared with
            self.wsgi.register_error_handler(ParseException, lambda _: (pages[400], 400))

    def handle_error(self, request, client, address, error):
        """Answer what is no request, or too large a one, in French; the log needs no address for that."""
        if not isinstance(error, ParseException):
            super().handle_error(request, client, address, error)
            return
        kinds = {LimitRequestLine: 414, LimitRequestHeaders: 431}
        status = next((status for kind, status in kinds.items() if isinstance(error, kind)), 400)
        page = self.wsgi.extensions["refusals"][status].encode()
        headers = {
            **dict(self.wsgi.extensions["headers"]),
            "Cache-Control": "private, no-store",
            "Connection": "close",
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(page)),
        }
        lines = [f"HTTP/1.1 {status} Refused", *(f"{name}: {value}" for name, value in headers.items())]
        with suppress(OSError):
            util.write_nonblock(client, "\r\n".join([*lines, "", ""]).encode() + page)


bind = "127.0.0.1:8000"  # the web server in front alone reaches it
workers = 2
threads = 4
worker_class = Worker
# Seconds given to answers under way when it stops: more than the slowest of them takes.
graceful_timeout = 30
# A visitor's own SCRIPT_NAME header would be believed otherwise, once the proxy passed it on.
forwarder_headers = ""
control_socket_disable = True
limit_request_line = 8190  # bytes, as many as it can
limit_request_fields = 64
limit_request_field_size = 8190  # bytes
