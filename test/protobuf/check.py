"""Random schemas and messages: the official runtime writes, we read; we write, it reads."""

import argparse
import base64
import json
import math
import random
import struct
import sys

from google.protobuf import descriptor_pb2, json_format, message_factory

import fill
import pq
import proto

PER_SCHEMA = 50


def same(a, b):
    """Equal as JSON: numbers by value, as jsonb holds them."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, bool) or isinstance(b, bool) or not isinstance(a, (int, float)) or not isinstance(b, (int, float)):
        return type(a) is type(b) and a == b
    # A float has several short spellings; the runtime's is not always the one nearest to the value.
    return a == b or (short(a) and short(b) and struct.pack("f", a) == struct.pack("f", b))


def short(x):
    return abs(x) < 3.5e38 and float(f"{x:.9g}") == x


class Check:
    def __init__(self, conninfo, rnd):
        self.c = pq.Connection(conninfo)
        self.r = rnd
        self.failures = 0
        self.counts = {"decoded": 0, "encoded": 0, "merged": 0, "by descriptor": 0, "columns": 0, "refused": 0, "schemas": 0}

    def fail(self, what, schema, *more):
        self.failures += 1
        if self.failures <= 5:
            print(f"FAILED {what}\n{schema.text}", *more, sep="\n")

    def sql(self, what, schema, *args):
        try:
            return self.c.one(*args)
        except pq.SqlError as e:
            self.fail(what, schema, e.full(), *args[1:])
            return None

    def random_bytes(self, schema, cls):
        """A message, and its bytes: as the runtime writes them, or in pieces with unknown fields between."""
        filler = fill.Filler(self.r, schema)
        one = cls()
        filler.fill(one)
        data = one.SerializeToString()
        if self.r.random() < 0.2:
            two = cls()
            filler.fill(two)
            data += self.r.choice([b"", b"\xf8\xff\xff\xff\x0f\x05", b"\xf3\xff\xff\xff\x0f\x08\x01\xf4\xff\xff\xff\x0f"]) + two.SerializeToString()
            self.counts["merged"] += 1
        return data

    def one_message(self, schema, name, cls, descriptor):
        data = self.random_bytes(schema, cls)
        message = cls.FromString(data)
        try:
            expected = schema.to_dict(message)
        except json_format.SerializeToJsonError:
            return self.refused(schema, name, data)
        got = self.sql("decode", schema, "SELECT dataplat.protobuf_decode($1::bytea, $2, $3)", "\\x" + data.hex(), schema.text, name)
        if got is None:
            return
        self.counts["decoded"] += 1
        # The server spells large numbers in full.
        if not same(json.loads(got, parse_int=lambda s: int(s) if len(s) < 17 else float(s)), expected):
            return self.fail("decode", schema, name, data.hex(), f"expected {json.dumps(expected)}", f"got      {got}")
        if descriptor:
            again = self.sql("descriptor", schema, "SELECT dataplat.protobuf_decode($1::bytea, $2, $3)", "\\x" + data.hex(), descriptor, name)
            self.counts["by descriptor"] += 1
            if again != got:
                return self.fail("decode by descriptor", schema, name, data.hex())
        encoded = self.sql("encode", schema, "SELECT dataplat.protobuf_encode($1::jsonb, $2, $3)", json.dumps(expected), schema.text, name)
        if encoded is None:
            return
        self.counts["encoded"] += 1
        back = cls.FromString(bytes.fromhex(encoded[2:]))
        if not same(schema.to_dict(back), expected):
            self.fail("encode", schema, name, f"from {json.dumps(expected)}", f"to   {json.dumps(schema.to_dict(back))}")

    def refused(self, schema, name, data):
        """A merge can make a value that JSON has no spelling for."""
        try:
            got = self.c.one("SELECT dataplat.protobuf_decode($1::bytea, $2, $3)", "\\x" + data.hex(), schema.text, name)
            self.fail("decode of what the runtime refuses", schema, name, data.hex(), got)
        except pq.SqlError:
            self.counts["refused"] += 1

    def check_columns(self, schema, name, cls):
        """Scalar columns hold what the runtime's attributes do."""
        fields = self.c.run("SELECT name, type, nullable FROM dataplat_internal.protobuf_fields($1, $2)", schema.text, name)
        if not fields:
            return
        data = self.random_bytes(schema, cls)
        message = cls.FromString(data)
        names = "{" + ",".join(f[0] for f in fields) + "}"
        types = "{" + ",".join('"%s"' % f[1] for f in fields) + "}"
        try:
            values = self.c.run("SELECT v FROM unnest(dataplat_internal.protobuf_columns($1::bytea, $2, $3, '[]', $4, $5)) WITH ORDINALITY AS u(v, n) ORDER BY n",
                                "\\x" + data.hex(), schema.text, name, names, types)
        except pq.SqlError as e:
            if "out of range" not in str(e):
                self.fail("columns", schema, name, data.hex(), e.full())
            return
        self.counts["columns"] += 1
        for (field, type_, nullable), (value,) in zip(fields, values):
            f = message.DESCRIPTOR.fields_by_name[field]
            if type_ == "jsonb" or f.message_type is not None or f.enum_type is not None:
                continue
            want = getattr(message, field)
            if nullable == "t" and not message.HasField(field):
                good = value is None
            elif isinstance(want, bool):
                good = value.lstrip("~") == ("t" if want else "f")
            elif isinstance(want, bytes):
                good = value == "\\x" + want.hex()
            elif isinstance(want, str):
                good = value.lstrip("~") == want
            elif isinstance(want, float):
                got = float(value)
                good = got == want or (math.isnan(got) and math.isnan(want)) or \
                    (type_ == "real" and struct.pack("f", got) == struct.pack("f", want))
            else:
                good = int(value.lstrip("~")) == want
            if not good:
                self.fail("column", schema, name, field, type_, f"expected {want!r}", f"got {value!r}")

    def check_text(self, schema):
        """What we print means the same to protoc, and is printed as it is again."""
        for normal in ("false", "true"):
            printed = self.sql("print", schema, f"SELECT dataplat_internal.protobuf_print($1, {normal})", schema.text)
            if printed is None:
                return
            again = self.c.one(f"SELECT dataplat_internal.protobuf_print($1, {normal})", printed)
            if again != printed:
                self.fail("print again", schema, printed, again)
            changed = self.c.run("SELECT type, path FROM dataplat_internal.protobuf_diff($1, $2)", schema.text, printed)
            # Of two names of one enum value the normal form has the other last.
            if [c for c in changed if c[0] != "ENUM_CONST_CHANGED" or normal == "false"]:
                self.fail("print means something else", schema, printed, changed)
            # The normal form has enum values by number, as Confluent's; protoc wants zero first.
            if normal == "false" or "= -" not in printed:
                proto.Schema(printed)

    def check_descriptor(self, schema):
        """Our descriptor, and the runtime's to us; returns the latter in base64."""
        ours = self.sql("serialized", schema, "SELECT dataplat_internal.protobuf_serialized($1)", schema.text)
        if ours is None:
            return None
        file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(ours))
        pool = proto.pool_of([*schema.set.file[:-1], file])
        for name in schema.names():
            cls = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
            theirs = schema.cls(name)
            data = self.random_bytes(schema, theirs)
            try:
                b = schema.to_dict(theirs.FromString(data))
            except json_format.SerializeToJsonError:
                continue
            a = json_format.MessageToDict(cls.FromString(data), descriptor_pool=pool)
            if json.dumps(a, sort_keys=True) != json.dumps(b, sort_keys=True):
                self.fail("serialized", schema, name, data.hex())
        return base64.b64encode(schema.file.SerializeToString()).decode()

    def one_schema(self, messages):
        schema = proto.Schema(proto.Maker(self.r).text())
        self.counts["schemas"] += 1
        self.check_text(schema)
        descriptor = self.check_descriptor(schema)
        names = [n for n in schema.names() if ".Grp" not in n]
        for _ in range(messages):
            name = self.r.choice(names)
            cls = schema.cls(name)
            self.one_message(schema, name, cls, descriptor if self.r.random() < 0.1 else None)
            if self.r.random() < 0.2:
                self.check_columns(schema, name, cls)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--conninfo", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10000)
    args = parser.parse_args()
    check = Check(args.conninfo, random.Random(args.seed))
    left = args.rounds
    while left > 0 and check.failures < 20:
        check.one_schema(min(left, PER_SCHEMA))
        left -= PER_SCHEMA
    print(", ".join(f"{n} {what}" for what, n in check.counts.items()) + f", {check.failures} failures, SEED={args.seed}")
    sys.exit(check.failures > 0)


if __name__ == "__main__":
    main()
