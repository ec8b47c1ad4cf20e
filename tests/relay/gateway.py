"""``python -m tests.relay.gateway KIND CERTIFICATE KEY WORD...``: a gateway for messages to phones, as a process.

Prints one line of JSON when it listens, and one for each message or try that comes. KIND is ``https``, whose words are
the statuses that it answers with, in turn; or ``starttls`` or ``tls``, a mail server whose words are the answers to
whom mail is for. Lives by the standard library, aiosmtpd, and nothing of tacit.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = "relay", "gateway password"


def tell(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def tls(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def https(context: ssl.SSLContext, words: list[str]) -> None:
    statuses = [int(word) for word in words]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            tell({"path": self.path, "headers": dict(self.headers), "body": body.decode(), "status": status})
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    tell({"port": server.server_port})
    server.serve_forever()


class Mailbox:
    def __init__(self, words: list[str]) -> None:
        self.words = words

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        answer = self.words.pop(0) if len(self.words) > 1 else self.words[0]
        tell({"for": address, "answer": answer})
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        content = base64.b64encode(envelope.content).decode()
        encrypted = session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None
        tell({"from": envelope.mail_from, "to": envelope.rcpt_tos, "content": content, "tls": encrypted})
        return "250 OK"


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


async def mail(context: ssl.SSLContext, words: list[str], *, at_once: bool) -> None:
    def factory() -> SMTP:
        return SMTP(
            Mailbox(words),
            hostname="localhost",
            tls_context=None if at_once else context,
            require_starttls=not at_once,
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=not at_once,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context if at_once else None)
    tell({"port": server.sockets[0].getsockname()[1]})
    await server.serve_forever()


if __name__ == "__main__":
    kind, its_certificate, its_key, *its_words = sys.argv[1:]
    its_tls = tls(its_certificate, its_key)
    if kind == "https":
        https(its_tls, its_words)
    else:
        asyncio.run(mail(its_tls, its_words, at_once=kind == "tls"))
