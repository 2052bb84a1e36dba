-- The tables that the examples name.
CREATE SCHEMA silver;
CREATE TABLE silver.customers (id bigint PRIMARY KEY, email text);
CREATE TABLE silver.orders (order_id bigint PRIMARY KEY, customer_id bigint REFERENCES silver.customers, amount numeric(12, 2));
CREATE TABLE silver.old_orders (order_id bigint);
