"""OpenID Connect providers: a real one in a process of its own, and one that lies as it is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask, jsonify, request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from hypersync.cli.serving import address_of, listen, serving
from hypersync.clock import SystemClock
from tests.processes import free_port


@dataclass
class Provider:
    """The real provider ``oidc-provider-mock``; whoever asks may be anybody."""

    issuer: str

    def knows(self, subject: str, **claims: object) -> None:
        """Tell it who somebody is."""
        answer = requests.put(f"{self.issuer}/users/{subject}", json=claims, timeout=10)
        answer.raise_for_status()

    def sign_in(self, address: str, subject: str) -> str:
        """Sign in there as somebody; return the address it sends the browser back to."""
        return self._answer(address, {"sub": subject})

    def deny(self, address: str) -> str:
        """Refuse there."""
        return self._answer(address, {"action": "deny"})

    def _answer(self, address: str, fields: dict[str, str]) -> str:
        answer = requests.post(address, data=fields, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """A provider that all tests share; each uses people of its own."""
    port = free_port()
    process = subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if "running on" in line:
                break
        else:
            raise AssertionError("".join(seen))
        yield Provider(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.communicate()


def own_key(name: str = "k1") -> RSAKey:
    """A key to sign with."""
    return RSAKey.generate_key(2048, {"kid": name})


@dataclass
class Liar:
    """A provider that answers what it is told; the truth where nothing else is said."""

    issuer: str = ""
    key: RSAKey = field(default_factory=own_key)
    published: RSAKey | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "k1"})
    discovery: dict[str, Any] = field(default_factory=dict)
    user_info: dict[str, Any] | None = None
    token: Callable[[str], Any] | None = None
    """Makes the answer of the token endpoint of an ID token."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """What came to the token endpoint."""
    keys_asked: int = 0

    def site(self) -> Flask:
        """Its pages."""
        site = Flask("liar")

        @site.get("/.well-known/openid-configuration")
        def discovery():
            known = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "userinfo_endpoint": f"{self.issuer}/me",
            }
            return jsonify({**known, **self.discovery})

        @site.get("/keys")
        def keys():
            self.keys_asked += 1
            return jsonify(KeySet([self.published or self.key]).as_dict(private=False))

        @site.post("/token")
        def token():
            self.asked.append(request.form.to_dict())
            made = self.id_token()
            if self.token is not None:
                return self.token(made)
            return jsonify({"access_token": "a", "token_type": "Bearer", "id_token": made})

        @site.get("/me")
        def me():
            return jsonify(self.user_info or {"sub": "s1"})

        return site

    def begin(self, address: str) -> str:
        """Take in somebody who was sent here; return where they are sent back to."""
        given = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.given = given
        return f"{given['redirect_uri']}?code=c1&state={given['state']}"

    def id_token(self) -> str:
        """An ID token for whoever was taken in last."""
        now = int(SystemClock().now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": "hypersync",
            "sub": "s1",
            "iat": now,
            "exp": now + 60,
            "nonce": self.given["nonce"],
            "email": "ann@example.org",
            "email_verified": True,
            **self.claims,
        }
        said = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(self.header, said, self.key)


@contextmanager
def lying(**values: Any) -> Iterator[Liar]:
    """Serve a provider that lies."""
    liar = Liar(**values)
    listening = listen("127.0.0.1", 0)
    liar.issuer = address_of(listening)
    with serving(liar.site(), listening):
        yield liar
