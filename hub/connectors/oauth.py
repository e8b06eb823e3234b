"""Tokens of OAuth 2: fetched when they are needed, kept until they run out, fetched anew when a service refuses one."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

from pydantic import Field, model_validator

from hub.connectors.base import Foreign
from hub.connectors.rows import parse_json
from hub.errors import ConfigError, Fault, RetryLater
from hub.settings import ADDED, Strict, secret

EARLY = 60.0  # seconds before it runs out a token is not used any more
UNSAID = 600.0  # seconds that a token lasts of which the service does not say how long


class OAuth(Strict):
    """A token by the service's own grant: client credentials, or a refresh token where one is named."""

    token_url: str | None = None  # where tokens are given, such as https://login.example.com/oauth2/token
    token_url_env: str | None = None  # variable that holds it; one of the two
    client_id_env: str  # variable that holds the client's id
    client_secret_env: str | None = None  # variable that holds the client's secret
    refresh_token_env: str | None = (
        None  # variable that holds a refresh token that stays good; unset: client credentials
    )
    scope: str = ""  # what is asked for, where the service wants that
    client_auth: Literal["body", "basic"] = "body"  # how the client says who it is
    params: dict[str, str] = Field(default_factory=dict, json_schema_extra=ADDED)  # sent beside, such as audience

    @model_validator(mode="after")
    def _one(self) -> OAuth:
        if (self.token_url is None) == (self.token_url_env is None):
            raise ValueError("give token_url or token_url_env")
        if self.refresh_token_env is None and self.client_secret_env is None:
            raise ValueError("client credentials need client_secret_env; else give refresh_token_env")
        return self


class Tokens:
    """The tokens of one source. A refresh token that the service gives anew is used from then on, while the process lives."""

    def __init__(self, given: OAuth, *, source: str, env: Mapping[str, str], timeout: float) -> None:
        self.where, self._source, self._timeout = f"sources/{source}.yaml: connector.auth.oauth", source, timeout
        self._given = given
        self._url = given.token_url or secret(given.token_url_env or "", env)
        if not self._url.startswith(("https://", "http://")):
            raise ConfigError([Fault(f"{self.where}.token_url", "is no address", "such as https://example.com/token")])
        self._client = secret(given.client_id_env, env)
        self._secret = secret(given.client_secret_env, env) if given.client_secret_env else ""
        self._refresh = secret(given.refresh_token_env, env) if given.refresh_token_env else ""
        self._token, self._until = "", 0.0

    @property
    def names(self) -> str:
        """The variables that a refusal is about."""
        given = self._given
        return ", ".join(n for n in (given.client_id_env, given.client_secret_env, given.refresh_token_env) if n)

    def bearer(self) -> str:
        """A token that is good now. ConfigError when the service gives none, RetryLater when it does not answer."""
        if not self._token or time.monotonic() >= self._until:
            told = self._ask()
            token, lasts = told.get("access_token"), told.get("expires_in")
            if not isinstance(token, str) or not token:
                raise self._refused("answers without an access_token")
            self._token = token
            seconds = float(str(lasts)) if str(lasts).isdigit() else UNSAID
            self._until = time.monotonic() + max(0.0, seconds - min(EARLY, seconds / 2))
            if self._refresh and isinstance(told.get("refresh_token"), str):
                self._refresh = told["refresh_token"]
        return self._token

    def forget(self) -> None:
        """The service refused the token: the next one is a new one."""
        self._token = ""

    def _ask(self) -> dict[str, Foreign]:
        import httpx2

        sent = {"grant_type": "refresh_token" if self._refresh else "client_credentials", **self._given.params}
        if self._refresh:
            sent["refresh_token"] = self._refresh
        if self._given.scope:
            sent["scope"] = self._given.scope
        headers = {"Accept": "application/json"}
        if self._given.client_auth == "basic":
            named = f"{quote(self._client, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(named.encode()).decode()}"
        else:
            sent |= {"client_id": self._client, **({"client_secret": self._secret} if self._secret else {})}
        try:
            with httpx2.Client(timeout=self._timeout, trust_env=False) as client:
                answer = client.post(self._url, data=sent, headers=headers)
        except httpx2.HTTPError as error:
            raise RetryLater(f"source '{self._source}': no token: {type(error).__name__}") from None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise RetryLater(f"source '{self._source}': no token: the service answers {answer.status_code}")
        try:
            told: Foreign = parse_json(answer.content)
        except ValueError:
            told = None
        if not answer.is_success or not isinstance(told, dict):
            said = told.get("error") if isinstance(told, dict) else None
            known = f" {said}" if isinstance(said, str) and said.replace("_", "").isalpha() else ""
            raise self._refused(f"answers {answer.status_code}{known}")
        return told

    def _refused(self, what: str) -> ConfigError:
        return ConfigError(
            [
                Fault(
                    f"{self.where}.token_url",
                    f"the service gives no token: it {what}",
                    f"renew what is in {self.names}",
                )
            ]
        )
