"""
What the schemas of REFI-QDA demand, for the elements that rowbatch writes.

Written down from "REFI-QDA Standard 1.5", 5.2 and 5.3 (2019-09-25): for each element its attributes and the
elements in it, in their order. The schemas themselves are under the MIT licence; reading them here would need
a library for XML Schema. Files of `convert` and `export` were checked with them once, by xmlschema 4.3.2.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence

Times = tuple[int, int | None]
Form = tuple[Mapping[str, str], Mapping[str, str], Sequence[tuple[str, Times]]]

_GUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_ANY = r"(?s).*"
_ONE: Times = (1, 1)
_MAYBE: Times = (0, 1)
_SOME: Times = (1, None)
_ANY_NUMBER: Times = (0, None)

_CODE: Form = (
    {"guid": _GUID, "name": _ANY, "isCodable": "true|false"},
    {},
    [("Description", _MAYBE), ("Code", _ANY_NUMBER)],
)
_MADE = {"creatingUser": _GUID, "creationDateTime": _TIME}
_VALUES = {"TextValue": _ANY, "IntegerValue": r"[+-]?\d+", "FloatValue": r"[+-]?\d+(\.\d+)?"}
# Name: what it must have, what it may have, and what is in it.
_ELEMENTS: Mapping[str, Form] = {
    "CodeBook": ({}, {"origin": _ANY}, [("Codes", _ONE)]),
    "Codes": ({}, {}, [("Code", _SOME)]),
    "Code": _CODE,
    "Project": (
        {"name": _ANY},
        {"origin": _ANY, "creationDateTime": _TIME, "creatingUserGUID": _GUID},
        [("Users", _MAYBE), ("CodeBook", _MAYBE), ("Variables", _MAYBE), ("Sources", _MAYBE)],
    ),
    "Users": ({}, {}, [("User", _SOME)]),
    "User": ({"guid": _GUID}, {"name": _ANY}, []),
    "Variables": ({}, {}, [("Variable", _SOME)]),
    "Variable": ({"guid": _GUID, "name": _ANY, "typeOfVariable": "Text|Integer|Float"}, {}, []),
    "Sources": ({}, {}, [("TextSource", _SOME)]),
    "TextSource": (
        {"guid": _GUID},
        {"name": _ANY, "plainTextPath": rf"internal://{_GUID}\.txt", **_MADE},
        [("PlainTextSelection", _ANY_NUMBER), ("VariableValue", _ANY_NUMBER)],
    ),
    "PlainTextSelection": (
        {"guid": _GUID, "startPosition": r"\d+", "endPosition": r"\d+"},
        {"name": _ANY, **_MADE},
        [("Description", _MAYBE), ("Coding", _ANY_NUMBER)],
    ),
    "Coding": ({"guid": _GUID}, _MADE, [("CodeRef", _ONE)]),
    "CodeRef": ({"targetGUID": _GUID}, {}, []),
    "VariableValue": ({}, {}, [("VariableRef", _ONE), *((name, _MAYBE) for name in _VALUES)]),
    "VariableRef": ({"targetGUID": _GUID}, {}, []),
}
_TEXTS = {"Description": _ANY, **_VALUES}


def check_schema(content: bytes, kind: str) -> ET.Element:
    """
    Check a file of REFI-QDA.

    Args:
        content: Of `.qdc`, or of `project.qde`.
        kind: `codebook` or `project`.
    Returns:
        Its root, with the names of elements without their namespace.
    """
    root = ET.fromstring(content)
    for one in root.iter():
        space, _, one.tag = one.tag.rpartition("}")
        assert space == f"{{urn:QDA-XML:{kind}:1.0"
        assert kind == "project" or one.tag != "Sources"
    assert root.tag == {"codebook": "CodeBook", "project": "Project"}[kind]
    guids = [one.get("guid") for one in root.iter() if one.get("guid")]
    assert len(guids) == len(set(guids))
    _check(root)
    known = {one.get("guid") for one in root.iter()}
    for one in root.iter():
        refers = (one.get("targetGUID"), one.get("creatingUser"), one.get("creatingUserGUID"))
        assert {guid for guid in refers if guid} <= known
    return root


def _check(one: ET.Element) -> None:
    if one.tag in _TEXTS:
        assert not len(one)
        assert not one.attrib
        assert re.fullmatch(_TEXTS[one.tag], one.text or "")
        return
    must, may, inside = _ELEMENTS[one.tag]
    assert set(must) <= set(one.attrib) <= {*must, *may}
    for name, value in one.attrib.items():
        assert re.fullmatch({**must, **may}[name], value), (one.tag, name, value)
    assert not (one.text or "").strip()
    order = [name for name, _ in inside]
    found = [child.tag for child in one]
    assert found == sorted(found, key=order.index)
    for name, (least, most) in inside:
        assert found.count(name) >= least
        assert most is None or found.count(name) <= most
    for child in one:
        _check(child)
