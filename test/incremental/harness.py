#!/usr/bin/env python3
"""Does the harness see mistakes?  A stand-in makes some, and one run without."""

import argparse
import os
import subprocess
import sys

from pq import Connection

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = 80
# Fault of standin.sql and whether there must be differences.
FAULTS = [("none", False), ("keep_deleted", True), ("one_copy", True), ("stale", True)]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--conninfo", default="dbname=postgres")
    p.add_argument("--seed", default="1")
    p.add_argument("--out", default="")
    o = p.parse_args()
    bad = 0
    for fault, expected in FAULTS:
        c = Connection(o.conninfo)
        c.run("SET client_min_messages = error")
        c.run("DROP DATABASE IF EXISTS standin WITH (FORCE)")
        c.run("CREATE DATABASE standin")
        c.close()
        conninfo = " ".join([w for w in o.conninfo.split() if not w.startswith("dbname=")] + ["dbname=standin"])
        r = subprocess.run([sys.executable, "-B", os.path.join(HERE, "check.py"), "--conninfo", conninfo, "--seed", o.seed, "--rounds", str(ROUNDS),
                            "--standin", fault], capture_output=True, text=True)
        seen = "target and query differ" in r.stdout
        ok = r.returncode == (1 if expected else 0) and seen == expected
        bad += not ok
        print(f"{'ok' if ok else 'NOT OK'}: fault {fault}: {'seen' if seen else 'no difference'}", flush=True)
        if not ok:
            print(r.stdout[-3000:] + r.stderr[-3000:])
        c = Connection(o.conninfo)
        c.run("DROP DATABASE standin WITH (FORCE)")
        c.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
