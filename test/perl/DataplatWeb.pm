# A small HTTP client for tests of the HTTP worker: it can also send what no
# library would.
#
#	my $port = web_start($node);
#	my $r = http($port, 'GET', '/subjects', auth => 'alice:secret');
#	is($r->{status}, 200); $r->{body}; $r->{json}; $r->{headers}{'content-type'};
package DataplatWeb;

use strict;
use warnings;

use DataplatCluster;
use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(web_start web_port web_wait http http_connect http_send http_read http_closed wait_http);

my $limit = $PostgreSQL::Test::Utils::timeout_default;

sub web_port
{
	return PostgreSQL::Test::Cluster::get_free_port();
}

# Wait until a port of the worker answers; returns it.
sub web_wait
{
	my ($port) = @_;
	my $end = time() + $limit;

	while (time() < $end)
	{
		my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp', Timeout => 5);

		return $port if $s;
		select(undef, undef, undef, 0.05);
	}
	die "nothing listens at port $port";
}

# Let database "postgres" of a node answer at a free port; returns that.
sub web_start
{
	my ($node, %settings) = @_;
	my $port = web_port();
	my %all = ('web_listen' => "127.0.0.1:$port", %settings);

	$node->safe_psql('postgres', "ALTER SYSTEM SET dataplat.$_ = '$all{$_}'") foreach sort keys %all;
	$node->reload;
	return web_wait($port);
}

sub http_connect
{
	my ($port) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp', Timeout => $limit)
	  or die "could not connect to port $port: $@";

	$s->autoflush(1);
	*$s->{dataplat_buffer} = '';
	return $s;
}

sub http_send
{
	my ($s, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	my $at = 0;

	while ($at < length $bytes)
	{
		my $n = syswrite($s, $bytes, length($bytes) - $at, $at);

		last unless defined $n;
		$at += $n;
	}
	return $at;
}

# More bytes into the buffer; false at the end, or when nothing came in time.
sub more
{
	my ($s, $seconds) = @_;

	return 0 unless IO::Select->new($s)->can_read($seconds // $limit);
	my $n = sysread($s, my $bytes, 65536);
	return 0 unless $n;
	*$s->{dataplat_buffer} .= $bytes;
	return 1;
}

# One answer; undef when the server hangs up instead.
sub http_read
{
	my ($s, %option) = @_;
	my %r;

	while (*$s->{dataplat_buffer} !~ /\r\n\r\n/)
	{
		return undef unless more($s);
	}
	*$s->{dataplat_buffer} =~ s/^(.*?)\r\n\r\n//s;
	my ($first, @lines) = split /\r\n/, $1;

	$r{status} = $first =~ m{^HTTP/1\.[01] (\d+)} ? $1 : die "no HTTP: $first";
	foreach (@lines)
	{
		my ($name, $value) = /^([^:]+):\s*(.*)$/;
		$r{headers}{ lc $name } = exists $r{headers}{ lc $name } ? "$r{headers}{lc $name}, $value" : $value;
	}
	my $length = $r{headers}{'content-length'} // 0;

	$length = 0 if $r{status} == 100 || $option{head};
	while (length(*$s->{dataplat_buffer}) < $length)
	{
		return undef unless more($s);
	}
	$r{body} = substr(*$s->{dataplat_buffer}, 0, $length, '');
	$r{json} = eval { JSON::PP->new->utf8->allow_nonref->decode($r{body}) };
	return \%r;
}

# Does the server hang up, now or within the limit?
sub http_closed
{
	my ($s) = @_;
	my $end = time() + $limit;

	while (time() < $end)
	{
		return 1 if IO::Select->new($s)->can_read($limit) && !sysread($s, my $bytes, 65536);
	}
	return 0;
}

# A request by the book.  Options: body, auth (user:password), token, headers, socket (keep it open).
sub http
{
	my ($port, $method, $path, %option) = @_;
	my $s = $option{socket} // http_connect($port);
	my %headers = (Host => "127.0.0.1:$port", %{ $option{headers} // {} });
	my $text = "$method $path HTTP/1.1\r\n";

	$headers{Connection} //= 'close' unless $option{socket};
	$headers{Authorization} //= 'Basic ' . encode_base64($option{auth}, '') if defined $option{auth};
	$headers{Authorization} //= "Bearer $option{token}" if defined $option{token};
	if (defined $option{body})
	{
		my $body = ref $option{body} ? JSON::PP->new->canonical->encode($option{body}) : $option{body};

		$headers{'Content-Type'} //= 'application/vnd.schemaregistry.v1+json';
		$headers{'Content-Length'} //= length $body;
		$text .= "$_: $headers{$_}\r\n" foreach sort keys %headers;
		$text .= "\r\n$body";
	}
	else
	{
		$text .= "$_: $headers{$_}\r\n" foreach sort keys %headers;
		$text .= "\r\n";
	}
	http_send($s, $text);
	return http_read($s, head => $method eq 'HEAD') // { status => 0, headers => {}, body => '' };
}

# Ask again until the answer has this status.
sub wait_http
{
	my ($status, $label, @request) = @_;
	my $end = time() + $limit;
	my $r;

	while (time() < $end)
	{
		$r = eval { http(@request) };
		if ($r && $r->{status} == $status)
		{
			pass($label);
			return $r;
		}
		select(undef, undef, undef, 0.05);
	}
	fail("$label: status " . ($r ? $r->{status} : 'none'));
	return $r;
}

1;
