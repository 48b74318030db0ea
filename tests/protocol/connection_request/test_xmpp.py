"""Answers to ConnectionRequests over XMPP (TR-069 Annex K)."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.connection_request.xmpp import ConnectionRequest, XmppVerdict, judge


def verdict(
    username: str = "acs", password: str = "s\u00e9cret", sender: str = "acs@x.example/lab", **more: Any
) -> XmppVerdict:
    given = {"enabled": True, "credentials": ("acs", "s\u00e9cret"), "allowed_ids": ()}
    return judge(ConnectionRequest(sender, username, password), **{**given, **more})


class JudgeTests(SynchronousTestCase):
    def test_good(self) -> None:
        self.assertIs(verdict(), XmppVerdict.ACCEPTED)
        self.assertIs(verdict(allowed_ids=("ACS@x.example",)), XmppVerdict.ACCEPTED)

    def test_wrong_credentials(self) -> None:
        for username, password in (
            ("acs", ""),
            ("acs", "secret"),
            ("ACS", "s\u00e9cret"),
            ("", ""),
            ("", "s\u00e9cret"),
        ):
            self.assertIs(verdict(username, password), XmppVerdict.NOT_AUTHORIZED)

    def test_no_credentials_let_nobody_in(self) -> None:
        for credentials in (None, ("", ""), ("acs", ""), ("", "s\u00e9cret")):
            self.assertIs(verdict(credentials=credentials), XmppVerdict.NOT_AUTHORIZED)
            self.assertIs(verdict("", "", credentials=credentials), XmppVerdict.NOT_AUTHORIZED)

    def test_switched_off(self) -> None:
        self.assertIs(verdict(enabled=False), XmppVerdict.UNAVAILABLE)
        self.assertIs(verdict("x", "y", enabled=False), XmppVerdict.UNAVAILABLE)

    def test_who_may_not_ask_hears_nothing(self) -> None:
        for more in ({}, {"enabled": False}, {"credentials": None}, {"username": "x"}):
            self.assertIs(verdict(**{"allowed_ids": ("other@x.example",), **more}), XmppVerdict.SILENCE)

    def test_the_password_shows_nowhere(self) -> None:
        self.assertNotIn("hidden", repr(ConnectionRequest("a@b", "acs", "hidden")))
