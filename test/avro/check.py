"""Does dataplat read what an independent encoder wrote, and resolve as it resolves?

Values are compared as JSON: what the judge (fastavro) holds is brought to the
spelling that docs/schemas.md promises, and the server's jsonb is read with
exact numbers.
"""

import argparse
import base64
import copy
import datetime
import decimal
import io
import json
import math
import os
import random
import sys
import uuid

import fastavro
import fastavro.schema

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "incremental"))
sys.path.insert(0, HERE)

import pq  # noqa: E402
from mutate import Mutator  # noqa: E402
from schemas import Maker  # noqa: E402

decimal.getcontext().prec = 100
CLASSES = {"null": 0, "boolean": 1, "int": 2, "long": 2, "float": 2, "double": 2, "bytes": 3, "fixed": 3,
           "string": 3, "enum": 3, "array": 4, "map": 5, "record": 5}


def names_of(schema, known=None):
    """Named types by name, in the raw schema."""
    known = {} if known is None else known
    if isinstance(schema, list):
        for b in schema:
            names_of(b, known)
    elif isinstance(schema, dict):
        if "name" in schema and schema["type"] in ("record", "enum", "fixed"):
            known[schema["name"]] = schema
        for key in ("items", "values"):
            if key in schema:
                names_of(schema[key], known)
        for f in schema.get("fields", ()):
            names_of(f["type"], known)
    return known


class Spelling:
    """How dataplat spells values of a schema in JSON."""

    def __init__(self, schema):
        self.known = names_of(schema)

    def resolve(self, t):
        return self.known[t] if isinstance(t, str) and t in self.known else t

    def kind(self, t):
        t = self.resolve(t)
        return t if isinstance(t, str) else t["type"]

    def json_class(self, t):
        t = self.resolve(t)
        if isinstance(t, dict) and t.get("logicalType"):
            return 2 if t["logicalType"] == "decimal" else 3
        return CLASSES[self.kind(t)]

    def wrapped(self, union, branch):
        classes = [self.json_class(b) for b in union]
        mine = self.json_class(branch)
        return classes.count(mine) > 1 or (mine == 5 and len(set(classes)) < len(classes))

    def branch_name(self, t):
        t = self.resolve(t)
        return t if isinstance(t, str) else t.get("name", t["type"])

    def of(self, t, v):
        t = self.resolve(t)
        if isinstance(t, list):
            branch = self.find_branch(t, v)
            if isinstance(v, tuple):
                v = v[1]
            value = self.of(branch, v)
            return {self.branch_name(branch): value} if self.wrapped(t, branch) else value
        kind = self.kind(t)
        if isinstance(v, float) or kind in ("float", "double"):
            return self.number(kind, v)
        if v is None or isinstance(v, (bool, int, str)):
            return v
        if isinstance(v, bytes):
            return base64.b64encode(v).decode()
        if isinstance(v, decimal.Decimal):
            return v
        if isinstance(v, uuid.UUID):
            return str(v)
        if isinstance(v, (datetime.date, datetime.time, datetime.datetime)):
            return self.time(v)
        if kind == "array":
            return [self.of(t["items"], x) for x in v]
        if kind == "map":
            return {k: self.of(t["values"], x) for k, x in v.items()}
        return {f["name"]: self.of(f["type"], v[f["name"]]) for f in t["fields"]}

    @staticmethod
    def number(kind, v):
        v = float(v)
        if math.isnan(v):
            return "NaN"
        if math.isinf(v):
            return "Infinity" if v > 0 else "-Infinity"
        # a float is compared as a float
        return ("float", v) if kind == "float" else ("double", v)

    @staticmethod
    def time(v):
        if isinstance(v, datetime.datetime):
            s = v.isoformat(timespec="microseconds")
            head, zone = (s[:-6], "+00:00") if v.tzinfo else (s, "")
            return head.rstrip("0").rstrip(".") + zone if "." in head else s
        if isinstance(v, datetime.time):
            return v.isoformat(timespec="microseconds").rstrip("0").rstrip(".")
        return v.isoformat()

    def find_branch(self, union, v):
        """By the name that we gave, or by the type of the value."""
        if isinstance(v, tuple):
            for b in union:
                if self.branch_name(b) == v[0]:
                    return b
        for b in union:
            t = self.resolve(b)
            logical = t.get("logicalType") if isinstance(t, dict) else None
            kind = self.kind(b)
            if (v is None) != (kind == "null"):
                continue
            if logical and self.logical_is(logical, v) or not logical and self.kind_is(t, kind, v):
                return b
        raise ValueError(f"no branch of {union} for {v!r}")

    @staticmethod
    def logical_is(logical, v):
        if logical == "decimal":
            return isinstance(v, decimal.Decimal)
        if logical == "uuid":
            return isinstance(v, uuid.UUID)
        if logical == "date":
            return isinstance(v, datetime.date) and not isinstance(v, datetime.datetime)
        if logical.startswith("time-"):
            return isinstance(v, datetime.time)
        return isinstance(v, datetime.datetime) and (v.tzinfo is not None) == logical.startswith("timestamp")

    @staticmethod
    def kind_is(t, kind, v):
        types = {"null": type(None), "boolean": bool, "int": int, "long": int, "float": float, "double": float,
                 "bytes": bytes, "fixed": bytes, "string": str, "enum": str, "array": list, "map": dict, "record": dict}
        return type(v) is types[kind]


def same(expected, got):
    if isinstance(expected, tuple):
        if isinstance(got, bool) or not isinstance(got, (int, decimal.Decimal)):
            return False
        if expected[0] == "float":
            import struct
            return struct.pack("<f", expected[1]) == struct.pack("<f", float(got)) or float(got) == expected[1] == 0
        return float(got) == expected[1]
    if isinstance(expected, dict):
        return isinstance(got, dict) and expected.keys() == got.keys() and all(same(expected[k], got[k]) for k in expected)
    if isinstance(expected, list):
        return isinstance(got, list) and len(expected) == len(got) and all(map(same, expected, got))
    if isinstance(expected, bool) or isinstance(got, bool) or expected is None or isinstance(expected, str):
        return type(expected) is type(got) and expected == got
    return not isinstance(got, (str, dict, list)) and got is not None and expected == got


class Server:
    def __init__(self, conninfo):
        self.c = pq.Connection(conninfo)

    def jsonb(self, query, *parameters):
        row = self.c.run(query, *parameters)[0]
        return json.loads(row[0], parse_float=decimal.Decimal)

    def text(self, query, *parameters):
        return self.c.run(query, *parameters)[0][0]


def hexed(b):
    return "\\x" + b.hex()


def written(schema, value):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(schema)), value)
    return out.getvalue()


def check_values(server, seed, rounds):
    """Written by the judge, read by us; and our encoder's bytes read by the judge."""
    bad = 0
    for i in range(rounds):
        maker = Maker(f"{seed}:{i}")
        schema = maker.record(4) if i % 4 else maker.schema()
        value = maker.value(schema)
        try:
            message = written(schema, value)
        except (ValueError, OverflowError) as problem:
            if "union" not in str(problem) and "branch" not in str(problem):
                raise
            continue
        expected = Spelling(schema).of(schema, value)
        text = json.dumps(schema)
        try:
            got = server.jsonb("SELECT dataplat.avro_decode($1::bytea, $2)", hexed(message), text)
            back = server.text("SELECT dataplat.avro_decode(dataplat.avro_encode(j, $2), $2) = j FROM dataplat.avro_decode($1::bytea, $2) AS j", hexed(message), text)
        except pq.SqlError as e:
            got, back = e.full(), "t"
        if not same(expected, got) or back != "t":
            bad += 1
            print(f"seed {seed}:{i}\n schema {text}\n bytes {message.hex()}\n expected {expected}\n got {got}\n encodes back: {back}", flush=True)
            if bad >= 5:
                break
    print(f"values: {rounds} schemas written by fastavro {fastavro.__version__}, {bad} differ")
    return bad


def plain(v):
    """A value of the judge's by its own type: it does not say which branch of a union it is."""
    if isinstance(v, float):
        return Spelling.number("double", v)
    if isinstance(v, bytes):
        return base64.b64encode(v).decode()
    if isinstance(v, uuid.UUID):
        return str(v)
    if isinstance(v, (datetime.date, datetime.time, datetime.datetime)):
        return Spelling.time(v)
    if isinstance(v, list):
        return [plain(x) for x in v]
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    return v


def stripped(spelling, t, j):
    """Ours without the names of branches."""
    t = spelling.resolve(t)
    if isinstance(t, list):
        for b in t:
            if spelling.wrapped(t, b) and isinstance(j, dict) and list(j) == [spelling.branch_name(b)]:
                return stripped(spelling, b, j[spelling.branch_name(b)])
        for b in t:
            kind = spelling.kind(b)
            if isinstance(j, dict) and kind in ("map", "record") or isinstance(j, list) and kind == "array":
                return stripped(spelling, b, j)
        return j
    if isinstance(t, str) or not isinstance(j, (list, dict)):
        return j
    if t["type"] == "array":
        return [stripped(spelling, t["items"], x) for x in j]
    if t["type"] == "map":
        return {k: stripped(spelling, t["values"], x) for k, x in j.items()}
    return {f["name"]: stripped(spelling, f["type"], j[f["name"]]) for f in t["fields"]}


def close(expected, got):
    """A float that was read as a number of 64 bits has more digits with us or with the judge."""
    if isinstance(expected, tuple) and isinstance(got, (int, decimal.Decimal)) and not isinstance(got, bool):
        return same(expected, got) or same(("float", expected[1]), got)
    if isinstance(expected, dict):
        return isinstance(got, dict) and expected.keys() == got.keys() and all(close(expected[k], got[k]) for k in expected)
    if isinstance(expected, list):
        return isinstance(got, list) and len(expected) == len(got) and all(map(close, expected, got))
    return same(expected, got)


def check_pairs(server, seed, rounds):
    """Written with one schema, read with another: the same value, or an error from both."""
    bad = resolved = refused = 0
    for i in range(rounds):
        maker = Maker(f"pair:{seed}:{i}", logical=i % 4 == 0)
        writer = maker.record(3)
        value = maker.value(writer)
        reader = Mutator(random.Random(f"mutate:{seed}:{i}")).schema(writer)
        try:
            message = written(writer, value)
            names = fastavro.parse_schema(copy.deepcopy(reader))
        except (ValueError, OverflowError, fastavro.schema.SchemaParseException, fastavro.schema.UnknownType):
            continue
        try:
            expected = plain(fastavro.schemaless_reader(io.BytesIO(message), fastavro.parse_schema(copy.deepcopy(writer)), names))
        except Exception as e:      # the judge has no one class for all of them
            expected = e
        try:
            got = stripped(Spelling(reader), reader, server.jsonb(
                "SELECT dataplat.avro_decode($1::bytea, $2, $3)", hexed(message), json.dumps(writer), json.dumps(reader)))
        except pq.SqlError as e:
            got = e
        if isinstance(expected, Exception) and isinstance(got, Exception):
            refused += 1
        elif not isinstance(expected, Exception) and not isinstance(got, Exception) and close(expected, got):
            resolved += 1
        else:
            bad += 1
            print(f"pair {seed}:{i}\n writer {json.dumps(writer)}\n reader {json.dumps(reader)}\n bytes {message.hex()}\n"
                  f" expected {expected!r}\n got {got}", flush=True)
            if bad >= 5:
                break
    print(f"pairs: {resolved} read alike, {refused} refused by both, {bad} differ")
    return bad


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--conninfo", required=True)
    p.add_argument("--seed", default=str(random.randrange(10**6)))
    p.add_argument("--rounds", type=int, default=10000)
    p.add_argument("--pairs", type=int, default=2000)
    a = p.parse_args()
    print(f"SEED={a.seed}")
    server = Server(a.conninfo)
    server.c.run("CREATE EXTENSION IF NOT EXISTS dataplat")
    bad = check_values(server, a.seed, a.rounds)
    bad += check_pairs(server, a.seed, a.pairs)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
