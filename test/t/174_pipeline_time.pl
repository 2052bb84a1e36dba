# Windows that are held back close by silence: the worker wakes for them without a new row.
use strict;
use warnings;

use DataplatCluster;
use Test::More;

my $node = dataplat_node('main');

$node->safe_psql('postgres', q{
	CREATE TABLE hit (id int PRIMARY KEY, at timestamptz NOT NULL);
	SELECT dataplat.create_pipeline('per_second', target => 'public.per_second', emit => 'close',
		query => $$SELECT dataplat.tumble(at, '1 second') AS second, count(*) AS hits FROM public.hit GROUP BY 1$$,
		event_time => '{"idle_timeout": "1 second", "when_idle": "clock"}');
	INSERT INTO hit SELECT i, '2026-01-01' FROM generate_series(1, 3) AS i;
});
# That window ends now but for the watermark: one row, and nothing after it.
wait_until($node, 'SELECT count(*) = 1 AND max(hits) = 3 FROM per_second', 'the last window closes with the clock');

# The same after a restart that came before the window's end.
$node->safe_psql('postgres', q{INSERT INTO hit SELECT 10, now() + interval '1 second'});
$node->restart;
wait_until($node, 'SELECT count(*) = 2 FROM per_second', 'and across a restart');
is($node->safe_psql('postgres', q{SELECT missing + extra + different FROM dataplat.verify_pipeline('per_second')}), '0', 'nothing else is held back');
is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat_internal.pipeline_open_window'), '0', 'no window is open');

# A pipeline that is gone leaves nothing.
$node->safe_psql('postgres', q{SELECT dataplat.drop_pipeline('per_second')});
is($node->safe_psql('postgres', 'SELECT count(*) FROM dataplat_internal.pipeline_watermark'), '0', 'dropped with the pipeline');

done_testing();
