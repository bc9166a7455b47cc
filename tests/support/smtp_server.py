"""A mail server for the tests: STARTTLS with a certificate of the test, AUTH, and bad manners by recipient.

usage: smtp_server.py PORT CERT KEY [implicit]    `implicit`: encrypted from the first byte on, without STARTTLS
Prints `READY`, then a JSON line for each mail that it took and each recipient that it turned away.

refused@…  550 for ever        grey@…  451 the first time        hang@…  no answer
flaky@…    of six mails one is answered with 451 and one with a cut connection
"""

import json
import random
import ssl
import sys
import time
from threading import Lock

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = b"swarm", b"hunter2-mail"
lock, seen = Lock(), set()


def say(**what):
    with lock:
        print(json.dumps(what), flush=True)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "refused":
            say(turned_away=address, code=550)
            return "550 5.1.1 no such user"
        if name == "grey" and address not in seen:
            seen.add(address)
            say(turned_away=address, code=451)
            return "451 4.7.1 greylisted, come again"
        if name == "hang":
            say(hanging=address)
            import asyncio
            await asyncio.sleep(60)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("flaky@"):
            fate = random.randrange(6)
            if fate == 0:
                return "451 4.3.0 come again"
            if fate == 1:
                server.transport.abort()
                return "421 4.3.2 gone"
        say(
            to=envelope.rcpt_tos,
            tls=session.ssl is not None,
            login=session.authenticated,
            at=time.time(),
            data=envelope.content.decode("utf-8", "replace"),
        )
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == USER and data.password == PASSWORD
    return AuthResult(success=good, handled=good)


IMPLICIT = sys.argv[4:] == ["implicit"]
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(sys.argv[2], sys.argv[3])


class TlsController(Controller):
    def factory(self):
        return SMTP(
            self.handler,
            tls_context=None if IMPLICIT else CONTEXT,
            require_starttls=not IMPLICIT,
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=not IMPLICIT,
        )


TlsController(
    Handler(),
    hostname="127.0.0.1",
    port=int(sys.argv[1]),
    ssl_context=CONTEXT if IMPLICIT else None,
).start()
print("READY", flush=True)
while True:
    time.sleep(3600)
