"""An OpenID issuer on loopback: real keys, real signatures, real HTTP; it signs whatever a test wants signed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

CLIENT, AUDIENCE = "hub", "urn:hub"


class Issuer:
    """Answers discovery, keys and the token endpoint. `asked` lists the paths that were asked for."""

    def __init__(self, address: str):
        self.address, self.asked = address, list[str]()
        self.keys = [RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})]
        self.id_token = ""
        self.userinfo: dict[str, Any] = {}

    def turn(self, kid: str) -> None:
        """Another key instead of those that were."""
        self.keys = [ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})]

    def token(self, claims: dict[str, Any], header: dict[str, Any] | None = None, key: Any = None) -> str:
        key = key or self.keys[0]
        head = {"alg": key.as_dict()["alg"], "kid": key.kid, **(header or {})}
        return jwt.encode({k: v for k, v in head.items() if v is not None}, claims, key, algorithms=[head["alg"]])

    def document(self, path: str) -> dict[str, Any] | None:
        self.asked.append(path)
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/auth",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
                "userinfo_endpoint": f"{self.address}/me",
            },
            "/keys": KeySet(self.keys).as_dict(private=False),  # type: ignore[arg-type]
            "/token": {"id_token": self.id_token, "access_token": "opaque", "token_type": "Bearer"},
            "/me": self.userinfo,
        }.get(path)


@contextmanager
def running() -> Iterator[Issuer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.command == "POST":
                self.rfile.read(int(self.headers.get("content-length", 0)))
            found = issuer.document(self.path)
            body = json.dumps(found or {}).encode()
            self.send_response(200 if found is not None else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
