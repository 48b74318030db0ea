"""Planning of SetParameterAttributes (TR-069 A.3.2.4): Notification and AccessList."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cwmpagent.datamodel.plan import AttributeChange, Plan
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.schema import Notify, ParameterDefinition
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.records import SUBSCRIBER, Attributes, Batch

_SHARED: Mapping[tuple[int, tuple[str, ...]], Attributes] = {
    (notification, access): Attributes(notification, access)
    for notification in range(7)
    for access in ((), (SUBSCRIBER,))
}


def plan_attributes(tree: Tree, changes: Sequence[AttributeChange]) -> Plan:
    """Plan the change of Notification and AccessList, in the order given, all or none (SetParameterAttributes).

    Raises ``CwmpFault``: 9005 for an unknown name; 9003 for a Notification other than 0, 1, 2 (also 3 to 6 if the
    device supports lightweight notifications) and for an entity other than ``Subscriber``; 9009 for active notification
    (2, 5, 6) of a parameter that denies it, and for a Notification other than 2 on a fully named parameter that forces
    it (below a partial path, such a parameter stays at 2).
    """
    new: dict[str, Attributes] = {}
    resolver = Resolver(tree)
    highest = 6 if _lightweight(tree) else 2
    for change in changes:
        _check_change(change, highest)
        change = replace(change, name=resolver.path(change.name))
        for path in tree.parameters(change.name):
            present = new.get(path) or tree.attributes(path)
            access = present.access_list if change.access_list is None else change.access_list
            notification = _notification(tree.definition(path), path, change, present.notification)
            new[path] = _SHARED.get((notification, access)) or Attributes(notification, access)
    saved = tree.overlay.attributes
    changed: dict[str, Attributes | None] = {}
    for path, attributes in new.items():
        if attributes == tree.factory_attributes(path):
            if path in saved:
                changed[path] = None
        elif saved.get(path) != attributes:
            changed[path] = attributes
    return Plan(batch=Batch(attributes=changed))


def _lightweight(tree: Tree) -> bool:
    """Whether the device supports lightweight notifications, by any protocol."""
    path = tree.model.root.path + "ManagementServer.LightweightNotificationProtocolsSupported"
    return tree.exists(path) and bool(tree.value(path).text)


def _check_change(change: AttributeChange, highest: int) -> None:
    if change.notification is not None and not 0 <= change.notification <= highest:
        reason = "" if highest > 2 else ": lightweight notifications are not supported"
        raise CwmpFault(9003, f"Notification must be 0 to {highest}{reason}")
    for entity in change.access_list or ():
        if entity != SUBSCRIBER:
            raise CwmpFault(9003, f"AccessList can contain only {SUBSCRIBER}")


def _notification(parameter: ParameterDefinition, path: str, change: AttributeChange, present: int) -> int:
    notification = change.notification
    if notification is None:
        return present
    if notification in (2, 5, 6) and parameter.notify is Notify.CAN_DENY:
        raise CwmpFault(9009, f"{path} does not support active notification")
    if notification != 2 and parameter.notify is Notify.FORCED:
        if change.name == path:
            raise CwmpFault(9009, f"active notification of {path} cannot be turned off")
        return 2
    return notification
