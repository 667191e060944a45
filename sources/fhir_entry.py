"""Who enters a FHIR server: nobody in particular, the bearer of a token, or a client that signs (SMART)."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urljoin, urlsplit

from schemas.errors import ConfigurationError, InputRefused
from sources.base import ExportSettings

ASSERTION_SECONDS: Final = 240
"""How long a signed assertion is good for; five minutes are the most that SMART allows."""
TOKEN_SECONDS: Final = 300.0
"""How long an access token is good for where the server does not say."""
RENEW_BEFORE: Final = 30
REFUSALS: Final = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
)
"""The words of OAuth 2.0 for why there is no token. Whatever else a server says is not passed on."""
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
SIGNED_WITH: Final = {"RSA": "RS384", "EC": "ES384"}


class Clock(Protocol):
    """What the module `time` gives; tests have their own."""

    def time(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> object: ...


@dataclass(frozen=True)
class Answer:
    """What a server said, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as an object; an empty one where it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


Ask = Callable[..., Answer]


class Entry(Protocol):
    def token(self) -> str | None:
        """What is shown at the door, if anything."""
        ...

    def renew(self) -> bool:
        """Forget the token that was not accepted; false where there can be no other."""
        ...


@dataclass
class Bearer:
    """A token that was given to us, or none."""

    given: str | None = None

    def token(self) -> str | None:
        return self.given

    def renew(self) -> bool:
        return False


class Client:
    """A registered client: it signs an assertion with its private key, and gets a token for a few minutes."""

    def __init__(
        self, where: str, settings: ExportSettings, types: tuple[str, ...], ask: Ask, clock: Clock
    ) -> None:
        self.where = where
        self.settings = settings
        self.types = types
        self.ask = ask
        self.clock = clock
        self._sign = _signer(where, settings)
        self._endpoint = settings.token_url or ""
        self._action = "read"
        self._token = ""
        self._good_until = 0.0

    def token(self) -> str:
        if not self._token or self.clock.monotonic() >= self._good_until:
            self._fetch()
        return self._token

    def renew(self) -> bool:
        self._token = ""
        return True

    def _fetch(self) -> None:
        if not self._endpoint:
            self._discover()
        asked_at = self.clock.monotonic()
        answer = self.ask("asking for a token", "POST", self._endpoint, form=self._form)
        if answer.status != 200:
            raise InputRefused(
                f"{self.where}: the authorization server gives no token ({_reason(answer)})",
                "Check `client_id`, `key_id` and `scope`, and that the public half of `private_key_file` is "
                "registered for this client.",
            )
        told = answer.json()
        token, seconds = told.get("access_token"), TOKEN_SECONDS
        if not isinstance(token, str) or not _can_be_sent(token):
            raise InputRefused(f"{self.where}: the authorization server answers without a token")
        with suppress(TypeError, ValueError):
            seconds = float(told["expires_in"]) if "expires_in" in told else seconds
        self._token = token
        self._good_until = asked_at + max(seconds - RENEW_BEFORE, seconds / 2)

    def _form(self) -> dict[str, str]:
        """A new assertion each time: servers refuse to see one twice."""
        at = int(self.clock.time())
        claims = {
            "iss": self.settings.client_id,
            "sub": self.settings.client_id,
            "aud": self._endpoint,
            "iat": at,
            "exp": at + ASSERTION_SECONDS,
            "jti": str(uuid.uuid4()),
        }
        return {
            "grant_type": "client_credentials",
            "scope": self.settings.scope or " ".join(f"system/{kind}.{self._action}" for kind in self.types),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self._sign(claims),
        }

    def _discover(self) -> None:
        url = self.settings.url.rstrip("/") + "/.well-known/smart-configuration"
        answer = self.ask("asking for its SMART configuration", "GET", url, accept="application/json")
        told = answer.json() if answer.status == 200 else {}
        endpoint, can = told.get("token_endpoint"), told.get("capabilities")
        if not isinstance(endpoint, str) or not is_private(endpoint):
            raise InputRefused(
                f"{self.where}: the server does not say where tokens are given (status {answer.status})",
                "Set `token_url` to the https address of its token endpoint.",
            )
        self._endpoint = endpoint
        if isinstance(can, list) and "permission-v2" in can and "permission-v1" not in can:
            self._action = "rs"


def entry(where: str, settings: ExportSettings, types: tuple[str, ...], ask: Ask, clock: Clock) -> Entry:
    """How this server is entered. Raises ConfigurationError where key or token cannot be had."""
    if settings.client_id:
        return Client(where, settings, types, ask, clock)
    if settings.token_env is None:
        return Bearer()
    token = os.environ.get(settings.token_env, "").strip()
    if not _can_be_sent(token):
        raise ConfigurationError(
            f"{where}: the environment variable {settings.token_env}, which `token_env` names, is not set",
            "Set it for the account that runs the night.",
        )
    return Bearer(token)


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; null where it is no address of the web."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        return None
    return parts.scheme, parts.hostname.casefold(), port


def joined(base: str, url: str) -> str:
    """An address as it is meant beside another; empty where it cannot be meant."""
    with suppress(ValueError):
        return urljoin(base, url)
    return ""


def is_address(url: str) -> bool:
    """Whether it is the plain address of something on the web, to which a path can be added."""
    return origin(url) is not None and not any(mark in url for mark in "?# ")


def is_private(url: str) -> bool:
    """Whether nobody between here and there can read what is sent."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def _can_be_sent(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable()


def _reason(answer: Answer) -> str:
    word = answer.json().get("error")
    return f"status {answer.status}, {word}" if word in REFUSALS else f"status {answer.status}"


def _signer(where: str, settings: ExportSettings) -> Callable[[dict[str, Any]], str]:
    """What signs claims with the site's private key."""
    try:
        import jwt  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            f"{where}: the package pyjwt is not installed, without which nothing can be signed",
            "Install the extra: pip install 'b12screen[fhir]'.",
        ) from None
    key, algorithm, key_id = _private_key(where, settings.private_key_file or Path())
    key_id = settings.key_id or key_id
    headers = {"kid": key_id} if key_id else None
    return lambda claims: jwt.encode(claims, key, algorithm=algorithm, headers=headers)


def _private_key(where: str, file: Path) -> tuple[Any, str, str | None]:
    """The key, how it signs, and its name where the file has one. What is wrong with a key is not quoted."""
    problem = "it holds no private RSA key, and none of the curve P-384"
    try:
        text = file.read_text(encoding="utf-8")
        if found := _jwk(text) if text.lstrip().startswith("{") else _pem(text):
            return found
    except OSError as error:
        problem = os.strerror(error.errno) if error.errno else type(error).__name__
    # Whatever a parser says of a key may quote it.
    except Exception as error:
        problem = f"{problem} ({type(error).__name__})"
    raise ConfigurationError(
        f"{where}: the key cannot be read from {file}: {problem}",
        "Expected a PEM file without a passphrase, or a JWK or JWK set, readable by the account that runs the night.",
    )


def _pem(text: str) -> tuple[Any, str, str | None] | None:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    key = load_pem_private_key(text.encode(), password=None)
    if isinstance(key, RSAPrivateKey):
        return key, SIGNED_WITH["RSA"], None
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name == "secp384r1":
        return key, SIGNED_WITH["EC"], None
    return None


def _jwk(text: str) -> tuple[Any, str, str | None] | None:
    from jwt import PyJWK  # noqa: PLC0415

    given = json.loads(text)
    for one in given.get("keys", [given]):
        is_known = one.get("kty") == "RSA" or (one.get("kty") == "EC" and one.get("crv") == "P-384")
        if "d" in one and is_known:
            algorithm = SIGNED_WITH[one["kty"]]
            return PyJWK(one, algorithm=algorithm).key, algorithm, one.get("kid")
    return None
