"""A reader's schema: the writer's with random changes, good and bad ones."""

import copy

PROMOTIONS = {"int": ["long", "float", "double"], "long": ["float", "double"], "float": ["double"],
              "string": ["bytes"], "bytes": ["string"]}
DEFAULTS = [("int", 7), ("string", "new"), (["null", "int"], None), ({"type": "array", "items": "long"}, [1, 2]),
            ({"type": "map", "values": "boolean"}, {"k": True}), ("double", 1.5)]


class Mutator:
    def __init__(self, r):
        self.r = r
        self.n = 0

    def schema(self, t):
        return self.type(copy.deepcopy(t))

    def type(self, t, in_union=False):
        r = self.r
        if isinstance(t, list):
            return self.union(t)
        kind = t if isinstance(t, str) else t["type"]
        if isinstance(t, str):
            if kind in PROMOTIONS and r.random() < 0.25:
                t = r.choice(PROMOTIONS[kind])
            elif r.random() < 0.02:
                t = "boolean"
        elif kind == "record":
            self.record(t)
        elif kind == "enum":
            self.enum(t)
        elif kind == "fixed":
            if r.random() < 0.03:
                t["size"] += 1
        elif kind == "array":
            t["items"] = self.type(t["items"])
        elif kind == "map":
            t["values"] = self.type(t["values"])
        if not in_union and r.random() < 0.12 and kind != "null":
            return r.choice([["null", t], [t, "null"]])
        return t

    def union(self, t):
        r = self.r
        out, seen = [], set()
        for b in t:
            b = self.type(b, in_union=True)
            key = b if isinstance(b, str) else b.get("name", b["type"])
            if key not in seen:
                seen.add(key)
                out.append(b)
        return out

    def enum(self, t):
        r = self.r
        if r.random() < 0.2:
            r.shuffle(t["symbols"])
        if r.random() < 0.2 and len(t["symbols"]) > 1:
            t["symbols"].pop(r.randrange(len(t["symbols"])))
            if r.random() < 0.7 or t.get("default") not in t["symbols"]:
                t["default"] = t["symbols"][0]

    def record(self, t):
        r = self.r
        fields = []
        for f in t["fields"]:
            named = "name" in str(f["type"])
            if r.random() < 0.12 and not named:
                continue
            f["type"] = self.type(f["type"])
            if r.random() < 0.12:
                self.n += 1
                f["aliases"] = [f["name"]]
                f["name"] = f"renamed{self.n}"
            fields.append(f)
        if r.random() < 0.25:
            self.n += 1
            new, default = r.choice(DEFAULTS)
            field = {"name": f"added{self.n}", "type": copy.deepcopy(new)}
            if r.random() < 0.95:
                field["default"] = default
            fields.insert(r.randint(0, len(fields)), field)
        t["fields"] = fields
