# Long work is shown while it lasts, and never longer than its session.
use strict;
use warnings;

use DataplatCluster;
use Test::More;

my $node = dataplat_node('main');
$node->safe_psql('postgres', q{
	CREATE FUNCTION public.probe_progress(done bigint, total bigint) RETURNS void
	LANGUAGE c STRICT AS 'dataplat', 'dp_probe_progress';
});

my $worker = $node->background_psql('postgres', on_error_stop => 0);
my $shown = "SELECT what, object, done, total, rate > 0, eta >= '0'::interval FROM dataplat.progress";

$worker->query_safe('SELECT public.probe_progress(25, 100)');
is($node->safe_psql('postgres', $shown), 'probe|some "object"|25|100|t|t', 'work is shown with its rate and time left');
is($node->safe_psql('template1', 'SELECT 1'), '1', 'other databases are not concerned');

# A total of 0 is not known; a second start replaces the first.
$worker->query_safe('SELECT public.probe_progress(7, 0)');
is($node->safe_psql('postgres', $shown), 'probe|some "object"|7||t|', 'no total, no time left');

# A rollback ends it.
$worker->query_safe('BEGIN');
$worker->query_safe('SELECT public.probe_progress(1, 2)');
$worker->query_safe('ROLLBACK');
is($node->safe_psql('postgres', $shown), '', 'a rollback ends it');

# So does the end of the session.
$worker->query_safe('SELECT public.probe_progress(1, 2)');
isnt($node->safe_psql('postgres', $shown), '', 'shown again');
$worker->quit;
wait_until($node, 'SELECT count(*) = 0 FROM dataplat.progress', 'the end of the session ends it');

$node->stop;
done_testing();
