"""Rules and profiles over a growing table: what changed, beside all of it."""

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
    ("expect_table_row_count_to_be_between", '{"min_value": 1}'),
]


def rows_from(first, n):
    return f"""INSERT INTO bench_q.orders SELECT i, round((random() * 1000)::numeric, 2), (i % 1000)::int, (ARRAY['new', 'paid', 'lost'])[1 + i % 3],
        now() - i * interval '1 second' FROM generate_series({first}, {first + n - 1}) AS i"""


def everything(s, results, rows, wanted):
    s.sql(f"""DROP SCHEMA IF EXISTS bench_q CASCADE; CREATE SCHEMA bench_q;
        CREATE TABLE bench_q.orders (id bigint, amount numeric, qty int, status text, at timestamptz);
        {rows_from(1, rows)};
        CREATE UNIQUE INDEX ON bench_q.orders (id);""")
    s.sql("VACUUM ANALYZE bench_q.orders")
    for kind, kwargs in RULES:
        s.sql(f"SELECT dataplat.add_expectation('bench_q.orders', '{kind}', '{kwargs}')")
    session = s.session()
    try:
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
    finally:
        session.close()
    s.sql("""DELETE FROM dataplat.expectation WHERE dataset = 'bench_q.orders';
        SELECT dataplat_internal.forget_states('bench_q.orders'); DROP SCHEMA bench_q CASCADE""")
