"""Does dataplat read what libavro-c wrote as libavro-c does?  Needs nothing but Python's own library."""

import argparse
import base64
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from spelling import Server, Spelling, pq, same  # noqa: E402


def expected(s, t, j):
    """What avro_oracle printed, as dataplat spells it."""
    t = s.resolve(t)
    if isinstance(t, list):
        branch, value = t[j[0]], expected(s, t[j[0]], j[1])
        return {s.branch_name(branch): value} if s.wrapped(t, branch) else value
    kind = s.kind(t)
    if kind in ("float", "double"):
        return Spelling.number(kind, j)
    if kind in ("bytes", "fixed"):
        return base64.b64encode(bytes.fromhex(j)).decode()
    if kind == "array":
        return [expected(s, t["items"], x) for x in j]
    if kind == "map":
        return {k: expected(s, t["values"], x) for k, x in j.items()}
    if kind == "record":
        return {f["name"]: expected(s, f["type"], j[f["name"]]) for f in t["fields"]}
    return j


def check(server, program, seed, rounds):
    bad = n = 0
    lines = subprocess.run([program, str(abs(hash_of(seed))), str(rounds)], check=True, capture_output=True).stdout.decode()
    for line in lines.splitlines():
        text, message, value = line.split("\t")
        schema = json.loads(text)
        want = expected(Spelling(schema), schema, json.loads(value))
        try:
            got = server.jsonb("SELECT dataplat.avro_decode(decode($1, 'hex'), $2)", message, text)
            again = server.text("SELECT encode(dataplat.avro_encode(dataplat.avro_decode(decode($1, 'hex'), $2), $2), 'hex')", message, text)
        except pq.SqlError as e:
            got, again = e.full(), message
        n += 1
        # a map's keys come in jsonb's order, so its bytes may come in another
        if not same(want, got) or (again != message and "map" not in text):
            bad += 1
            print(f"seed {seed}, line {n}\n schema {text}\n bytes {message}\n expected {want}\n got {got}\n encoded {again}", flush=True)
            if bad >= 5:
                break
    print(f"oracle: {n} schemas and values written by libavro-c, {bad} differ")
    return bad


def hash_of(seed):
    """A number of any seed; Python's own hash changes from run to run."""
    return int(seed) if str(seed).isdigit() else sum(ord(c) * 31 ** i for i, c in enumerate(str(seed))) % 2**31


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--conninfo", required=True)
    p.add_argument("--oracle", required=True)
    p.add_argument("--seed", default="1")
    p.add_argument("--rounds", type=int, default=1000)
    a = p.parse_args()
    sys.exit(1 if check(Server(a.conninfo), a.oracle, a.seed, a.rounds) else 0)
