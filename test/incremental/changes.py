"""Random changes: what users' statements do to tables, in all the ways they can.

A Table knows how to make a literal for each of its columns from a small
domain, so that keys collide and rows meet.  statement() makes one statement;
everything comes from the given random.Random, so a seed repeats a run.
"""


def quote(text):
    return "'" + text.replace("'", "''") + "'"


def integer(low, high, nulls=0.1):
    return lambda r: "NULL" if r.random() < nulls else str(r.randint(low, high))


def choice(*values, nulls=0.1):
    return lambda r: "NULL" if r.random() < nulls else quote(r.choice(values))


def number(nulls=0.1):
    # Equal numbers of different scale, and the special ones.
    def make(r):
        x = r.random()
        if x < nulls:
            return "NULL"
        if x < nulls + 0.02:
            return "'NaN'"
        return r.choice([f"{r.randint(-5, 40)}", f"{r.randint(0, 9)}.{r.choice(['0', '00', '5', '50'])}"])
    return make


def real(nulls=0.1):
    # Quarters: their sums are exact in any order.
    def make(r):
        x = r.random()
        if x < nulls:
            return "NULL"
        if x < nulls + 0.06:
            return r.choice(["'NaN'", "'Infinity'", "'-0'", "0", "0"])
        return str(r.randint(-20, 20) / 4)
    return make


def moment(nulls=0.1):
    return lambda r: "NULL" if r.random() < nulls else f"'2024-0{r.randint(1, 3)}-{r.randint(10, 14)} {r.randint(0, 23):02}:00:00+00'"


def boolean(r):
    return r.choice(["true", "false", "NULL"])


def tags(r):
    x = r.random()
    if x < 0.1:
        return "NULL"
    if x < 0.2:
        return "'{}'"
    return "ARRAY[" + ",".join(r.choice(["'x'", "'y'", "'z'", "NULL"]) for _ in range(r.randint(1, 3))) + "]::text[]"


def document(r):
    x = r.random()
    if x < 0.1:
        return "NULL"
    if x < 0.15:
        return r.choice(["'null'", "'[1, 2, 3]'", "'{}'"])
    return "'{" + ", ".join(r.sample([f'"n": {r.randint(0, 5)}', '"t": true', f'"a": "{r.choice("abc")}"', f'"k": {r.choice(["null", "1", "2"])}',
                                      f'"list": [1, {r.randint(0, 4)}]'], r.randint(1, 3))) + "}'"


def body(r):
    x = r.random()
    if x < 0.1:
        return "NULL"
    if x < 0.4:
        return quote(r.choice("pqr") * 3)
    return f"repeat('{r.choice('abcdefgh')}{r.randint(0, 99)}', {r.randint(900, 4000)})"


class Table:
    def __init__(self, name, columns, key=(), weight=2, cap=60, leaves=(), generated=(), merge=True, unsafe=False, derive=None):
        self.name, self.columns, self.key, self.weight, self.cap = name, columns, tuple(key), weight, cap
        self.leaves = leaves            # partitions that statements go straight to
        self.merge = merge
        self.unsafe = unsafe            # not to be written with triggers off: foreign keys
        self.derive = derive            # makes a random row a likely one
        self.names = list(columns)
        self.plain = [c for c in self.names if c not in self.key]

    def values(self, r):
        values = {c: self.columns[c](r) for c in self.names}
        return self.derive(r, values) if self.derive else values


TABLES = [
    Table("customer", {"id": integer(1, 30, 0), "name": choice("ann", "bob", "cy", "Dée", "o'hara"), "region": choice("n", "s", "e", nulls=0.2),
                       "tier": integer(1, 4), "score": number(), "active": boolean, "tags": tags, "attrs": document, "since": moment()}, ["id"], 4, 30),
    Table("orders", {"id": integer(1, 60, 0), "customer_id": integer(1, 34), "status": choice("new", "paid", "sent", "gone"), "amount": number(),
                     "at": moment(), "note": choice("a", "b", "c")}, ["id"], 5, 60),
    Table("item", {"order_id": integer(1, 64, 0), "line": integer(1, 3, 0), "sku": choice("k1", "k2", "k3", "k4", "k5", "k6", "k7"), "qty": integer(0, 6),
                   "price": number()}, ["order_id", "line"], 5, 90),
    Table("product", {"sku": choice("k1", "k2", "k3", "k4", "k5", "k6", nulls=0), "title": choice("tea", "rum", "ale"), "price": number(),
                      "category": choice("hot", "cold"), "weight": real()}, ["sku"], 3, 6),
    Table("event", {"kind": choice("in", "out", "err"), "who": integer(1, 12, 0.15), "val": integer(-2, 9), "w": real(), "at": moment(), "doc": document}, (), 4, 60),
    Table("tag", {"who": integer(1, 12, 0.15), "label": choice("in", "out", "once", "z")}, (), 4, 50),
    Table("odd_key", {"k": number(0.2), "f": real(0.2), "v": integer(0, 9)}, (), 3, 40),
    Table("measure", {"id": integer(1, 15, 0), "bucket": integer(0, 29, 0), "val": number(), "label": choice("a", "b", "c", "d")}, (), 4, 60,
          {"measure_low": (0, 9, None), "measure_mid": (10, 19, None), "measure_mid_a": (10, 19, "ab"), "measure_mid_rest": (10, 19, "cd"), "measure_high": (20, 29, None)}),
    Table("msg", {"id": integer(1, 20, 0), "day": integer(1, 4, 0), "who": integer(1, 9), "val": integer(0, 6)}, ["id", "day"], 3, 50,
          {"msg_1": (1, 1, None), "msg_2": (2, 2, None), "msg_rest": (3, 4, None)}),
    Table("doc", {"id": choice("a", "b", "c", "d", "e", "f", nulls=0), "body": body, "meta": document, "rev": integer(0, 5)}, ["id"], 2, 6),
    Table("tree", {"id": integer(1, 16, 0), "parent": integer(1, 16, 0.3), "name": choice("r", "s", "t"), "weight": integer(0, 4)}, ["id"], 3, 16),
    Table("left_t", {"a": integer(1, 6, 0.2), "b": integer(1, 3, 0.2), "c": choice("u", "v", "w")}, (), 3, 25),
    Table("right_t", {"a": integer(1, 6, 0.2), "b": integer(1, 3, 0.2), "d": choice("in", "v", "w")}, (), 3, 30),
    Table('"Odd Table"', {'"Key Col"': integer(1, 12, 0), '"select"': choice("x", "y"), '"a""b"': integer(1, 4)}, ['"Key Col"'], 1, 12),
    Table("dept", {"id": integer(1, 5, 0), "name": choice("it", "hr", "ops")}, ["id"], 1, 5, merge=False, unsafe=True),
    Table("emp", {"id": integer(1, 20, 0), "dept_id": integer(1, 5, 0.3), "boss_id": integer(1, 20, 0.5), "pay": integer(8, 14)}, ["id"], 2, 20, merge=False, unsafe=True),
    Table("audit", {"emp_id": integer(1, 20), "what": choice("INSERT", "OTHER")}, (), 1, 40),
    Table("gen", {"id": integer(1, 20, 0), "x": integer(0, 9)}, ["id"], 2, 20),
    Table("vehicle", {"id": integer(1, 9), "kind": choice("car", "bus")}, (), 1, 20, merge=False),
    Table("truck", {"id": integer(1, 9), "kind": choice("car", "van"), "load": integer(1, 3)}, (), 1, 20),
]

# What a statement of ours may answer; anything else is a finding.
EXPECTED = {
    "23505", "23503", "23514", "40001", "40P01", "55P03", "21000", "25P02", "27000", "22P02", "P0001", "55006", "0A000", "26000", "57014", "42704", "55000", "23502", "22003", "2F003",
    "53200",    # too many prepared transactions
}


def row(values):
    return "(" + ", ".join(values.values()) + ")"


def leaf_values(r, table, values, leaf):
    """Bend a row so that it fits a partition."""
    low, high, labels = table.leaves[leaf]
    values = dict(values)
    values["bucket" if "bucket" in values else "day"] = str(r.randint(low, high))
    if labels:
        values["label"] = quote(r.choice(labels))
    return values


def condition(r, t):
    """A WHERE that finds a few rows."""
    x = r.random()
    if t.key and x < 0.5:
        parts = []
        for c in t.key:
            some = sorted({t.columns[c](r) for _ in range(r.choice([1, 1, 2, 4]))} - {"NULL"})
            parts.append(f"{c} IN ({', '.join(some)})")
        return " AND ".join(parts)
    if x < 0.6:
        return f"ctid IN (SELECT ctid FROM {t.name} ORDER BY {t.names[0]}, ctid OFFSET {r.randint(0, 10)} LIMIT {r.randint(1, 3)})" if not t.leaves and t.name != "vehicle" else f"{t.names[0]} = {r.randint(1, 9)}"
    c = r.choice(t.names)
    v = t.columns[c](r)
    if v == "NULL":
        return f"{c} IS NULL"
    if v.startswith("repeat("):
        return f"{t.names[0]} = {t.columns[t.names[0]](r)}"
    return f"{c} = {v}"


def assignments(r, t, keys=False):
    pool = t.names if keys else (t.plain or t.names)
    chosen = r.sample(pool, min(len(pool), r.choice([1, 1, 2, 3])))
    parts = []
    for c in chosen:
        x = r.random()
        if x < 0.12:
            parts.append(f"{c} = {c}")
        else:
            parts.append(f"{c} = {t.columns[c](r)}")
    return ", ".join(parts)


def insert(r, t):
    values = [t.values(r) for _ in range(r.choice([1, 1, 2, 3, 6]))]
    name = t.name
    if t.leaves and r.random() < 0.4:
        name = r.choice(sorted(t.leaves))
        values = [leaf_values(r, t, v, name) for v in values]
    rows = ", ".join(row(v) for v in values)
    sql = f"INSERT INTO {name} ({', '.join(t.names)}) VALUES {rows}"
    if not t.key:
        return sql
    x = r.random()
    if x < 0.35:
        return sql + " ON CONFLICT DO NOTHING"
    if x < 0.8 and len(t.plain) > 0:
        sets = ", ".join(f"{c} = excluded.{c}" for c in r.sample(t.plain, r.randint(1, len(t.plain))))
        where = f" WHERE {t.name}.{t.plain[0]} IS DISTINCT FROM excluded.{t.plain[0]}" if r.random() < 0.3 and name == t.name else ""
        return sql + f" ON CONFLICT ({', '.join(t.key)}) DO UPDATE SET {sets}{where}"
    return sql


def update(r, t):
    name = t.name
    if t.leaves and r.random() < 0.3:
        name = r.choice(sorted(t.leaves))
    where = condition(r, t)
    if name != t.name:
        # The partition may refuse the row: then that is its answer.
        return f"UPDATE {name} SET {assignments(r, t)} WHERE {where}"
    return f"UPDATE {name} SET {assignments(r, t, keys=r.random() < 0.35)} WHERE {where}"


def delete(r, t):
    name = r.choice(sorted(t.leaves)) if t.leaves and r.random() < 0.3 else t.name
    return f"DELETE FROM {name} WHERE {condition(r, t)}"


def trim(r, t):
    """Keep the table small."""
    keep = r.randint(t.cap // 3, t.cap)
    order = ", ".join(t.names[:2])
    return f"DELETE FROM {t.name} WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM {t.name} ORDER BY {order} OFFSET {keep})"


def merge(r, t):
    """Some of insert, update and delete; rows may get another key, and move to another partition."""
    if not t.merge:
        return update(r, t)
    name = r.choice(sorted(t.leaves)) if t.leaves and r.random() < 0.3 else t.name
    match = t.key or t.names[:1]
    others = t.plain if t.key else t.names[1:]
    seen = {}
    for _ in range(r.randint(1, 5)):
        v = t.values(r)
        if name != t.name:
            v = leaf_values(r, t, v, name)
        seen[tuple(v[c] for c in match)] = v
    source = " UNION ALL ".join(f"SELECT {', '.join(v.values())}" for v in seen.values())
    cast = f"SELECT {', '.join(t.names)} FROM {t.name} WHERE false UNION ALL {source}"
    on = " AND ".join(f"t.{c} = s.{c}" for c in match)
    sets = ", ".join(f"{c} = s.{c}" for c in r.sample(others, r.randint(1, len(others))))
    if t.key and r.random() < 0.3:
        c = r.choice(t.key)
        sets = f"{c} = {t.columns[c](r)}, {sets}"
    drop = f"WHEN MATCHED AND s.{others[-1]} IS NULL THEN DELETE " if r.random() < 0.6 else f"WHEN MATCHED AND t.{others[0]} IS NULL THEN DO NOTHING "
    add = f" WHEN NOT MATCHED THEN INSERT ({', '.join(t.names)}) VALUES ({', '.join('s.' + c for c in t.names)})" if r.random() < 0.8 else ""
    return f"MERGE INTO {name} AS t USING ({cast}) AS s ON {on} {drop}WHEN MATCHED THEN UPDATE SET {sets}{add}"


def there_and_back(r, t):
    """Rows that change and change back inside one transaction."""
    if not t.key:
        v = row(t.values(r))
        c = r.choice(t.names)
        return f"INSERT INTO {t.name} ({', '.join(t.names)}) VALUES {v}, {v}; DELETE FROM {t.name} WHERE {condition(r, t)}; UPDATE {t.name} SET {c} = {c}"
    c = t.plain[0]
    return (f"CREATE TEMP TABLE keep ON COMMIT DROP AS SELECT {', '.join(t.names)} FROM {t.name} WHERE {condition(r, t)}; "
            f"DELETE FROM {t.name} AS t USING keep AS k WHERE {' AND '.join(f't.{k} = k.{k}' for k in t.key)}; "
            f"INSERT INTO {t.name} ({', '.join(t.names)}) SELECT * FROM keep ON CONFLICT DO NOTHING; DROP TABLE keep; UPDATE {t.name} SET {c} = {c}")


def two_tables(r, t, other):
    """Data-modifying CTEs on two tables, or twice on one."""
    columns = ", ".join(t.names)
    if other is t or r.random() < 0.5:
        return (f"WITH d AS (DELETE FROM {t.name} WHERE {condition(r, t)} RETURNING 1), "
                f"i AS (INSERT INTO {t.name} ({columns}) VALUES {row(t.values(r))} {'ON CONFLICT DO NOTHING ' if t.key else ''}RETURNING 1) "
                f"UPDATE {other.name} SET {assignments(r, other)} WHERE {condition(r, other)}")
    return f"WITH d AS (DELETE FROM {t.name} WHERE {condition(r, t)} RETURNING 1) DELETE FROM {other.name} WHERE {condition(r, other)} AND EXISTS (SELECT FROM d)"


def do_block(r, t):
    """Subtransactions of PL/pgSQL, one rolled back."""
    return f"""DO $do$ BEGIN
 {insert(r, t)};
 BEGIN {update(r, t)}; {delete(r, t)}; RAISE EXCEPTION 'back'; EXCEPTION WHEN OTHERS THEN NULL; END;
 BEGIN {update(r, t)}; EXCEPTION WHEN OTHERS THEN NULL; END;
END $do$"""


def truncate(r, t):
    if t.name in ("dept", "emp"):
        return "TRUNCATE dept, emp"
    if t.leaves and r.random() < 0.5:
        return f"TRUNCATE {r.choice(sorted(t.leaves))}"
    return f"TRUNCATE {t.name}"


def refill(r, t):
    rows = ", ".join(row(t.values(r)) for _ in range(r.randint(5, 25)))
    return f"INSERT INTO {t.name} ({', '.join(t.names)}) VALUES {rows}{' ON CONFLICT DO NOTHING' if t.key else ''}"


def replica(r, t):
    if t.unsafe:
        return update(r, t)
    return f"SET LOCAL session_replication_role = replica; {r.choice([insert, update, delete])(r, t)}; SET LOCAL session_replication_role = origin"


class Copy:
    """Not a string: lines for COPY FROM STDIN."""

    def __init__(self, sql, lines):
        self.sql, self.lines = sql, lines

    def __str__(self):
        return self.sql + "\n" + "\n".join(self.lines) + "\n\\."


def copy(r, t):
    lines = []
    for _ in range(r.randint(1, 5)):
        cells = []
        for c in t.names:
            v = t.columns[c](r)
            if v == "NULL":
                cells.append("\\N")
            elif v.startswith("ARRAY"):
                cells.append("{x,z}")
            elif v.startswith("repeat("):
                cells.append(v[8] * 3000)
            elif v.startswith("'"):
                cells.append(v[1:-1].replace("''", "'").replace("\\", "\\\\"))
            else:
                cells.append(v)
        lines.append("\t".join(cells))
    return Copy(f"COPY {t.name} ({', '.join(t.names)}) FROM STDIN", lines)


KINDS = [(insert, 30), (update, 26), (delete, 12), (merge, 8), (copy, 4), (there_and_back, 4), (two_tables, 6), (do_block, 4), (refill, 3), (replica, 2), (trim, 10)]


# What an administrator does, each by itself.  Some fail, which is fine.
DDL = [
    ["ALTER TABLE measure DETACH PARTITION measure_high", "UPDATE measure_high SET val = coalesce(val, 0) + 1 WHERE id % 2 = 0",
     "DELETE FROM measure_high WHERE bucket NOT BETWEEN 20 AND 29", "ALTER TABLE measure ATTACH PARTITION measure_high FOR VALUES FROM (20) TO (30)"],
    ["CREATE TABLE measure_new PARTITION OF measure FOR VALUES FROM (30) TO (40)", "INSERT INTO measure_new VALUES (1, 33, 5, 'a'), (2, 34, NULL, NULL)",
     "UPDATE measure SET bucket = 31 WHERE id = 3", "UPDATE measure_new SET bucket = 5 WHERE id = 3", "UPDATE measure SET bucket = 5 WHERE bucket = 31", "DROP TABLE measure_new"],
    ["CREATE TABLE measure_new (LIKE measure)", "INSERT INTO measure_new VALUES (7, 35, 1.5, 'b')", "ALTER TABLE measure ATTACH PARTITION measure_new FOR VALUES FROM (30) TO (40)",
     "DELETE FROM measure WHERE bucket = 35", "INSERT INTO measure_new VALUES (8, 36, 2, 'b')", "ALTER TABLE measure DETACH PARTITION measure_new", "DROP TABLE measure_new"],
    ["ALTER TABLE customer ADD COLUMN extra int DEFAULT 7", "UPDATE customer SET extra = 8, tier = 2 WHERE id < 4", "ALTER TABLE customer DROP COLUMN extra"],
    ["ALTER TABLE orders ADD COLUMN extra text", "INSERT INTO orders (id, amount, extra) VALUES (70, 3, 'x')", "DELETE FROM orders WHERE id = 70", "ALTER TABLE orders DROP COLUMN extra"],
    ["VACUUM FULL orders"], ["CLUSTER item USING item_pkey"], ["VACUUM event"], ["VACUUM FULL measure"], ["ANALYZE"],
    ["CREATE INDEX ddl_index ON event (who)", "DROP INDEX ddl_index"],
    ["TRUNCATE orders, item", "INSERT INTO orders (id, customer_id, amount, status) VALUES (1, 1, 10, 'paid'), (2, 1, 30, 'new')"],
    ["ALTER TABLE product ALTER weight TYPE float8 USING weight * 1"], ["ALTER TABLE tag SET UNLOGGED", "ALTER TABLE tag SET LOGGED"],
]


def statement(r, tables, alone):
    """A random statement: SQL, or a Copy."""
    t = r.choices(tables, [x.weight for x in tables])[0]
    if alone and r.random() < 0.006:
        return truncate(r, t)
    kind = r.choices([k for k, _ in KINDS], [w for _, w in KINDS])[0]
    if kind is two_tables:
        return two_tables(r, t, r.choices(tables, [x.weight for x in tables])[0])
    return kind(r, t)
