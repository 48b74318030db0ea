"""Responses to the iq stanzas of a logged-in stream: ConnectionRequests, pings, and errors for everything else."""

from __future__ import annotations

from collections.abc import Callable

from twisted.words.xish.domish import Element

from cwmpagent.protocol.connection_request.xmpp import ELEMENT, NAMESPACE, ConnectionRequest, XmppVerdict
from cwmpagent.transport.xmpp.markup import (
    NS_CLIENT,
    NS_STANZAS,
    add,
    attribute,
    child,
    children,
    make,
    namespaces,
    stanza_iq,
)

NS_PING = "urn:xmpp:ping"

OnRequest = Callable[[ConnectionRequest], XmppVerdict]
"""Callback that decides the response to a ConnectionRequest."""


def answer(iq: Element, domain: str, on_request: OnRequest) -> Element | None:
    """The response to an iq of type get or set, None without one (TR-069 Annex K, RFC 6120 section 8.4).

    A ping (XEP-0199) is answered for the server at ``domain`` only; other senders get ``service-unavailable``.
    """
    sender, number = attribute(iq, "from"), attribute(iq, "id")
    content = next(children(iq), None)
    if content is not None and (content.uri, content.name) == (NAMESPACE, ELEMENT):
        verdict = on_request(ConnectionRequest(sender or "", _text(content, "username"), _text(content, "password")))
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
    # An error may repeat the content (RFC 6120 section 8.3.1); with a blank in a namespace, some parsers refuse it.
    repeated = () if content is None or any(" " in uri for uri in namespaces(content)) else (content,)
    return stanza_iq("error", attribute(iq, "id"), attribute(iq, "from"), *repeated, error)


def _text(element: Element, name: str) -> str:
    text = child(element, NAMESPACE, name)
    return str(text) if text is not None else ""
