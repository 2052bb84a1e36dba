-- Roles that examples grant rights to.
CREATE ROLE data_engineer;
CREATE ROLE etl;
