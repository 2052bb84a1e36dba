# The examples of README.md and docs/ run: every ```sql block of a page, in its
# order, in a fresh database.  test/docs/PAGE.sql prepares what a page takes
# for granted.  A block that cannot run has a comment above it that says why:
#
#	<!-- not run: reason -->
#
# What a block answers is compared with the ``` block after it when a comment
# stands between them:
#
#	<!-- it answers -->
use strict;
use warnings;

use DataplatCluster;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $src = source_dir();
my $node = dataplat_node('main', conf => "max_worker_processes = 64\nmax_prepared_transactions = 0");
my @pages = grep { -f } ("$src/README.md", glob("$src/docs/*.md"));
my $topics = '{"orders": 4, "clicks-web": 4, "prices": 1, "parcels": 1}';
my $ran = 0;

# The blocks of a page: [line, text, reason not to run it, answer].
sub blocks
{
	my ($page) = @_;
	my (@blocks, $reason, $block, $answer);
	my $line = 0;

	foreach (split /\n/, slurp_file($page))
	{
		$line++;
		if ($block)
		{
			if (/^```\s*$/)
			{
				push @blocks, $block;
				undef $block;
				undef $reason;
			}
			else
			{
				$block->[1] .= "$_\n";
			}
		}
		elsif (defined $answer)
		{
			# the first fence opens it, the second one closes it
			$answer .= "$_\n";
			if ($answer =~ /\A```\n(.*)^```\s*\Z/ms)
			{
				$blocks[-1][3] = $1;
				undef $answer;
			}
		}
		elsif (/^<!-- it answers -->$/)
		{
			$answer = '';
		}
		elsif (/^```sql\s*$/)
		{
			$block = [ $line + 1, '', $reason ];
		}
		elsif (/^<!-- not run: (.+) -->$/)
		{
			$reason = $1;
		}
		elsif (/\S/)
		{
			undef $reason;
		}
	}
	return @blocks;
}

# The addresses of examples are those of the embedded broker.
sub run_sql
{
	my ($db, $sql, $broker) = @_;
	my ($out, $err) = ('', '');

	$sql = "SET client_min_messages = error;\n$sql";
	$sql =~ s/'[\w.,-]+:\d+(,[\w.-]+:\d+)*'/'$broker'/g;
	$node->psql($db, $sql, stdout => \$out, stderr => \$err, on_error_stop => 1, timeout => 120);
	return $err;
}

# What psql shows of a query, without the count of rows.
sub answer_of
{
	my ($db, $sql) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'psql', '-Xq', '-P', 'footer=off', '-d', $node->connstr($db), '-c', $sql ], '>', \$out, '2>', \$err);
	return tidy($err . $out);
}

sub tidy
{
	my ($text) = @_;

	$text =~ s/ +$//mg;
	$text =~ s/\n+\z/\n/;
	return $text;
}

$node->safe_psql('postgres', slurp_file("$src/test/docs/roles.sql"));

foreach my $page (@pages)
{
	my ($name) = $page =~ m{([^/]+)\.md$};
	my @blocks = blocks($page);
	my $db = lc "docs_$name";
	my $prepare = "$src/test/docs/" . lc($name) . '.sql';

	next unless @blocks;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION dataplat') unless $blocks[0][1] =~ /CREATE EXTENSION/;
	# Any database finds the same broker; it is started where the extension is.
	my $broker = $node->safe_psql('postgres', "SELECT dataplat.start_dev_broker('$topics')");
	is(run_sql($db, slurp_file($prepare), $broker), '', "$name: preparations") if -f $prepare;

	foreach my $block (@blocks)
	{
		my ($line, $sql, $reason, $answer) = @$block;

	  SKIP:
		{
			skip "$name.md line $line: $reason", 1 if defined $reason;
			# A page may show several ways to declare one server.
			foreach my $server ($sql =~ /CREATE SERVER (\w+)/g)
			{
				$node->safe_psql($db, "DROP SERVER IF EXISTS $server CASCADE");
			}
			is(run_sql($db, $sql, $broker), '', "$name.md line $line");
			is(answer_of($db, $sql), tidy($answer), "$name.md line $line: the answer is as shown") if defined $answer;
			$ran++;
		}
	}
	# A page about settings may have changed them.
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
	$node->safe_psql('postgres', "DROP DATABASE $db (FORCE)");
}
cmp_ok($ran, '>', 20, 'the pages have examples');

# reference.md is what the comments say now.
my $reference = '';
$node->psql('postgres', slurp_file("$src/test/kit/reference.sql"), stdout => \$reference);
is($reference eq slurp_file("$src/docs/reference.md") || "$reference\n" eq slurp_file("$src/docs/reference.md") ? 'fresh' : 'stale',
	'fresh', 'docs/reference.md (make reference writes it)');

# Links between pages lead somewhere.
foreach my $page (@pages, glob("$src/docs/design/*.md"))
{
	my ($dir) = $page =~ m{^(.*)/};
	my @broken = grep { !-e "$dir/$_" } slurp_file($page) =~ /\]\(([^)#:]+)(?:#[^)]*)?\)/g;

	is("@broken", '', substr($page, length($src) + 1) . ': links');
}
done_testing();
