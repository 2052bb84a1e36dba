"""Silver and gold: what runs of pipelines cost beside the SQL that people write by hand."""

import itertools
import time

from broker import fill, wait_until
from operation import LATENCY_PARTITIONS, latency_run
from peers import KAFKA_COLUMNS, create_source, drop_source, ingested, kcat_copy

DELTA = 10_000
CUSTOMERS = 50_000
ROUNDS = 5
COLUMNS = "order_id bigint, customer_id bigint, status text, amount numeric, updated_at timestamptz, sku text, qty int"
FROM_JSON = """(value->>'order_id')::bigint AS order_id, (value->>'customer_id')::bigint AS customer_id, value->>'status' AS status,
    (value->>'amount')::numeric AS amount, (value->>'updated_at')::timestamptz AS updated_at, value->>'sku' AS sku, (value->>'qty')::int AS qty"""
REVENUE = "SELECT date_trunc('hour', updated_at) AS hour, status, count(*) AS orders, sum(amount) AS revenue FROM {} GROUP BY 1, 2"
ENRICHED = """SELECT o.order_id, o.status, o.amount, c.name, c.region
    FROM {} AS o JOIN bench_p.customer AS c ON c.id = o.customer_id"""


class Pair:
    """A pipeline and the statement by hand, each in a session that stays open, as a worker's and a job's do.

    The first round warms both up and does not count.
    """

    def __init__(self, s):
        self.ours, self.hand = s.session(), s.session()
        self.costs = []

    def round(self, results, name, ours, hand, counts):
        a, a_cpu = self.ours.timed(ours)
        b, b_cpu = self.hand.timed(hand)
        if counts:
            self.costs.append(a)
            results.add_figure(name, b / a, {"ours_ms": a * 1e3, "hand_ms": b * 1e3, "ours_cpu_ms": a_cpu * 1e3, "hand_cpu_ms": b_cpu * 1e3})

    def close(self):
        self.ours.close()
        self.hand.close()


def timed(s, statement):
    """Seconds that a statement takes in a session of its own, after a first one."""
    session = s.session()
    try:
        session.sql("SELECT 1")
        return session.timed(statement)[0]
    finally:
        session.close()


def run(name):
    return f"SELECT state FROM dataplat.run_pipeline('{name}')"


def make_schema(s):
    s.sql(f"""CREATE SERVER IF NOT EXISTS bench FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" 'localhost:1');
        DROP SCHEMA IF EXISTS bench_p CASCADE;
        CREATE SCHEMA bench_p;
        CREATE TABLE bench_p.customer (id bigint PRIMARY KEY, name text, region text);
        INSERT INTO bench_p.customer SELECT g, 'name ' || g, 'region ' || g % 20 FROM generate_series(0, {CUSTOMERS - 1}) AS g""")


def order_rows(first, n):
    """Rows of an orders table: ids one after the other, a month of hours."""
    return f"""SELECT g, g % {CUSTOMERS}, 's' || g % 5, (g % 1000) / 10.0, timestamptz '2026-01-01' + (g % 720) * interval '1 hour',
        'sku ' || g % 1000, (g % 10)::int FROM generate_series({first}, {first + n - 1}) AS g"""


def make_orders(s, table, rows):
    s.sql(f"""CREATE TABLE {table} ({COLUMNS}, PRIMARY KEY (order_id));
        INSERT INTO {table} {order_rows(1, rows)};
        CREATE INDEX ON {table} (customer_id);
        VACUUM ANALYZE {table}""")


def create(s, name, query, more=""):
    s.sql(f"""SELECT dataplat.create_pipeline('{name}', target => 'bench_p.{name}', schedule => 'manual'{more}, query => $q${query}$q$);
        {run(name)}; VACUUM ANALYZE bench_p.{name}""")


def drop(s, *names):
    for name in names:
        s.sql(f"""SELECT dataplat.drop_pipeline('{name}', drop_target => true)
            FROM dataplat.pipeline WHERE name = '{name}'""")


def fill_bronze(s, first, rows):
    """Messages as the ingest worker leaves them: rows, and their line in the ledger."""
    s.sql(f"""BEGIN;
        CREATE TEMP TABLE batch ON COMMIT DROP AS SELECT nextval('dataplat_internal.batch_id_seq') AS id;
        INSERT INTO bronze.bench_p (_partition, _offset, _timestamp, _batch_id, _ingested_at, value)
        SELECT 0, {first} + g, now(), b.id, now(), jsonb_build_object('order_id', ({first} + g)::bigint * 7919 % 1000003,
               'customer_id', g % {CUSTOMERS}, 'status', 's' || ({first} + g) % 5, 'amount', (g % 1000) / 10.0,
               'updated_at', timestamptz '2026-01-01' + ({first} + g) * interval '1 second', 'sku', 'sku ' || g % 1000, 'qty', g % 10,
               'note', 'a text that fills the message up to its size')
          FROM generate_series(0, {rows - 1}) AS g, batch AS b;
        INSERT INTO dataplat.batch (batch_id, source, topic, partition, from_offset, to_offset, rows, leaf, first_block, last_block)
        SELECT b.id, 'bench_p', 'bench_p', 0, {first}, {first + rows}, {rows}, r.tableoid::regclass::text,
               min((r.ctid::text::point)[0]), max((r.ctid::text::point)[0])
          FROM bronze.bench_p AS r, batch AS b WHERE r._offset >= {first} GROUP BY b.id, r.tableoid;
        COMMIT""")


def last_batch(s):
    """The rows of the newest batch, found the cheapest way that SQL has."""
    leaf, first, last, batch = s.sql("""SELECT leaf, first_block, last_block + 1, batch_id FROM dataplat.batch
        WHERE source = 'bench_p' ORDER BY batch_id DESC LIMIT 1""")[0]
    return f"{leaf} WHERE ctid >= '({first},0)' AND ctid < '({last},0)' AND _batch_id = {batch}"


def silver(s, results, rows):
    """A batch of jsonb into an upserted table, by hand and by a pipeline; then into gold."""
    s.sql("CREATE SCHEMA IF NOT EXISTS bronze")
    create_source(s, "bench_p", "bench_p", "bronze.bench_p", format="json")
    fill_bronze(s, 0, rows)
    create(s, "p_silver", f"SELECT {FROM_JSON} FROM bronze.bench_p", ", keys => '{order_id}', sequence_by => 'updated_at'")
    s.sql(f"""CREATE TABLE bench_p.hand ({COLUMNS}, PRIMARY KEY (order_id)) WITH (fillfactor = 50);
        INSERT INTO bench_p.hand SELECT order_id, customer_id, status, amount, updated_at, sku, qty FROM bench_p.p_silver;
        VACUUM ANALYZE bench_p.hand; CHECKPOINT""")
    columns = ("customer_id", "status", "amount", "updated_at", "sku", "qty")
    pair = Pair(s)
    for n in range(ROUNDS + 1):
        fill_bronze(s, rows + n * DELTA, DELTA)
        pair.round(results, "silver_upsert", run("p_silver"), f"""INSERT INTO bench_p.hand SELECT DISTINCT ON (1) {FROM_JSON} FROM {last_batch(s)}
            ORDER BY 1, 5 DESC ON CONFLICT (order_id) DO UPDATE SET {", ".join(f"{c} = excluded.{c}" for c in columns)}
            WHERE excluded.updated_at >= hand.updated_at""", n > 0)
    pair.close()
    same = s.value("SELECT count(*) FROM (TABLE bench_p.hand EXCEPT SELECT order_id, customer_id, status, amount, updated_at, sku, qty FROM bench_p.p_silver) AS d")
    if same != "0":
        raise RuntimeError(f"silver differs from the one made by hand in {same} rows")
    drop(s, "p_silver")
    drop_source(s, "bench_p")


def gold(s, results, rows, name):
    """New orders into revenue by hour and status."""
    table = f"bench_p.{name}_orders"
    make_orders(s, table, rows)
    create(s, f"p_{name}", REVENUE.format(table))
    s.sql(f"""CREATE TABLE bench_p.{name}_hand AS {REVENUE.format(table)};
        ALTER TABLE bench_p.{name}_hand ADD PRIMARY KEY (hour, status); CHECKPOINT""")
    pair = Pair(s)
    for n in range(ROUNDS + 1):
        first = rows + 1 + n * DELTA
        s.sql(f"INSERT INTO {table} {order_rows(first, DELTA)}")
        pair.round(results, f"{name}_additive", run(f"p_{name}"), f"""INSERT INTO bench_p.{name}_hand AS h {REVENUE.format(f"{table} WHERE order_id BETWEEN {first} AND {first + DELTA - 1}")}
            ON CONFLICT (hour, status) DO UPDATE SET orders = h.orders + excluded.orders, revenue = h.revenue + excluded.revenue""", n > 0)
    pair.close()
    return sorted(pair.costs)[len(pair.costs) // 2]


def join(s, results, rows):
    """New orders enriched from customers; then customers that change."""
    make_orders(s, "bench_p.join_orders", rows)
    create(s, "p_join", ENRICHED.format("bench_p.join_orders"), ", keys => '{order_id}'")
    s.sql(f"""CREATE TABLE bench_p.join_hand AS {ENRICHED.format("bench_p.join_orders")};
        ALTER TABLE bench_p.join_hand ADD PRIMARY KEY (order_id); VACUUM ANALYZE bench_p.join_hand; CHECKPOINT""")
    pair = Pair(s)
    for n in range(ROUNDS + 1):
        first = rows + 1 + n * DELTA
        s.sql(f"INSERT INTO bench_p.join_orders {order_rows(first, DELTA)}")
        pair.round(results, "join_enrich", run("p_join"), f"""INSERT INTO bench_p.join_hand {ENRICHED.format("bench_p.join_orders")}
            WHERE o.order_id BETWEEN {first} AND {first + DELTA - 1}""", n > 0)
    pair.close()
    s.sql(f"CREATE MATERIALIZED VIEW bench_p.join_view AS {ENRICHED.format('bench_p.join_orders')}")
    for n in range(ROUNDS):
        s.sql(f"UPDATE bench_p.customer SET name = 'round {n} ' || id WHERE id BETWEEN {n * 100} AND {n * 100 + 99}")
        ours = timed(s, run("p_join"))
        results.add_figure("join_customers", ours * 1e3)
        if n < 2:
            view = timed(s, "REFRESH MATERIALIZED VIEW bench_p.join_view")
            results.add_figure("join_refresh", view / ours, {"ours_ms": ours * 1e3, "refresh_ms": view * 1e3})
    drop(s, "p_join")


def everything(s, results, rows, wanted):
    make_schema(s)
    if wanted("silver_upsert"):
        silver(s, results, rows)
    if wanted("gold_additive"):
        small = gold(s, results, rows, "gold")
        if wanted("gold_growth"):
            large = gold(s, results, rows * 10, "large")
            results.add_figure("gold_growth", large / small, {"small_ms": small * 1e3, "large_ms": large * 1e3})
    drop(s, "p_gold", "p_large")
    if wanted("join_enrich"):
        join(s, results, rows)
    s.sql("DROP SCHEMA bench_p CASCADE")


# ---- with a broker ----

def chain(s, source, topic, prefix, key):
    """bronze -> silver -> gold, by the worker."""
    s.sql(f"""CREATE SCHEMA IF NOT EXISTS bronze; CREATE SCHEMA IF NOT EXISTS bench_chain;
        SELECT dataplat.create_pipeline('{prefix}_silver', target => 'bench_chain.{prefix}_silver', {key[0]}, query => $q${key[1]}$q$);
        SELECT dataplat.create_pipeline('{prefix}_gold', target => 'bench_chain.{prefix}_gold', query => $q${key[2]}$q$)""")


def latency_gold(b, rate, topic):
    """Produce to visible in gold, two pipelines behind bronze."""
    s = b.server
    s.sql("CREATE SCHEMA IF NOT EXISTS bronze")
    fill(b.tools, b.broker, topic, 0, LATENCY_PARTITIONS)
    create_source(s, "lat_gold", topic, "bronze.lat_gold", format="text")
    chain(s, "lat_gold", topic, "lat", ("mode => 'append'", "SELECT _partition, _offset, value FROM bronze.lat_gold",
                                        "SELECT _partition, _offset, count(*) AS n FROM bench_chain.lat_silver GROUP BY 1, 2"))
    s.sql("SELECT dataplat.resume_source('lat_gold')")
    wait_until(lambda: s.value("SELECT state FROM dataplat.source_status WHERE source = 'lat_gold'") == "idle" and
               s.value("SELECT bool_and(filled) FROM dataplat_internal.pipeline_state WHERE pipeline LIKE 'lat%'") == "t", 30,
               "source and pipelines to become idle")
    try:
        return latency_run(b, topic, rate, "bench_chain.lat_gold")
    finally:
        drop(s, "lat_gold", "lat_silver")
        drop_source(s, "lat_gold")


numbers = itertools.count(1)


def end_to_end(b):
    """Messages to bronze, an upserted silver and an aggregated gold; against kcat, COPY and the same SQL by hand."""
    s = b.server
    n = next(numbers)
    name = f"e2e_{n}"
    create_source(s, name, b.topic, f"bronze.{name}", format="json")
    chain(s, name, b.topic, name, ("keys => '{order_id}', sequence_by => 'updated_at'", f"SELECT {FROM_TOPIC} FROM bronze.{name}",
                                   REVENUE.format(f"bench_chain.{name}_silver")))
    start = time.time()
    s.sql(f"SELECT dataplat.resume_source('{name}')")
    wait_until(lambda: ingested(s, name) >= b.rows, 300, "ingest", 0.05)
    if s.value(f"SELECT dataplat.wait_for_pipeline('{name}_gold', '300 seconds')") != "t":
        raise RuntimeError("gold did not come to an end")
    ours = time.time() - start
    s.sql(f"CREATE TABLE bench_chain.{name}_raw ({KAFKA_COLUMNS.replace('timestamptz', 'bigint')}, value jsonb)")
    start = time.time()
    kcat_copy(b, f"bench_chain.{name}_raw")
    s.sql(f"""CREATE TABLE bench_chain.{name}_hand AS SELECT DISTINCT ON (order_id) * FROM
                  (SELECT {FROM_TOPIC} FROM bench_chain.{name}_raw) AS q ORDER BY order_id, updated_at DESC;
              ALTER TABLE bench_chain.{name}_hand ADD PRIMARY KEY (order_id);
              CREATE TABLE bench_chain.{name}_hand_gold AS {REVENUE.format(f"bench_chain.{name}_hand")}""")
    hand = time.time() - start
    drop(s, f"{name}_gold", f"{name}_silver")
    drop_source(s, name)
    return {"value": hand / ours, "ours_s": ours, "hand_s": hand}


FROM_TOPIC = """(value->>'order_id')::bigint AS order_id, (value->>'customer_id')::bigint AS customer_id, value->>'status' AS status,
    (value->>'amount')::numeric AS amount, (value->>'updated_at')::timestamptz AS updated_at"""
