"""Reader of the data models of the Broadband Forum (TR-181, TR-098): "full" XML files.

The format is the DM schema of TR-106 (``cwmp-datamodel-1-*.xsd``). A deviation from a file is reported to the builder;
an element that cannot be read raises ``ModelError`` with file, element and line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from cwmpagent.datamodel.builder import ModelBuilder, parent_of
from cwmpagent.datamodel.deviations import OF_PROFILES, OF_STANDARD
from cwmpagent.datamodel.schema import ROW, Notify, ObjectDefinition, ParameterDefinition, UniqueKey
from cwmpagent.datamodel.sources.agent_parameters import ESSENTIAL
from cwmpagent.datamodel.sources.bbf.profiles import Profiles, Selection
from cwmpagent.datamodel.sources.bbf.references import listing, tables
from cwmpagent.datamodel.sources.bbf.types import DataTypes
from cwmpagent.datamodel.sources.bbf.xml import XmlElement, read_elements
from cwmpagent.datamodel.sources.initial_value import initial_value
from cwmpagent.errors import ModelError
from cwmpagent.values import LexicalError

_NOTIFY: Mapping[str, Notify] = MappingProxyType(
    {
        "": Notify.NORMAL,
        "normal": Notify.NORMAL,
        "canDeny": Notify.CAN_DENY,
        "forceEnabled": Notify.FORCED,
        "forceDefaultEnabled": Notify.DEFAULT_ACTIVE,
    }
)
_ACCESS: Mapping[str, bool] = MappingProxyType(
    {"": False, "readOnly": False, "readWrite": True, "writeOnceReadOnly": True}
)


def read_bbf(data: bytes, name: str, builder: ModelBuilder, profiles: Sequence[str] = ()) -> None:
    """Declare the model in ``data``, the content of the file ``name``, to ``builder``.

    With ``profiles``, only the objects and parameters of these profiles and those that the agent needs are declared;
    the others are offered. Raises ``ModelError`` whose key is the file with element and line, or ``device.profiles``.
    """
    file = _File(name, builder)
    read_elements(data, name, file.opened, file.closed)
    file.declare(profiles)


@dataclass(slots=True)
class _Parameter:
    where: str
    definition: ParameterDefinition
    path_ref: XmlElement | None
    enumeration_ref: XmlElement | None
    notes: list[str]


@dataclass(slots=True)
class _Object:
    where: str
    definition: ObjectDefinition
    parameters: dict[str, _Parameter]
    notes: list[str]


class _File:
    """Content of one file."""

    def __init__(self, name: str, builder: ModelBuilder) -> None:
        self._name = name
        self._builder = builder
        self._types = DataTypes()
        self._profiles = Profiles(name, lambda where, text: builder.report(f"{name}: {where}", text, OF_PROFILES))
        self._model: XmlElement | None = None
        self._outermost = True
        self._objects: dict[str, _Object] = {}
        self._notes: dict[str, list[tuple[str, str]]] = {}
        self._declared_before = bool(builder.root)

    def opened(self, element: XmlElement) -> None:
        """Handle the start of a ``document`` or ``model`` element."""
        where = self._where(element)
        if self._outermost:
            self._outermost = False
            if element.tag != "document":
                raise ModelError(where, "is not a model of the Broadband Forum: such a file begins with <document>")
        elif element.tag == "model":
            if self._model is not None:
                raise ModelError(where, "is a second model in one file")
            if element.get("base"):
                raise ModelError(where, f"changes the model {element.get('base')}: {_FULL}")
            if element.flag("isService"):
                raise ModelError(where, "is the model of a service, not of a device")
            self._model = element

    def closed(self, element: XmlElement) -> None:
        """Handle a complete child element of ``document`` or ``model``."""
        where = self._where(element)
        if element.tag == "import":
            raise ModelError(where, f"imports {element.get('file')}: {_FULL}")
        if element.tag == "dataType":
            self._types.add(where, element)
        elif self._model is None:
            return
        elif element.tag == "object":
            self._add_object(where, element)
        elif element.tag == "profile":
            self._profiles.add(where, element)
        elif element.tag in ("component", "parameter"):
            raise ModelError(where, f"a {element.tag} directly in a model cannot be read: {_FULL}")

    def _where(self, element: XmlElement, inside: str = "") -> str:
        name = inside + (element.name() or element.get("ref") or element.get("base"))
        shown = name if name and element.tag in ("object", "parameter") else f"{element.tag} {name}".rstrip()
        return f"{self._name}: {shown[:300]} (line {element.line})"

    def _add_object(self, where: str, element: XmlElement) -> None:
        path = element.name()
        if not path:
            raise ModelError(where, f"an object without a name cannot be read: {_FULL}")
        if path in self._objects:
            raise ModelError(where, f"is already declared: {self._objects[path].where}")
        table = path.endswith(ROW)
        max_entries = element.get("maxEntries")
        counter = element.get("numEntriesParameter")
        notes = [f"{counter} does not count its rows, because it is not a table"] if counter and not table else []
        if table and max_entries.isdecimal():
            limit = int(max_entries)
        else:
            limit = None
            if max_entries not in ("", "unbounded", "1"):
                raise ModelError(where, f"maxEntries must be a whole number or unbounded, not {max_entries[:40]!r}")
        writable = table and self._access(where, element)
        definition = ObjectDefinition(
            path=path,
            creatable=writable,
            deletable=writable,
            unique_keys=tuple(self._keys(element)) if table else (),
            enable=element.get("enableParameter") if table else "",
            number_of_entries=counter if table else "",
            max_rows=limit,
        )
        parameters: dict[str, _Parameter] = {}
        for child in element.children:
            if child.tag == "parameter":
                name = child.name()
                inner = self._where(child, path)
                if not name:
                    raise ModelError(inner, f"a parameter without a name cannot be read: {_FULL}")
                if name in parameters:
                    raise ModelError(inner, f"is already declared: {parameters[name].where}")
                parameters[name] = self._parameter(inner, path, name, child)
            elif child.tag in ("component", "command", "event", "object"):
                raise ModelError(self._where(child), f"a {child.tag} in an object cannot be read: {_FULL}")
        self._objects[path] = _Object(where, definition, parameters, notes)

    def _access(self, where: str, element: XmlElement) -> bool:
        access = element.get("access")
        if access not in _ACCESS:
            raise ModelError(where, f"access must be one of {', '.join(filter(None, _ACCESS))}, not {access[:40]!r}")
        return _ACCESS[access]

    def _keys(self, element: XmlElement) -> Iterator[UniqueKey]:
        for key in element.all("uniqueKey"):
            yield UniqueKey(tuple(each.name("ref") for each in key.all("parameter")), key.get("functional") != "false")

    def _parameter(self, where: str, above: str, name: str, element: XmlElement) -> _Parameter:
        notify = element.get("activeNotify")
        if notify not in _NOTIFY:
            raise ModelError(where, f"activeNotify must be one of {', '.join(filter(None, _NOTIFY))}")
        syntax_element = element.first("syntax")
        if syntax_element is None:
            raise ModelError(where, "has no syntax element, so its type is unknown")
        writable = self._access(where, element)
        syntax = self._types.syntax(where, syntax_element)
        own = ESSENTIAL.get((above + name).partition(".")[2])
        definition = ParameterDefinition(
            name=name,
            kind=syntax.kind,
            writable=writable,
            restriction=syntax.restriction,
            hidden=syntax.hidden,
            notify=_NOTIFY[notify],
            forced_inform=element.flag("forcedInform"),
            live=own is not None and own.live,
            reserved=syntax.reserved if writable else (),
        )
        text = syntax.default if own is None or syntax.default is not None else own.default or None
        default = None
        notes = list(syntax.notes)
        if text is not None:
            try:
                default = definition.admitted(text)
            except LexicalError as error:
                notes.append(f"its default {text!r} is not used: {error}")
        if default is None:
            default = initial_value(syntax.kind, syntax.restriction, syntax.examples)
        if default is None:
            notes.append("no permitted default value was found, so its value is not checked")
            definition, default = replace(definition, restriction=None), ""
        definition = replace(definition, default=default)
        return _Parameter(where, definition, syntax.path_ref, syntax.enumeration_ref, notes)

    def declare(self, profiles: Sequence[str]) -> None:
        """Declare the selected definitions to the builder and offer the others."""
        if self._model is None:
            raise ModelError(self._name, "contains no model")
        if not self._objects:
            raise ModelError(self._where(self._model), "contains no object")
        if self._declared_before:
            raise ModelError(self._where(self._model), "follows another model: list it before the files that add to it")
        everything = {path: set(each.parameters) for path, each in self._objects.items()}
        selected = self._selected(profiles) if profiles else everything
        for path, each in self._objects.items():
            definition = self._without_undeclared(each)
            if path in selected:
                self._builder.add_object(each.where, definition, lenient=True)
                self._note(each.where, path, each.notes)
            else:
                self._builder.offer(each.where, path, definition, each.notes)
            for name, parameter in each.parameters.items():
                complete = self._with_references(path, parameter)
                if name in selected.get(path, ()):
                    self._builder.add_parameter(parameter.where, path, complete)
                    self._note(parameter.where, path + name, parameter.notes)
                else:
                    self._builder.offer(parameter.where, path + name, complete, parameter.notes)
        for text, places in self._notes.items():
            if len(places) > 1:
                self._builder.report(self._name, f"{text}: {', '.join(path for _, path in places)}", OF_STANDARD)
            else:
                self._builder.report(places[0][0], text, OF_STANDARD)
        self._set_model_identity(profiles)

    def _note(self, where: str, path: str, notes: Iterable[str]) -> None:
        for text in notes:
            self._notes.setdefault(text, []).append((where, path))

    def _without_undeclared(self, each: _Object) -> ObjectDefinition:
        """Definition without the unique keys, enable and row counter whose parameters the model does not have."""
        definition = each.definition

        def is_declared(above: str, relative: str) -> bool:
            inner, dot, name = (above + relative).rpartition(".")
            if inner + dot in self._objects and name in self._objects[inner + dot].parameters:
                return True
            each.notes.append(f"{relative}, to which it refers, is not a parameter of {above}")
            return False

        path = definition.path
        parent = parent_of(path)
        keys = definition.unique_keys
        enable, counter = definition.enable, definition.number_of_entries
        return replace(
            definition,
            unique_keys=tuple(key for key in keys if all(is_declared(path, name) for name in key.parameters)),
            enable=enable if enable and is_declared(path, enable) else "",
            number_of_entries=counter if counter and is_declared(parent, counter) else "",
        )

    def _with_references(self, path: str, parameter: _Parameter) -> ParameterDefinition:
        definition = self._with_path_reference(path, parameter)
        element = parameter.enumeration_ref
        if element is None:
            return definition
        listing_path = listing(path, element)
        above, dot, name = listing_path.rpartition(".")
        if above + dot not in self._objects or name not in self._objects[above + dot].parameters:
            parameter.notes.append(f"its values are listed by {listing_path}, which is not a parameter of the model")
        elif not path.startswith(listing_path[: listing_path.rfind(ROW) + len(ROW)] if ROW in listing_path else ""):
            parameter.notes.append(f"its values are listed by {listing_path} of any row: they are not checked")
        else:
            return replace(definition, listed_in=listing_path, unlisted=element.attributes.get("nullValue"))
        return definition

    def _with_path_reference(self, path: str, parameter: _Parameter) -> ParameterDefinition:
        element = parameter.path_ref
        if element is None or element.get("refType") != "strong":
            return parameter.definition
        if element.get("targetType") != "row":
            parameter.notes.append("the existence of its target is not checked")
            return parameter.definition
        targets = tables(path, element, self._objects)
        for table in targets:
            self._builder.allow_reference(table)
            if table + ROW not in self._objects:
                parameter.notes.append(f"it refers to rows of {table}, which is not a table of the model")
        return replace(parameter.definition, reference=targets)

    def _selected(self, profiles: Sequence[str]) -> Selection:
        """Objects and parameters of the profiles, those that the agent needs, and the objects that contain them."""
        selected = self._profiles.selection(profiles)
        for path, names in selected.items():
            known = self._objects[path].parameters if path in self._objects else {}
            for name in sorted(names - known.keys()) or ([] if path in self._objects else [""]):
                self._builder.report(
                    f"{self._name}: {path}{name}", "is in a profile, but not in the model", OF_PROFILES
                )
        root = next(iter(self._objects)).partition(".")[0] + "."
        forced = (
            path + name
            for path, each in self._objects.items()
            for name, parameter in each.parameters.items()
            if ROW not in path and parameter.definition.forced_inform
        )
        added = []
        for full in dict.fromkeys(
            (*(root + relative for relative, each in ESSENTIAL.items() if not each.live), *forced)
        ):
            path, _, name = full.rpartition(".")
            known = self._objects[path + "."].parameters if path + "." in self._objects else {}
            if name in known and name not in selected.setdefault(path + ".", set()):
                selected[path + "."].add(name)
                added.append(full)
        if added:
            text = f"added because the agent needs them, although no profile selects them: {', '.join(added)}"
            self._builder.report(self._name, text, "lists of names that are added for the agent")
        for path in list(selected):
            while path.count(".") > 1:
                path = parent_of(path)
                selected.setdefault(path, set())
        return selected

    def _set_model_identity(self, profiles: Sequence[str]) -> None:
        """Set RootDataModelVersion and DeviceSummary."""
        assert self._model is not None
        root = next(iter(self._objects)).partition(".")[0] + "."
        name = self._model.name()
        where = self._where(self._model)
        for path, text in (
            (root + "RootDataModelVersion", name.rpartition(":")[2]),
            (root + "DeviceSummary", f"{name}[]({', '.join(profiles)})"[:1024]),
        ):
            if self._builder.declared(path) is not None:
                self._builder.set_value(where, path, text)


_FULL = 'use the published file whose name ends in "full.xml", which is complete'
