# A password is in no log, no view, no error and no process title, whatever
# goes wrong: 50 operations fail, then everything is searched for it.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $canary = 'canary-5f0c9a';
my $dir = PostgreSQL::Test::Utils::tempdir;

append_to_file("$dir/shop", "$canary\n");
chmod 0600, "$dir/shop";

# The log is as talkative as an administrator can make it.
my $node = dataplat_node('canary', conf => <<"EOC");
dataplat.secrets_directory = '$dir'
dataplat.restart_backoff_min = '1s'
log_min_messages = info
log_statement = 'all'
log_min_duration_statement = 0
log_min_error_statement = debug5
log_error_verbosity = verbose
EOC
my $bootstrap = $node->safe_psql('postgres', q{SELECT dataplat.start_dev_broker('{"orders": 1}')});

# Connections that fail in ways of their own; all of them hold the canary.
my $login = qq{"sasl.username" 'shop', "sasl.password" '$canary'};
my %server = (
	no_sasl => [ qq{"bootstrap.servers" '$bootstrap', "security.protocol" 'sasl_plaintext', "sasl.mechanism" 'PLAIN'}, $login ],
	no_scram => [ qq{"bootstrap.servers" '$bootstrap', "security.protocol" 'sasl_plaintext', "sasl.mechanism" 'SCRAM-SHA-256'},
		q{"sasl.username" 'shop', password_ref 'file:shop'} ],
	no_tls => [ qq{"bootstrap.servers" '$bootstrap', "security.protocol" 'sasl_ssl', "sasl.mechanism" 'PLAIN'}, $login ],
	no_broker => [ q{"bootstrap.servers" '127.0.0.1:1', "security.protocol" 'sasl_plaintext', "sasl.mechanism" 'PLAIN'}, $login ],
	no_host => [ q{"bootstrap.servers" 'no-such-host.invalid:9092', "security.protocol" 'sasl_plaintext', "sasl.mechanism" 'PLAIN'}, $login ],
	no_way => [ q{"bootstrap.servers" '169.254.169.254:80', "security.protocol" 'sasl_plaintext', "sasl.mechanism" 'PLAIN'}, $login ],
	no_key => [ qq{"bootstrap.servers" '$bootstrap', "security.protocol" 'ssl'},
		qq{"ssl.certificate.pem" '-----BEGIN CERTIFICATE-----\n$canary\n-----END CERTIFICATE-----',
		   "ssl.key.pem" '-----BEGIN PRIVATE KEY-----\n$canary\n-----END PRIVATE KEY-----', "ssl.key.password" '$canary'} ],
);
my ($failed, @shown) = (0);

# Run what must fail, and keep what the client is shown.  The text of its own
# statement, which psql repeats, is not the server's doing.
sub fails
{
	my ($label, $sql, @role) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 1,
		extra_params => [ '-v', 'VERBOSITY=verbose', @role ]);

	$err =~ s/^.*(LINE \d+: |CONTEXT:  SQL statement ).*$//mg;
	if ($rc == 0 && $out !~ /\|f\|/)
	{
		diag("\"$label\" did not fail: $out");
		return;
	}
	$failed++;
	push @shown, "$label: $out $err";
	return;
}

$node->safe_psql('postgres', <<'EOQ');
CREATE SCHEMA bronze;
CREATE ROLE stranger LOGIN;
GRANT USAGE ON SCHEMA dataplat TO stranger;
EOQ
for my $name (sort keys %server)
{
	my ($options, $mapping) = @{ $server{$name} };

	$node->safe_psql('postgres', <<"EOQ");
CREATE SERVER $name FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ($options);
CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS ($mapping);
EOQ
	fails("test $name", "SELECT * FROM dataplat.test_connection('$name')");
	fails("produce $name", "SELECT * FROM dataplat.produce('$name', 'orders', 'x', timeout => '2 seconds')");
	fails("peek $name", "SELECT * FROM dataplat.peek_topic('$name', 'orders')");
	fails("stranger $name", "SELECT * FROM dataplat.test_connection('$name')", '-U', 'stranger');
	# A source that is declared all the same runs into its state.
	$node->safe_psql('postgres', "SELECT dataplat.create_source('source_$name', server => '$name', topic => 'orders', target => 'bronze.$name')");
	fails("test source $name", "SELECT dataplat.test_source('source_$name')");
	fails("show missing $name", "SELECT dataplat.show_create('missing_$name')");
}

# Statements that have the password in their text.
my $mapping = 'CREATE USER MAPPING FOR stranger SERVER no_sasl OPTIONS';
fails('unknown option', qq{$mapping ("sasl.username" 'x', "sasl.password" '$canary', "no.such" 'x')});
fails('misspelt option', qq{$mapping ("sasl.pasword" '$canary')});
fails('both passwords', qq{$mapping ("sasl.password" '$canary', password_ref 'file:shop')});
fails('control character', qq{$mapping ("sasl.password" E'$canary\\n')});
fails('not a key', qq{$mapping ("ssl.key.pem" '$canary')});
fails('key as CA', qq{ALTER SERVER no_sasl OPTIONS (ADD "ssl.ca.pem" '-----BEGIN PRIVATE KEY-----$canary')});
fails('on the server', qq{ALTER SERVER no_sasl OPTIONS (ADD "sasl.password" '$canary')});
fails('no server', qq{CREATE USER MAPPING FOR stranger SERVER missing OPTIONS ("sasl.password" '$canary')});
fails('no role', qq{CREATE USER MAPPING FOR missing SERVER no_sasl OPTIONS ("sasl.password" '$canary')});
fails('no right', qq{$mapping ("sasl.password" '$canary')}, '-U', 'stranger');
fails('syntax', qq{$mapping ("sasl.password" '$canary',)});
fails('twice', qq{CREATE USER MAPPING FOR CURRENT_USER SERVER no_sasl OPTIONS ("sasl.password" '$canary')});
fails('added twice', qq{ALTER USER MAPPING FOR CURRENT_USER SERVER no_sasl OPTIONS (ADD "sasl.password" '$canary')});
fails('in a function', <<"EOQ");
DO \$do\$ BEGIN EXECUTE \$q\$ $mapping ("sasl.password" '$canary', "no.such" 'x') \$q\$; END \$do\$
EOQ
fails('in a failed transaction', qq{BEGIN; SELECT 1/0; $mapping ("sasl.password" '$canary')});
fails('URL with a password', qq{CREATE SERVER hook FOREIGN DATA WRAPPER dataplat_http OPTIONS (url 'http://me:$canary\@host')});
fails('registry password on a server', qq{CREATE SERVER reg FOREIGN DATA WRAPPER dataplat_registry OPTIONS (url 'http://r', password '$canary')});
cmp_ok($failed, '>=', 50, 'at least 50 operations failed');

# Each source has met its broker, and says what is wrong.
wait_until($node, <<'EOQ', 'the sources say what is wrong', expected => scalar keys %server);
SELECT pg_catalog.count(*) FROM dataplat.source_status AS s WHERE s.last_error IS NOT NULL AND s.next_retry_at IS NOT NULL
EOQ

my $titles = `ps axww -o args`;

# Every relation of ours and what the server tells about connections, as a
# superuser; the catalog's own rows of user mappings as another role.
my $relations = $node->safe_psql('postgres', <<'EOQ');
SELECT c.oid::regclass::text FROM pg_catalog.pg_class AS c
 WHERE c.relnamespace IN ('dataplat'::regnamespace, 'dataplat_internal'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm')
UNION ALL VALUES ('pg_catalog.pg_foreign_server'), ('pg_catalog.pg_foreign_data_wrapper')
ORDER BY 1
EOQ
for my $relation (split /\n/, $relations)
{
	my ($rc, $out, $err) = $node->psql('postgres', "SELECT * FROM $relation");
	push @shown, "$relation: $out $err";
}
for my $name (sort keys %server)
{
	for my $call ("dataplat.show_create('source_$name')", "dataplat_internal.connection_settings('$name', current_user)")
	{
		my ($rc, $out, $err) = $node->psql('postgres', "SELECT * FROM $call");
		push @shown, "$call: $out $err";
	}
}
my ($rc, $out, $err) = $node->psql('postgres', 'SELECT * FROM pg_catalog.pg_user_mappings', extra_params => [ '-U', 'stranger' ]);
push @shown, "pg_user_mappings: $out";
push @shown, "process titles: $titles";

my @leaks = grep { /\Q$canary\E/ } @shown;
is(join("\n", @leaks), '', 'no error, view or process title shows the password');

$node->stop;
my $log = slurp_file($node->logfile);
@leaks = grep { /\Q$canary\E/ } split /\n/, $log;
is(join("\n", @leaks), '', 'the server log does not show it');
like($log, qr/statement that may hold a secret is not shown/, 'and says what it left out');
done_testing();
