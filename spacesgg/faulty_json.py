"""JSON that means less than it says: a key twice in an object; and what is none, as NaN, but is often written."""

import codecs
import json
import re
from typing import Any

import orjson

_NESTED = (str, list, dict)
_NOT_FINITE = re.compile(r"(?:NaN|nan|Infinity|inf)\b")
_TEXT_OR_NOT_FINITE = re.compile(rb'"(?:[^"\\]|\\.)*"|(-?(?:NaN|nan|Infinity|inf)\b)')
_SPACED_KEY_END = re.compile(rb'"\s+:')


class Faulty(dict[str, Any]):
    """An entry that `objects` refuses for its `fault`; `members` are all its (key, value), equal keys included."""

    def __init__(self, members: list[tuple[str, Any]], fault: str) -> None:
        super().__init__(members)
        self.members = members
        self.fault = fault


def not_finite(error: Exception) -> str | None:
    """Return what is wrong where NaN or Infinity was what broke the JSON; None for another error."""
    found = isinstance(error, orjson.JSONDecodeError) and _NOT_FINITE.match(error.doc, error.pos)
    return f"{found[0]} is not JSON; write null, or leave its object out" if found else None


def wrong_encoding(error: Exception, start: bytes) -> str | None:
    """Return what is wrong, and what to do, where what begins with `start` is not in the encoding of all JSON."""
    if 0 < start[:4].count(0) < len(start[:4]) or start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "it is written in UTF-16; save it as UTF-8, which JSON is"
    wrong = isinstance(error, orjson.JSONDecodeError) and "UTF-8" in error.msg
    return "it is no UTF-8 text; save it as UTF-8, which JSON is" if wrong else None


def without_not_finite(content: bytes) -> bytes:
    """Return the JSON with null in place of each NaN and Infinity that is not part of a text."""
    return _TEXT_OR_NOT_FINITE.sub(lambda found: b"null" if found[1] else found[0], content)


def may_repeat(content: bytes, parsed: dict[str, Any]) -> bool:
    """Return False only when no key of the JSON comes twice in an object: as many were parsed as there are.

    A quote and a colon end every key; where texts have the two as well there are more, and a closer look tells.
    """
    ends = content.count(b'":') + len(_SPACED_KEY_END.findall(content))
    return ends != _count_keys(parsed)


def _count_keys(value: Any) -> int:
    """Return how many keys the objects in a JSON value have; none in lists that begin with a number."""
    if type(value) is dict:
        return len(value) + sum(map(_count_keys, value.values()))
    return sum(map(_count_keys, value)) if type(value) is list and value and type(value[0]) in _NESTED else 0


def with_repeats(content: bytes) -> dict[str, Any]:
    """Return the JSON object with objects in it that are `Faulty` where a key comes twice; slow."""

    def build(members: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(members)
        if len(found) == len(members):
            return found
        keys = [key for key, _ in members]
        twice = next(key for key in found if keys.count(key) > 1)
        return Faulty(members, f"the key {twice} comes twice, and only the last would count; keep one of the two")

    return json.loads(content, object_pairs_hook=build)
