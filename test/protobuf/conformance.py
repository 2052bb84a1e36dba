"""The kinds of cases of protobuf's own conformance suite, binary to JSON and JSON to binary.

Each case has the name it has there.  The verdict is the official runtime's: what it parses we must
parse to the same JSON, what it refuses we must refuse.  EXPLAINED lists where we differ, and why.
"""

import argparse
import json
import re
import struct
import sys

from google.protobuf import json_format
from google.protobuf.message import DecodeError

import check
import pq
import proto

TYPES = proto.SCALARS
WIRE = {"double": 1, "fixed64": 1, "sfixed64": 1, "float": 5, "fixed32": 5, "sfixed32": 5, "string": 2, "bytes": 2}
KEYS = ["int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64", "bool", "string"]

EXPLAINED = [
    (r"ProtobufInput.String.ZeroByte", "PostgreSQL has no text for a zero byte"),
    (r"ProtobufInput.ValidDataMap.*.UnknownField", "this runtime drops a map entry that has an unknown field; we drop the field, as those of C++ and Java do"),
    (r"ProtobufInput.AnyUnknownType", "the runtime has no JSON for it; we keep the bytes in \"value\""),
    (r"JsonInput.AnyUnknownType", "the runtime refuses it; we take the bytes in \"value\", as we print them"),
    (r"JsonInput.DoubleFieldMinNegativeZero", "a jsonb holds -0 as 0"),
    (r"JsonInput.BytesFieldNoPadding", "ProtoJSON takes base64 with and without padding; this runtime wants it"),
    (r"JsonInput.FieldMaskInvalidCharacter", "no path in camel case has an underscore; this runtime takes it and can then not print it"),
    (r"JsonInput.Int32FieldQuotedWithSpace", "a number has no blanks; this runtime strips them"),
    (r'JsonInput.\w+."(\+1|01|1\.)"', "no number of JSON is spelled so; this runtime asks Python"),
    (r'JsonInput.(float|double).("inf"|"nan"|true)', "ProtoJSON has NaN, Infinity and numbers; this runtime asks Python"),
    (r"JsonInput.Enum.(1.5|true)", "no number of an enum; this runtime asks Python"),
    (r'JsonInput.Bytes."!"', "no character of base64; this runtime skips it"),
    (r"JsonInput.Names.\[\]", "no object; this runtime takes an empty list for one"),
    (r"JsonInput.Duration.(1.s|1.0000000001s)", "a fraction has one to nine digits; this runtime asks Python"),
]


def varint(v):
    v &= 2**64 - 1
    out = bytearray()
    while v > 127:
        out.append(v & 127 | 128)
        v >>= 7
    return bytes(out + bytes([v]))


def tag(number, wire):
    return varint(number << 3 | wire)


def delimited(data):
    return varint(len(data)) + data


def zigzag(v):
    return v << 1 ^ v >> 63


def raw(type_, v):
    """A value on the wire, without its tag."""
    if type_ in ("sint32", "sint64"):
        return varint(zigzag(v))
    formats = {"double": "<d", "float": "<f", "fixed32": "<I", "sfixed32": "<i", "fixed64": "<Q", "sfixed64": "<q"}
    if type_ in formats:
        return struct.pack(formats[type_], v)
    if type_ in ("string", "bytes"):
        return delimited(v.encode() if isinstance(v, str) else v)
    return varint(int(v))


VALUES = {
    "double": [0.0, 0.1, 1.7976931348623157e308, 2.2250738585072014e-308, 5e-324, float("inf"), float("-inf"), float("nan")],
    "float": [0.0, 0.1, 1.00000075e-36, 3.402823e38, 1.17549e-38, 1e-45, float("inf"), float("-inf"), float("nan")],
    "int32": [0, 12345, 2**31 - 1, -(2**31), 2**33 + 5, -1], "int64": [0, 12345, 2**63 - 1, -(2**63)],
    "uint32": [0, 12345, 2**32 - 1, 2**33 + 5], "uint64": [0, 12345, 2**64 - 1], "sint32": [0, 12345, 2**31 - 1, -(2**31)],
    "sint64": [0, 12345, 2**63 - 1, -(2**63)], "fixed32": [0, 12345, 2**32 - 1], "fixed64": [0, 12345, 2**64 - 1],
    "sfixed32": [0, 12345, 2**31 - 1, -(2**31)], "sfixed64": [0, 12345, 2**63 - 1, -(2**63)], "bool": [0, 1, 2**63, 1 << 14],
    "string": ["", "Hello world!", "'", "谷歌", "😁", "\t\n\"\\"], "bytes": [b"", b"\x01\xff", b"abc", b"\x00"],
}


def test_types():
    """Text of a message with each type in each way; numbers by (kind, type)."""
    lines, numbers, n = [], {}, 1
    for kind, label, options in (("optional", "", ""), ("repeated", "repeated ", ""), ("packed", "repeated ", " [packed = true]"),
                                 ("unpacked", "repeated ", " [packed = false]"), ("presence", "optional ", "")):
        for t in TYPES + ["Inner", "Nested"]:
            if kind in ("packed", "unpacked") and t in ("string", "bytes", "Inner") or (kind == "presence" and t == "Inner"):
                continue
            lines.append(f"{label}{t} {kind}_{t.lower()} = {n}{options};")
            numbers[kind, t] = n
            n += 1
    for k in KEYS:
        for v in ("int32", "string", "Inner", "Nested", "double", "bytes"):
            lines.append(f"map<{k}, {v}> map_{k}_{v.lower()} = {n};")
            numbers["map", k, v] = n
            n += 1
    lines.append("oneof oneof_field {")
    for t in ["uint32", "Inner", "string", "bytes", "bool", "uint64", "float", "double", "Nested"]:
        lines.append(f"  {t} oneof_{t.lower()} = {n};")
        numbers["oneof", t] = n
        n += 1
    lines.append("}")
    for i, name in enumerate(["fieldname1", "field_name2", "_field_name3", "field__name4_", "field0name5", "field_0_name6", "fieldName7", "FieldName8",
                              "field_Name9", "Field_Name10", "FIELD_NAME11", "FIELD_name12", "__field_name13", "__Field_name14", "field__name15",
                              "field__Name16", "field_name17__", "Field_name18__"]):
        lines.append(f"int32 {name} = {n};")
        numbers["name", i] = n
        n += 1
    known = ["Timestamp", "Duration", "FieldMask", "Struct", "Any", "Value", "ListValue", "Empty", "BoolValue", "Int32Value", "Int64Value", "UInt32Value",
             "UInt64Value", "FloatValue", "DoubleValue", "StringValue", "BytesValue"]
    for t in known:
        lines.append(f"google.protobuf.{t} known_{t.lower()} = {n};")
        lines.append(f"repeated google.protobuf.{t} repeated_{t.lower()} = {n + 1};")
        numbers["known", t] = n
        numbers["known list", t] = n + 1
        n += 2
    lines.append(f"TestAllTypes recursive = {n};")
    numbers["recursive"] = n
    body = "\n".join("  " + line for line in lines)
    imports = "".join(f'import "google/protobuf/{i}.proto";\n' for i in proto.IMPORTS)
    return (f'syntax = "proto3";\npackage conformance;\n{imports}message TestAllTypes {{\n{body}\n'
            "  message Inner { int32 a = 1; TestAllTypes corecursive = 2; repeated int32 b = 3; }\n"
            "  enum Nested { FOO = 0; BAR = 1; BAZ = 2; NEG = -1; }\n}\n"), numbers


def binary_cases(n):
    """Name and bytes of each case."""
    def wire_value(w):
        return {0: varint(1), 1: b"12345678", 5: b"1234", 2: delimited(b"")}[w]
    for t in TYPES:
        w = WIRE.get(t, 0)
        number = n["optional", t]
        name = t.upper()
        incomplete = {0: b"\x80", 1: b"abcdefg", 2: b"\x80", 5: b"abc"}[w]
        yield f"ProtobufInput.PrematureEofBeforeKnownNonRepeatedValue.{name}", tag(number, w)
        yield f"ProtobufInput.PrematureEofBeforeKnownRepeatedValue.{name}", tag(n["repeated", t], w)
        yield f"ProtobufInput.PrematureEofBeforeUnknownValue.{name}", tag(60000, w)
        yield f"ProtobufInput.PrematureEofInsideKnownNonRepeatedValue.{name}", tag(number, w) + incomplete
        yield f"ProtobufInput.PrematureEofInsideKnownRepeatedValue.{name}", tag(n["repeated", t], w) + incomplete
        yield f"ProtobufInput.PrematureEofInsideUnknownValue.{name}", tag(60000, w) + incomplete
        if w == 2:
            yield f"ProtobufInput.PrematureEofInDelimitedDataForKnownNonRepeatedValue.{name}", tag(number, 2) + varint(1)
            yield f"ProtobufInput.PrematureEofInDelimitedDataForKnownRepeatedValue.{name}", tag(n["repeated", t], 2) + varint(1)
            yield f"ProtobufInput.PrematureEofInDelimitedDataForUnknownValue.{name}", tag(60000, 2) + varint(1)
        else:
            yield f"ProtobufInput.PrematureEofInPackedField.{name}", tag(n["packed", t], 2) + delimited(incomplete)
            yield f"ProtobufInput.PrematureEofInPackedFieldValue.{name}", tag(n["packed", t], 2) + varint(2) + incomplete[:1]
        for i, v in enumerate(VALUES[t]):
            value = raw(t, v)
            yield f"ProtobufInput.ValidDataScalar.{name}[{i}]", tag(number, w) + value
            yield f"ProtobufInput.ValidDataScalar.{name}.Presence[{i}]", tag(n["presence", t], w) + value
            yield f"ProtobufInput.RepeatedScalarSelectsLast.{name}[{i}]", tag(number, w) + raw(t, VALUES[t][1]) + tag(number, w) + value
        values = [raw(t, v) for v in VALUES[t]]
        for kind in ("repeated", "packed", "unpacked"):
            if (kind, t) not in n:
                continue
            yield f"ProtobufInput.ValidDataRepeated.{name}.UnpackedInput.{kind}", b"".join(tag(n[kind, t], w) + v for v in values)
            if w != 2:
                yield f"ProtobufInput.ValidDataRepeated.{name}.PackedInput.{kind}", tag(n[kind, t], 2) + delimited(b"".join(values))
                yield f"ProtobufInput.ValidDataRepeated.{name}.MixedInput.{kind}", \
                    tag(n[kind, t], 2) + delimited(b"".join(values)) + tag(n[kind, t], w) + values[0]
                yield f"ProtobufInput.ValidDataRepeated.{name}.EmptyPacked.{kind}", tag(n[kind, t], 2) + b"\0"
        for wrong in {0, 1, 2, 5} - {w}:
            yield f"ProtobufInput.WrongWireType.{name}.{wrong}", tag(number, wrong) + wire_value(wrong)
    for i, data in enumerate([b"\x01DEADBEEF", b"\x02\x01\x01", b"\x03\x04", b"\x05DEAD"]):
        yield f"ProtobufInput.IllegalZeroFieldNum_Case_{i}", data
    yield "ProtobufInput.BadTag_FieldNumberTooHigh", varint((2**29) << 3) + b"\0"
    yield "ProtobufInput.BadTag_OverlongVarint", b"\x88\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x01"
    yield "ProtobufInput.BadTag_VarintMoreThanTenBytes", b"\x88" + b"\x80" * 10 + b"\x01\x01"
    for w in (6, 7):
        yield f"ProtobufInput.UnknownWireType{w}", varint(60000 << 3 | w) + b"\0"
    yield "ProtobufInput.UnmatchedEndGroup", tag(201, 4)
    yield "ProtobufInput.UnmatchedEndGroupUnknown", tag(60000, 4)
    yield "ProtobufInput.UnmatchedEndGroupWrongNumber", tag(60000, 3) + tag(60001, 4)
    yield "ProtobufInput.UnmatchedStartGroup", tag(60000, 3)
    yield "ProtobufInput.UnmatchedEndGroupNestedInMessage", tag(n["optional", "Inner"], 2) + delimited(tag(60000, 4))
    yield "ProtobufInput.UnknownGroup", tag(60000, 3) + tag(1, 0) + b"\1" + tag(60001, 3) + tag(60001, 4) + tag(60000, 4)
    yield "ProtobufInput.UnknownVarint", tag(60000, 0) + varint(1)
    yield "ProtobufInput.UnknownOrdering", tag(60000, 0) + b"\1" + tag(60001, 2) + delimited(b"abc") + tag(60000, 5) + b"1234"
    inner = n["optional", "Inner"]
    yield "ProtobufInput.PrematureEofInSubmessageValue.MESSAGE", tag(inner, 2) + delimited(tag(1, 0) + b"\x80")
    yield "ProtobufInput.ValidDataScalar.MESSAGE", tag(inner, 2) + delimited(tag(1, 0) + varint(1234))
    yield "ProtobufInput.ValidDataRepeated.MESSAGE", (tag(n["repeated", "Inner"], 2) + delimited(tag(1, 0) + varint(1234))) * 2
    yield "ProtobufInput.RepeatedScalarMessageMerge", tag(inner, 2) + delimited(tag(1, 0) + varint(1) + tag(3, 0) + varint(1)) + \
        tag(inner, 2) + delimited(tag(1, 0) + varint(2) + tag(3, 0) + varint(2))
    for v in (0, 1, 2, -1, 100, 2**31 - 1, -(2**31), 2**32 + 1):
        yield f"ProtobufInput.ValidDataScalar.ENUM[{v}]", tag(n["optional", "Nested"], 0) + varint(v)
    yield "ProtobufInput.ValidDataRepeated.ENUM", tag(n["packed", "Nested"], 2) + delimited(varint(0) + varint(1) + varint(-1) + varint(77))
    for key in KEYS:
        for value in ("int32", "string", "Inner", "Nested", "double", "bytes"):
            number = n["map", key, value]
            k = tag(1, WIRE.get(key, 0)) + raw(key, VALUES[key][1])
            v = tag(2, {"Inner": 2, "Nested": 0}.get(value, WIRE.get(value, 0))) + \
                {"Inner": delimited(tag(1, 0) + b"\5"), "Nested": varint(2)}.get(value, b"" if value not in VALUES else raw(value, VALUES[value][1]))
            case = f"ProtobufInput.ValidDataMap.{key.upper()}.{value.upper()}"
            entry = lambda content: tag(number, 2) + delimited(content)
            yield f"{case}.Default", entry(b"")
            yield f"{case}.MissingDefault", entry(k)
            yield f"{case}.MissingKey", entry(v)
            yield f"{case}.NonDefault", entry(k + v)
            yield f"{case}.Unordered", entry(v + k)
            yield f"{case}.DuplicateKey", entry(k) + entry(k + v)
            yield f"{case}.DuplicateKeyInMapEntry", entry(k + k + v)
            yield f"{case}.DuplicateValueInMapEntry", entry(k + v + v)
            yield f"{case}.UnknownField", entry(k + tag(3, 0) + b"\1" + v)
    for t in ("uint32", "string", "bytes", "bool", "uint64", "float", "double"):
        number, w = n["oneof", t], WIRE.get(t, 0)
        other = tag(n["oneof", "Inner"], 2) + delimited(tag(1, 0) + b"\1")
        for i in (0, 1):
            value = tag(number, w) + raw(t, VALUES[t][i])
            yield f"ProtobufInput.ValidDataOneof.{t.upper()}.{'NonDefault' if i else 'Default'}Value", value
            yield f"ProtobufInput.ValidDataOneof.{t.upper()}.MultipleValuesForSameField[{i}]", tag(number, w) + raw(t, VALUES[t][1]) + value
            yield f"ProtobufInput.ValidDataOneof.{t.upper()}.MultipleValuesForDifferentField[{i}]", other + value
    a = lambda content: tag(n["oneof", "Inner"], 2) + delimited(content)
    yield "ProtobufInput.ValidDataOneof.MESSAGE.Merge", a(tag(1, 0) + b"\1") + a(tag(3, 0) + b"\2")
    yield "ProtobufInput.ValidDataOneof.MESSAGE.Default", a(b"")
    yield "ProtobufInput.RejectInvalidUtf8.String", tag(n["optional", "string"], 2) + delimited(b"A\xff")
    yield "ProtobufInput.RejectInvalidUtf8.RepeatedString", tag(n["repeated", "string"], 2) + delimited(b"\xed\xa0\x80")
    yield "ProtobufInput.RejectInvalidUtf8.MapKey", tag(n["map", "string", "int32"], 2) + delimited(tag(1, 2) + delimited(b"\xc0\x80"))
    yield "ProtobufInput.String.ZeroByte", tag(n["optional", "string"], 2) + delimited(b"a\0")
    yield "ProtobufInput.BoolOverlong", tag(n["optional", "bool"], 0) + b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"
    yield "ProtobufInput.VarintElevenBytes", tag(n["optional", "int64"], 0) + b"\xff" * 10 + b"\1"
    yield "ProtobufInput.LengthNegative", tag(n["optional", "bytes"], 2) + b"\xff" * 9 + b"\1"
    for i in range(18):
        yield f"ProtobufInput.FieldName{i + 1}", tag(n["name", i], 0) + b"\5"
    known = lambda t, content: tag(n["known", t], 2) + delimited(content)
    time = lambda s, ns: (tag(1, 0) + varint(s) if s else b"") + (tag(2, 0) + varint(ns) if ns else b"")
    for s, ns in ((0, 0), (1, 10**7), (1, 10), (-62135596800, 0), (253402300799, 999999999), (-62135596801, 0), (253402300800, 0), (0, -1), (0, 10**9), (-1, 1)):
        yield f"ProtobufInput.Timestamp.{s}.{ns}", known("Timestamp", time(s, ns))
    for s, ns in ((0, 0), (1, 5 * 10**8), (-1, -1), (315576000000, 999999999), (-315576000000, -999999999), (315576000001, 0), (-315576000001, 0), (1, -1), (-1, 1),
                  (0, 10**9), (0, -5)):
        yield f"ProtobufInput.Duration.{s}.{ns}", known("Duration", time(s, ns))
    for path in ("foo", "foo_bar", "a.b_c", "fooBar", "foo_3_bar", "foo__bar", "foo_", ""):
        yield f"ProtobufInput.FieldMask.{path or 'Empty'}", known("FieldMask", tag(1, 2) + delimited(path.encode()))
    yield "ProtobufInput.FieldMask.Two", known("FieldMask", tag(1, 2) + delimited(b"a") + tag(1, 2) + delimited(b"b_c"))
    for t in ("BoolValue", "Int32Value", "Int64Value", "UInt32Value", "UInt64Value", "FloatValue", "DoubleValue", "StringValue", "BytesValue"):
        scalar = t[:-5].lower()
        yield f"ProtobufInput.{t}.Default", known(t, b"")
        for i, v in enumerate(VALUES[scalar]):
            yield f"ProtobufInput.{t}[{i}]", known(t, tag(1, WIRE.get(scalar, 0)) + raw(scalar, v))
            yield f"ProtobufInput.Repeated{t}[{i}]", tag(n["known list", t], 2) + delimited(tag(1, WIRE.get(scalar, 0)) + raw(scalar, v)) + tag(n["known list", t], 2) + b"\0"
    value = {"Null": tag(1, 0) + b"\0", "Number": tag(2, 1) + raw("double", 1.5), "String": tag(3, 2) + delimited(b"x"), "Bool": tag(4, 0) + b"\1",
             "Struct": tag(5, 2) + b"\0", "List": tag(6, 2) + delimited(tag(1, 2) + delimited(tag(4, 0) + b"\0")), "Nothing": b"",
             "NaN": tag(2, 1) + raw("double", float("nan")), "Infinity": tag(2, 1) + raw("double", float("inf")),
             "Two": tag(3, 2) + delimited(b"x") + tag(4, 0) + b"\1"}
    for name, content in value.items():
        yield f"ProtobufInput.Value.{name}", known("Value", content)
        yield f"ProtobufInput.ListValue.{name}", known("ListValue", tag(1, 2) + delimited(content))
        yield f"ProtobufInput.Struct.{name}", known("Struct", tag(1, 2) + delimited(tag(1, 2) + delimited(b"k") + tag(2, 2) + delimited(content)))
    yield "ProtobufInput.Struct.NoValue", known("Struct", tag(1, 2) + delimited(tag(1, 2) + delimited(b"k")))
    yield "ProtobufInput.Empty", known("Empty", b"")
    yield "ProtobufInput.Empty.Unknown", known("Empty", tag(5, 0) + b"\1")
    any_ = lambda url, content: known("Any", tag(1, 2) + delimited(url) + tag(2, 2) + delimited(content))
    yield "ProtobufInput.Any", any_(b"type.googleapis.com/conformance.TestAllTypes", tag(n["optional", "int32"], 0) + b"\5")
    yield "ProtobufInput.AnyTimestamp", any_(b"type.googleapis.com/google.protobuf.Timestamp", time(5, 0))
    yield "ProtobufInput.AnyWrapper", any_(b"type.googleapis.com/google.protobuf.Int32Value", tag(1, 0) + b"\5")
    yield "ProtobufInput.AnyStruct", any_(b"type.googleapis.com/google.protobuf.Struct", b"")
    yield "ProtobufInput.AnyNested", any_(b"type.googleapis.com/google.protobuf.Any", tag(1, 2) + delimited(b"type.googleapis.com/google.protobuf.Empty"))
    yield "ProtobufInput.AnyEmpty", known("Any", b"")
    yield "ProtobufInput.AnyUnknownType", any_(b"type.googleapis.com/no.Such", b"\x08\1")
    yield "ProtobufInput.AnyNoSlash", any_(b"conformance.TestAllTypes", b"")
    deep = b""
    for _ in range(90):
        deep = tag(n["recursive"], 2) + delimited(deep)
    yield "ProtobufInput.RecursionLimit.AtLimit", deep


def json_cases():
    """Name and JSON of each case."""
    for t in ("int32", "uint32", "int64", "uint64", "sint32", "fixed64"):
        for v in ("0", "1", "-1", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808",
                  "18446744073709551615", "18446744073709551616", "1e5", "1.0", "1.5", "0.5", "100000000000000000000", "-9223372036854775808"):
            for quote in ("", '"'):
                yield f"JsonInput.{t}.{v}{quote}", '{"optional%s": %s%s%s}' % (t.capitalize(), quote, v, quote)
        for v in ('"1abc"', '""', '"+1"', '"0x1"', "true", "[1]", "{}", "null", '"01"', '"1."', '"-"'):
            yield f"JsonInput.{t}.{v}", '{"optional%s": %s}' % (t.capitalize(), v)
    yield "JsonInput.Int32FieldQuotedWithSpace", '{"optionalInt32": " 1"}'
    for t in ("float", "double"):
        for v in ("0", "1.5", "-1.5e-5", "3.4028235e38", "3.5e38", "1.7976931348623157e308", "1e309", '"NaN"', '"Infinity"', '"-Infinity"', '"1.5"', '"nan"', '"inf"',
                  '"x"', "true", "null", '""'):
            yield f"JsonInput.{t}.{v}", '{"optional%s": %s}' % (t.capitalize(), v)
    yield "JsonInput.DoubleFieldMinNegativeZero", '{"presenceDouble": -0.0}'
    for v in ("true", "false", '"true"', "0", "1", "null", "{}"):
        yield f"JsonInput.Bool.{v}", '{"optionalBool": %s}' % v
    for v in ('"a"', '"谷歌"', "1", "true", "null", "[]", '""'):
        yield f"JsonInput.String.{v}", '{"optionalString": %s}' % v
    for v in ('"AQI="', '"-_8="', '"+/8="', '""', '"!"', "1", "null"):
        yield f"JsonInput.Bytes.{v}", '{"optionalBytes": %s}' % v
    yield "JsonInput.BytesFieldNoPadding", '{"optionalBytes": "AQI"}'
    for v in ('"FOO"', '"BAR"', "1", "-1", "100", '"NOPE"', '"bar"', "1.0", "1.5", "null", "true", "2147483648"):
        yield f"JsonInput.Enum.{v}", '{"optionalNested": %s}' % v
    for v in ('[1, 2]', "[]", "null", "[null]", "[1, null]", "1", "{}", '["1", 2]', "[[1]]"):
        yield f"JsonInput.Repeated.{v}", '{"repeatedInt32": %s}' % v
        yield f"JsonInput.Packed.{v}", '{"packedInt32": %s}' % v
    for v in ('[{"a": 1}, {}]', "[null]", "[1]"):
        yield f"JsonInput.RepeatedMessage.{v}", '{"repeatedInner": %s}' % v
    for key, good in (("int32", "1"), ("int64", "-5"), ("uint32", "4294967295"), ("uint64", "18446744073709551615"), ("bool", "true"), ("string", "x")):
        for value, v in (("Int32", "5"), ("Inner", '{"a": 1}'), ("Nested", '"BAR"'), ("Bytes", '"AQI="'), ("Int32", "null"), ("Inner", "null")):
            yield f"JsonInput.Map.{key}.{value}.{v}", '{"map%s%s": {"%s": %s}}' % (key.capitalize(), value, good, v)
        yield f"JsonInput.MapKey.{key}.bad", '{"map%sInt32": {"1.5e": 1}}' % key.capitalize()
        yield f"JsonInput.MapKey.{key}.True", '{"map%sInt32": {"True": 1}}' % key.capitalize()
    yield "JsonInput.MapNull", '{"mapInt32Int32": null}'
    yield "JsonInput.MapArray", '{"mapInt32Int32": []}'
    for v in ('{"oneofUint32": 1}', '{"oneofUint32": 0}', '{"oneofUint32": 1, "oneofString": "x"}', '{"oneofUint32": 1, "oneofString": null}', '{"oneofInner": {}}', '{"oneofInner": null}'):
        yield f"JsonInput.Oneof.{v}", v
    for v in ('{"optionalInt32": 1, "unknown": 1}', '{"unknown": {"a": [1]}}', '{"optional_int32": 1}', '{"fieldname1": 1, "FieldName8": 2, "fieldName3": 3, "FIELDNAME11": 4}',
              '{"OptionalInt32": 1}', "{}", "[]", "1", "null", '"x"'):
        yield f"JsonInput.Names.{v}", v
    for v in ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.010Z", "1970-01-01T00:00:00.000000001Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
              "1970-01-01T00:00:00+08:00", "1970-01-01T00:00:00-08:00", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "1970-01-01 00:00:00Z", "1970-01-01T00:00:00",
              "1970-01-01", "1970-13-01T00:00:00Z", "2023-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "1970-01-01T25:00:00Z", "0001-01-01T00:00:00+01:00", "x", "",
              "1970-01-01T00:00:00.0000000001Z", "1970-01-01t00:00:00Z"):
        yield f"JsonInput.Timestamp.{v}", '{"knownTimestamp": "%s"}' % v
    for v in ("0s", "1s", "1.5s", "-1.5s", "0.000000001s", "315576000000s", "-315576000000.999999999s", "315576000001s", "1", "s", "1.s", "1.0000000001s", "1m", "", "-0.5s", "1.s"):
        yield f"JsonInput.Duration.{v}", '{"knownDuration": "%s"}' % v
    for v in ("foo", "fooBar", "a.bC,d", "", "fooBar,barFoo"):
        yield f"JsonInput.FieldMask.{v}", '{"knownFieldmask": "%s"}' % v
    yield "JsonInput.FieldMaskInvalidCharacter", '{"knownFieldmask": "foo_bar"}'
    for v in ('{"a": 1, "b": null, "c": [true, "x", {}]}', "{}", "[]", "1", "null"):
        yield f"JsonInput.Struct.{v}", '{"knownStruct": %s}' % v
    for v in ("1", "1.5", '"x"', "true", "null", '{"a": [null]}', "[1, [2]]", "{}"):
        yield f"JsonInput.Value.{v}", '{"knownValue": %s}' % v
        yield f"JsonInput.ListValue.{v}", '{"knownListvalue": %s}' % v
        yield f"JsonInput.RepeatedValue.{v}", '{"repeatedValue": [%s]}' % v
    for t, v in (("bool", "true"), ("int32", "0"), ("int64", '"5"'), ("uint32", "5"), ("uint64", "5"), ("float", "1.5"), ("double", '"NaN"'), ("string", '"x"'), ("bytes", '"AQI="'),
                 ("int32", '"x"'), ("bool", "1"), ("string", "1"), ("int32", "null"), ("int32", '{"value": 1}')):
        yield f"JsonInput.Wrapper.{t}.{v}", '{"known%svalue": %s}' % (t.capitalize(), v)
        yield f"JsonInput.RepeatedWrapper.{t}.{v}", '{"repeated%svalue": [%s]}' % (t.capitalize(), v)
    at = '{"knownAny": {"@type": "type.googleapis.com/%s"%s}}'
    for v in (at % ("conformance.TestAllTypes", ', "optionalInt32": 5'), at % ("google.protobuf.Timestamp", ', "value": "1970-01-01T00:00:00Z"'),
              at % ("google.protobuf.Int32Value", ', "value": 5'), at % ("google.protobuf.Struct", ', "value": {"a": 1}'), at % ("google.protobuf.Value", ', "value": 1'),
              at % ("google.protobuf.Empty", ', "value": {}'), '{"knownAny": {}}', '{"knownAny": {"optionalInt32": 5}}', at % ("google.protobuf.Duration", ""),
              at % ("conformance.TestAllTypes", ', "noSuch": 5'), '{"knownAny": {"@type": "", "a": 1}}', '{"knownAny": {"@type": "x", "a": 1}}'):
        yield f"JsonInput.Any.{v}", v
    yield "JsonInput.AnyUnknownType", at % ("no.Such", ', "value": "CAE="')
    yield "JsonInput.Empty", '{"knownEmpty": {}}'
    yield "JsonInput.EmptyWithMember", '{"knownEmpty": {"a": 1}}'
    yield "JsonInput.RecursiveMessage", '{"recursive": {"recursive": {"optionalInt32": 1}}}'


class Conformance:
    def __init__(self, conninfo):
        self.c = pq.Connection(conninfo)
        text, self.numbers = test_types()
        self.schema = proto.Schema(text)
        self.name = "conformance.TestAllTypes"
        self.cls = self.schema.cls(self.name)
        self.passed, self.explained, self.failed = 0, [], 0

    def verdict(self, name, theirs, ours, equal):
        if equal:
            self.passed += 1
            return
        reason = next((r for pattern, r in EXPLAINED if re.fullmatch(pattern, name)), None)
        if reason:
            self.explained.append((name, reason))
        else:
            self.failed += 1
            print(f"FAILED {name}\n  theirs {theirs}\n  ours   {ours}")

    def binary(self, name, data):
        try:
            theirs = self.schema.to_dict(self.cls.FromString(data))
        except (DecodeError, json_format.Error, TypeError, ValueError) as e:
            theirs = e
        try:
            ours = json.loads(self.c.one("SELECT dataplat.protobuf_decode($1::bytea, $2, $3)", "\\x" + data.hex(), self.schema.text, self.name),
                              parse_int=lambda s: int(s) if len(s) < 17 else float(s))
        except pq.SqlError as e:
            ours = e
        refused = isinstance(theirs, Exception), isinstance(ours, Exception)
        self.verdict(name, theirs, ours, all(refused) or (not any(refused) and check.same(ours, theirs)))

    def json(self, name, text):
        try:
            theirs = self.schema.to_dict(json_format.Parse(text, self.cls(), descriptor_pool=self.schema.pool))
        except Exception as e:  # the runtime raises many kinds for bad input
            theirs = e
        try:
            encoded = self.c.one("SELECT dataplat.protobuf_encode($1::jsonb, $2, $3)", text, self.schema.text, self.name)
            ours = self.schema.to_dict(self.cls.FromString(bytes.fromhex(encoded[2:])))
        except (pq.SqlError, TypeError) as e:
            ours = e
        refused = isinstance(theirs, Exception), isinstance(ours, Exception)
        self.verdict(name, repr(theirs), repr(ours), all(refused) or (not any(refused) and check.same(ours, theirs)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--conninfo", required=True)
    args = parser.parse_args()
    suite = Conformance(args.conninfo)
    for name, data in binary_cases(suite.numbers):
        suite.binary(name, data)
    for name, text in json_cases():
        suite.json(name, text)
    for name, reason in suite.explained:
        print(f"differs {name}: {reason}")
    print(f"{suite.passed} cases passed, {len(suite.explained)} differ for a reason, {suite.failed} failed")
    sys.exit(suite.failed > 0)


if __name__ == "__main__":
    main()
