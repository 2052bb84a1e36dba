"""Random schemas, values of them, and readers' schemas that changed a little."""

import datetime
import decimal
import random
import string
import struct
import uuid

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
LOGICAL = {
    "date": {"type": "int", "logicalType": "date"},
    "time-millis": {"type": "int", "logicalType": "time-millis"},
    "time-micros": {"type": "long", "logicalType": "time-micros"},
    "timestamp-millis": {"type": "long", "logicalType": "timestamp-millis"},
    "timestamp-micros": {"type": "long", "logicalType": "timestamp-micros"},
    "local-timestamp-millis": {"type": "long", "logicalType": "local-timestamp-millis"},
    "local-timestamp-micros": {"type": "long", "logicalType": "local-timestamp-micros"},
    "uuid": {"type": "string", "logicalType": "uuid"},
}


class Maker:
    """All choices come from one seed."""

    def __init__(self, seed, logical=True, names=""):
        self.r = random.Random(seed)
        self.n = 0
        self.logical = logical
        self.names = names
        self.known = {}
        self.space = None

    def name(self, kind):
        self.n += 1
        return f"{kind}{self.names}{self.n}"

    def schema(self, depth=4, in_union=False, open_records=()):
        """A type; named types may be mentioned again later."""
        r = self.r
        pick = r.random()
        if depth <= 0 or pick < 0.35:
            return r.choice(PRIMITIVES)
        if pick < 0.47 and self.logical:
            return self.logical_type()
        if pick < 0.53 and self.known:
            return r.choice(sorted(self.known))
        if pick < 0.60:
            name = self.name("E")
            t = {"type": "enum", "name": name, "symbols": [f"S{i}" for i in range(r.randint(1, 5))]}
            if r.random() < 0.3:
                t["default"] = r.choice(t["symbols"])
            self.known[name] = t
            return t
        if pick < 0.65:
            name = self.name("F")
            t = {"type": "fixed", "name": name, "size": r.randint(1, 20)}
            self.known[name] = t
            return t
        if pick < 0.73:
            return {"type": "array", "items": self.schema(depth - 1)}
        if pick < 0.80:
            return {"type": "map", "values": self.schema(depth - 1)}
        if pick < 0.90 and not in_union:
            return self.union(depth)
        return self.record(depth)

    def logical_type(self):
        r = self.r
        if r.random() < 0.3:
            precision = r.randint(1, 30)
            scale = r.randint(0, precision)
            t = {"logicalType": "decimal", "precision": precision, "scale": scale}
            if r.random() < 0.5:
                return dict(t, type="bytes")
            return dict(t, type="fixed", name=self.name("D"), size=16)
        return dict(self.r.choice(list(LOGICAL.values())))

    def union(self, depth):
        r = self.r
        branches, seen = [], set()
        if r.random() < 0.6:
            branches.append("null")
            seen.add("null")
        for _ in range(r.randint(1, 3)):
            before = dict(self.known)
            t = self.schema(depth - 1, in_union=True)
            key = t if isinstance(t, str) else t["name"] if "name" in t else t["type"]
            if key not in seen:
                seen.add(key)
                branches.append(t)
            else:
                self.known = before
        if branches and branches[0] == "null" and r.random() < 0.3:
            branches = branches[1:] + branches[:1]
        return branches

    def record(self, depth):
        name = self.name("R")
        t = {"type": "record", "name": name, "fields": []}
        for _ in range(self.r.choice([0, 1, 1, 2, 3, 4, 6])):
            t["fields"].append({"name": self.name("f"), "type": self.schema(depth - 1)})
        if self.r.random() < 0.2:
            t["fields"].append({"name": self.name("f"), "type": ["null", name]})
        self.known[name] = t
        return t

    def resolve(self, t):
        return self.known[t] if isinstance(t, str) and t in self.known else t

    def text(self):
        r = self.r
        letters = string.ascii_letters + string.digits + " \"\\\n\t" + "äß€日𝄞"
        return "".join(r.choice(letters) for _ in range(r.choice([0, 1, 3, 10, 20, 70, 200])))

    def value(self, t, depth=0):
        r = self.r
        t = self.resolve(t)
        if isinstance(t, list):
            options = t
            if depth > 6 and "null" in t:
                options = ["null"]
            return self.value_of_branch(t, r.choice(options), depth)
        kind = t if isinstance(t, str) else t["type"]
        logical = None if isinstance(t, str) else t.get("logicalType")
        if logical:
            return self.logical_value(t, logical)
        small = r.choice([True, False])
        if kind == "null":
            return None
        if kind == "boolean":
            return r.random() < 0.5
        if kind == "int":
            return r.randint(-100, 100) if small else r.randint(-2**31, 2**31 - 1)
        if kind == "long":
            return r.randint(-100, 100) if small else r.randint(-2**63, 2**63 - 1)
        if kind == "float":
            return struct.unpack("<f", struct.pack("<f", self.number()))[0]
        if kind == "double":
            return self.number()
        if kind == "bytes":
            return r.randbytes(r.choice([0, 1, 2, 3, 10, 64, 200]))
        if kind == "string":
            return self.text()
        if kind == "fixed":
            return r.randbytes(t["size"])
        if kind == "enum":
            return r.choice(t["symbols"])
        many = 0 if depth > 6 else r.choice([0, 1, 2, 3])
        if kind == "array":
            return [self.value(t["items"], depth + 1) for _ in range(many)]
        if kind == "map":
            return {self.text(): self.value(t["values"], depth + 1) for _ in range(many)}
        return {f["name"]: self.value(f["type"], depth + 1) for f in t["fields"]}

    def value_of_branch(self, union, branch, depth):
        """fastavro is told the branch as (name, value) where a value alone could be any."""
        value = self.value(branch, depth + 1)
        t = self.resolve(branch)
        if isinstance(t, dict) and t.get("logicalType"):
            return value
        return (t if isinstance(t, str) else t.get("name", t["type"]), value)

    def number(self):
        r = self.r
        pick = r.random()
        if pick < 0.3:
            return float(r.randint(-1000, 1000))
        if pick < 0.6:
            return round(r.uniform(-1000, 1000), r.randint(0, 6))
        if pick < 0.97:
            return r.uniform(-1, 1) * 10 ** r.randint(-30, 30)
        return r.choice([float("nan"), float("inf"), float("-inf"), 0.0])

    def logical_value(self, t, logical):
        r = self.r
        if logical == "decimal":
            digits = r.randint(1, t["precision"])
            return decimal.Decimal(r.randint(-(10 ** digits) + 1, 10 ** digits - 1)).scaleb(-t["scale"], decimal.Context(prec=60))
        if logical == "uuid":
            return uuid.UUID(int=r.getrandbits(128))
        if logical == "date":
            return datetime.date.fromordinal(r.randint(1, 3652059))
        micros = r.randint(0, 86399999999)
        if logical.endswith("millis"):
            micros -= micros % 1000
        if logical.startswith("time-"):
            return (EPOCH + datetime.timedelta(microseconds=micros)).time()
        when = EPOCH + datetime.timedelta(days=r.randint(-719162 + 1, 2932896 - 1), microseconds=micros)
        return when.replace(tzinfo=UTC) if logical.startswith("timestamp") else when
