"""Random SELECTs over the tables of schema.sql.

A query is put together from what SQL has: joins of every kind, subqueries in
FROM and in expressions, groups, grouping sets, windows, DISTINCT ON, set
operations, LATERAL, WITH.  Everything comes from the given random.Random.

What PostgreSQL itself leaves open (which of two equal rows DISTINCT ON takes,
which of 1.0 and 1.00 stands for a group) is not asked for: rows are ordered
by all that is selected, and the digits of a number are looked at only where
it comes straight from a table (exact).
"""

INT, NUM, REAL, TEXT, BOOL, TIME, LIST, JSON, MOOD = "int", "numeric", "float8", "text", "bool", "timestamptz", "text[]", "jsonb", "mood"
PLAIN = (INT, NUM, TEXT, BOOL, TIME)
LITERALS = {INT: ("0", "1", "2", "3", "5"), NUM: ("0.5", "1.00", "3", "10"), REAL: ("0.25", "1"), TEXT: ("'n'", "'a'", "'k2'", "'x'"), BOOL: ("true", "false"),
            TIME: ("timestamptz '2024-01-12 00:00+00'", "timestamptz '2024-02-12 05:00+00'")}

# table: its columns, its key
BASE = {
    "customer": ({"id": INT, "name": TEXT, "region": TEXT, "tier": INT, "score": NUM, "active": BOOL, "tags": LIST, "attrs": JSON, "since": TIME}, ["id"]),
    "orders": ({"id": INT, "customer_id": INT, "status": MOOD, "amount": NUM, "at": TIME, "note": TEXT}, ["id"]),
    "item": ({"order_id": INT, "line": INT, "sku": TEXT, "qty": INT, "price": NUM}, ["order_id", "line"]),
    "product": ({"sku": TEXT, "title": TEXT, "price": NUM, "category": TEXT, "weight": REAL}, ["sku"]),
    "event": ({"kind": TEXT, "who": INT, "val": INT, "w": REAL, "at": TIME, "doc": JSON}, None),
    "tag": ({"who": INT, "label": TEXT}, None),
    "odd_key": ({"k": NUM, "f": REAL, "v": INT}, None),
    "measure": ({"id": INT, "bucket": INT, "val": NUM, "label": TEXT}, None),
    "msg": ({"id": INT, "day": INT, "who": INT, "val": INT}, ["id", "day"]),
    "tree": ({"id": INT, "parent": INT, "name": TEXT, "weight": INT}, ["id"]),
    "left_t": ({"a": INT, "b": INT, "c": TEXT}, None),
    "right_t": ({"a": INT, "b": INT, "d": TEXT}, None),
    "gen": ({"id": INT, "x": INT, "x2": INT}, ["id"]),
    "active_customer": ({"id": INT, "name": TEXT, "region": TEXT, "tier": INT}, ["id"]),
    "customer_total": ({"id": INT, "region": TEXT, "orders": INT, "total": NUM}, ["id"]),
}
NAMES = ['"select"', '"Mixed Case"', '"ünï"', '"a""b"', '"order"', "_under"]


class Column:
    def __init__(self, sql, kind, exact=True):
        self.sql, self.kind, self.exact = sql, kind, exact


class Relation:
    """Something that stands in FROM; key: columns that tell its rows apart, or None."""

    def __init__(self, sql, columns, key):
        self.sql, self.columns, self.key = sql, columns, key


class Select:
    """A whole SELECT; columns: (name, kind, exact); key: names or None."""

    def __init__(self, sql, columns, key, given=False):
        self.sql, self.columns, self.key, self.given = sql, columns, key, given


class Generator:
    def __init__(self, r):
        self.r = r
        self.n = 0

    def alias(self):
        self.n += 1
        return f"t{self.n}"

    def chance(self, p):
        return self.r.random() < p

    # ------------------------------------------------------------ expressions

    def column(self, scope, kind, exact=False):
        found = [c for c in scope if c.kind == kind and (c.exact or not exact)]
        return self.r.choice(found).sql if found else None

    def expr(self, scope, kind, depth=2):
        """An expression of this kind over these columns."""
        r, c = self.r, self.column(scope, kind)
        if depth == 0 or (c and self.chance(0.45)):
            return c or r.choice(LITERALS.get(kind, ("NULL",))) + ("" if kind in LITERALS else f"::{kind}")
        a = lambda k: self.expr(scope, k, depth - 1)
        if kind == INT:
            ways = [lambda: f"({a(INT)} + {a(INT)})", lambda: f"({a(INT)} % 3)", lambda: f"coalesce({a(INT)}, 0)", lambda: f"length({a(TEXT)})",
                    lambda: f"CASE WHEN {a(BOOL)} THEN {a(INT)} ELSE {a(INT)} END", lambda: f"nullif({a(INT)}, 2)", lambda: f"greatest({a(INT)}, {a(INT)})"]
            if self.column(scope, LIST):
                ways.append(lambda: f"cardinality({self.column(scope, LIST)})")
            if self.column(scope, JSON):
                ways.append(lambda: f"({self.column(scope, JSON)} ->> 'n')::int")
            if self.column(scope, NUM, True):
                ways.append(lambda: f"scale({self.column(scope, NUM, True)})")
        elif kind == NUM:
            ways = [lambda: f"({a(NUM)} + {a(INT)})", lambda: f"coalesce({a(NUM)}, 1.5)", lambda: f"round({a(NUM)}, 1)", lambda: f"{a(INT)}::numeric", lambda: f"abs({a(NUM)})",
                    lambda: f"CASE WHEN {a(BOOL)} THEN {a(NUM)} ELSE {a(INT)} END"]
        elif kind == TEXT:
            ways = [lambda: f"upper({a(TEXT)})", lambda: f"({a(TEXT)} || '!')", lambda: f"coalesce({a(TEXT)}, '-')", lambda: f"left({a(TEXT)}, 1)", lambda: f"({a(INT)})::text",
                    lambda: f"({a(TIME)})::text"]
            if self.column(scope, MOOD):
                ways.append(lambda: f"({self.column(scope, MOOD)})::text")
            if self.column(scope, LIST):
                ways.append(lambda: f"({self.column(scope, LIST)})[1]")
            if self.column(scope, JSON):
                ways.append(lambda: f"({self.column(scope, JSON)} ->> 'a')")
            if self.column(scope, NUM, True):
                ways.append(lambda: f"({self.column(scope, NUM, True)})::text")
        elif kind == TIME:
            ways = [lambda: f"date_trunc('day', {a(TIME)})", lambda: f"({a(TIME)} + interval '1 day')", lambda: f"coalesce({a(TIME)}, 'infinity')"]
        elif kind == BOOL:
            return self.condition(scope, depth)
        else:
            return c or f"NULL::{kind}"
        return r.choice(ways)()

    def condition(self, scope, depth=2, links=0.0):
        r = self.r
        if links and self.chance(links):
            return self.sublink(scope)
        if depth == 0:
            return self.column(scope, BOOL) or "true"
        a = lambda k: self.expr(scope, k, depth - 1)
        k = r.choice([c.kind for c in scope if c.kind in PLAIN] or [INT])
        ways = [lambda: f"{a(k)} {r.choice(['=', '<', '<>', '>=', 'IS DISTINCT FROM'])} {a(k)}", lambda: f"{a(k)} IS NULL", lambda: f"{a(k)} IS NOT NULL",
                lambda: f"({self.condition(scope, depth - 1, links)} OR {self.condition(scope, depth - 1, links)})", lambda: f"NOT ({self.condition(scope, depth - 1, links)})",
                lambda: f"{a(INT)} IN (1, 2, 5)", lambda: f"{a(INT)} BETWEEN 1 AND 9", lambda: f"({self.condition(scope, depth - 1, links)}) IS NOT FALSE"]
        if self.column(scope, LIST):
            ways.append(lambda: f"'x' = ANY ({self.column(scope, LIST)})")
        if self.column(scope, JSON):
            ways.append(lambda: f"{self.column(scope, JSON)} ? 'n'")
        return r.choice(ways)()

    def inner(self, scope, kind):
        """Something small for a subquery in an expression: (FROM, WHERE, its scope)."""
        x = self.relation(0)
        about = [c for c in scope if c.kind == kind]
        own = [c for c in x.columns if c.kind == kind]
        where = []
        if about and own and self.chance(0.85):
            where.append(f"{self.r.choice(own).sql} = {self.r.choice(about).sql}")
        if self.chance(0.4):
            where.append(self.condition(x.columns, 1))
        if about and self.chance(0.1):
            # What is looked at from outside stands one level farther down.
            y, text = self.alias(), ", ".join(f"{c.sql} AS i{n}" for n, c in enumerate(x.columns))
            sql = f"(SELECT {text} FROM {x.sql}{' WHERE ' + ' AND '.join(where) if where else ''}) AS {y}"
            return sql, "", [Column(f"{y}.i{n}", c.kind, c.exact) for n, c in enumerate(x.columns)]
        return x.sql, " WHERE " + " AND ".join(where) if where else "", x.columns

    def sublink(self, scope):
        """A condition with a subquery."""
        kind = self.r.choice([INT, INT, TEXT])
        source, where, own = self.inner(scope, kind)
        what = self.expr(own, kind, 1)
        mine = self.expr(scope, kind, 1)
        x = self.r.random()
        if x < 0.3:
            return f"{'NOT ' if self.chance(0.4) else ''}EXISTS (SELECT FROM {source}{where})"
        if x < 0.55:
            return f"{mine} {'NOT ' if self.chance(0.4) else ''}IN (SELECT {what} FROM {source}{where})"
        if x < 0.65:
            return f"{mine} {self.r.choice(['<', '=', '>='])} {self.r.choice(['ANY', 'ALL'])} (SELECT {what} FROM {source}{where})"
        if x < 0.75:
            return f"({mine}, {self.expr(scope, INT, 1)}) IN (SELECT {what}, {self.expr(own, INT, 1)} FROM {source}{where})"
        if x < 0.85:
            return f"{mine} IN (SELECT {what} FROM {source}{where} GROUP BY 1 HAVING count(*) > 1)"
        return f"{self.expr(scope, INT, 1)} {self.r.choice(['<', '=', '>='])} (SELECT count(*) FROM {source}{where})"

    def scalar(self, scope):
        """A value from a subquery: (expression, kind)."""
        kind = self.r.choice([INT, INT, TEXT])
        source, where, own = self.inner(scope, kind)
        x = self.r.random()
        if x < 0.3:
            return f"(SELECT count(*) FROM {source}{where})::int", INT
        if x < 0.6:
            return f"(SELECT {self.r.choice(['max', 'min'])}({self.expr(own, kind, 1)}) FROM {source}{where})", kind
        if x < 0.75:
            e = self.expr(own, INT, 1)
            return f"(SELECT {e} FROM {source}{where} ORDER BY {e} LIMIT 1)", INT
        if x < 0.9:
            e = self.expr(own, TEXT, 1)
            return f"array_to_string(ARRAY(SELECT {e} FROM {source}{where} ORDER BY {e}), ',')", TEXT
        return self.sublink(scope), BOOL

    # ------------------------------------------------------------ FROM

    def base(self):
        name = self.r.choice(list(BASE))
        columns, key = BASE[name]
        a = self.alias()
        straight = name != "customer_total"
        return Relation(f"{name} AS {a}", [Column(f"{a}.{c}", k, straight) for c, k in columns.items()], [f"{a}.{k}" for k in key] if key else None)

    def relation(self, depth):
        x = self.r.random()
        if depth <= 0 or x < 0.25:
            return self.base()
        if x < 0.65:
            return self.join(depth)
        if x < 0.78:
            return self.lateral(depth)
        return self.subquery(depth)

    def subquery(self, depth):
        s = self.select(depth - 1)
        a = self.alias()
        return Relation(f"({s.sql}) AS {a}", [Column(f"{a}.{name}", kind, exact) for name, kind, exact in s.columns], [f"{a}.{k}" for k in s.key] if s.key else None)

    def join(self, depth):
        left, right = self.relation(depth - 1), self.relation(depth - 2)
        kind = self.r.choice(["JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        types = [k for k in (INT, INT, TEXT, NUM, TIME) if self.column(left.columns, k) and self.column(right.columns, k)]
        on = []
        if not types and kind == "FULL JOIN":
            kind = "LEFT JOIN"
        if types:
            k = self.r.choice(types)
            plain = self.chance(0.7)
            on.append(f"{self.column(left.columns, k) if plain else self.expr(left.columns, k, 1)} = {self.column(right.columns, k) if plain else self.expr(right.columns, k, 1)}")
        if not types or (kind != "FULL JOIN" and self.chance(0.35)):
            on.append(self.condition(left.columns + right.columns, 1))
        if kind in ("JOIN", "LEFT JOIN") and self.chance(0.1):
            on.append(self.sublink(left.columns + right.columns))
        key = left.key + right.key if left.key and right.key else None
        # A merged or padded column is not that of the table any more, but its digits are.
        return Relation(f"{left.sql} {kind} {self.wrapped(right)} ON {' AND '.join(on)}", left.columns + right.columns, key)

    def wrapped(self, x):
        return f"({x.sql})" if " JOIN " in x.sql and not x.sql.startswith("(") else x.sql

    def lateral(self, depth):
        left = self.relation(depth - 1)
        a = self.alias()
        lists, docs = self.column(left.columns, LIST), self.column(left.columns, JSON)
        x = self.r.random()
        outer = self.chance(0.5)
        head = f"{left.sql} {'LEFT JOIN LATERAL' if outer else 'CROSS JOIN LATERAL'} "
        tail = " ON true" if outer else ""
        key = left.key + [f"{a}.n"] if left.key else None
        if lists and x < 0.4:
            return Relation(f"{head}unnest({lists}) WITH ORDINALITY AS {a} (v, n){tail}", left.columns + [Column(f"{a}.v", TEXT), Column(f"{a}.n::int", INT)], key)
        if docs and x < 0.55:
            return Relation(f"{head}jsonb_array_elements_text(CASE jsonb_typeof({docs} -> 'list') WHEN 'array' THEN {docs} -> 'list' END) WITH ORDINALITY AS {a} (v, n){tail}",
                            left.columns + [Column(f"{a}.v", TEXT), Column(f"{a}.n::int", INT)], key)
        if docs and x < 0.7:
            return Relation(f"{head}jsonb_to_record(CASE jsonb_typeof({docs}) WHEN 'object' THEN {docs} END) AS {a} (n int, k int, a text){tail}",
                            left.columns + [Column(f"{a}.n", INT), Column(f"{a}.k", INT), Column(f"{a}.a", TEXT)], left.key)
        if x < 0.8 and self.column(left.columns, INT):
            return Relation(f"{head}generate_series(1, {self.column(left.columns, INT)} % 3) AS {a} (n){tail}", left.columns + [Column(f"{a}.n", INT)], key)
        source, where, own = self.inner(left.columns, INT)
        i, t = self.expr(own, INT, 1), self.expr(own, TEXT, 1)
        if self.chance(0.6):
            return Relation(f"{head}(SELECT count(*)::int AS n, max({t}) AS t FROM {source}{where}) AS {a}{tail}", left.columns + [Column(f"{a}.n", INT), Column(f"{a}.t", TEXT)], left.key)
        return Relation(f"{head}(SELECT {i} AS i, {t} AS t FROM {source}{where} ORDER BY 1, 2 LIMIT 1) AS {a}{tail}",
                        left.columns + [Column(f"{a}.i", INT), Column(f"{a}.t", TEXT)], left.key)

    # ------------------------------------------------------------ SELECT

    def where(self, x, depth):
        return " WHERE " + self.condition(x.columns, 2, 0.35 if depth > 0 else 0.15) if self.chance(0.55) else ""

    def names(self, n):
        return [self.r.choice(NAMES) if self.chance(0.04) and n == 1 else f"c{i + 1}" for i in range(n)]

    def select(self, depth):
        x = self.r.random()
        ways = [(self.plain, 0.24), (self.group, 0.28), (self.sets, 0.08), (self.distinct, 0.08), (self.distinct_on, 0.08), (self.window, 0.13), (self.union, 0.11)]
        for way, p in ways:
            if x < p:
                return way(depth)
            x -= p
        return self.group(depth)

    def keyed(self, depth):
        """A relation with a key."""
        for _ in range(20):
            x = self.relation(depth)
            if x.key:
                return x
        return self.keyed(0)

    def some(self, x, n):
        """Expressions with their kinds: (sql, kind, exact)."""
        out = []
        for _ in range(n):
            if self.chance(0.12):
                e, k = self.scalar(x.columns)
                out.append((e, k, True))
                continue
            c = self.r.choice(x.columns)
            if self.chance(0.5) or c.kind not in PLAIN:
                out.append((c.sql, c.kind, c.exact))
            else:
                out.append((self.expr(x.columns, c.kind), c.kind, False))
        return out

    def plain(self, depth):
        x = self.keyed(depth)
        rest = self.some(x, self.r.randint(1, 4))
        kinds = {c.sql: c for c in x.columns}
        keys = []
        for k in x.key:
            c = kinds.get(k) or kinds.get(k + "::int")
            keys.append((c.sql if c else k, c.kind if c else INT, c.exact if c else True))
        out = keys + rest
        text = ", ".join(f"{e} AS c{i + 1}" for i, (e, _, _) in enumerate(out))
        return Select(f"SELECT {text} FROM {x.sql}{self.where(x, depth)}", [(f"c{i + 1}", k, ex) for i, (_, k, ex) in enumerate(out)],
                      [f"c{i + 1}" for i in range(len(keys))], given=True)

    def aggregate(self, x):
        """(sql, kind, exact)"""
        r = self.r
        e = lambda k: self.expr(x.columns, k, 1)
        filtered = f" FILTER (WHERE {self.condition(x.columns, 1)})" if self.chance(0.2) else ""
        ways = [lambda: ("count(*)", INT, True), lambda: (f"count({e(r.choice(PLAIN))})", INT, True), lambda: (f"sum({e(INT)})", INT, True), lambda: (f"sum({e(NUM)})", NUM, False),
                lambda: (f"avg({e(r.choice([INT, NUM]))})", NUM, False), lambda: (f"min({e(k)})", k, False), lambda: (f"max({e(k)})", k, False),
                lambda: (f"bool_or({e(BOOL)})", BOOL, True), lambda: (f"every({e(BOOL)})", BOOL, True), lambda: (f"count(DISTINCT {e(k)})", INT, True),
                lambda: (f"sum(DISTINCT {e(INT)})", INT, True), lambda: (f"stddev_pop({e(INT)})", NUM, False), lambda: (f"bit_or({e(INT)})", INT, True)]
        k = r.choice([INT, NUM, TEXT, TIME])
        t, i = e(TEXT), e(INT)
        ways += [lambda: (f"string_agg({t}, ',' ORDER BY {t})", TEXT, True), lambda: (f"array_to_string(array_agg(DISTINCT {i} ORDER BY {i}), '/')", TEXT, True),
                 lambda: (f"jsonb_agg({i} ORDER BY {i})", JSON, True), lambda: (f"(array_agg({t} ORDER BY {t} DESC NULLS LAST))[1]", TEXT, True)]
        if not filtered:
            ways += [lambda: (f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {i})", INT, True), lambda: (f"mode() WITHIN GROUP (ORDER BY {i})", INT, True),
                     lambda: (f"percentile_cont(0.25) WITHIN GROUP (ORDER BY {i})", REAL, True)]
        sql, kind, exact = r.choice(ways)()
        if filtered and ("[1]" in sql or "array_to_string" in sql):
            filtered = ""
        if kind == INT:
            return f"({sql}{filtered})::int", INT, exact
        if sql.startswith(("sum(", "avg(")) and self.chance(0.3) and self.straight(sql, x):
            return f"({sql}{filtered})::text", TEXT, True
        return sql + filtered, kind, exact

    def straight(self, sql, x):
        return any(c.exact and c.kind == NUM and sql in (f"sum({c.sql})", f"avg({c.sql})") for c in x.columns)

    def group(self, depth):
        x = self.relation(depth)
        groups = [g for g in self.some(x, self.r.choice([1, 1, 2, 3])) if g[1] != JSON and "(SELECT" not in g[0]] or [(self.expr(x.columns, INT, 1) + " + 0", INT, True)]
        groups = list({g[0]: g for g in groups}.values())
        if any(g[0] in [y for k in LITERALS.values() for y in k] for g in groups):
            groups = [(f"coalesce({self.expr(x.columns, INT, 0)}, 7)", INT, True)]
        total = self.chance(0.06)
        out = ([] if total else [(e, k, False) for e, k, _ in groups]) + [self.aggregate(x) for _ in range(self.r.randint(1, 3))]
        having = f" HAVING {self.having(x, groups, total)}" if self.chance(0.3) else ""
        if not total and self.chance(0.1):
            # What is asked of the group stands in a subquery.
            e, k = self.scalar([Column(g[0], g[1], False) for g in groups])
            out.append((e, k, True))
        text = ", ".join(f"{e} AS c{i + 1}" for i, (e, _, _) in enumerate(out))
        n = len(groups)
        by = "" if total else " GROUP BY " + ", ".join(str(i + 1) for i in range(n))
        return Select(f"SELECT {text} FROM {x.sql}{self.where(x, depth)}{by}{having}", [(f"c{i + 1}", k, ex) for i, (_, k, ex) in enumerate(out)],
                      [f"c{i + 1}" for i in range(n)] if not total else [])

    def having(self, x, groups, total):
        r = self.r
        ways = ["count(*) > 1", f"max({self.expr(x.columns, INT, 1)}) > 2", f"sum({self.expr(x.columns, NUM, 1)}) IS NOT NULL"]
        source, where, own = self.inner([], INT)
        ways.append(f"count(*) {r.choice(['IN', 'NOT IN'])} (SELECT {self.expr(own, INT, 1)} FROM {source}{where})")
        if not total:
            ways.append(self.sublink([Column(g[0], g[1], False) for g in groups]))
        return r.choice(ways)

    def sets(self, depth):
        x = self.relation(depth)
        found = list({c.sql: c for c in x.columns if c.kind in PLAIN}.values())
        if len(found) < 2:
            return self.group(depth)
        cs = self.r.sample(found, min(len(found), self.r.choice([2, 2, 3])))
        es = [c.sql for c in cs]
        if self.chance(0.2):
            k = next((i for i, c in enumerate(cs) if c.kind == INT), None)
            if k is not None:
                es[k] = f"({es[k]} % 4)"
        by = self.r.choice([f"ROLLUP ({', '.join(es)})", f"CUBE ({', '.join(es)})", f"GROUPING SETS (({es[0]}), ({es[1]}))", f"GROUPING SETS (({', '.join(es)}), ({es[0]}), ())",
                            f"{es[0]}, ROLLUP ({', '.join(es[1:])})"])
        out = [(e, c.kind, False) for e, c in zip(es, cs)] + [(f"GROUPING({', '.join(es)})", INT, True)]
        keys = [f"c{i + 1}" for i in range(len(out))]
        out += [self.aggregate(x) for _ in range(self.r.randint(1, 2))]
        if self.chance(0.2):
            out.append((f"coalesce({es[0]}::text, 'all')", TEXT, False))
        having = " HAVING count(*) > 1" if self.chance(0.2) else ""
        text = ", ".join(f"{e} AS c{i + 1}" for i, (e, _, _) in enumerate(out))
        return Select(f"SELECT {text} FROM {x.sql}{self.where(x, depth)} GROUP BY {by}{having}", [(f"c{i + 1}", k, ex) for i, (_, k, ex) in enumerate(out)], keys, given=True)

    def distinct(self, depth):
        x = self.relation(depth)
        out = [o for o in self.some(x, self.r.randint(1, 3)) if o[1] not in (JSON, REAL)] or [(self.expr(x.columns, TEXT), TEXT, False)]
        if self.chance(0.15) and self.column(x.columns, LIST):
            out.append((f"unnest({self.column(x.columns, LIST)})", TEXT, True))
        text = ", ".join(f"{e} AS c{i + 1}" for i, (e, _, _) in enumerate(out))
        return Select(f"SELECT DISTINCT {text} FROM {x.sql}{self.where(x, depth)}", [(f"c{i + 1}", k, False if k in (NUM, REAL) else True) for i, (_, k, _) in enumerate(out)],
                      [f"c{i + 1}" for i in range(len(out))])

    def distinct_on(self, depth):
        if self.chance(0.25):
            s = self.group(depth)
            a = self.alias()
            x = Relation(f"({s.sql}) AS {a}", [Column(f"{a}.{n}", k, e) for n, k, e in s.columns], None)
        else:
            x = self.relation(depth)
        out = [o for o in self.some(x, self.r.randint(2, 4)) if o[1] not in (JSON, REAL)]
        if len(out) < 2:
            return self.distinct(depth)
        n = 1 if len(out) < 3 or self.chance(0.6) else 2
        text = ", ".join(f"{e} AS c{i + 1}" for i, (e, _, _) in enumerate(out))
        order = ", ".join(f"c{i + 1}{self.r.choice(['', ' DESC', ' NULLS FIRST'])}" for i in range(len(out)))
        by = ", ".join(out[i][0] for i in range(n))
        if any(out[i][0] in [y for k in LITERALS.values() for y in k] for i in range(n)):
            return self.distinct(depth)
        return Select(f"SELECT DISTINCT ON ({by}) {text} FROM {x.sql}{self.where(x, depth)} ORDER BY {order}", [(f"c{i + 1}", k, False) for i, (_, k, _) in enumerate(out)],
                      [f"c{i + 1}" for i in range(n)])

    def window(self, depth):
        x = self.keyed(depth)
        kinds = {c.sql: c for c in x.columns}
        keys = [(k, kinds[k].kind if k in kinds else INT) for k in x.key]
        parts = [self.column(x.columns, self.r.choice([INT, TEXT, INT])) or self.expr(x.columns, INT, 1) for _ in range(self.r.choice([1, 1, 2]))]
        if self.chance(0.3):
            parts[0] = self.expr(x.columns, self.r.choice([INT, TEXT]), 1)
        over = f"PARTITION BY {', '.join(parts)}" if self.chance(0.95) else ""
        ordered = f"{over} ORDER BY {', '.join([self.expr(x.columns, self.r.choice([INT, NUM, TEXT]), 1)] + [k for k, _ in keys])}"
        i, t = self.expr(x.columns, INT, 1), self.expr(x.columns, TEXT, 1)
        ways = [(f"row_number() OVER ({ordered})::int", INT), (f"rank() OVER ({over} ORDER BY {i})::int", INT), (f"sum({i}) OVER ({over})::int", INT), (f"lag({t}) OVER ({ordered})", TEXT),
                (f"count(*) FILTER (WHERE {self.condition(x.columns, 1)}) OVER ({over})::int", INT), (f"max({i}) OVER ({ordered} ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)", INT),
                (f"first_value({t}) OVER ({ordered})", TEXT), (f"ntile(2) OVER ({ordered})", INT), (f"count(*) OVER ({over} ORDER BY {i} RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING)::int", INT)]
        out = [(k, kind, False) for k, kind in keys] + [(e, k, True) for e, k in self.r.sample(ways, self.r.randint(1, 2))] + self.some(x, 1)
        if out[-1][1] == JSON:
            out.pop()
        text = ", ".join(f"{e} AS c{i + 1}" for i, (e, _, _) in enumerate(out))
        columns = [(f"c{i + 1}", k, False) for i, (_, k, _) in enumerate(out)]
        names = [f"c{i + 1}" for i in range(len(keys))]
        sql = f"SELECT {text} FROM {x.sql}{self.where(x, depth)}"
        if self.chance(0.3):
            return Select(f"SELECT * FROM ({sql}) AS {self.alias()} WHERE c{len(keys) + 1} IS DISTINCT FROM {'2' if out[len(keys)][1] == INT else chr(39) + 'a' + chr(39)}", columns, names, given=True)
        return Select(sql, columns, names, given=True)

    def union(self, depth):
        kinds = self.r.choice([(INT, TEXT), (INT,), (TEXT, INT, INT), (NUM, TEXT), (TEXT, TIME)])
        arms = []
        for _ in range(self.r.choice([2, 2, 3])):
            x = self.relation(depth - 1)
            # Arms may have a narrower type than the result.
            es = [self.expr(x.columns, INT if k == NUM and self.chance(0.4) else k) for k in kinds]
            arms.append(f"SELECT {', '.join(f'{e} AS c{i + 1}' for i, e in enumerate(es))} FROM {x.sql}{self.where(x, depth - 1)}")
        op = lambda: self.r.choice(["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL", "UNION ALL"])
        sql = f"({arms[0]})"
        for arm in arms[1:]:
            sql = f"({sql} {op()} ({arm}))"
        names = [f"c{i + 1}" for i in range(len(kinds))]
        a = self.alias()
        exact = [False if k == NUM else True for k in kinds]
        if self.chance(0.3):
            return Select(f"SELECT DISTINCT * FROM {sql} AS {a}", list(zip(names, kinds, exact)), names)
        return Select(f"SELECT {', '.join(names)}, count(*)::int AS c{len(kinds) + 1} FROM {sql} AS {a} GROUP BY {', '.join(names)}",
                      list(zip(names, kinds, exact)) + [(f"c{len(kinds) + 1}", INT, True)], names)

    def query(self):
        """(text, keys or None)"""
        self.n = 0
        s = self.select(self.r.choice([0, 1, 1, 2, 2, 3]))
        sql, columns = s.sql, [n for n, _, _ in s.columns]
        if s.columns[0][1] not in (NUM, REAL, JSON) and self.chance(0.12):
            sql = f"WITH w AS (SELECT who, count(*) AS n FROM event GROUP BY who), q AS ({sql}) SELECT q.*, (SELECT max(w.n) FROM w WHERE w.who = length(q.{columns[0]}::text)) AS extra FROM q"
            return sql, s.key or None
        if self.chance(0.08):
            name = self.r.choice(NAMES)
            sql = f"SELECT {', '.join(['q.' + columns[0] + ' AS ' + name] + ['q.' + c for c in columns[1:]])} FROM ({sql}) AS q"
            return sql, [name.strip('"').replace('""', '"') if k == columns[0] else k for k in s.key] if s.key else None
        return sql, s.key if s.given and s.key else None
