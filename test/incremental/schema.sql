-- The tables that the property test changes.  Small, and each with a trap in it.

CREATE SCHEMA it;
SET search_path = it;

CREATE TYPE mood AS ENUM ('new', 'paid', 'sent', 'gone');

CREATE TABLE customer (
    id       int PRIMARY KEY,
    name     text,
    region   text,
    tier     int,
    score    numeric,
    active   boolean,
    tags     text[],
    attrs    jsonb,
    since    timestamptz
);

-- A column that is gone keeps its number.
CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    junk        text,
    customer_id int,
    status      mood,
    amount      numeric,
    at          timestamptz,
    note        text
);
ALTER TABLE orders DROP COLUMN junk;
CREATE INDEX ON orders (customer_id);

CREATE TABLE item (
    order_id bigint,
    line     int,
    sku      text,
    qty      int,
    price    numeric,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE product (
    sku      text PRIMARY KEY,
    title    text,
    price    numeric,
    category text,
    weight   float8
);

-- No key at all: rows repeat.
CREATE TABLE event (
    kind text,
    who  int,
    val  int,
    w    float8,
    at   timestamptz,
    doc  jsonb
);
CREATE TABLE tag (
    who   int,
    label text
);

-- Keys that are equal and look different (1.0, 1.00; 0, -0), and NULL.
CREATE TABLE odd_key (
    k numeric,
    f float8,
    v int
);

-- Partitions, one of them with partitions of its own; rows move between them.
CREATE TABLE measure (
    id     int,
    bucket int,
    val    numeric,
    label  text
) PARTITION BY RANGE (bucket);
CREATE TABLE measure_low PARTITION OF measure FOR VALUES FROM (0) TO (10);
CREATE TABLE measure_mid PARTITION OF measure FOR VALUES FROM (10) TO (20) PARTITION BY LIST (label);
CREATE TABLE measure_mid_a PARTITION OF measure_mid FOR VALUES IN ('a', 'b');
CREATE TABLE measure_mid_rest PARTITION OF measure_mid DEFAULT;
-- Its columns stand in another order.
CREATE TABLE measure_high (
    label  text,
    extra  int,
    val    numeric,
    bucket int,
    id     int
);
ALTER TABLE measure_high DROP COLUMN extra;
ALTER TABLE measure ATTACH PARTITION measure_high FOR VALUES FROM (20) TO (30);

CREATE TABLE msg (
    id   int,
    day  int,
    who  int,
    val  int,
    PRIMARY KEY (id, day)
) PARTITION BY LIST (day);
CREATE TABLE msg_1 PARTITION OF msg FOR VALUES IN (1);
CREATE TABLE msg_2 PARTITION OF msg FOR VALUES IN (2);
CREATE TABLE msg_rest PARTITION OF msg DEFAULT;

-- Values that are stored out of line.
CREATE TABLE doc (
    id   text PRIMARY KEY,
    body text,
    meta jsonb,
    rev  int
);
ALTER TABLE doc ALTER body SET STORAGE EXTERNAL;

CREATE TABLE tree (
    id     int PRIMARY KEY,
    parent int,
    name   text,
    weight int
);

CREATE TABLE left_t (
    a int,
    b int,
    c text
);
CREATE UNIQUE INDEX ON left_t (a, b);
CREATE TABLE right_t (
    a int,
    b int,
    d text
);

-- Names that must be quoted.
CREATE TABLE "Odd Table" (
    "Key Col" int PRIMARY KEY,
    "select"  text,
    "a""b"    int
);

-- Changes that come from other changes: cascades and a user's triggers.
CREATE TABLE dept (
    id   int PRIMARY KEY,
    name text
);
CREATE TABLE emp (
    id      int PRIMARY KEY,
    dept_id int REFERENCES dept ON UPDATE CASCADE ON DELETE CASCADE,
    boss_id int REFERENCES emp ON DELETE SET NULL,
    pay     int
);
CREATE TABLE audit (
    emp_id int,
    what   text
);
CREATE FUNCTION emp_clamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.pay = 13 THEN
        RETURN NULL;
    END IF;
    NEW.pay := least(NEW.pay, 900);
    RETURN NEW;
END $$;
CREATE FUNCTION emp_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO it.audit VALUES (coalesce(NEW.id, OLD.id), TG_OP);
    DELETE FROM it.tag WHERE who = coalesce(NEW.id, OLD.id) AND label = 'once';
    RETURN NULL;
END $$;
CREATE TRIGGER emp_clamp BEFORE INSERT OR UPDATE ON emp FOR EACH ROW EXECUTE FUNCTION emp_clamp();
CREATE TRIGGER emp_audit AFTER INSERT OR UPDATE OR DELETE ON emp FOR EACH ROW EXECUTE FUNCTION emp_audit();

-- A generated column.
CREATE TABLE gen (
    id   int PRIMARY KEY,
    x    int,
    x2   int GENERATED ALWAYS AS (x * 2) STORED
);

-- Inheritance that is not partitioning.
CREATE TABLE vehicle (
    id   int,
    kind text
);
CREATE TABLE truck (
    load int
) INHERITS (vehicle);

-- A lookup: its changes do not trigger.
CREATE TABLE rate (
    code   text PRIMARY KEY,
    factor numeric
);
INSERT INTO rate VALUES ('n', 1), ('s', 2), ('e', 3.5);

CREATE VIEW active_customer AS
SELECT id, name, region, tier FROM customer WHERE active;
CREATE VIEW customer_total AS
SELECT c.id, c.region, count(o.id) AS orders, sum(o.amount) AS total
  FROM active_customer AS c LEFT JOIN orders AS o ON o.customer_id = c.id
 GROUP BY c.id, c.region;
