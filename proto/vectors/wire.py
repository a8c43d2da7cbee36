"""The schema ../dht/v1/dht.proto, and protobuf by it: as much as check.py needs."""

import pathlib
import re
import struct

HERE = pathlib.Path(__file__).parent


def read_schema():
    """{message: {number: (name, type, label, oneof)}}; enums are read as int32."""
    text = re.sub(r"//.*", "", (HERE / "../dht/v1/dht.proto").read_text())
    enums = set(re.findall(r"enum (\w+)", text))
    schema = {}
    for name, body in re.findall(r"message (\w+) \{((?:[^{}]|\{[^{}]*\})*)\}", text):
        fields = schema[name] = {}
        for oneof, inside in re.findall(r"oneof (\w+) \{([^}]*)\}", body):
            for kind, field, number in re.findall(r"(\w+) (\w+) = (\d+);", inside):
                fields[int(number)] = (field, kind, "oneof", oneof)
        outside = re.sub(r"oneof \w+ \{[^}]*\}", "", body)
        for label, kind, field, number in re.findall(
            r"(repeated |optional |)(\w+) (\w+) = (\d+);", outside
        ):
            kind = "int32" if kind in enums else kind
            fields[int(number)] = (field, kind, label.strip(), None)
    return schema


SCHEMA = read_schema()
VARINTS = {"uint32": 32, "uint64": 64, "int32": 64, "bool": 64}


class Malformed(Exception):
    """The bytes are no protobuf message."""


def put_varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def encode(message, fields):
    """Fields in the order of their numbers, defaults left out, repeated numbers packed."""
    out = b""
    for number, (name, kind, label, _) in sorted(SCHEMA[message].items()):
        if label == "repeated" and kind in VARINTS:
            packed = b"".join(map(put_varint, fields.get(name, [])))
            out += put_varint(number << 3 | 2) + put_varint(len(packed)) + packed if packed else b""
            continue
        for value in fields.get(name, []) if label == "repeated" else [fields.get(name)]:
            if value is None or (not label and not value):
                continue
            if kind in VARINTS:
                out += put_varint(number << 3) + put_varint(value)
            elif kind == "fixed32":
                out += put_varint(number << 3 | 5) + struct.pack("<I", value)
            elif kind == "fixed64":
                out += put_varint(number << 3 | 1) + struct.pack("<Q", value)
            else:
                if kind == "string":
                    value = value.encode()
                elif kind != "bytes":
                    value = encode(kind, value)
                out += put_varint(number << 3 | 2) + put_varint(len(value)) + value
    return out


def get_varint(data, at):
    """The number at a place, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Malformed
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 1 << 64:
                raise Malformed
            return value, at
    raise Malformed


def unpack(data):
    """The numbers of a packed field."""
    numbers, at = [], 0
    while at < len(data):
        number, at = get_varint(data, at)
        numbers.append(number)
    return numbers


def raw_fields(data):
    """(number, wire type, value) of each field."""
    at = 0

    def varint():
        nonlocal at
        value, at = get_varint(data, at)
        return value

    def take(length):
        nonlocal at
        if at + length > len(data):
            raise Malformed
        at += length
        return data[at - length : at]

    while at < len(data):
        key = varint()
        number, wire = key >> 3, key & 7
        if number == 0 or wire not in (0, 1, 2, 5):
            raise Malformed
        if wire == 0:
            yield number, wire, varint()
        else:
            yield number, wire, take({1: 8, 5: 4}.get(wire) or varint())


def decode(message, data, strict=False):
    """Fields by name. `strict` refuses what occurs twice, as the clear part of a datagram asks for."""
    fields, seen = {}, set()
    for number, wire, value in raw_fields(data):
        if number not in SCHEMA[message]:
            continue
        name, kind, label, oneof = SCHEMA[message][number]
        if label == "repeated" and kind in VARINTS and wire == 2:
            fields.setdefault(name, []).extend(unpack(value))
            continue
        if wire != (0 if kind in VARINTS else {"fixed32": 5, "fixed64": 1}.get(kind, 2)):
            raise Malformed
        if strict and (oneof or name) in seen:
            raise Malformed
        seen.add(oneof or name)
        if kind in VARINTS:
            value &= (1 << VARINTS[kind]) - 1
            value = value != 0 if kind == "bool" else value
        elif kind in ("fixed32", "fixed64"):
            value = int.from_bytes(value, "little")
        elif kind == "string":
            try:
                value = value.decode()
            except UnicodeDecodeError:
                raise Malformed from None
        elif kind != "bytes":
            value = decode(kind, value, strict)
        if oneof:
            for other, *_, group in SCHEMA[message].values():
                if group == oneof:
                    fields.pop(other, None)
        if label == "repeated":
            fields.setdefault(name, []).append(value)
        else:
            fields[name] = value
    return fields
