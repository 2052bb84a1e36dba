-- A silver table, as in the quickstart.
CREATE SCHEMA silver;
CREATE SCHEMA gold;
CREATE TABLE silver.orders (order_id bigint PRIMARY KEY, status text, amount numeric, updated_at timestamptz);
INSERT INTO silver.orders SELECT i, (ARRAY['open', 'paid', 'packed'])[1 + i % 3], i % 100 + 1, '2026-01-01 00:00Z'::timestamptz + i * interval '1 hour' FROM generate_series(1, 1500) AS i;
