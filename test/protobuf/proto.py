"""Random .proto schemas, and protoc and the official runtime to read them."""

import os
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc
import grpc_tools

INCLUDE = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
SCALARS = ["double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64",
           "sfixed32", "sfixed64", "bool", "string", "bytes"]
KEYS = [s for s in SCALARS if s not in ("double", "float", "bytes")]
KNOWN = ["Timestamp", "Duration", "Struct", "Value", "ListValue", "Any", "FieldMask", "Empty", "DoubleValue", "FloatValue",
         "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue", "StringValue", "BytesValue"]
IMPORTS = ["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"]


class Schema:
    """A compiled schema: its text, and classes by full name."""

    def __init__(self, text, files=()):
        with tempfile.TemporaryDirectory() as d:
            for name, content in [*files, ("s.proto", text)]:
                with open(os.path.join(d, name), "w") as f:
                    f.write(content)
            out = os.path.join(d, "out")
            args = ["protoc", f"-I{d}", f"-I{INCLUDE}", "--include_imports", f"--descriptor_set_out={out}", "s.proto"]
            if quietly(args) != 0:
                protoc.main(args)
                raise SystemExit("protoc refuses:\n" + text)
            with open(out, "rb") as f:
                self.set = descriptor_pb2.FileDescriptorSet.FromString(f.read())
        self.text = text
        self.file = self.set.file[-1]
        self.pool = pool_of(self.set.file)

    def cls(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def names(self):
        """Full names of all messages that are no map entries."""
        def walk(prefix, messages):
            for m in messages:
                if not m.options.map_entry:
                    yield prefix + m.name
                    yield from walk(prefix + m.name + ".", m.nested_type)
        return list(walk(self.file.package + "." if self.file.package else "", self.file.message_type))

    def to_dict(self, message):
        return json_format.MessageToDict(message, descriptor_pool=self.pool)


def pool_of(files):
    pool = descriptor_pool.DescriptorPool()
    for f in files:
        pool.Add(f) if hasattr(pool, "Add") else pool.AddSerializedFile(f.SerializeToString())
    for f in files:
        message_factory.GetMessageClassesForFiles([f.name], pool)
    return pool


def quietly(args):
    """Run protoc; it warns about unused imports on a file descriptor of its own."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        return protoc.main(args)
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


class Maker:
    """One random schema."""

    def __init__(self, rnd):
        self.r = rnd
        self.proto3 = rnd.random() < 0.7
        self.messages = []
        self.enums = []
        self.serial = 0

    def name(self, prefix):
        self.serial += 1
        return f"{prefix}{self.serial}"

    def field_name(self):
        style = self.r.choice(["plain", "snake", "camel", "under", "digits", "upper"])
        n = self.name("f")
        return {"plain": n, "snake": f"some_{n}_name", "camel": f"some{n.upper()}Name", "under": f"a__{n}_", "digits": f"x_1_{n}",
                "upper": f"UP_{n.upper()}"}[style]

    def enum(self, indent):
        name = self.name("Enum")
        prefix = name.upper()
        values = [0] + sorted({self.r.choice([1, 2, 3, 5, 100, 2**31 - 1, -1, -(2**31)]) for _ in range(self.r.randint(0, 4))})
        alias = self.r.random() < 0.2 and len(values) > 1
        body = [f"{prefix}_V{i} = {v};" for i, v in enumerate(values)]
        if alias:
            body = ["option allow_alias = true;"] + body + [f"{prefix}_ALIAS = {values[1]};"]
        return name, [f"{indent}enum {name} {{"] + [f"{indent}  {line}" for line in body] + [f"{indent}}}"]

    def type(self, in_oneof=False):
        kind = self.r.random()
        if kind < 0.5:
            return self.r.choice(SCALARS)
        if kind < 0.6 and self.enums:
            return self.r.choice(self.enums)
        if kind < 0.75 and self.messages:
            return self.r.choice(self.messages)
        if kind < 0.9:
            return "google.protobuf." + self.r.choice(KNOWN)
        return self.r.choice(SCALARS)

    def number(self, used):
        while True:
            n = self.r.choice([self.r.randint(1, 30), self.r.randint(1, 200), self.r.randint(1, 18000), self.r.randint(20000, 2**29 - 1)])
            if n not in used:
                used.add(n)
                return n

    def options(self, type_, repeated):
        options = []
        if repeated and type_ in SCALARS and type_ not in ("string", "bytes") and self.r.random() < 0.3:
            options.append("packed = " + self.r.choice(["true", "false"]))
        if self.r.random() < 0.05:
            options.append(f'json_name = "{self.name("json-")}"')
        if self.r.random() < 0.05:
            options.append("deprecated = true")
        return f" [{', '.join(options)}]" if options else ""

    def message(self, indent, depth):
        name = self.name("Msg")
        lines = [f"{indent}message {name} {{"]
        inner = indent + "  "
        used = set()
        if depth < 3 and self.r.random() < 0.4:
            lines += self.message(inner, depth + 1)[1]
        if self.r.random() < 0.3:
            e, text = self.enum(inner)
            lines += text
            local = [e]
        else:
            local = []
        for _ in range(self.r.randint(0, 9)):
            kind = self.r.random()
            if kind < 0.15:
                value = self.r.choice(SCALARS + self.enums + self.messages + ["google.protobuf." + self.r.choice(KNOWN)])
                lines.append(f"{inner}map<{self.r.choice(KEYS)}, {value}> {self.field_name()} = {self.number(used)};")
            elif kind < 0.25:
                lines.append(f"{inner}oneof {self.name('one')} {{")
                for _ in range(self.r.randint(1, 4)):
                    lines.append(f"{inner}  {self.type(True)} {self.field_name()} = {self.number(used)};")
                lines.append(f"{inner}}}")
            elif kind < 0.32 and not self.proto3:
                label = self.r.choice(["optional", "repeated"])
                lines.append(f"{inner}{label} group {self.name('Grp')} = {self.number(used)} {{")
                lines.append(f"{inner}  optional int32 {self.field_name()} = 1;")
                lines.append(f"{inner}}}")
            else:
                type_ = self.r.choice(local) if local and self.r.random() < 0.2 else self.type()
                if type_ == "self":
                    type_ = name
                label = self.r.choice(["", "", "optional ", "repeated "] if self.proto3 else
                                      ["optional ", "optional ", "repeated ", "required " if type_ in SCALARS else "optional "])
                if self.r.random() < 0.1 and not label.startswith("required"):
                    type_ = name
                lines.append(f"{inner}{label}{type_} {self.field_name()} = {self.number(used)}"
                             f"{self.options(type_, label == 'repeated ')};")
        extension = not self.proto3 and self.r.random() < 0.2
        if extension:
            top = max(used | {1000}) + 1
            lines.append(f"{inner}extensions {min(top, 2**29 - 10)} to max;")
        lines.append(f"{indent}}}")
        if depth == 0:
            self.messages.append(name)
            if extension and top < 2**29 - 10:
                self.extends.append(f"extend {name} {{ optional {self.r.choice(SCALARS)} {self.name('ext')} = {top}; }}")
        return name, lines

    def text(self):
        self.extends = []
        lines = [f'syntax = "proto{3 if self.proto3 else 2}";']
        if self.r.random() < 0.7:
            lines.append("package " + self.r.choice(["p", "a.b.c", "shop.v1"]) + ";")
        lines += [f'import "google/protobuf/{i}.proto";' for i in IMPORTS]
        for _ in range(self.r.randint(0, 2)):
            name, text = self.enum("")
            self.enums.append(name)
            lines += text
        for _ in range(self.r.randint(1, 5)):
            lines += self.message("", 0)[1]
        return "\n".join(lines + self.extends) + "\n"
