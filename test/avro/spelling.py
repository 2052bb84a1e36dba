"""How dataplat spells values of Avro in JSON, and a server to ask."""

import base64
import datetime
import decimal
import json
import math
import os
import struct
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "incremental"))

import pq  # noqa: E402

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
