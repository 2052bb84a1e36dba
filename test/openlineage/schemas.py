"""JSON schemas from the classes that OpenLineage generates from its own, for machines that have not got these.

    schemas.py DIR        writes DIR/OpenLineage.json and DIR/facets/, from PyPI's openlineage-python

A class says names, types, what must be there and which words are allowed; its
validators say formats.  What the classes drop (least values, "either or") is
not checked.
"""

import attr
import enum
import importlib
import inspect
import json
import os
import pkgutil
import sys
import types
import typing

from openlineage.client import generated

BASE = importlib.import_module("openlineage.client.generated.base")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Keys that are not the class's name without its ending.
KEYS = {"ProcessingEngineRunFacet": "processing_engine", "SQLJobFacet": "sql", "DatasetVersionDatasetFacet": "version", "DatasourceDatasetFacet": "dataSource"}
ENDINGS = ("InputDatasetFacet", "OutputDatasetFacet", "DatasetFacet", "RunFacet", "JobFacet")
FORMATS = {"isoparse": "date-time", "urlparse": "uri", "uuid": "uuid"}
PLAIN = {str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}, bool: {"type": "boolean"}}
# These have defaults only so that Python fills them in.
ALWAYS = {"_producer", "_schemaURL", "producer", "schemaURL"}


def key_of(name):
    ending = next(e for e in ENDINGS if name.endswith(e))
    short = name[: -len(ending)]
    return KEYS.get(name, short[:1].lower() + short[1:])


def schema_of(kind, defs):
    """The schema of a type; those of classes are gathered in defs."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if origin in (typing.Union, types.UnionType):
        # None means that it may be left out, not that it may be null.
        some = [schema_of(a, defs) for a in args if a is not type(None)]
        return some[0] if len(some) == 1 else {"anyOf": some}
    if origin is typing.Literal:
        return {"enum": list(args)}
    if origin is list:
        return {"type": "array", "items": schema_of(args[0], defs)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(args[1], defs)}
    if inspect.isclass(kind) and issubclass(kind, enum.Enum):
        return {"type": "string", "enum": [e.value for e in kind]}
    if attr.has(kind):
        if kind.__name__ not in defs:
            defs[kind.__name__] = {}
            defs[kind.__name__].update(object_of(kind, defs))
        return {"$ref": f"#/$defs/{kind.__name__}"}
    assert kind is typing.Any or kind is object, f"no schema for {kind}"
    return {}


def object_of(cls, defs):
    hints = typing.get_type_hints(cls)
    properties, required = {}, []
    for field in attr.fields(cls):
        one = dict(schema_of(hints[field.name], defs))
        if field.validator is not None and one.get("type") == "string":
            source = inspect.getsource(field.validator)
            one.update({"format": f for word, f in FORMATS.items() if word in source})
        properties[field.name] = one
        if field.default is attr.NOTHING or field.name in ALWAYS:
            required.append(field.name)
    return {"type": "object", "properties": properties, "required": sorted(required)}


def write(path, schema):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(schema, f, indent=1)


def main(to):
    os.makedirs(f"{to}/facets", exist_ok=True)
    defs = {}
    root = schema_of(BASE.RunEvent, defs)
    write(f"{to}/OpenLineage.json", {"$schema": DIALECT, "$id": BASE.RunEvent._get_schema().partition("#")[0], "$defs": defs, **root})
    for found in pkgutil.iter_modules(generated.__path__):
        module = importlib.import_module(f"{generated.__name__}.{found.name}")
        for cls in vars(module).values():
            if not (inspect.isclass(cls) and issubclass(cls, BASE.BaseFacet) and cls.__module__ == module.__name__ and module is not BASE):
                continue
            file, _, _ = cls._get_schema().partition("#")
            if not any(cls.__name__.endswith(e) for e in ENDINGS):
                continue
            defs = {}
            root = schema_of(cls, defs)
            write(f"{to}/facets/{cls.__name__}.json", {"$schema": DIALECT, "$id": file, "$defs": defs, "properties": {key_of(cls.__name__): root}})


if __name__ == "__main__":
    main(sys.argv[1])
