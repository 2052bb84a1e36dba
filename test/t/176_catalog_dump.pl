# What the catalog knows in a restored dump: all of it, under other oids, and
# it follows renames there, too.
use strict;
use warnings;

use DataplatCluster;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = dataplat_node('main', conf => "dataplat.databases = 'postgres, copy'\nshared_preload_libraries = 'dataplat, pg_stat_statements'\n");

sub sql
{
	my ($db, $statement) = @_;
	return $node->safe_psql($db, $statement);
}

# An hour of changes, noted as they happened.
sql('postgres', q{
	CREATE SCHEMA s;
	CREATE TABLE s.dropped (a int);
	CREATE TABLE s.orders (id int PRIMARY KEY, email text);
	COMMENT ON TABLE s.orders IS 'what was ordered';
	SELECT dataplat.define_term('sales', 'what we sell');
	SELECT dataplat.define_term('sales.order', 'a promise to pay');
	SELECT dataplat.create_domain('shop'), dataplat.create_domain('web', parent => 'shop');
	SELECT dataplat.set_owner('s.orders', 'kim');
	SELECT dataplat.set_domain('s.orders', 'web');
	SELECT dataplat.add_tag('s.orders.email', 'pii');
	SELECT dataplat.assign_term('s.orders', 'sales.order');
	SELECT dataplat.create_data_product('everything', '{s.orders}', domain => 'shop');
	SELECT dataplat.set_classification('s.orders.email', 'confidential');
	SELECT dataplat.deprecate('s.orders', 'old');
	SELECT dataplat.add_tag('s.dropped', 'gone');
	DROP TABLE s.dropped;
});
sql('postgres', 'ALTER TABLE s.orders ADD COLUMN amount numeric');
sql('postgres', 'SELECT count(*) FROM dataplat.import_contract(dataplat.export_contract(\'s.orders\'))');

# Uses are statements that name a dataset, with its schema or alone.
sql('postgres', 'CREATE EXTENSION pg_stat_statements');
sql('postgres', 'SELECT count(*) FROM s.orders') foreach 1 .. 3;
sql('postgres', 'SET search_path = s; SELECT id FROM orders WHERE id = 1');
sql('postgres', "SELECT 'orders_of_others'");
sql('postgres', 'SELECT dataplat.refresh_catalog()');
is(sql('postgres', q{SELECT uses, uses_from FROM dataplat.dataset WHERE object = 's.orders'}), '4|statements', 'uses come from pg_stat_statements');
like(sql('postgres', q{SELECT d FROM dataplat.describe('s.orders') AS d WHERE d LIKE 'Use%'}), qr/^Use +named in 4 statements$/, 'the page of a table says so');
sql('postgres', 'DROP EXTENSION pg_stat_statements');
sql('postgres', 'SELECT dataplat.refresh_catalog()');
is(sql('postgres', q{SELECT uses_from FROM dataplat.dataset WHERE object = 's.orders'}), 'scans', 'without it, scans are counted');

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
my $err = '';
IPC::Run::run([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], '2>', '/dev/null') or die 'pg_dump';
sql('postgres', 'CREATE DATABASE copy');
IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump ], '>', '/dev/null', '2>', \$err);
is($err, '', 'the dump is restored');

foreach my $question (
	q{SELECT object, owner, description, owners, tags, terms, domain, products, deprecation FROM dataplat.dataset ORDER BY 1},
	q{SELECT * FROM dataplat.tag ORDER BY 1, 2, 3},
	q{SELECT * FROM dataplat.glossary_term ORDER BY 1},
	q{SELECT * FROM dataplat.domain ORDER BY 1},
	q{SELECT * FROM dataplat.column_classification ORDER BY 1, 2},
	q{SELECT * FROM dataplat.catalog_orphan},
	q{SELECT object, version, changed_by, changes FROM dataplat.schema_history WHERE object = 's.orders' ORDER BY version},
	q{SELECT dataplat.data_dictionary('s', 'json')},
	q{SELECT dataplat.export_contract('s.orders') - 'servers'},
	q{SELECT dataplat.show_create('s.orders')},
	q{SELECT object, why FROM dataplat.search_catalog('order')})
{
	is(sql('copy', $question), sql('postgres', $question), $question);
}
isnt(sql('copy', q{SELECT dataplat.show_create('s.orders')}), '', 'there is something to compare');

# Names are the truth of the dump; from here on the new oids are followed.
sql('copy', 'ALTER TABLE s.orders RENAME TO purchases');
is(sql('copy', q{SELECT owner, tags, products FROM dataplat.dataset WHERE object = 's.purchases'}), 'kim|{}|{everything}', 'a rename after the restore is followed');
is(sql('copy', q{SELECT object FROM dataplat.tag WHERE column_name = 'email'}), 's.purchases', 'its columns, too');
is(sql('copy', q{SELECT max(version) FROM dataplat.schema_history WHERE object = 's.purchases'}), '2', 'with their history');

# A database that was there before the extension is looked at by itself.
sql('postgres', 'CREATE DATABASE late');
sql('late', 'CREATE SCHEMA s; CREATE TABLE s.before (a int)');
sql('late', 'CREATE EXTENSION dataplat');
is(sql('late', 'SELECT dataplat.refresh_catalog()'), '1', 'what was there before is found');
is(sql('late', q{SELECT object FROM dataplat.search_catalog('before')}), 's.before', 'and indexed');

# Dropping the extension takes its event triggers along, and no table.
sql('late', 'DROP EXTENSION dataplat');
is(sql('late', 'SELECT count(*) FROM pg_event_trigger'), '0', 'no event trigger is left');
sql('late', 'ALTER TABLE s.before ADD b int');

$node->stop;
done_testing();
