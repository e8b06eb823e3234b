"""One HTTP service: requests that are bounded in time, size and tries, and never leave its host."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from hub.connectors.base import JSON, FieldWrite, Foreign, WriteResult
from hub.connectors.mapping.paths import Row
from hub.connectors.oauth import OAuth, Tokens
from hub.errors import BadRecord, ConfigError, Fault, RetryLater
from hub.settings import ADDED, Connection, Strict, secret

if TYPE_CHECKING:
    import httpx2

# Functions import the network's libraries when they run: commands that reach no service wait for none of it.

BODY_BYTES = 64 << 20
PATIENCE = 30.0  # seconds: a longer Retry-After is the scheduler's to wait for
TRIES, TRIES_SECONDS = 4, 90.0
REDIRECTS = 3
REFUSES = (401, 403)  # who answers so has done nothing


class RestAuth(Strict):
    bearer_env: str | None = None  # variable that holds a bearer token
    basic_env: str | None = None  # variable that holds user:password
    header: str | None = None  # name of a header of its own, such as X-Api-Key
    header_env: str | None = None  # variable that holds the value of that header
    oauth: OAuth | None = Field(default=None, json_schema_extra=ADDED)  # tokens that run out and are fetched anew

    @model_validator(mode="after")
    def _one(self) -> RestAuth:
        if sum(v is not None for v in (self.bearer_env, self.basic_env, self.header_env, self.oauth)) > 1:
            raise ValueError("give one of bearer_env, basic_env, header_env, oauth")
        if (self.header is None) != (self.header_env is None):
            raise ValueError("header and header_env go together")
        return self


class HttpConnection(Connection):
    """What any service over HTTP needs."""

    base_url: str | None = None  # such as https://crm.example.com/api
    base_url_env: str | None = None  # variable that holds it; one of the two

    @model_validator(mode="after")
    def _one(self) -> HttpConnection:
        if (self.base_url is None) == (self.base_url_env is None):
            raise ValueError("give base_url or base_url_env")
        return self

    auth: RestAuth = RestAuth()
    timeout_seconds: float = Field(default=30, gt=0)  # of one request
    headers: dict[str, str] = Field(default_factory=dict)  # sent with every request; no secrets here


class RestConnection(HttpConnection):
    kind: Literal["rest"]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class _Again(Exception):
    """Worth another try; `wait` is for how long, in seconds, and `asked` what the service itself asked for."""

    def __init__(self, why: str, wait: float | None = None, asked: float | None = None) -> None:
        super().__init__(why)
        self.wait, self.asked = wait, asked


def _backoff(error: Exception) -> bool | float:
    if not isinstance(error, _Again):
        return False
    return True if error.wait is None else error.wait if error.wait <= PATIENCE else False


class Http:
    """Requests to one base URL, with its credentials. Proxies of the environment are not used."""

    def __init__(self, connector: HttpConnection, *, source: str, env: Mapping[str, str], tries: int = TRIES) -> None:
        import httpx2

        self.where, self._source, self._tries = f"sources/{source}.yaml", source, tries
        base = (connector.base_url or secret(connector.base_url_env or "", env)).rstrip("/") + "/"
        try:
            self.base = httpx2.URL(base)
        except httpx2.InvalidURL:
            self.base = httpx2.URL()
        if self.base.scheme not in ("http", "https") or not self.base.host or self.base.userinfo:
            what = "must be http:// or https://, with a host and without a password in it"
            raise ConfigError([Fault(f"{self.where}: connector.base_url", what, "such as https://crm.example.com/api")])
        self._tokens: Tokens | None = None
        if connector.auth.oauth is not None:
            self._tokens = Tokens(connector.auth.oauth, source=source, env=env, timeout=connector.timeout_seconds)
        headers, auth, self.secret_name = self._credentials(connector, env)
        self._headers = {"Accept": "application/json", **connector.headers, **headers}
        self._auth, self._timeout = auth, connector.timeout_seconds
        self.sent = 0  # requests that may have changed something there, whatever became of their answers
        self._opened: httpx2.Client | None = None

    @property
    def _client(self) -> httpx2.Client:
        if self._opened is None:
            import httpx2

            certificates = self.base.scheme == "https"  # reading them takes 100 ms
            self._opened = httpx2.Client(
                headers=self._headers, auth=self._auth, timeout=self._timeout, trust_env=False, verify=certificates
            )
        return self._opened

    def _credentials(self, connector: HttpConnection, env: Mapping[str, str]) -> tuple[dict[str, str], Any, str]:
        given = connector.auth
        if self._tokens is not None:
            return {}, None, self._tokens.names
        if given.bearer_env:
            return {"Authorization": f"Bearer {secret(given.bearer_env, env)}"}, None, given.bearer_env
        if given.header and given.header_env:
            return {given.header: secret(given.header_env, env)}, None, given.header_env
        if given.basic_env:
            import httpx2

            user, _, password = secret(given.basic_env, env).partition(":")
            return {}, httpx2.BasicAuth(user, password), given.basic_env
        return {}, None, ""

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def url(self, path: str, params: Mapping[str, str | list[str]] | None = None) -> httpx2.URL:
        """The address of a path below the base URL. ConfigError where it leads elsewhere: our credentials go to no other host."""
        import httpx2

        try:
            url = self.base.join(path.lstrip("/"))
        except httpx2.InvalidURL:
            url = httpx2.URL()
        if not self.same_host(url):
            what = f"the path '{path}' does not lead to {self.base.host}: not followed"
            raise ConfigError([Fault(f"{self.where}: connector.base_url", what, "write a path below the base URL")])
        return url.copy_merge_params(dict(params)) if params else url

    def same_host(self, url: httpx2.URL) -> bool:
        return (url.scheme, url.host, url.port) == (self.base.scheme, self.base.host, self.base.port)

    def link(self, text: str, base: str) -> httpx2.URL:
        """The address of the next page, or a ConfigError: our credentials go to no other host."""
        import httpx2

        try:
            url = httpx2.URL(base).join(text)
        except (httpx2.InvalidURL, TypeError, ValueError):
            raise ConfigError(
                [
                    Fault(
                        f"{self.where}: connector.base_url",
                        "the service gives a next page that is no URL",
                        "check rest.next",
                    )
                ]
            ) from None
        if not self.same_host(url):
            what = f"the service sends us to another host, {url.host}: not followed"
            raise ConfigError(
                [Fault(f"{self.where}: connector.base_url", what, "if that is right, make it the base_url")]
            )
        return url

    def send(
        self,
        method: str,
        url: httpx2.URL,
        *,
        json: Foreign = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> Answer:
        """The answer, whatever its status but 429 and 5xx: after some tries these, and silence, are RetryLater.

        What is not `repeatable` (creating a record) is tried again only if the service surely did nothing.
        """
        import stamina

        stamina.instrumentation.set_on_retry_hooks(())  # a try that fails is told once, at the end, in the error
        try:
            for attempt in stamina.retry_context(
                on=_backoff,
                attempts=self._tries,
                timeout=TRIES_SECONDS,
                wait_initial=0.1,
                wait_max=5.0,
                wait_jitter=0.2,
            ):
                with attempt:
                    return self._once(method, url, json, headers or {}, repeatable)
        except _Again as error:
            raise RetryLater(f"source '{self._source}': {error}", error.asked) from None
        raise AssertionError("stamina either returns or raises")  # pragma: no cover

    def _once(
        self, method: str, url: httpx2.URL, json: Foreign, headers: Mapping[str, str], repeatable: bool
    ) -> Answer:
        import httpx2

        renewed = self._tokens is None
        for _ in range(REDIRECTS + 2):
            try:
                answer = self._exchange(method, url, json, headers)
                if answer.status in REFUSES:
                    self.sent -= method != "GET"
                if answer.status == 401 and self._tokens is not None and not renewed:
                    self._tokens.forget()  # it ended before its time
                    renewed = True
                    continue
            except httpx2.HTTPError as error:
                refused = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
                self.sent -= refused and method != "GET"
                if (why := distrusted(error)) is not None:
                    raise ConfigError([self._not_trusted(why)]) from None
                why = f"{self.base.host} does not answer ({type(error).__name__})"
                raise _Again(why, None if repeatable or refused else PATIENCE + 1) from None
            if answer.status in (429, 503) or (answer.status >= 500 and repeatable):
                asked = _retry_after(answer.headers.get("retry-after"))
                raise _Again(f"{self.base.host} answers {answer.status}", asked, asked)
            if answer.status >= 500:
                raise _Again(f"{self.base.host} answers {answer.status}", PATIENCE + 1)
            if answer.status not in (301, 302, 303, 307, 308) or method != "GET":
                return answer
            url = self.link(answer.headers.get("location", ""), str(url))
        raise ConfigError(
            [Fault(f"{self.where}: connector.base_url", "the service redirects in circles", "correct the URL")]
        )

    def _not_trusted(self, why: str) -> Fault:
        remedy = "have it renewed; of an authority of your own: add it to those that this machine trusts"
        return Fault(
            f"{self.where}: connector.base_url", f"the certificate of {self.base.host} is not trusted: {why}", remedy
        )

    def _exchange(self, method: str, url: httpx2.URL, json: Foreign, headers: Mapping[str, str]) -> Answer:
        own = {} if self._tokens is None else {"Authorization": f"Bearer {self._tokens.bearer()}"}
        self.sent += method != "GET"
        with self._client.stream(method, url, json=json, headers={**headers, **own}) as response:
            chunks, size = [], 0
            for chunk in response.iter_bytes(1 << 16):
                size += len(chunk)
                if size > BODY_BYTES:
                    what = f"the service answers with more than {BODY_BYTES >> 20} MiB at once"
                    raise ConfigError(
                        [
                            Fault(
                                f"{self.where}: connector", what, "ask for smaller pages: rest.size_param and rest.size"
                            )
                        ]
                    )
                chunks.append(chunk)
            return Answer(
                response.status_code, {k.lower(): v for k, v in response.headers.items()}, b"".join(chunks), str(url)
            )


def distrusted(error: BaseException | None) -> str | None:
    """Why a service's certificate was refused, if that is what went wrong."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return None


def _retry_after(text: str | None) -> float | None:
    """Seconds, from seconds or an HTTP date."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text.strip())
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except (ValueError, TypeError):
        return None


def refused(http: Http, status: int) -> Fault:
    """What to do about a 401 or 403."""
    what = f"the service answers {status}: it does not accept " + (
        f"what is in {http.secret_name}" if http.secret_name else "us without credentials"
    )
    return Fault(
        f"{http.where}: connector.auth", what, "renew the secret, or give its owner the right to read and write here"
    )


def outcome_of(http: Http, write: FieldWrite, work: Callable[[FieldWrite], WriteResult]) -> WriteResult:
    """What came of a write. Whoever is away, or refuses our credentials, is asked again: the write is as good as it was."""
    before = http.sent
    try:
        result = work(write)
    except (RetryLater, ConfigError) as error:
        result = WriteResult(write.key or "", "retry", str(error))
    except BadRecord as error:
        result = WriteResult(write.key or "", "rejected", str(error))
    return replace(result, untouched=result.outcome == "retry" and http.sent == before)


def path_value(row: Row, name: str) -> JSON:
    """What a field holds; dots reach into nested objects unless a field is called so."""
    if name in row:
        return row[name]
    found: JSON = row
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def made_before(
    rows: Iterable[tuple[str, Mapping[str, JSON]]], fields: Mapping[str, JSON], known: Callable[[str], bool]
) -> tuple[str, Mapping[str, JSON]] | None:
    """The record (its key, itself) that an earlier try made: it holds just these values, and is nobody's yet."""
    for key, row in rows:
        same = all(alike(path_value(row, name), value) for name, value in fields.items())
        if same and key and not known(key):
            return key, row
    return None


def alike(a: JSON, b: JSON) -> bool:
    """Equal, or one number written as text."""
    if a is None or b is None or isinstance(a, bool | dict | list) or isinstance(b, bool | dict | list):
        return bool(a == b)
    return str(a) == str(b)
