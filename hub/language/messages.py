"""What is sent to customers. Pure but for the words, which come from their files."""

from __future__ import annotations

from hub.access.authentication.senders import Message
from hub.language.catalog import said_in

SIGN_IN = "{code} is your code to see your data. It is good for {minutes} minutes. Nobody will ask you for it: if you did not ask for it, do nothing."
PROOF = "{code} is the code that shows that this address is yours. It is good for {minutes} minutes."
SUBJECT = "Your code"


def code_message(language: str, text: str, code: str, minutes: int) -> Message:
    """A code on its way. `text`: SIGN_IN or PROOF."""
    return Message(said_in(language, SUBJECT), said_in(language, text, code=code, minutes=minutes))
