"""Rules and profiles: over what changed beside the whole table, beside Great Expectations, inside runs."""

import json
import os
import subprocess

import pipelines

DELTA = 10_000
ROUNDS = 3
RULES = [
    ("expect_column_values_to_not_be_null", '{"column": "id"}'),
    ("expect_column_values_to_not_be_null", '{"column": "amount"}'),
    ("expect_column_values_to_be_unique", '{"column": "id"}'),
    ("expect_column_values_to_be_in_set", '{"column": "status", "value_set": ["new", "paid", "lost"]}'),
    ("expect_column_values_to_be_between", '{"column": "amount", "min_value": 0, "max_value": 1000}'),
    ("expect_column_values_to_be_between", '{"column": "qty", "min_value": 0}'),
    ("expect_column_min_to_be_between", '{"column": "amount", "min_value": 0}'),
    ("expect_column_max_to_be_between", '{"column": "amount", "max_value": 1000}'),
    ("expect_column_mean_to_be_between", '{"column": "amount", "min_value": 400, "max_value": 600}'),
    ("expect_column_stdev_to_be_between", '{"column": "qty", "min_value": 0}'),
    ("expect_column_sum_to_be_between", '{"column": "qty", "min_value": 0}'),
    ("expect_column_values_to_match_regex", '{"column": "status", "regex": "^[a-z]+$"}'),
    ("expect_column_value_lengths_to_be_between", '{"column": "status", "min_value": 1, "max_value": 10}'),
    ("expect_column_distinct_values_to_be_in_set", '{"column": "status", "value_set": ["new", "paid", "lost"]}'),
    ("expect_table_row_count_to_be_between", '{"min_value": 1}'),
]
# Rules over single rows of bench_p.p_ruled.
ROW_RULES = [
    ("expect_column_values_to_not_be_null", '{"column": "order_id"}'),
    ("expect_column_values_to_not_be_null", '{"column": "customer_id"}'),
    ("expect_column_values_to_not_be_null", '{"column": "status"}'),
    ("expect_column_values_to_not_be_null", '{"column": "amount"}'),
    ("expect_column_values_to_not_be_null", '{"column": "updated_at"}'),
    ("expect_column_values_to_be_between", '{"column": "order_id", "min_value": 0}'),
    ("expect_column_values_to_be_between", '{"column": "customer_id", "min_value": 0, "max_value": 100000}'),
    ("expect_column_values_to_be_between", '{"column": "amount", "min_value": 0, "max_value": 99.8}'),
    ("expect_column_values_to_be_between", '{"column": "qty", "min_value": 0, "max_value": 9}'),
    ("expect_column_values_to_be_between", '{"column": "updated_at", "min_value": "2020-01-01"}'),
    ("expect_column_values_to_be_in_set", '{"column": "status", "value_set": ["s0", "s1", "s2", "s3", "s4"]}'),
    ("expect_column_values_to_be_in_set", '{"column": "qty", "value_set": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}'),
    ("expect_column_values_to_not_be_in_set", '{"column": "status", "value_set": ["", "none", "null"]}'),
    ("expect_column_values_to_match_regex", '{"column": "sku", "regex": "^sku "}'),
    ("expect_column_values_to_not_match_regex", '{"column": "status", "regex": "[A-Z]"}'),
    ("expect_column_value_lengths_to_be_between", '{"column": "sku", "min_value": 5, "max_value": 10}'),
    ("expect_column_value_lengths_to_equal", '{"column": "status", "value": 2}'),
    ("expect_column_values_to_match_like_pattern", '{"column": "sku", "like_pattern": "sku %"}'),
    ("satisfies", '{"expression": "qty >= 0 AND amount < 1000"}'),
    ("satisfies", '{"expression": "updated_at < now() + interval \'1000 years\'"}'),
]


def rows_from(first, n):
    return f"""INSERT INTO bench_q.orders SELECT i, round((random() * 1000)::numeric, 2), (i % 1000)::int, (ARRAY['new', 'paid', 'lost'])[1 + i % 3],
        now() - i * interval '1 second' FROM generate_series({first}, {first + n - 1}) AS i"""


def everything(s, results, rows, wanted, great_expectations):
    if wanted("rules_20"):
        inside_runs(s, results, rows // 10)
    if not any(wanted(n) for n in ("rules_incremental", "profile_incremental", "rules_gx")):
        return
    s.sql(f"""DROP SCHEMA IF EXISTS bench_q CASCADE; CREATE SCHEMA bench_q;
        CREATE TABLE bench_q.orders (id bigint, amount numeric, qty int, status text, at timestamptz);
        {rows_from(1, rows)};
        CREATE UNIQUE INDEX ON bench_q.orders (id);""")
    s.sql("VACUUM ANALYZE bench_q.orders")
    for kind, kwargs in RULES:
        s.sql(f"SELECT dataplat.add_expectation('bench_q.orders', '{kind}', '{kwargs}')")
    session = s.session()
    try:
        if wanted("rules_gx"):
            beside_great_expectations(s, session, results, rows, great_expectations)
        over_changes(s, session, results, rows, wanted)
    finally:
        session.close()
    s.sql("""DELETE FROM dataplat.expectation WHERE dataset = 'bench_q.orders';
        SELECT dataplat_internal.forget_states('bench_q.orders'); DROP SCHEMA bench_q CASCADE""")


def over_changes(s, session, results, rows, wanted):
    """Both over a delta, and over everything, in the same session."""
    for statement, name in (("dataplat.validate('bench_q.orders', incremental => {})", "rules_incremental"),
                            ("dataplat.profile('bench_q.orders', incremental => {})", "profile_incremental")):
        if not wanted(name):
            continue
        session.sql(f"SELECT count(*) FROM {statement.format('true')}")
        for i in range(ROUNDS):
            session.sql(rows_from(int(s.value("SELECT max(id) + 1 FROM bench_q.orders")), DELTA))
            delta, delta_cpu = session.timed(f"SELECT count(*) FROM {statement.format('true')}")
            full, full_cpu = session.timed(f"SELECT count(*) FROM {statement.format('false')}")
            results.add_figure(name, 100 * delta / full, {"incremental_ms": delta * 1e3, "full_ms": full * 1e3, "rows": rows,
                                                          "incremental_cpu_ms": delta_cpu * 1e3, "full_cpu_ms": full_cpu * 1e3})
            if name == "profile_incremental":
                results.add_figure("profile", full / rows * 1e6, {"columns": 5, "ms": full * 1e3})


def beside_great_expectations(s, session, results, rows, great_expectations):
    """The same rules over the same table, each as its own users call it; both see the table warm."""
    job = {"connection": f"postgresql+psycopg2://{s.user()}@127.0.0.1:{s.port}/bench", "schema": "bench_q", "table": "orders",
           "rounds": ROUNDS, "rules": [(kind, json.loads(kwargs)) for kind, kwargs in RULES]}
    ask = "SELECT kind, success FROM dataplat.validate('bench_q.orders') ORDER BY 1, 2"
    session.sql(ask)
    ours = [session.timed(ask)[0] for _ in range(ROUNDS)]
    here = os.path.dirname(os.path.abspath(__file__))
    out = subprocess.run([great_expectations, "-B", os.path.join(here, "gx_rules.py")], input=json.dumps(job), text=True,
                         capture_output=True, check=True).stdout
    theirs = [json.loads(line) for line in out.splitlines()]
    found = sorted((json.loads(rule)[0], "t" if success else "f") for rule, success in theirs[0]["found"].items())
    if found != sorted(tuple(line.split("|")) for line in session.sql(ask)):
        raise RuntimeError(f"Great Expectations found something else: {found}")
    for mine, other in zip(ours, theirs):
        results.add_figure("rules_gx", other["seconds"] / mine, {"ours_s": mine, "theirs_s": other["seconds"], "rules": len(RULES), "rows": rows})


def inside_runs(s, results, rows):
    """Twenty rules over the rows of a run, beside the same run without; ten times the usual delta."""
    delta = 10 * DELTA
    s.sql("CREATE SCHEMA IF NOT EXISTS bronze")
    pipelines.make_schema(s)
    pipelines.create_source(s, "bench_p", "bench_p", "bronze.bench_p", format="json")
    pipelines.fill_bronze(s, 0, rows)
    for name in ("p_plain", "p_ruled"):
        pipelines.create(s, name, f"SELECT {pipelines.FROM_JSON} FROM bronze.bench_p", ", keys => '{order_id}', sequence_by => 'updated_at'")
    for kind, kwargs in ROW_RULES:
        quoted = kwargs.replace("'", "''")
        s.sql(f"SELECT dataplat.add_expectation('bench_p.p_ruled', '{kind}', '{quoted}', action => 'warn')")
    plain, ruled = s.session(), s.session()
    for n in range(pipelines.ROUNDS + 1):
        pipelines.fill_bronze(s, rows + n * delta, delta)
        took = {}
        # Who comes second finds the messages warm, so they take turns.
        for name, session in [("p_plain", plain), ("p_ruled", ruled)][:: 1 if n % 2 else -1]:
            took[name] = session.timed(pipelines.run(name))
        if n > 0:
            results.add_figure("rules_20", took["p_ruled"][0] / took["p_plain"][0],
                               {"plain_ms": took["p_plain"][0] * 1e3, "ruled_ms": took["p_ruled"][0] * 1e3, "rows": delta,
                                "plain_cpu_ms": took["p_plain"][1] * 1e3, "ruled_cpu_ms": took["p_ruled"][1] * 1e3})
    plain.close()
    ruled.close()
    broken = s.value("SELECT sum((result ->> 'unexpected_count')::bigint) FROM dataplat.validation_result WHERE dataset = 'bench_p.p_ruled'")
    if not int(broken or 0):
        raise RuntimeError("no rule noticed anything, though amounts above their limit are there")
    pipelines.drop(s, "p_plain", "p_ruled")
    pipelines.drop_source(s, "bench_p")
