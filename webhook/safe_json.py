"""JSON from outside, as a tree that Python, Postgres and a log line can all hold.

A signature proves who sent a body, not that it is sane. What `parse` returns has no NUL and no
lone surrogate in any string or key, no number beyond 64 bits, no infinity, and a bounded depth.
That depth is still too much for code that recurses: ask `is_deep` about a part before it meets any.
"""

import codecs
import json
import math
import re
from array import array
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

#: Levels of lists and objects in what we keep. Meta's deepest payloads have about fifteen;
#: Python's writer recurses once a level, and so do many who read what we keep.
MAX_DEPTH = 200
#: Levels in a whole body. Python's parser recurses once a level, too: of the thousand calls that
#: Python 3.11 allows, the caller's own must fit beside these. Later versions allow more.
MAX_BODY_DEPTH = 500
#: Longer numbers stay text: the time that Python takes for them grows with the square.
_MAX_DIGITS = 4300

_UNSAFE = re.compile("[\0\ud800-\udfff]")
#: Whether a text can hold any of them once its escapes are read.
_UNSAFE_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_BRACKETS = b"[{]}"
_NOT_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
#: As signed bytes: an opening bracket is one level more, a closing one is one level less.
_STEPS = bytes.maketrans(_BRACKETS, b"\x01\x01\xff\xff")


class NotReadable(ValueError):
    """Nothing can be made of the bytes. `code` is short and stable, the sentence is English."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code


def parse(body: bytes) -> Any:
    """Read UTF-8 JSON, with or without a byte order mark. Raises NotReadable and nothing else."""
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip():
        raise NotReadable("empty", "The body is empty.")
    if _depth(body) > MAX_BODY_DEPTH:
        raise NotReadable("too_deep", f"The body is nested deeper than {MAX_BODY_DEPTH} levels.")
    try:
        text = body.decode()
        tree = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise NotReadable("not_utf8", "The body is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise NotReadable("not_json", f"The body stops being JSON at {error.pos}.") from error
    except RecursionError as error:
        raise NotReadable("too_deep", "The body is nested too deeply.") from error
    return _clean(tree) if _UNSAFE_ESCAPE.search(text) else tree


def is_deep(value: Any) -> bool:
    """Whether a value has more levels than MAX_DEPTH."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for holder in level
            for inner in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def excerpt(value: Any, most: int) -> str:
    """ASCII JSON of a value, never longer than `most` characters (at least 100).

    Of a value that is longer than that or `is_deep`, it is `{"truncated": "..."}` with the start
    of its JSON as text. Does no more work than that start needs, and does not recurse.
    """
    written: list[str] = []
    size = 0
    around: list[tuple[Iterator[tuple[str, Any]], str]] = [(iter([("", value)]), "")]
    while around and size <= most:
        members, end = around[-1]
        member = next(members, None)
        if member is None:
            around.pop()
            piece = end
        else:
            piece, inner = member
            if isinstance(inner, dict | list):
                if len(around) > MAX_DEPTH:
                    break
                opening, closing = "{}" if isinstance(inner, dict) else "[]"
                around.append((_members(inner, most), closing))
                piece += opening
            else:
                piece += _scalar(inner, most)
        written.append(piece)
        size += len(piece)
    text = "".join(written)
    if not around and size <= most:
        return text
    # Inside a string every character may need a backslash.
    return json.dumps({"truncated": text[: most // 2 - 10]})


def _members(holder: Any, most: int) -> Iterator[tuple[str, Any]]:
    """What a list or object holds, each with the JSON that comes before it."""
    comma = ""
    if isinstance(holder, dict):
        for key, inner in holder.items():
            yield f"{comma}{_scalar(key, most)}:", inner
            comma = ","
    else:
        for inner in holder:
            yield comma, inner
            comma = ","


def _scalar(value: Any, most: int) -> str:
    """JSON of a value that holds no others; of a long string just enough to be too long."""
    return json.dumps(value[: most + 1] if isinstance(value, str) else value)


def _clean(tree: Any) -> Any:
    """Put U+FFFD where a string or key holds what Postgres and UTF-8 refuse.

    Changes the tree in place and without recursion, as it may be as deep as a body.
    """
    root = [tree]
    holders: list[Any] = [root]
    while holders:
        holder = holders.pop()
        if isinstance(holder, dict) and any(map(_UNSAFE.search, holder)):
            renamed = {_UNSAFE.sub("\ufffd", key): inner for key, inner in holder.items()}
            holder.clear()
            holder.update(renamed)
        for key, inner in holder.items() if isinstance(holder, dict) else enumerate(holder):
            if isinstance(inner, str):
                # A key that is there keeps its place: the loop doesn't notice.
                holder[key] = _UNSAFE.sub("\ufffd", inner)
            elif isinstance(inner, dict | list):
                holders.append(inner)
    return root[0]


def _depth(body: bytes) -> int:
    """How deep the parser would go, or a number that is surely too high for what is no JSON.

    Counted without parsing: some versions of Python's parser run out of C stack before they
    notice.
    """
    if body.count(b"[") + body.count(b"{") <= MAX_BODY_DEPTH:
        return 0
    # Without escaped quotes every other piece between quotes is a string.
    pieces = body.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')
    brackets = b"".join(pieces[::2]).translate(_STEPS, _NOT_BRACKETS)
    return max(accumulate(array("b", brackets)), default=0)


def _integer(digits: str) -> int | str:
    """A whole number; as its digits where 64 bits can't hold it."""
    if len(digits) <= 18:
        return int(digits)
    if len(digits) > _MAX_DIGITS:
        return digits
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else digits


def _fraction(digits: str) -> float | str:
    """Any other number; as it is written where it is too large for a float."""
    number = float(digits)
    return digits if math.isinf(number) else number


def _constant(name: str) -> Any:
    raise NotReadable("not_json", f"{name} is no JSON.")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Of a key that is there twice the last value counts, but lists and objects hold
    what must not be lost: they become one list. Where items are expected all are read; where one
    object is, a list is none, and what it holds is quarantined whole."""
    tree = dict(members)
    if len(tree) == len(members):
        return tree
    tree = {}
    for key, value in members:
        known = tree.get(key)
        if isinstance(known, dict | list) and isinstance(value, dict | list):
            if isinstance(known, dict):
                known = tree[key] = [known]
            known.extend(value if isinstance(value, list) else [value])
        else:
            tree[key] = value
    return tree


_DECODER = json.JSONDecoder(
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=_constant,
    object_pairs_hook=_object,
)
