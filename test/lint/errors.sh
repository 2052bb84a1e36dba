# Every error a user can see has an error code: ereport, not elog; and rows'
# values stay out of messages.
set -u
bad=0
hits=$(find src -name '*.c' -exec awk '
	FNR == 1 { inside = 0 }
	/ereport\((ERROR|FATAL|WARNING)/ { inside = 1; at = FNR; text = "" }
	inside { text = text $0; if ($0 ~ /;[ \t]*$/) { if (text !~ /errcode|dp_errcode|ThrowErrorData/) print FILENAME ":" at ": " substr(text, 1, 100); inside = 0 } }
' {} +)
[ -z "$hits" ] || { echo "$hits"; echo "Add errcode(ERRCODE_...)."; bad=1; }
hits=$(grep -rnE 'errmsg\("[A-Z][a-z]+ [^"]*"|errmsg\("[^"]*\.(\\n)?"[,)]' src --include='*.c' | grep -vE 'errmsg\("(Kafka|PostgreSQL|JSON|TLS|SASL|CSV|SQL|GUC|Avro|Schema Registry)')
[ -z "$hits" ] || { echo "$hits"; echo "A primary message starts in lower case and has no full stop."; bad=1; }
exit $bad
