# A schema registry that does as it is told, right or wrong.
#
#	my $stub = StubRegistry->new;                    # listens on 127.0.0.1
#	$stub->schema(7, '"string"', subject => 'orders-value');
#	$stub->behave(mode => 'status', status => 500);
#	is($stub->requests, 3, 'three requests');
#	$stub->stop; $stub->start;                       # same port
#
# Modes: ok; status (any, with retry_after); garbage (no JSON); wrong (JSON, but
# no answer); huge (a body without end); headers (headers without end); silent
# (no answer at all); drip (an answer that never ends); redirect (to "to");
# html (a proxy's page with status 404).  "login" asks for basic auth, "only"
# limits the mode to paths that match.
package StubRegistry;

use strict;
use warnings;

use Encode qw(decode_utf8);
use Fcntl qw(O_CREAT O_WRONLY O_TRUNC);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use POSIX ();

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub new
{
	my ($class, %option) = @_;
	my $dir = File::Temp->newdir;
	my $self = bless {
		dir => $dir,
		address => $option{address} // '127.0.0.1',
		port => $option{port} // 0,
		state => { schemas => {}, guids => {}, subjects => {}, config => {}, mode => {}, behaviour => { mode => 'ok' } }
	}, $class;

	$self->save;
	$self->start;
	return $self;
}

sub url
{
	my ($self, $host) = @_;
	return 'http://' . ($host // $self->{address}) . ":$self->{port}";
}

sub save
{
	my ($self) = @_;
	my $file = "$self->{dir}/state";

	sysopen(my $fh, "$file.new", O_CREAT | O_WRONLY | O_TRUNC) or die "$file: $!";
	print $fh $json->encode($self->{state});
	close $fh;
	rename "$file.new", $file or die "$file: $!";
	return;
}

# Give an id a schema; options: type, references, guid, subject, version.
sub schema
{
	my ($self, $id, $text, %option) = @_;
	my %schema = (schema => $text);

	$schema{schemaType} = $option{type} if $option{type};
	$schema{references} = $option{references} if $option{references};
	$schema{guid} = $option{guid} if $option{guid};
	$self->{state}{schemas}{$id} = {%schema};
	$self->{state}{guids}{ $option{guid} } = {%schema} if $option{guid};
	if (my $subject = $option{subject})
	{
		my $versions = $self->{state}{subjects}{$subject} //= {};
		my ($last) = sort { $b <=> $a } keys %$versions;
		my $version = $option{version} // ($last // 0) + 1;

		$versions->{$version} = { %schema, subject => $subject, version => $version, id => $id, ($option{deleted} ? (deleted => JSON::PP::true) : ()) };
	}
	$self->save;
	return;
}

sub forget
{
	my ($self, $id) = @_;
	delete $self->{state}{schemas}{$id};
	$self->save;
	return;
}

sub set
{
	my ($self, $kind, $name, $value) = @_;
	$self->{state}{$kind}{$name} = $value;
	$self->save;
	return;
}

sub behave
{
	my ($self, %how) = @_;
	$self->{state}{behaviour} = { mode => 'ok', %how };
	$self->save;
	return;
}

# The requests so far, "METHOD path", those that match.
sub requests
{
	my ($self, $pattern) = @_;
	open(my $fh, '<', "$self->{dir}/log") or return 0;
	my @lines = grep { !defined $pattern || /$pattern/ } <$fh>;
	close $fh;
	chomp @lines;
	return wantarray ? @lines : scalar @lines;
}

# Bodies that were sent, decoded, as [method, path, body].
sub bodies
{
	my ($self) = @_;
	open(my $fh, '<', "$self->{dir}/bodies") or return;
	my @bodies = map { $json->decode($_) } <$fh>;
	close $fh;
	return @bodies;
}

sub start
{
	my ($self) = @_;
	my $listener = IO::Socket::INET->new(
		LocalAddr => $self->{address}, LocalPort => $self->{port}, Listen => 50, ReuseAddr => 1, Proto => 'tcp')
	  or die "cannot listen: $!";

	$self->{port} = $listener->sockport;
	my $parent = $$;
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		local $SIG{PIPE} = 'IGNORE';
		eval { serve($self, $listener, $parent); 1 } or print STDERR "stub registry: $@";
		POSIX::_exit(0);
	}
	close $listener;
	$self->{pid} = $pid;
	return;
}

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;
	my $status = $?;
	kill 'KILL', $pid;
	waitpid $pid, 0;
	$? = $status;
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local $@;
	$self->stop if ($self->{pid} // 0) && $$ != $self->{pid};
	return;
}

# ---------------------------------------------------------------- the server

sub serve
{
	my ($self, $listener, $parent) = @_;
	my $select = IO::Select->new($listener);
	my (%buffer, %endless);

	while (getppid() == $parent)
	{
		for my $socket ($select->can_read(%endless ? 0.02 : 1))
		{
			if ($socket == $listener)
			{
				my $client = $listener->accept or next;
				$select->add($client);
				$buffer{$client} = '';
				next;
			}
			if (!sysread($socket, $buffer{$socket}, 65536, length $buffer{$socket}))
			{
				$select->remove($socket);
				delete $buffer{$socket};
				delete $endless{$socket};
				close $socket;
				next;
			}
			while ((my $end = index $buffer{$socket}, "\r\n\r\n") >= 0)
			{
				my $head = substr $buffer{$socket}, 0, $end;
				my ($length) = $head =~ /^content-length:\s*(\d+)/im;
				last if length($buffer{$socket}) < $end + 4 + ($length // 0);
				my $body = substr $buffer{$socket}, $end + 4, $length // 0;
				$buffer{$socket} = substr $buffer{$socket}, $end + 4 + ($length // 0);
				$endless{$socket} = [ $socket, 'x' ] if $self->answer($socket, $head, $body);
			}
		}
		for my $key (keys %endless)
		{
			my $socket = $endless{$key}[0];
			$socket->blocking(0);
			delete $endless{$key} unless syswrite $socket, ' ';
		}
	}
	return;
}

sub append
{
	my ($self, $file, $line) = @_;
	open(my $fh, '>>', "$self->{dir}/$file") or die "$file: $!";
	print $fh "$line\n";
	close $fh;
	return;
}

sub respond
{
	my ($socket, $status, $answer, %header) = @_;
	my $body = ref $answer ? $json->encode($answer) : $answer;
	my %all = ('Content-Type' => 'application/vnd.schemaregistry.v1+json', 'Content-Length' => length $body, %header);

	syswrite $socket, "HTTP/1.1 $status Whatever\r\n" . join('', map { "$_: $all{$_}\r\n" } sort keys %all) . "\r\n$body";
	return;
}

sub write_all
{
	my ($socket, $text) = @_;
	while (length $text)
	{
		my $n = syswrite $socket, $text;
		last unless $n;
		$text = substr $text, $n;
	}
	return;
}

# Answer one request; true when the answer is to go on for ever.
sub answer
{
	my ($self, $socket, $head, $body) = @_;
	my ($method, $path) = $head =~ m{^(\S+) (\S+)};
	open(my $fh, '<', "$self->{dir}/state") or die "state: $!";
	my $state = $json->decode(do { local $/; <$fh> });
	close $fh;
	my $how = $state->{behaviour};
	my $mode = !defined $how->{only} || $path =~ /$how->{only}/ ? $how->{mode} : 'ok';

	$self->append(log => "$method $path");
	$self->append(bodies => $json->encode([ $method, $path, $json->decode($body) ])) if length $body;
	if ($how->{login} && $head !~ /^authorization: basic \Q@{[encode_base64($how->{login}, '')]}\E\r?$/im)
	{
		respond($socket, 401, { error_code => 401, message => 'no' });
		return 0;
	}
	return 0 if $mode eq 'silent';
	if ($mode eq 'status') { respond($socket, $how->{status}, { error_code => 50001, message => 'told to' }, $how->{retry_after} ? ('Retry-After' => $how->{retry_after}) : ()) }
	elsif ($mode eq 'garbage') { respond($socket, 200, "\xff\x00{]not json") }
	elsif ($mode eq 'wrong') { respond($socket, 200, { hello => 'world' }) }
	elsif ($mode eq 'html') { respond($socket, 404, '<html>no such page</html>', 'Content-Type' => 'text/html') }
	elsif ($mode eq 'redirect') { respond($socket, 302, '', Location => $how->{to}) }
	elsif ($mode eq 'huge') { write_all($socket, "HTTP/1.1 200 OK\r\n\r\n{\"schema\": \"" . ('x' x 20_000_000)) }
	elsif ($mode eq 'headers') { write_all($socket, "HTTP/1.1 200 OK\r\n" . ("X-Much: " . ('y' x 1000) . "\r\n") x 2000) }
	elsif ($mode eq 'drip') { syswrite $socket, "HTTP/1.1 200 OK\r\n\r\n{"; return 1 }
	else { respond($socket, route($state, $method, $path, $body)) }
	return 0;
}

sub unescape
{
	my ($text) = @_;
	$text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	return decode_utf8($text);
}

# What a registry answers: status and body.
sub route
{
	my ($state, $method, $url, $body) = @_;
	my ($path, $query) = split /\?/, $url, 2;
	my $deleted = ($query // '') =~ /deleted=true/;
	my @part = map { unescape($_) } grep { length } split m{/}, $path;
	my $subjects = $state->{subjects};
	my $first = shift @part // '';

	return (200, {}) if $first eq '' || $method ne 'GET';
	if ($first eq 'schemas' && ($part[0] // '') eq 'types') { return (200, [qw(AVRO JSON PROTOBUF)]) }
	if ($first eq 'schemas')
	{
		my $found = $state->{ ($part[0] // '') eq 'guids' ? 'guids' : 'schemas' }{ $part[1] // '' };
		return $found ? (200, $found) : (404, { error_code => 40403, message => 'Schema not found' });
	}
	if ($first eq 'config' || $first eq 'mode')
	{
		my $value = $state->{$first}{ $part[0] // '' };
		return (200, { $first eq 'config' ? 'compatibilityLevel' : 'mode' => $value }) if $value;
		return (404, { error_code => $first eq 'config' ? 40408 : 40409, message => 'not set' }) if @part;
		return (200, $first eq 'config' ? { compatibilityLevel => 'BACKWARD' } : { mode => 'READWRITE' });
	}
	return (404, { error_code => 404, message => 'HTTP 404 Not Found' }) if $first ne 'subjects';
	my %live = map {
		my $subject = $_;
		$subject => { map { $_ => $subjects->{$subject}{$_} } grep { $deleted || !$subjects->{$subject}{$_}{deleted} } keys %{ $subjects->{$subject} } }
	} keys %$subjects;
	return (200, [ sort grep { %{ $live{$_} } } keys %live ]) unless @part;
	my $versions = $live{ $part[0] };
	return (404, { error_code => 40401, message => 'Subject not found' }) unless $versions && %$versions;
	my @numbers = sort { $a <=> $b } keys %$versions;
	return (200, [ map { $_ + 0 } @numbers ]) unless defined $part[2];
	my $version = $part[2] eq 'latest' ? $numbers[-1] : $part[2];
	return $versions->{$version} ? (200, $versions->{$version}) : (404, { error_code => 40402, message => 'Version not found' });
}

1;
