"""TPC-H as pipelines: schema and queries as the duckdb package carries them,
without ORDER BY and LIMIT, over tiny tables made of the values that the
queries ask for, so that their results are not empty.

Started as a program it writes what duckdb has to a JSON file.
"""

import json
import random
import re
import sys

import changes
from changes import Table
from judge import Pipeline

KEYS = {
    "region": ["r_regionkey"], "nation": ["n_nationkey"], "supplier": ["s_suppkey"], "customer": ["c_custkey"], "part": ["p_partkey"],
    "partsupp": ["ps_partkey", "ps_suppkey"], "orders": ["o_orderkey"], "lineitem": ["l_orderkey", "l_linenumber"],
}
# Keys of results where GROUP BY does not tell.  Names of suppliers are unique.
RESULT_KEYS = {2: ["s_name", "p_partkey"], 15: ["s_suppkey"], 20: ["s_name"]}
NATIONS = ["ALGERIA", "BRAZIL", "CANADA", "FRANCE", "GERMANY", "INDIA", "CHINA", "SAUDI ARABIA", "RUSSIA"]
REGIONS = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"]


def pick(*values):
    return changes.choice(*values, nulls=0)


def between(low, high):
    return changes.integer(low, high, 0)


def money(low, high):
    return lambda r: f"{r.randint(low * 100, high * 100) / 100:.2f}"


def nation(r):
    return r.choice("12223344455557")


DATES = ["1993-07-10", "1993-10-15", "1994-02-01", "1994-06-15", "1995-03-01", "1995-03-20", "1995-09-10", "1996-02-10"]
COLUMNS = {
    "region": {"r_regionkey": between(0, 4), "r_name": pick(*REGIONS), "r_comment": pick("x", "y")},
    "nation": {"n_nationkey": between(0, 8), "n_name": pick(*NATIONS), "n_regionkey": between(0, 4), "n_comment": pick("x", "y")},
    "supplier": {"s_suppkey": between(1, 8), "s_name": pick(*[f"Supplier#{n}" for n in range(1, 31)]), "s_address": pick("here", "there"),
                 "s_nationkey": nation, "s_phone": pick("11-1", "22-2"), "s_acctbal": money(-10, 90),
                 "s_comment": pick("fine", "the Customer has Complaints", "good")},
    "customer": {"c_custkey": between(1, 15), "c_name": pick("ann", "bob", "cy"), "c_address": pick("here", "there"), "c_nationkey": nation,
                 "c_phone": pick("13-1", "31-2", "23-3", "99-4"), "c_acctbal": money(-10, 90), "c_mktsegment": pick("BUILDING", "AUTOMOBILE"),
                 "c_comment": pick("x", "y")},
    "part": {"p_partkey": between(1, 8), "p_name": pick("forest green", "green tea", "forest lime", "red"), "p_mfgr": pick("M#1", "M#2"),
             "p_brand": pick("Brand#12", "Brand#23", "Brand#34", "Brand#45"),
             "p_type": pick("ECONOMY ANODIZED STEEL", "PROMO BRASS", "SMALL BRASS", "MEDIUM POLISHED TIN"), "p_size": lambda r: str(r.choice([15, 3, 9, 5, 14])),
             "p_container": pick("SM CASE", "MED BOX", "LG BOX", "MED BAG"), "p_retailprice": money(1, 9), "p_comment": pick("x", "y")},
    "partsupp": {"ps_partkey": between(1, 8), "ps_suppkey": between(1, 8), "ps_availqty": between(1, 60), "ps_supplycost": money(1, 4),
                 "ps_comment": pick("x", "y")},
    "orders": {"o_orderkey": between(1, 25), "o_custkey": between(1, 15), "o_orderstatus": pick("F", "F", "O", "P"), "o_totalprice": money(1, 900),
               "o_orderdate": pick(*DATES), "o_orderpriority": pick("1-URGENT", "2-HIGH", "5-LOW"), "o_clerk": pick("c1", "c2"),
               "o_shippriority": between(0, 1), "o_comment": pick("quick", "special x requests")},
    "lineitem": {"l_orderkey": between(1, 25), "l_partkey": between(1, 8), "l_suppkey": between(1, 8), "l_linenumber": between(1, 6),
                 "l_quantity": lambda r: str(r.choice([1, 2, 5, 12, 20, 25, 160])), "l_extendedprice": money(1, 90), "l_discount": lambda r: f"0.0{r.randint(0, 9)}",
                 "l_tax": lambda r: f"0.0{r.randint(0, 8)}", "l_returnflag": pick("R", "A", "N"), "l_linestatus": pick("O", "F"),
                 "l_shipdate": pick(*DATES), "l_commitdate": pick(*DATES), "l_receiptdate": pick(*DATES),
                 "l_shipinstruct": pick("DELIVER IN PERSON", "DELIVER IN PERSON", "NONE"), "l_shipmode": pick("AIR", "AIR REG", "MAIL", "SHIP"),
                 "l_comment": pick("x", "y")},
}
WEIGHTS = {"lineitem": 7, "orders": 5, "customer": 2, "part": 2, "supplier": 2, "partsupp": 3, "nation": 0.4, "region": 0.3}
CAPS = {"nation": 40, "region": 40, "lineitem": 130, "orders": 30, "partsupp": 70}
REGION_OF = [0, 1, 1, 3, 3, 2, 2, 4, 3]


def likely(r, values):
    """Nations and regions as they are, mostly: what is lost comes back."""
    if r.random() < 0.9:
        if "r_name" in values:
            values["r_name"] = changes.quote(REGIONS[int(values["r_regionkey"])])
        else:
            values["n_name"] = changes.quote(NATIONS[int(values["n_nationkey"])])
            values["n_regionkey"] = str(REGION_OF[int(values["n_nationkey"])])
    return values


TABLES = [Table(f"tpch.{t}", COLUMNS[t], KEYS[t], WEIGHTS.get(t, 1), CAPS.get(t, 15), derive=likely if t in ("nation", "region") else None) for t in KEYS]


def load(path):
    """From the JSON file: statements that make the schema, and the pipelines."""
    known = json.load(open(path))
    ddl = ["CREATE SCHEMA tpch; SET search_path = tpch"]
    for sql in known["ddl"]:
        name = re.match(r"CREATE TABLE (\w+)", sql).group(1)
        ddl.append(sql)
        ddl.append(f"ALTER TABLE {name} ADD PRIMARY KEY ({', '.join(KEYS[name])})")
    ddl.append("ALTER TABLE supplier ADD UNIQUE (s_name)")
    r = random.Random(0)
    for n, name in enumerate(NATIONS):
        ddl.append(f"INSERT INTO nation VALUES ({n}, '{name}', {REGION_OF[n]}, 'x')")
    for n, name in enumerate(REGIONS):
        ddl.append(f"INSERT INTO region VALUES ({n}, '{name}', 'x')")
    for t in TABLES:
        if t.name not in ("tpch.nation", "tpch.region"):
            ddl += [changes.refill(r, t) for _ in range(t.cap // 12 + 1)]
    pipelines = []
    for number, text in known["queries"]:
        text = re.sub(r"\s+ORDER BY(?!.*ORDER BY).*\Z", "", text.strip().rstrip(";"), flags=re.S)
        pipelines.append(Pipeline(f"q{number:02}", text, "tpch", RESULT_KEYS.get(number)))
    return ddl, pipelines


def dump(path):
    import duckdb
    c = duckdb.connect()
    try:
        c.execute("LOAD tpch")
    except duckdb.Error:
        pass
    c.execute("CALL dbgen(sf=0)")
    json.dump({"queries": c.execute("SELECT query_nr, query FROM tpch_queries()").fetchall(),
               "ddl": [row[0] for row in c.execute("SELECT sql FROM duckdb_tables()").fetchall()]}, open(path, "w"), indent=1)


if __name__ == "__main__":
    dump(sys.argv[1])
