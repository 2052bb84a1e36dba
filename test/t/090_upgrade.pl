# Installing and upgrading lead to the same catalog.
#
# Every released version whose install script is in test/upgrade is installed
# and brought up to date by its chain of steps.  And the functions of this
# version, run once more over it as the end of any upgrade does, change
# nothing.
use strict;
use warnings;

use DataplatCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $src = source_dir();
my $current = slurp_file("$src/dataplat.control") =~ /default_version = '([^']+)'/ ? $1 : die;
chomp(my $share = `$ENV{PG_CONFIG} --sharedir`);
my @copied;

# A file of ours in the server's extension directory, for this test only.
sub offer
{
	my ($name, $text) = @_;
	my $path = "$share/extension/$name";
	open my $fh, '>', $path or die "$path: $!";
	print $fh $text;
	close $fh;
	push @copied, $path;
	return;
}

my $node = dataplat_node('main', extension => 0);

sub catalog
{
	my ($db, @statements) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, $_) foreach @statements;
	return $node->safe_psql($db, slurp_file("$src/test/upgrade/catalog.sql"));
}

my $fresh = catalog('fresh', 'CREATE EXTENSION dataplat');
cmp_ok(length $fresh, '>', 100, 'a fresh install has a catalog to compare');

# Compare with the fresh one; show only the facts that differ.
sub same
{
	my ($got, $label) = @_;
	my %fresh = map { $_ => 1 } split /\n/, $fresh;
	my %got = map { $_ => 1 } split /\n/, $got;

	diag("only in a fresh install: $_") foreach grep { !$got{$_} } sort keys %fresh;
	diag("not in a fresh install: $_") foreach grep { !$fresh{$_} } sort keys %got;
	is($got eq $fresh ? 'same' : 'different', 'same', $label);
	return;
}

# The name of a version that will never be.
system_or_bail('make', '-s', '-C', $src, "PG_CONFIG=$ENV{PG_CONFIG}", 'DATAPLAT_INJECTION=1', 'build/functions.sql');
offer("dataplat--$current--again.sql", slurp_file("$src/build/functions.sql"));
same(catalog('again', 'CREATE EXTENSION dataplat', "ALTER EXTENSION dataplat UPDATE TO 'again'"), 'functions, views and grants can be run again');

foreach my $script (sort glob "$src/test/upgrade/dataplat--*.sql")
{
	my ($version) = $script =~ /dataplat--([^-]+)\.sql$/ or next;
	next if $version eq $current;
	offer("dataplat--$version.sql", slurp_file($script));
	same(catalog("from_" . $version =~ tr/./_/r, "CREATE EXTENSION dataplat VERSION '$version'", 'ALTER EXTENSION dataplat UPDATE'),
		"upgrading from $version gives what a fresh install gives");
}

$node->stop;
unlink @copied;
done_testing();
