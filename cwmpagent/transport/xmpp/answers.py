"""What comes in once we are logged in: connection requests, pings, and everything that is answered with a refusal."""

from __future__ import annotations

from collections.abc import Callable

from twisted.words.xish.domish import Element

from cwmpagent.protocol.connection_request.xmpp import ELEMENT, NAMESPACE, ConnectionRequest, XmppVerdict
from cwmpagent.transport.xmpp.markup import NS_CLIENT, NS_STANZAS, add, attribute, child, children, make, stanza_iq

NS_PING = "urn:xmpp:ping"

Asked = Callable[[ConnectionRequest], XmppVerdict]
"""What a connection request is answered with."""


def answer(iq: Element, domain: str, asked: Asked) -> Element | None:
    """The answer to an iq of the type get or set; None where there is none (TR-069 Annex K, RFC 6120 section 8.4).

    The server at ``domain`` may look whether we are there (XEP-0199); nobody else learns anything.
    """
    sender, number = attribute(iq, "from"), attribute(iq, "id")
    content = next(children(iq), None)
    if content is not None and (content.uri, content.name) == (NAMESPACE, ELEMENT):
        verdict = asked(ConnectionRequest(sender or "", _text(content, "username"), _text(content, "password")))
        if verdict is XmppVerdict.ACCEPTED:
            return stanza_iq("result", number, sender)
        return None if verdict is XmppVerdict.SILENCE else _refusal(iq, content, verdict)
    if content is not None and (content.uri, content.name) == (NS_PING, "ping") and sender in (None, domain):
        return stanza_iq("result", number, sender)
    return _refusal(iq, content, XmppVerdict.UNAVAILABLE)


def _refusal(iq: Element, content: Element | None, verdict: XmppVerdict) -> Element:
    error = make(NS_CLIENT, "error", type="cancel")
    if verdict is XmppVerdict.UNAVAILABLE:
        error["code"] = "503"
    add(error, make(NS_STANZAS, verdict.value))
    told = (content, error) if content is not None else (error,)
    return stanza_iq("error", attribute(iq, "id"), attribute(iq, "from"), *told)


def _text(element: Element, name: str) -> str:
    found = child(element, NAMESPACE, name)
    return str(found) if found is not None else ""
