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
import os
import random
import sys
import uuid

import fastavro
import fastavro.schema

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import oracle  # noqa: E402
from mutate import Mutator  # noqa: E402
from schemas import Maker  # noqa: E402
from spelling import Server, Spelling, hexed, pq, same  # noqa: E402

def written(schema, value):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(schema)), value)
    return out.getvalue()


def has_union(t, wanted):
    """Is there a union of which "wanted" is true, given the kinds of its branches?"""
    if isinstance(t, list):
        return wanted({b if isinstance(b, str) else b.get("logicalType", b["type"]) for b in t}) or any(has_union(b, wanted) for b in t)
    if not isinstance(t, dict):
        return False
    return any(has_union(x, wanted) for x in [t.get("items"), t.get("values"), *(f["type"] for f in t.get("fields", []))])


def check_values(server, seed, rounds):
    """Written by the judge, read by us; and our encoder's bytes read by the judge."""
    bad = 0
    for i in range(rounds):
        maker = Maker(f"{seed}:{i}")
        schema = maker.record(4) if i % 4 else maker.schema()
        value = maker.value(schema)
        if has_union(schema, lambda kinds: "date" in kinds and any("timestamp" in k for k in kinds)):
            continue
        try:
            message = written(schema, value)
        except (ValueError, OverflowError) as problem:
            # Of a union the judge tries each branch, and stumbles over a decimal that is too short for the value of another.
            if not any(word in str(problem) for word in ("union", "branch", "decimal precision")):
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
        if has_union(reader, {"string", "bytes"}.issubset):
            continue
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
    p.add_argument("--oracle")
    a = p.parse_args()
    print(f"SEED={a.seed}")
    server = Server(a.conninfo)
    server.c.run("CREATE EXTENSION IF NOT EXISTS dataplat")
    bad = check_values(server, a.seed, a.rounds)
    if a.oracle:
        bad += oracle.check(server, a.oracle, a.seed, a.rounds)
    bad += check_pairs(server, a.seed, a.pairs)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
