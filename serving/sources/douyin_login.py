"""What needs the application's secret: exchanging a code for a token, checking key and secret."""

from __future__ import annotations

import urllib.parse

from serving.sources.douyin_sender import Sender, oauth
from serving.sources.douyin_tokens import Token, TokenStore, token_from_answer


def connect_url(sender: Sender, scope: str, redirect_uri: str, state: str) -> str:
    """The page on which the account's owner allows the access; it leads on to ``redirect_uri``
    with the code."""
    query = {
        "client_key": sender.app.client_key,
        "response_type": "code",
        "scope": scope,
        "redirect_uri": redirect_uri,
        "state": state,
    }
    return f"{sender.app.base_url}/platform/oauth/connect/?{urllib.parse.urlencode(query)}"


def log_in(sender: Sender, store: TokenStore, code: str, now: float) -> Token:
    """Exchanges an authorization code (valid for ten minutes, once) and keeps the token."""
    form = {
        "client_secret": sender.app.client_secret,
        "code": code,
        "grant_type": "authorization_code",
    }
    data = oauth(sender, "/oauth/access_token/", form, secrets=(code,))
    token = token_from_answer(data, client_key=sender.app.client_key, now=now)
    with store.locked():
        store.save(token)
    return token


def check_credentials(sender: Sender) -> float:
    """Asks for a client token, which needs no user; gives its life in seconds.

    The platform lets the application's older client tokens end within minutes.
    """
    form = {"client_secret": sender.app.client_secret, "grant_type": "client_credential"}
    data = oauth(sender, "/oauth/client_token/", form)
    return float(data.get("expires_in") or 0)
