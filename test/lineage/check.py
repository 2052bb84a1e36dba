"""Do the columns of TPC-H's 22 and TPC-DS's 99 queries come from where sqlglot says they come from?

Of every output column two sets are compared: its DIRECT sources, and all the
columns that stand in its expression (with what decides which value it will
be).  A difference must be explained, exactly as it is, in explained.txt.
"""

import argparse
import os
import sys

import duckdb

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "incremental")]

import judge  # noqa: E402
import pq  # noqa: E402

SUITES = {"tpch": "dbgen", "tpcds": "dsdgen"}

# What stands in the expression of an output, but for the conditions inside of its subqueries.
IN_EXPRESSION = ("CONDITIONAL", "WINDOW", "SORT", "GROUP_BY")


def suite(name):
    """Tables (name -> [(column, type)]) and queries (number -> text) of a suite."""
    con = duckdb.connect()
    con.execute(f"LOAD {name}")
    con.execute(f"CALL {SUITES[name]}(sf=0)")
    tables = {}
    for table, column, kind in con.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY table_name, column_index").fetchall():
        tables.setdefault(table, []).append((column, kind))
    return tables, dict(con.execute(f"SELECT query_nr, query FROM {name}_queries() ORDER BY 1").fetchall())


def create(server, name, tables):
    server.run(f"CREATE SCHEMA {name}")
    for table, columns in tables.items():
        listed = ", ".join(f'"{column}" {kind}' for column, kind in columns)
        server.run(f"CREATE TABLE {name}.{table} ({listed})")
    server.run(f"SET search_path = {name}, pg_catalog")


def ours(server, sql):
    """For each output column the DIRECT sources, and all that stand in its expression."""
    rows = server.run("SELECT ordinal, source_relation, source_column, type, subtype FROM dataplat.column_lineage($1)", sql)
    direct, all_of = {}, {}
    for ordinal, relation, column, kind, subtype in rows:
        if ordinal is None or column is None:
            continue
        source = (relation.split(".")[1].strip('"'), column)
        if kind == "DIRECT":
            direct.setdefault(int(ordinal), set()).add(source)
        if kind == "DIRECT" or subtype in IN_EXPRESSION:
            all_of.setdefault(int(ordinal), set()).add(source)
    return all_of, direct


def spelled(sources):
    return ", ".join(sorted(f"{table}.{column}" for table, column in sources)) or "nothing"


def explained():
    """Lines "suite:query column what | ours only | theirs only | why"."""
    result = {}
    with open(os.path.join(HERE, "explained.txt")) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                where, mine, theirs, why = (part.strip() for part in line.split("|"))
                if not why:
                    sys.exit(f"{where}: no explanation")
                result[where] = (mine, theirs)
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--conninfo", required=True)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    server = pq.Connection(arguments.conninfo)
    server.run("CREATE EXTENSION IF NOT EXISTS dataplat")
    known = explained()
    queries = columns = equal = told = bad = 0
    for name in SUITES:
        tables, texts = suite(name)
        create(server, name, tables)
        schema = {table: dict(listed) for table, listed in tables.items()}
        for number, sql in texts.items():
            if arguments.only and arguments.only != f"{name}:{number}":
                continue
            queries += 1
            mine, theirs = ours(server, sql), judge.ask(sql, schema)
            if number == 1 and not any(mine[1].values()):
                sys.exit(f"{name}:{number}: no lineage at all")
            for i in range(len(theirs[0])):
                columns += 1
                for what, our, their in zip(("expression", "direct"), mine, theirs):
                    our, their = our.get(i + 1, set()), their[i]
                    where = f"{name}:{number} {i + 1} {what}"
                    difference = (spelled(our - their), spelled(their - our))
                    if our == their:
                        equal += 1
                    elif known.pop(where, None) == difference:
                        told += 1
                    else:
                        bad += 1
                        print(f"{where} | {difference[0]} | {difference[1]} |", flush=True)
    if not arguments.only and known:
        bad += len(known)
        print("explained, but not so: " + ", ".join(known))
    print(f"{queries} queries, {columns} output columns: {equal} sets equal, {told} differ for a reason given, {bad} unexplained")
    sys.exit(1 if bad else 0)


main()
