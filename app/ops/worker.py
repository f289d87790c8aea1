"""The worker: a thread of the web server that sends the letters due.

A host that keeps no daemon running calls `flask letters deliver` from cron instead.
"""

import logging
import os
import threading

from flask import Flask

from app.mail.outbox import deliver_due

log = logging.getLogger(__name__)

#: Seconds between two reads of the outbox.
INTERVAL = 2.0


def start_worker(app: Flask) -> None:
    """Start the worker thread in this process, and a new one in each process forked from it.

    A fork (`gunicorn --preload`) stops the thread of the parent process: a child process must not inherit a
    database connection or a lock that a thread is using.
    """
    stopped = threading.Event()

    def start_thread() -> None:
        nonlocal stopped
        stopped = threading.Event()  # the parent's event may have been locked at the fork
        threading.Thread(target=_deliver_until, args=(app, stopped), name="worker", daemon=True).start()

    os.register_at_fork(before=lambda: stopped.set(), after_in_child=start_thread)
    start_thread()


def _deliver_until(app: Flask, stopped: threading.Event) -> None:
    """Send the letters due every `INTERVAL` seconds. Log the first of several failures in a row."""
    failed = False
    while not stopped.wait(INTERVAL):
        try:
            with app.app_context():
                deliver_due()
            failed = False
        except Exception:  # the database may be back at the next turn
            if not failed:
                log.exception("worker: the outbox was not processed, retrying")
            failed = True
