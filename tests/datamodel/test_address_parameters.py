"""Values of parameters that are addresses of other hosts: accepted and refused ones, in every way in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel.address_parameters import address_refusal
from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.datamodel.planning.assignments import plan_values
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.schema import Model
from cwmpagent.datamodel.sources.toml_reader import read_toml
from cwmpagent.errors import CwmpFault, ModelError
from cwmpagent.records import Saved

MODEL = b"""
[objects."Device."]
[objects."Device.ManagementServer.".parameters]
URL = { type = "string", writable = true }
STUNServerAddress = { type = "string", writable = true }
UDPLightweightNotificationHost = { type = "string", writable = true }
STUNUsername = { type = "string", writable = true }
[objects."Device.XMPP."]
[objects."Device.XMPP.Connection.{i}."]
create = true
[objects."Device.XMPP.Connection.{i}.".parameters]
Domain = { type = "string", writable = true }
[objects."Device.XMPP.Connection.{i}.Server.{i}."]
create = true
[objects."Device.XMPP.Connection.{i}.Server.{i}.".parameters]
ServerAddress = { type = "string", writable = true }
[rows]
"Device.XMPP.Connection." = [1]
"Device.XMPP.Connection.1.Server." = [1]
"""
SERVER = "Device.ManagementServer."
DOMAIN = "Device.XMPP.Connection.1.Domain"
HOSTS = (
    SERVER + "STUNServerAddress",
    SERVER + "UDPLightweightNotificationHost",
    "Device.XMPP.Connection.1.Server.1.ServerAddress",
    DOMAIN,
)
GOOD = (
    "",
    "192.0.2.1",
    "2001:db8::1",
    "fe80::1%eth0",
    "stun.example.net",
    "stun.example.net.",
    "under_score.example",
    "localhost",
    "b\u00fccher.example",
    "xn--bcher-kva.example",
)
BAD = (
    "stun.example\r\nX-Evil: 1",
    "\r\n",
    "\n",
    " ",
    "stun.example ",
    "a b.example",
    "stun.example:3478",
    "stun:stun.example",
    "http://stun.example/",
    "a@b",
    "a/b",
    "a?b",
    "a..b",
    ".",
    "x" * 64 + ".example",
    "fe80::1%eth0\r\nX: 1",
    "fe80::1%a b",
    "right\u202eto.left",
)


class AddressTests(SynchronousTestCase):
    def setUp(self) -> None:
        builder = ModelBuilder()
        read_toml(MODEL, "small.toml", builder)
        self.model: Model = builder.build("small")
        self.tree, _ = open_tree(self.model)

    def refusal(self, name: str, text: str) -> str | None:
        """The refusal of an assignment by the ACS; None where it is accepted."""
        try:
            plan_values(self.tree, [ParameterAssignment(name, text)])
        except CwmpFault as fault:
            self.assertEqual([each.code for each in fault.parameters], [9007])
            return fault.parameters[0].text
        return None

    def test_hosts(self) -> None:
        for name in HOSTS:
            for text in GOOD:
                self.assertIsNone(self.refusal(name, text), (name, text))
            for text in BAD:
                self.assertIn("must be a host name or an IP address", self.refusal(name, text) or "", (name, text))

    def test_brackets_are_for_a_domain(self) -> None:
        for name in HOSTS:
            self.assertEqual(self.refusal(name, "[2001:db8::1]") is None, name == DOMAIN)
        self.assertIsNotNone(self.refusal(DOMAIN, "[2001:db8::1\r\n]"))

    def test_the_url_of_the_acs_in_a_model_without_a_pattern(self) -> None:
        name = SERVER + "URL"
        for text in ("", "http://acs.example/", "https://[2001:db8::1]:7547/a?b=c", "http://[fe80::1%25eth0]/"):
            self.assertIsNone(self.refusal(name, text), text)
        for text in ("http://acs.example/\r\nX: 1", "http://a\nb/", "http://a b/", "http://a/\t"):
            self.assertIn("one URL", self.refusal(name, text) or "", text)

    def test_other_parameters_are_free(self) -> None:
        self.assertIsNone(self.refusal(SERVER + "STUNUsername", "a b\r\n"))

    def test_factory_values(self) -> None:
        for name in HOSTS:
            with self.assertRaises(ModelError) as caught:
                open_tree(self.model, factory={name: "a\r\nb"})
            self.assertEqual(caught.exception.key, name)

    def test_values_that_an_earlier_version_saved(self) -> None:
        tree, ignored = open_tree(self.model, Saved(values={HOSTS[0]: "a\r\nb", HOSTS[1]: "good.example"}))
        self.assertEqual([each.path for each in ignored], [HOSTS[0]])
        self.assertEqual([tree.value(name).text for name in HOSTS[:2]], ["", "good.example"])

    @given(st.text(max_size=40))
    def test_any_text(self, text: str) -> None:
        """What is accepted has nothing that could end a line, a header or a name in a log."""
        if address_refusal(self.tree, HOSTS[0], text) is None:
            self.assertTrue(text.isprintable() and not any(char in text for char in " /?#@,;"))
