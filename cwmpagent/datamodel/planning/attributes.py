"""Planning of SetParameterAttributes (TR-069 A.3.2.4): Notification and AccessList."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cwmpagent.datamodel.names import is_inside, objects_above
from cwmpagent.datamodel.plan import AttributeChange, Plan
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.schema import Notify, ParameterDefinition
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.gradual import Gradual
from cwmpagent.records import SUBSCRIBER, Attributes, Batch

_ACTIVE = (2, 5, 6)
_SHARED: Mapping[tuple[int, tuple[str, ...]], Attributes] = {
    (notification, access): Attributes(notification, access)
    for notification in range(7)
    for access in ((), (SUBSCRIBER,))
}


def plan_attributes_gradually(tree: Tree, changes: Sequence[AttributeChange]) -> Gradual[Plan]:
    """Plan the change of Notification and AccessList, in the order given, all or none (SetParameterAttributes).

    Each parameter is visited once, however many ``changes`` apply to it.
    Raises ``CwmpFault``: 9005 for an unknown name; 9003 for a Notification other than 0, 1, 2 (also 3 to 6 if the
    device supports lightweight notifications) and for an entity other than ``Subscriber``; 9009 for active notification
    (2, 5, 6) of a parameter that denies it, and for a Notification other than 2 on a fully named parameter that forces
    it (below a partial path, such a parameter stays at 2).
    """
    requested = yield from _by_path(tree, changes)
    saved = tree.overlay.attributes
    changed: dict[str, Attributes | None] = {}
    for path in requested:
        yield
        if is_inside(path, requested):
            continue
        for piece in tree.covered(path):
            yield
            covering = [requested[above] for above in objects_above(piece[0][0]) if above in requested] if piece else []
            for name, parameter in piece:
                attributes = _attributes(tree, name, parameter, covering, requested.get(name))
                if attributes == tree.factory_attributes_of(name, parameter):
                    if name in saved:
                        changed[name] = None
                elif saved.get(name) != attributes:
                    changed[name] = attributes
    return Plan(batch=Batch(attributes=changed))


@dataclass(slots=True)
class _Request:
    """All changes of one path: the last value of each attribute, and its position among all changes.

    ``active``: a change requests active notification; ``not_two``: a change requests a Notification other than 2.
    """

    notification: int | None = None
    notification_at: int = -1
    access_list: tuple[str, ...] | None = None
    access_at: int = -1
    active: bool = False
    not_two: bool = False

    def add(self, change: AttributeChange, position: int) -> None:
        """Add ``change``, which comes after those before."""
        if change.notification is not None:
            self.notification, self.notification_at = change.notification, position
            self.active = self.active or change.notification in _ACTIVE
            self.not_two = self.not_two or change.notification != 2
        if change.access_list is not None:
            self.access_list, self.access_at = tuple(dict.fromkeys(change.access_list)), position


def _by_path(tree: Tree, changes: Sequence[AttributeChange]) -> Gradual[dict[str, _Request]]:
    """The changes by path with instance numbers. Raises CwmpFault 9003, 9005."""
    resolver = Resolver(tree)
    highest = 6 if _lightweight(tree) else 2
    requested: dict[str, _Request] = {}
    for position, change in enumerate(changes):
        yield
        _check_change(change, highest)
        path = resolver.path(change.name) or tree.model.root.path
        if path not in requested:
            tree.find(path)
            requested[path] = _Request()
        requested[path].add(change, position)
    return requested


def _attributes(
    tree: Tree, path: str, parameter: ParameterDefinition, covering: Sequence[_Request], own: _Request | None
) -> Attributes:
    """New attributes of a parameter. ``covering``: requests of objects that contain it; ``own``: that of its name."""
    requests = covering if own is None else (*covering, own)
    if parameter.notify is Notify.CAN_DENY and any(request.active for request in requests):
        raise CwmpFault(9009, f"{path} does not support active notification")
    if parameter.notify is Notify.FORCED and own is not None and own.not_two:
        raise CwmpFault(9009, f"active notification of {path} cannot be turned off")
    present = tree.attributes_of(path, parameter)
    by_notification = max(requests, key=lambda request: request.notification_at)
    by_access = max(requests, key=lambda request: request.access_at)
    notification = present.notification if by_notification.notification is None else by_notification.notification
    if parameter.notify is Notify.FORCED and by_notification.notification is not None:
        notification = 2
    access = present.access_list if by_access.access_list is None else by_access.access_list
    return _SHARED.get((notification, access)) or Attributes(notification, access)


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
