# Each outside library has one door.
set -u
bad=0
only() {	# HEADER PATTERN, ALLOWED PATHS, WHAT TO DO
	local hits
	hits=$(grep -rnE "^#[ 	]*include[ 	]*[<\"]$1" src --include='*.[ch]' | grep -vE "^($2)")
	[ -z "$hits" ] || { echo "$hits"; echo "$3"; bad=1; }
}
only '(librdkafka/)?rdkafka' 'src/kafka/' 'Only room kafka includes rdkafka.h: add what you need to src/kafka/.'
only 'curl/' 'src/common/http[^/]*\.[ch]:' 'Only common/http* includes curl: add what you need there.'
only 'microhttpd' 'src/web/' 'Only room web includes microhttpd.h: register a route (src/web/web.h).'
only 'avro([^">]*>|\.h)' 'nothing' 'libavro crashes on hostile bytes and its JSON library clashes with the server: use the decoders in src/avro/.'
only 'jansson' 'nothing' 'jansson cannot be loaded into a backend: use src/formats/ or jsonb.'
only 'pthread' '(src/kafka|src/common|src/telemetry)/' 'Threads belong to libraries; no code of ours starts one.'
exit $bad
