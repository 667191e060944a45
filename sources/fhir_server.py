"""A FHIR server over HTTP: tried again where a fault may pass, and told nothing that is not for it.

Of what a server or a connection says in words, nothing is passed on: it may quote a person, a token or an address.
"""

from __future__ import annotations

import functools
import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, TypeVar

import httpx

from schemas.errors import ConfigurationError, InputRefused, SourceUnavailable
from sources.base import ExportSettings
from sources.fhir_entry import Answer, Clock, entry, is_private, joined, origin

log: Final = logging.getLogger("b12screen")

FHIR_JSON: Final = "application/fhir+json"
PASSING: Final = (408, 425, 429, 500, 502, 503, 504)
"""Statuses after which the same request may succeed."""
LONGEST_WAIT: Final = 900.0
LONGEST_ANSWER: Final = 256 * 1024 * 1024
MOST_REDIRECTS: Final = 5
QUIET: Final = ("httpx", "httpcore")
T = TypeVar("T")


class Lost(Exception):
    """A fault that may pass. `wait`: the seconds the server asks for. has_progressed: it came further than before."""

    def __init__(self, what: str, wait: float | None = None, has_progressed: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.wait = wait
        self.has_progressed = has_progressed


class Server:
    """The server that a site has configured. Use it in a `with` statement."""

    def __init__(self, where: str, settings: ExportSettings, types: tuple[str, ...], clock: Clock) -> None:
        self.where = where
        self.settings = settings
        self.clock = clock
        self.origin = origin(settings.url)
        self.entry = entry(where, settings, types, self.ask_openly, clock)
        self._levels: dict[str, int] = {}

    def __enter__(self) -> Server:
        # They write whole addresses, and what is asked for, into the log.
        self._levels = {name: logging.getLogger(name).level for name in QUIET}
        for name in QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = httpx.Client(
            timeout=self.settings.timeout, verify=self._trusted(), headers={"User-Agent": "b12screen"}
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)

    def _trusted(self) -> ssl.SSLContext:
        if self.settings.ca_file is None:
            return _public()
        with suppress(OSError):
            return ssl.create_default_context(cafile=str(self.settings.ca_file))
        raise ConfigurationError(
            f"{self.where}: no certificates can be read from {self.settings.ca_file}",
            "Expected a PEM file with the certificates of the authorities that the server's own is signed by.",
        )

    # -- asking ---------------------------------------------------------------------------------------------------

    def ask(self, what: str, method: str, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """The server's answer, whole, with our token, on its own origin; faults that may pass are tried again."""
        return self.retried(what, lambda: self._answer(method, url, {"Accept": FHIR_JSON, **(headers or {})}))

    def ask_openly(
        self,
        what: str,
        method: str,
        url: str,
        form: Callable[[], dict[str, str]] | None = None,
        accept: str = "application/json",
    ) -> Answer:
        """The same without a token. form: called for each attempt."""
        return self.retried(
            what,
            lambda: self._answer(
                method, url, {"Accept": accept}, has_token=False, form=form() if form else None
            ),
        )

    def retried(self, what: str, once: Callable[[], T]) -> T:
        """What `once` gives, a bounded number of times begun anew while it raises Lost without getting further."""
        left = self.settings.attempts
        while True:
            try:
                return once()
            except Lost as error:
                lost = error
            left = self.settings.attempts if lost.has_progressed else left
            left -= 1
            if not left:
                break
            self._wait(what, lost, self.settings.attempts - left - 1)
        raise SourceUnavailable(
            f"{self.where}: {what}: {lost.what}, {_times(self.settings.attempts)}",
            "Check that the server is up and can be reached from here, then run again.",
        )

    def _wait(self, what: str, lost: Lost, before: int) -> None:
        seconds = self.settings.wait * 2**before if lost.wait is None else lost.wait
        seconds = min(seconds, LONGEST_WAIT)
        log.warning("%s %s: %s; again in %.0f s", self.where, what, lost.what, seconds)
        self.clock.sleep(seconds)

    def asked_to_wait(self, headers: Mapping[str, str]) -> float | None:
        """Seconds from now of `Retry-After`, a number or a date; null where there is none that can be read."""
        text = headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return float(text[:9])
        with suppress(ValueError, OverflowError):
            return max(0.0, parsedate_to_datetime(text).timestamp() - self.clock.time())
        return None

    def _answer(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        has_token: bool = True,
        form: dict[str, str] | None = None,
    ) -> Answer:
        with self.opened(method, url, headers, has_token=has_token, form=form) as response:
            body = bytearray()
            for block in response.iter_bytes():
                body += block
                if len(body) > LONGEST_ANSWER:
                    raise InputRefused(f"{self.where}: the server's answer does not end")
            return Answer(response.status_code, response.headers, bytes(body))

    @contextmanager
    def opened(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        has_token: bool = True,
        is_file: bool = False,
        form: dict[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """An answer of which only the head has been read. Raises Lost for what may pass, in its body too.

        A token that is not accepted is renewed once. A redirect is followed on the origin it came from; a file's
        also elsewhere, where its address is private, and then without our token.
        """
        lost: Lost | InputRefused | None = None
        try:
            response = self._followed(method, url, headers, has_token, is_file, form)
            try:
                if response.status_code in PASSING:
                    status = HTTPStatus(response.status_code)
                    lost = Lost(f"{status.value} {status.phrase}", self.asked_to_wait(response.headers))
                else:
                    yield response
            finally:
                response.close()
        except httpx.InvalidURL:
            lost = InputRefused(f"{self.where}: the server gives an address that cannot be meant")
        except httpx.TimeoutException:
            lost = Lost(f"no answer within {self.settings.timeout:g} s")
        except httpx.RequestError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                lost = Lost(
                    "its certificate is not signed by an authority that is trusted here (see `ca_file`)"
                )
            else:
                lost = Lost("the connection broke off")
        if lost:
            raise lost

    def _followed(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        has_token: bool,
        is_file: bool,
        form: dict[str, str] | None,
    ) -> httpx.Response:
        may_renew = True
        for _ in range(MOST_REDIRECTS + 1):
            token = self.entry.token() if has_token else None
            own = {"Authorization": f"Bearer {token}"} if token else {}
            request = self._client.build_request(method, url, headers={**headers, **own}, data=form)
            response = self._client.send(request, stream=True)
            if response.status_code == 401 and token and may_renew and self.entry.renew():
                may_renew = False
            elif response.has_redirect_location and method != "POST":
                url, has_token = self._redirected(url, response.headers["Location"], has_token, is_file)
            else:
                return response
            response.close()
        raise InputRefused(f"{self.where}: the server redirects without end")

    def _redirected(self, url: str, location: str, has_token: bool, is_file: bool) -> tuple[str, bool]:
        """Where to, and whether our token may go along."""
        target = joined(url, location)
        if origin(target) == origin(url):
            return target, has_token
        if is_file and is_private(target):
            return target, False
        raise InputRefused(
            f"{self.where}: the server redirects to another origin",
            "Set `url` to the address at which the server really is.",
        )


@functools.cache
def _public() -> ssl.SSLContext:
    """The authorities that everybody trusts, read once."""
    return httpx.create_ssl_context()


def _times(attempts: int) -> str:
    return "once" if attempts == 1 else f"{attempts} times in a row"
