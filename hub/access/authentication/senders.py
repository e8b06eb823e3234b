"""How a short message leaves to a contact point: by a mail server, or into a file of the hub's folder."""

from __future__ import annotations

import os
import smtplib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import orjson

from hub.errors import RetryLater
from hub.settings import secret
from hub.settings.sign_in import Sender

TIMEOUT = 20  # seconds


@dataclass(frozen=True, slots=True)
class Message:
    """subject: of those that have one."""

    subject: str
    text: str


def send_message(given: Sender, to: str, message: Message, folder: Path, env: Mapping[str, str] | None = None) -> None:
    """It was taken when this returns. RetryLater when the server cannot be reached or does not take it."""
    if given.file:
        line = orjson.dumps({"to": to, "subject": message.subject, "text": message.text}) + b"\n"
        made = os.open(folder / given.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(made, "wb") as file:
            file.write(line)
        return
    try:
        _by_mail(given, to, message, env)
    except (OSError, smtplib.SMTPException) as error:
        raise RetryLater(f"the mail server did not take a message ({type(error).__name__})") from None


def forget_messages(given: Sender | None, words: Collection[str], folder: Path) -> None:
    """Of messages that were kept in a file, those that hold one of these words."""
    path = folder / given.file if given is not None and given.file else None
    if path is None or not path.exists():
        return
    wanted = [orjson.dumps(w.casefold())[1:-1] for w in words if w]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if not any(w in line.lower() for w in wanted)))


def _by_mail(given: Sender, to: str, message: Message, env: Mapping[str, str] | None) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = given.sender, to, message.subject
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    host, _, port = given.smtp.rpartition(":")
    made = smtplib.SMTP_SSL if given.tls == "tls" else smtplib.SMTP
    with made(host, int(port), timeout=TIMEOUT) as server:
        if given.tls == "starttls":
            server.starttls()
        if given.user:
            server.login(given.user, secret(given.password_env, env))
        server.send_message(mail)
