"""A mail server for the tests: STARTTLS with a certificate of the test, AUTH, and bad manners by recipient.

usage: smtp_server.py CERT KEY [implicit]    `implicit`: encrypted from the first byte on, without STARTTLS
Prints `READY ` and the port that it was given, then a JSON line for each mail that it took and each recipient that it
turned away.

refused@…  550 for ever        grey@…  451 the first time        hang@…  no answer
flaky@…    of six mails one is answered with 451 and one with a cut connection
"""

import asyncio
import json
import random
import ssl
import sys
import time

from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = b"swarm", b"hunter2-mail"
seen = set()


def say(**what):
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
        if name == "flaky" and random.randrange(6) == 0:
            server.transport.abort()
            return "421 4.3.2 gone"
        if name == "hang":
            say(hanging=address)
            await asyncio.sleep(60)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("flaky@") and random.randrange(6) == 0:
            return "451 4.3.0 come again"
        say(
            to=envelope.rcpt_tos,
            tls=session.ssl is not None,
            login=session.authenticated,
            at=time.time(),
            data=envelope.content.decode("utf-8", "replace"),
        )
        if envelope.rcpt_tos[0].startswith("mute@"):
            await asyncio.sleep(60)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == USER and data.password == PASSWORD
    return AuthResult(success=good, handled=good)


IMPLICIT = sys.argv[3:] == ["implicit"]
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(sys.argv[1], sys.argv[2])


def smtp():
    return SMTP(
        Handler(),
        enable_SMTPUTF8=True,
        tls_context=None if IMPLICIT else CONTEXT,
        require_starttls=not IMPLICIT,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=not IMPLICIT,
    )


async def main():
    # Not aiosmtpd's Controller: it wants to know the port before there is one, and gives up where a start takes 5 s.
    loop = asyncio.get_running_loop()
    server = await loop.create_server(smtp, "127.0.0.1", 0, ssl=CONTEXT if IMPLICIT else None)
    print("READY", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
