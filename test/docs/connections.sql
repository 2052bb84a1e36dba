-- A table that the examples name.
CREATE TABLE orders (id int, status text);
INSERT INTO orders VALUES (1, 'paid'), (2, 'sent');
