# Every key that the installed librdkafka knows has a class in our allow-list.
# A new release of the library fails here until somebody has judged its keys.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The keys of the document that comes with the library, where it is there.
sub documented_keys
{
	my %key;

	for my $file (glob '/usr/share/doc/librdkafka*/CONFIGURATION.md*')
	{
		my $text = $file =~ /\.gz$/ ? `gzip -dc '$file'` : slurp_file($file);
		add_rows(\%key, $text);
	}
	return \%key;
}

# The same table, printed by the library itself, as it is at run time.
sub printed_keys
{
	my %key;
	my $dir = PostgreSQL::Test::Utils::tempdir;

	append_to_file("$dir/keys.c", <<'EOC');
#include <stdio.h>
#include <librdkafka/rdkafka.h>
int main(void) { rd_kafka_conf_properties_show(stdout); return 0; }
EOC
	system_or_bail($ENV{CC} // 'cc', '-o', "$dir/keys", "$dir/keys.c", '-lrdkafka');
	add_rows(\%key, scalar `$dir/keys`);
	return \%key;
}

sub add_rows
{
	my ($key, $text) = @_;

	for my $line (split /\n/, $text)
	{
		my @column = split /\|/, $line;
		next if @column < 5;
		$column[0] =~ s/\s//g;
		$key->{ $column[0] } = 1 if $column[0] =~ /^[a-z][a-z0-9._]*$/;
	}
	return;
}

my $node = dataplat_node('options');
my %class = map { split /\|/, $_, 2 } split /\n/,
  $node->safe_psql('postgres', 'SELECT o.name, o.class FROM dataplat_internal.kafka_option_class() AS o');

my $printed = printed_keys();
cmp_ok(scalar keys %$printed, '>', 150, 'the library tells its keys');
my %known = (%{ documented_keys() }, %$printed);
my @unjudged = grep { !exists $class{$_} } sort keys %known;
is("@unjudged", '', 'every key of the library has a class');

# The keys that run code, load code, or touch files are nobody's.
for my $name (
	qw(plugin.library.paths ssl.engine.location ssl.providers sasl.kerberos.kinit.cmd offset.store.path
	internal.termination.signal enable.sasl.oauthbearer.unsecure.jwt interceptors opaque test.mock.num.brokers),
	grep { /_cb$/ } sort keys %known)
{
	is($class{$name}, 'never', "$name is nobody's");
}

# For each key that no one may set, a superuser is refused too, and the
# library is never asked: it would load the file.
my $refused = $node->safe_psql('postgres', <<'EOQ');
CREATE FUNCTION pg_temp.refused(name text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE SERVER refused FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" %L, %I %L)', 'k', name, '/nonexistent.so');
	RETURN false;
EXCEPTION WHEN fdw_invalid_option_name THEN
	RETURN true;
END $$;
SELECT count(*) FILTER (WHERE NOT pg_temp.refused(o.name)) FROM dataplat_internal.kafka_option_class() AS o WHERE o.class IN ('owned', 'never');
EOQ
is($refused, 0, 'keys that dataplat owns and keys of nobody are refused to a superuser');

$node->stop;
done_testing();
