"""The relay at its worst, from a site that runs: pages do not wait, and each letter comes under one name."""

import os
import signal
import socket
import threading

from tests.support.database import rows
from tests.support.journeys import sign
from tests.support.people import Person, check_whole, ten_minutes_pass, wait_until, workers
from tests.support.site import running_site


def test_killed_when_the_relay_has_the_letter(tmp_path, database_url, mailbox):
    """Between « 250 » and « sent » in the database: it leaves again, under the same Message-ID."""
    with running_site(tmp_path, database_url, MAIL_PORT=str(mailbox.port)) as site:
        person = Person(site.url, mailbox)
        person.answer(1, True)
        mailbox.meanwhile = lambda: [os.kill(pid, signal.SIGKILL) for pid in workers(site)]
        person.sign()
        wait_until(lambda: len(mailbox.letters) == 1)
        mailbox.meanwhile = lambda: None
        assert rows(database_url, "SELECT state, attempts FROM letter") == [("waiting", 1)]
        ten_minutes_pass(database_url)
        wait_until(lambda: rows(database_url, "SELECT state, attempts FROM letter") == [("sent", 2)])
        first, second = mailbox.letters
        assert first["Message-ID"] == second["Message-ID"]
        person.confirm()
        person.wire.connection.close()
        check_whole(site, [person])


def test_a_relay_that_hangs_holds_up_no_page(tmp_path, database_url, mailbox):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with running_site(tmp_path, database_url, MAIL_PORT=str(silent.getsockname()[1])) as site:
            person = Person(site.url, mailbox)
            person.answer(1, True)
            person.sign()
            conversation, _ = silent.accept()  # a courier has begun, and waits for our greeting
            others = [Person(site.url, mailbox) for _ in range(9)]
            for other in others:
                other.answer(1, True)
                other.sign()
                other.wire.connection.close()
            person.insist(lambda: person.ask("GET", "/signer/envoye"))
            person.wire.connection.close()
            check_whole(site, [person, *others])
            conversation.close()


def drop_after_data(listening: socket.socket, received: list[bytes]) -> None:
    """Speak SMTP until the letter is there, and then hang up without a word."""
    connection, _ = listening.accept()
    with connection, connection.makefile("rwb") as stream:
        stream.write(b"220 here\r\n")
        stream.flush()
        for line in stream:
            stream.write(b"354 go on\r\n" if line.upper().startswith(b"DATA") else b"250 ok\r\n")
            stream.flush()
            if line.upper().startswith(b"DATA"):
                received.append(b"".join(iter(stream.readline, b".\r\n")))
                return


def test_a_relay_that_hangs_up_after_the_letter(app, candidate, deliver, mailbox, later):
    """It may have it or not: it gets it again, under the same Message-ID."""
    received: list[bytes] = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=drop_after_data, args=(listening, received))
        thread.start()
        app.config["MAIL_PORT"] = listening.getsockname()[1]
        sign(candidate)
        assert deliver() == 0
        thread.join()
    ((state, trouble),) = rows(app, "SELECT state, trouble FROM letter")
    assert state == "waiting"
    assert "SMTPServerDisconnected" in trouble
    app.config["MAIL_PORT"] = mailbox.port
    later(minutes=2)
    assert deliver() == 1
    assert mailbox.letters[0]["Message-ID"].encode() in received[0]
