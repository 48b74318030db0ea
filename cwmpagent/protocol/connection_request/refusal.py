"""Reasons for which a ConnectionRequest is refused, for the log and `status`; the client never receives them."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Reason of a refusal; the value is the text for people."""

    MALFORMED = "malformed request"
    TOO_MANY_CONNECTIONS = "too many connections"
    WRONG_PATH = "wrong path"
    WRONG_METHOD = "a method other than GET"
    DISABLED = "ConnectionRequests are disabled (EnableCWMP, HTTPConnectionRequestEnable)"
    NO_CREDENTIALS_SET = "ConnectionRequestUsername or ConnectionRequestPassword is not set"
    NOT_DIGEST = "authentication without Digest"
    WRONG_USERNAME = "wrong user name"
    WRONG_PASSWORD = "wrong password"
    WRONG_CREDENTIALS = "wrong user name or password"
    WRONG_DIGEST = "Digest parameters for another realm, URI, algorithm or qop, or incomplete ones"
    OLD_NONCE = "right password, but a nonce that is used already or expired (a replay, or a client that tries again)"
    REPLAYED = "time stamp or id of an earlier request (a replay)"
    WRONG_KICK = "wrong arguments for the kick page"
    TOO_MANY_REQUESTS = "too many requests"
    SENDER_NOT_ALLOWED = "the sender is not in ConnReqAllowedJabberIDs"
    OTHER_CONNECTION = "ConnReqXMPPConnection names another connection"
