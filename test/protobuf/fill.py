"""Random messages of a type of the official runtime."""

import math
import struct

from google.protobuf.descriptor import FieldDescriptor as F

INTS = {F.TYPE_INT32: (-(2**31), 2**31 - 1), F.TYPE_SINT32: (-(2**31), 2**31 - 1), F.TYPE_SFIXED32: (-(2**31), 2**31 - 1),
        F.TYPE_INT64: (-(2**63), 2**63 - 1), F.TYPE_SINT64: (-(2**63), 2**63 - 1), F.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
        F.TYPE_UINT32: (0, 2**32 - 1), F.TYPE_FIXED32: (0, 2**32 - 1), F.TYPE_UINT64: (0, 2**64 - 1), F.TYPE_FIXED64: (0, 2**64 - 1)}
TEXTS = ["", "a", "hello world", 'quote " back \\ slash', "Ünïcödé 日本語 🎉", "\n\t\x01", "x" * 300]


class Filler:
    def __init__(self, rnd, schema):
        self.r = rnd
        self.schema = schema

    def double(self):
        """Any double but -0.0, which a jsonb holds as 0."""
        r = self.r
        return r.choice([0.0, 1.5, -1.0, 0.1, 1e300, 5e-324, 1e22, 123456789.125, r.uniform(-1e6, 1e6), r.gauss(0, 1),
                         math.inf, -math.inf, math.nan, float(r.randint(-2**53, 2**53))])

    def scalar(self, f):
        r = self.r
        if f.type in INTS:
            low, high = INTS[f.type]
            return r.choice([0, 1, low, high, r.randint(low, high), r.randint(max(low, -200), 200)])
        if f.type == F.TYPE_BOOL:
            return r.random() < 0.5
        if f.type == F.TYPE_STRING:
            return r.choice(TEXTS)
        if f.type == F.TYPE_BYTES:
            return bytes(r.randrange(256) for _ in range(r.choice([0, 1, 2, 3, 10, 100])))
        if f.type == F.TYPE_DOUBLE:
            return self.double()
        if f.type == F.TYPE_FLOAT:
            v = r.choice([0.0, 1.5, 0.1, 16777217.0, 3.4e38, 1e-45, math.inf, -math.inf, math.nan, r.gauss(0, 1e10)])
            return struct.unpack("f", struct.pack("f", v))[0]
        if f.type == F.TYPE_ENUM:
            if f.enum_type.is_closed or r.random() < 0.9:
                return r.choice(f.enum_type.values).number
            return r.randint(-1000, 1000) if f.enum_type.full_name != "google.protobuf.NullValue" else 0
        raise AssertionError(f.type)

    def known(self, m, depth):
        """A well-known type; false when it is none."""
        r = self.r
        name = m.DESCRIPTOR.full_name
        if not name.startswith("google.protobuf."):
            return False
        name = name[16:]
        if name == "Timestamp":
            m.seconds = r.choice([0, 1, -1, 1700000000, -62135596800, 253402300799, r.randint(-62135596800, 253402300799)])
            m.nanos = r.choice([0, 1, 1000, 1000000, 999999999, r.randrange(10**9)])
        elif name == "Duration":
            sign = r.choice([1, -1])
            m.seconds = sign * r.choice([0, 1, 315576000000, r.randrange(10**6)])
            m.nanos = sign * r.choice([0, 1, 500000000, 999999999]) if abs(m.seconds) < 315576000000 else 0
        elif name == "FieldMask":
            m.paths.extend(r.choice(["a", "foo_bar", "a.b_c.d", "x"]) for _ in range(r.randint(0, 3)))
        elif name == "Any":
            if r.random() < 0.8 and depth < 4:
                inner = self.schema.cls(r.choice(self.schema.names() + ["google.protobuf.Timestamp", "google.protobuf.StringValue"]))()
                self.fill(inner, depth + 1)
                m.Pack(inner)
        elif name == "Struct":
            for _ in range(r.randint(0, 3) if depth < 5 else 0):
                self.known(m.fields[r.choice(["k", "a key", "", "é"])], depth + 1)
        elif name == "ListValue":
            for _ in range(r.randint(0, 3) if depth < 5 else 0):
                self.known(m.values.add(), depth + 1)
        elif name == "Value":
            kind = r.choice(["null", "number", "string", "bool", "struct", "list"])
            if kind == "null":
                m.null_value = 0
            elif kind == "number":
                v = self.double()
                m.number_value = v if math.isfinite(v) else 1.0
            elif kind == "string":
                m.string_value = r.choice(TEXTS)
            elif kind == "bool":
                m.bool_value = r.random() < 0.5
            elif kind == "struct":
                m.struct_value.SetInParent()
                self.known(m.struct_value, depth + 1)
            else:
                m.list_value.SetInParent()
                self.known(m.list_value, depth + 1)
        elif name.endswith("Value"):
            m.value = self.scalar(m.DESCRIPTOR.fields_by_name["value"])
        elif name != "Empty":
            return False
        return True

    def fill(self, m, depth=0):
        r = self.r
        if self.known(m, depth):
            return
        fields = list(m.DESCRIPTOR.fields)
        for x in self.schema.pool.FindAllExtensions(m.DESCRIPTOR):
            if r.random() < 0.5:
                m.Extensions[x] = self.scalar(x)
        for f in fields:
            required = f.is_required if hasattr(f, "is_required") else f.label == F.LABEL_REQUIRED
            if not required and (depth > 4 or r.random() < (0.35 if depth < 3 else 0.8)):
                continue
            message = f.message_type
            if message is not None and message.GetOptions().map_entry:
                container = getattr(m, f.name)
                key, value = message.fields_by_name["key"], message.fields_by_name["value"]
                for _ in range(r.randint(0, 3)):
                    k = self.scalar(key)
                    if value.message_type is not None:
                        container[k].SetInParent()
                        self.fill(container[k], depth + 1)
                    else:
                        container[k] = self.scalar(value)
            elif f.is_repeated if hasattr(f, "is_repeated") else f.label == F.LABEL_REPEATED:
                for _ in range(r.randint(0, 4)):
                    if message is not None:
                        x = getattr(m, f.name).add()
                        self.fill(x, depth + 1)
                    else:
                        getattr(m, f.name).append(self.scalar(f))
            elif message is not None:
                getattr(m, f.name).SetInParent()
                self.fill(getattr(m, f.name), depth + 1)
            else:
                setattr(m, f.name, self.scalar(f))
