"""Dumps of real devices, read by a simple independent reader, to check the reader of the package."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from twisted.trial.unittest import SkipTest

from tests.skips import NO_MODELS, models_directory

UNKNOWN = {"xsd:dateTime": "0001-01-01T00:00:00Z", "xsd:boolean": "false"}
SECRETS = ("Password", "Passphrase", "SharedKey", "Secret", "WEPKey", "EncryptionKey", "WEPKey1", "WEPKey2")

ODD_NAMES = (
    "Parameter,Object,Writable,Value,Value type",
    "DeviceID.SerialNumber,false,false,S1,xsd:string",
    "InternetGatewayDevice,true,false,,",
    "InternetGatewayDevice.LANDevice.1,true,false,,",
    "InternetGatewayDevice.LANDevice.1.WLANConfiguration.1,true,false,,",
    "InternetGatewayDevice.LANDevice.1.WLANConfiguration.1.11kSupported,false,true,1,xsd:boolean",
    "InternetGatewayDevice.LANDevice.1.WLANConfiguration.1.X_5G.2-4GHz.Kanal\u00e4nderung,false,true,6,xsd:int",
    "InternetGatewayDevice.WANDevice.1.X_VLAN.1.8021pMark,false,true,5,xsd:unsignedInt",
    "InternetGatewayDevice.WANDevice.1.X_VLAN.1.802-1pMark,false,false,7,xsd:unsignedInt",
    "InternetGatewayDevice.WANDevice.1.X_VLAN.1.3G Mode,false,true,auto,xsd:string",
    "InternetGatewayDevice.WANDevice.1.X_VLAN.2.8021pMark,false,false,4,xsd:unsignedInt",
    "InternetGatewayDevice.WANDevice.1.4G.Signal\u0662,false,false,-70,xsd:int",
    "InternetGatewayDevice.X_Liste.0.Name,false,true,nil,xsd:string",
    "InternetGatewayDevice.X_Liste.1.Name,false,true,one,xsd:string",
)
"""A dump with names as real devices have them, which TR-106 does not allow."""


class Known(NamedTuple):
    """A dump, its number of objects and parameters, and the number of values that a device does not report as given."""

    name: str
    device: str
    objects: int
    parameters: int
    secret: int
    empty: int
    other_zero: int
    unnamed: int


KNOWN = (
    Known("tr098-bm632w.csv", "202BC1-BM632w-3AF4DC5296307418", 210, 792, 1, 0, 0, 0),
    Known("tr098-eg8145v5.csv", "00259E-EG8145V5-30741852F63074F8", 643, 3147, 1, 19, 2, 0),
    Known("tr181-ex220.csv", "1C61B4-Device2-3074185296307", 816, 4413, 4, 29, 17, 10),
)


class Row(NamedTuple):
    """A row of a dump: full name (an object's ends with a dot), expected value of the device, and value in the file."""

    name: str
    writable: bool
    value: str
    type: str
    given: str


class Judge:
    """The expected answers of a device made from the dump ``known``."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.secret = self.empty = self.other_zero = self.unnamed = 0
        with dump(known.name).open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        names = {line["Parameter"] for line in lines}
        self.root = "Device." if "Device" in names else "InternetGatewayDevice."
        self.tables = {name.rpartition(".")[0] for name in names if name.rpartition(".")[2].isdecimal()}
        self.identity = {
            f"{self.root}DeviceInfo.{ours}": line["Value"]
            for line in lines
            for theirs, ours in (("SerialNumber", "SerialNumber"), ("OUI", "ManufacturerOUI"))
            if line["Parameter"] == "DeviceID." + theirs
        }
        rows = [self._row(line) for line in lines if (line["Parameter"] + ".").startswith(self.root)]
        self.objects = {row.name: row.writable for row in rows if row.name.endswith(".")}
        self.parameters = {row.name: row for row in rows if not row.name.endswith(".")}

    def _row(self, line: dict[str, str]) -> Row:
        name, value, kind = line["Parameter"], line["Value"], line["Value type"]
        writable = line["Writable"] == "true"
        if line["Object"] == "true":
            return Row(name + ".", writable, "", "", "")
        if name in self.identity:
            value = line["Value"] = self.identity[name]
        elif writable and name.endswith(SECRETS) and value:
            self.secret += 1
            value = ""
        row = name.rpartition(".")[0].rpartition(".")[2]
        if name.endswith(".Alias") and row.isdecimal() and not value:
            self.unnamed += 1
            value = f"cpe-{row}"
        elif not value and kind != "xsd:string" and kind != "xsd:base64":
            self.empty += 1
            value = UNKNOWN.get(kind, "0")
        elif value == "0001-01-01T00:00:00.000Z":
            self.other_zero += 1
            value = UNKNOWN[kind]
        return Row(name, writable, value, kind, line["Value"])

    def is_plain(self, path: str) -> bool:
        """Whether the object ``path`` is neither a row nor a table with rows: no row can be added or deleted."""
        bare = path[:-1]
        has_names = any(name.startswith(path) for name in (*self.parameters, *self.objects) if name != path)
        return has_names and bare not in self.tables and not bare.rpartition(".")[2].isdecimal()


def dump(name: str) -> Path:
    """The file ``name``; skips the test where there are no dumps."""
    directory = models_directory()
    if directory is None:
        raise SkipTest(NO_MODELS)
    return directory / name
