"""Identity and time of a device: DeviceId and CurrentTime of its Inform (TR-069 A.3.3.1)."""

from __future__ import annotations

from cwmpagent.agent.ports import Clock
from cwmpagent.datamodel.tree import Tree
from cwmpagent.protocol.rpc import DeviceIdStruct
from cwmpagent.values import UNKNOWN_TIME, format_time


def device_id(tree: Tree) -> DeviceIdStruct:
    """DeviceIdStruct from the DeviceInfo object; ProductClass is empty where the model has none."""
    info = tree.model.root.path + "DeviceInfo."
    product_class = info + "ProductClass"
    return DeviceIdStruct(
        manufacturer=tree.value(info + "Manufacturer").text,
        oui=manufacturer_oui(tree),
        product_class=tree.value(product_class).text if tree.exists(product_class) else "",
        serial_number=tree.value(info + "SerialNumber").text,
    )


def device_name(tree: Tree) -> str:
    """Name of the device in logs and `status`: OUI, ProductClass where it has one, and serial number."""
    identity = device_id(tree)
    return "-".join(filter(None, (identity.oui, identity.product_class, identity.serial_number)))


def manufacturer_oui(tree: Tree) -> str:
    """ManufacturerOUI of the device, as in its DeviceId and in vendor events (``X <OUI> ...``)."""
    return tree.value(tree.model.root.path + "DeviceInfo.ManufacturerOUI").text


def current_time(clock: Clock) -> str:
    """Local wall time with its offset from UTC; Unknown Time while the wall clock is not trusted, or out of range."""
    if not clock.wall_trusted():
        return UNKNOWN_TIME
    try:
        return format_time(int(clock.wall()), clock.utc_offset())
    except ValueError:
        return UNKNOWN_TIME
