/*-------------------------------------------------------------------------
 *
 * source.c
 *	  The definition of a source, as a worker needs it.
 *
 * Definitions are names and text.  They are resolved here, with the owner's
 * rights, each time a worker starts or is told that something changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "ingest/source.h"

/* The columns that read_row() fetches, in its order. */
#define SOURCE_QUERY \
	"SELECT s.source_id, s.owner::text, s.server, s.topic, s.target, s.format, s.key_format," \
	" s.layout, s.envelope, s.on_error, s.start_from, s.workers, s.batch_rows, s.batch_bytes," \
	" (pg_catalog.extract('epoch', s.batch_delay) * 1000)::int, s.rate_limit, s.max_errors," \
	" s.max_error_ratio, s.paused," \
	" COALESCE((s.options ->> 'allow_nonatomic')::boolean, false)," \
	" COALESCE(s.options ->> 'delimiter', ',')," \
	" (SELECT pg_catalog.array_agg(h ORDER BY i) FROM pg_catalog.jsonb_array_elements_text(" \
	"   CASE WHEN pg_catalog.jsonb_typeof(s.options -> 'header') = 'array' THEN s.options -> 'header' END)" \
	"   WITH ORDINALITY AS e(h, i))," \
	" COALESCE((s.options ->> 'drop_tombstones')::boolean, false)," \
	" s.registry, s.value_subject, s.options ->> 'key_subject', COALESCE(s.options ->> 'framing', 'auto')," \
	" COALESCE((s.options ->> 'value_schema_version')::int, 0)," \
	" COALESCE((s.options ->> 'key_schema_version')::int, 0)," \
	" (SELECT pg_catalog.array_agg(i.m::int ORDER BY i.nth) FROM pg_catalog.jsonb_array_elements_text(" \
	"   CASE WHEN pg_catalog.jsonb_typeof(s.options -> 'message_indexes') = 'array' THEN s.options -> 'message_indexes' END)" \
	"   WITH ORDINALITY AS i(m, nth))," \
	" s.altered_at, dataplat_internal.nested_levels(s), COALESCE(s.options ->> 'quote', '\"'), s.options ->> 'null'" \
	" FROM dataplat.source AS s WHERE s.name = $1"

#define COLUMNS_QUERY \
	"SELECT c ->> 'name', c ->> 'type', COALESCE(c ->> 'field', c ->> 'name')," \
	" COALESCE((c ->> 'not_null')::boolean, false), (i - 1)::int, COALESCE((c ->> 'path')::boolean, false)" \
	" FROM dataplat.source AS s," \
	" pg_catalog.jsonb_array_elements(s.columns) WITH ORDINALITY AS e(c, i)" \
	" WHERE s.name = $1 ORDER BY i"

static char *
get_text(int col, MemoryContext context)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, col);

	return value ? MemoryContextStrdup(context, value) : NULL;
}

static Datum
get_datum(int col, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, col, isnull);
}

static DpFormat
parse_format(const char *name)
{
	if (strcmp(name, "json") == 0)
		return DP_FORMAT_JSON;
	if (strcmp(name, "text") == 0)
		return DP_FORMAT_TEXT;
	if (strcmp(name, "bytes") == 0)
		return DP_FORMAT_BYTES;
	if (strcmp(name, "csv") == 0)
		return DP_FORMAT_CSV;
	if (strcmp(name, "avro") == 0)
		return DP_FORMAT_AVRO;
	if (strcmp(name, "protobuf") == 0)
		return DP_FORMAT_PROTOBUF;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("format \"%s\" cannot be decoded", name),
			 errhint("Formats are json, text, bytes, csv, avro and protobuf.")));
}

static void
read_csv_header(DpSource *s, int col)
{
	bool		isnull;
	Datum		d = get_datum(col, &isnull);
	Datum	   *elems;
	int			n;
	MemoryContext old;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(d), TEXTOID, -1, false, TYPALIGN_INT, &elems, NULL, &n);
	old = MemoryContextSwitchTo(s->context);
	s->csv_header = palloc(sizeof(char *) * n);
	for (int i = 0; i < n; i++)
		s->csv_header[i] = TextDatumGetCString(elems[i]);
	s->ncsv_header = n;
	MemoryContextSwitchTo(old);
}

static void
read_indexes(DpSourceSide *side, int col)
{
	bool		isnull;
	Datum		d = get_datum(col, &isnull);
	Datum	   *elems;
	int			n;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(d), INT4OID, 4, true, TYPALIGN_INT, &elems, NULL, &n);
	side->nindexes = Min(n, DP_MAX_MESSAGE_INDEXES);
	for (int i = 0; i < side->nindexes; i++)
		side->indexes[i] = DatumGetInt32(elems[i]);
}

/* Plain JSON stays plain unless something says that it has a schema. */
static void
read_sides(DpSource *s)
{
	bool		isnull;
	DpSourceSide *value = &s->sides[DP_SIDE_VALUE];
	DpSourceSide *key = &s->sides[DP_SIDE_KEY];
	char	   *framing = get_text(27, s->context);

	s->registry = get_text(24, s->context);
	value->subject = get_text(25, s->context);
	key->subject = get_text(26, s->context);
	value->version = DatumGetInt32(get_datum(28, &isnull));
	key->version = DatumGetInt32(get_datum(29, &isnull));
	read_indexes(value, 30);
	value->registered = s->format == DP_FORMAT_AVRO || s->format == DP_FORMAT_PROTOBUF ||
		(s->format == DP_FORMAT_JSON &&
		 (s->registry || value->subject || strcmp(framing, "registry") == 0));
	key->registered = s->key_format == DP_FORMAT_AVRO || s->key_format == DP_FORMAT_PROTOBUF ||
		(s->key_format == DP_FORMAT_JSON && key->subject);
	value->unframed = key->unframed = strcmp(framing, "none") == 0;
	if (value->unframed && value->subject == NULL)
		value->subject = MemoryContextStrdup(s->context, psprintf("%s-value", s->topic));
	if (key->unframed && key->subject == NULL)
		key->subject = MemoryContextStrdup(s->context, psprintf("%s-key", s->topic));
}

static void
read_row(DpSource *s)
{
	bool		isnull;
	Datum		d;
	char	   *layout = get_text(8, s->context);
	char	   *envelope = get_text(9, s->context);
	char	   *on_error = get_text(10, s->context);

	s->source_id = DatumGetInt32(get_datum(1, &isnull));
	s->owner_name = get_text(2, s->context);
	s->server = get_text(3, s->context);
	s->topic = get_text(4, s->context);
	s->target_name = get_text(5, s->context);
	s->format = parse_format(get_text(6, s->context));
	s->key_format = parse_format(get_text(7, s->context));
	s->document = strcmp(layout, "columns") != 0;
	s->typed = strcmp(layout, "document") != 0;
	s->upsert = strcmp(envelope, "upsert") == 0;
	s->debezium = strcmp(envelope, "debezium") == 0;
	s->on_error = strcmp(on_error, "stop") == 0 ? DP_ON_ERROR_STOP :
		strcmp(on_error, "skip") == 0 ? DP_ON_ERROR_SKIP : DP_ON_ERROR_DEAD_LETTER;
	s->start_from = get_text(11, s->context);
	s->workers = DatumGetInt32(get_datum(12, &isnull));
	d = get_datum(13, &isnull);
	s->batch_rows = isnull ? dp_batch_max_rows : DatumGetInt32(d);
	d = get_datum(14, &isnull);
	s->batch_bytes = isnull ? (int64) dp_batch_max_bytes * 1024 : DatumGetInt64(d);
	d = get_datum(15, &isnull);
	s->batch_delay_ms = isnull ? 0 : DatumGetInt32(d);
	d = get_datum(16, &isnull);
	s->rate_limit = isnull ? 0 : Max(1, DatumGetInt32(d) / s->workers);
	d = get_datum(17, &isnull);
	s->max_errors = isnull ? -1 : DatumGetInt64(d);
	d = get_datum(18, &isnull);
	s->max_error_ratio = isnull ? dp_max_error_ratio : DatumGetFloat8(d);
	s->paused = DatumGetBool(get_datum(19, &isnull));
	s->allow_nonatomic = DatumGetBool(get_datum(20, &isnull));
	s->csv.delimiter = get_text(21, s->context)[0];
	s->csv.quote = get_text(33, s->context)[0];
	s->csv.null_text = get_text(34, s->context);
	read_csv_header(s, 22);
	s->drop_tombstones = DatumGetBool(get_datum(23, &isnull));
	read_sides(s);
	s->altered_at = DatumGetTimestampTz(get_datum(31, &isnull));
	s->nested_levels = DatumGetInt32(get_datum(32, &isnull));
	s->several_topics = s->topic[0] == '/' || strchr(s->topic, ',') != NULL;
}

static void
read_columns(DpSource *s)
{
	Oid			argtype = TEXTOID;
	Datum		arg = CStringGetTextDatum(s->name);
	MemoryContext old;

	SPI_execute_with_args(COLUMNS_QUERY, 1, &argtype, &arg, NULL, true, 0);
	old = MemoryContextSwitchTo(s->context);
	s->ncolumns = (int) SPI_processed;
	s->columns = palloc0(sizeof(DpColumnSpec) * Max(1, s->ncolumns));
	s->column_names = palloc0(sizeof(char *) * Max(1, s->ncolumns));
	for (int i = 0; i < s->ncolumns; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		s->column_names[i] = SPI_getvalue(row, desc, 1);
		parseTypeString(SPI_getvalue(row, desc, 2), &s->columns[i].type,
						&s->columns[i].typmod, false);
		s->columns[i].field = SPI_getvalue(row, desc, 3);
		s->columns[i].not_null = DatumGetBool(SPI_getbinval(row, desc, 4, &isnull));
		s->columns[i].is_path = DatumGetBool(SPI_getbinval(row, desc, 6, &isnull));
		s->columns[i].csv_index = -1;
		if (s->format == DP_FORMAT_CSV)
		{
			/* by header name when a header is declared, else by position */
			if (s->csv_header == NULL)
				s->columns[i].csv_index = DatumGetInt32(SPI_getbinval(row, desc, 5, &isnull));
			for (int h = 0; h < s->ncsv_header; h++)
				if (strcmp(s->csv_header[h], s->columns[i].field) == 0)
					s->columns[i].csv_index = h;
		}
	}
	MemoryContextSwitchTo(old);
}

DpSource *
dp_source_load_definition(const char *name)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "dataplat source",
												  ALLOCSET_DEFAULT_SIZES);
	DpSource   *s = MemoryContextAllocZero(context, sizeof(DpSource));
	Oid			argtype = TEXTOID;
	Datum		arg = CStringGetTextDatum(name);

	s->context = context;
	s->name = MemoryContextStrdup(context, name);
	SPI_connect();
	SPI_execute_with_args(SOURCE_QUERY, 1, &argtype, &arg, NULL, true, 1);
	if (SPI_processed == 0)
	{
		SPI_finish();
		MemoryContextDelete(context);
		return NULL;
	}
	read_row(s);
	if (s->typed)
		read_columns(s);
	SPI_finish();
	return s;
}

static Oid
document_type(DpFormat format)
{
	return format == DP_FORMAT_TEXT ? TEXTOID : format == DP_FORMAT_BYTES ? BYTEAOID : JSONBOID;
}

/* Where each typed column lives in the target, and that its type is still the same. */
static void
map_columns(DpSource *s)
{
	TupleDesc	desc = s->target->desc;

	s->column_attno = MemoryContextAllocZero(s->context, sizeof(int) * Max(1, s->ncolumns));
	s->column_judges_null = MemoryContextAllocZero(s->context, sizeof(bool) * Max(1, s->ncolumns));
	for (int c = 0; c < s->ncolumns; c++)
	{
		for (int i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, i);

			if (att->attisdropped || strcmp(NameStr(att->attname), s->column_names[c]) != 0)
				continue;
			s->column_attno[c] = i + 1;
			/* the table decides: what the user altered there holds */
			s->columns[c].type = att->atttypid;
			s->columns[c].typmod = att->atttypmod;
			s->column_judges_null[c] = !att->atthasdef && get_typtype(att->atttypid) == TYPTYPE_DOMAIN;
			/* where there is a default, NULL gives way to it */
			if (att->attnotnull && !att->atthasdef && !att->attidentity)
				s->columns[c].not_null = true;
		}
		if (s->column_attno[c] == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of source \"%s\" does not exist in table \"%s\"",
							s->column_names[c], s->name, s->target_name),
					 errhint("Add the column again, or take it out with alter_source(..., columns => ...).")));
	}
}

/* A bronze column must have the type that it is decoded to. */
static void
check_field_types(DpSource *s)
{
	Oid			types[DP_FIELD_COUNT] = {
		[DP_FIELD_TOPIC] = TEXTOID, [DP_FIELD_PARTITION] = INT4OID, [DP_FIELD_OFFSET] = INT8OID,
		[DP_FIELD_TIMESTAMP] = TIMESTAMPTZOID, [DP_FIELD_KEY] = document_type(s->key_format),
		[DP_FIELD_HEADERS] = JSONBOID, [DP_FIELD_SCHEMA_ID] = INT4OID, [DP_FIELD_BATCH_ID] = INT8OID,
		[DP_FIELD_INGESTED_AT] = TIMESTAMPTZOID, [DP_FIELD_VALUE] = document_type(s->format),
		[DP_FIELD_RAW] = BYTEAOID, [DP_FIELD_RAW_KEY] = BYTEAOID, [DP_FIELD_TOMBSTONE] = BOOLOID,
		[DP_FIELD_RESCUED] = JSONBOID
	};

	for (int f = 0; f < DP_FIELD_COUNT; f++)
	{
		int			attno = s->target->attno[f];
		Oid			type = attno > 0 ? TupleDescAttr(s->target->desc, attno - 1)->atttypid : InvalidOid;

		if (attno > 0 && type != types[f] && (f != DP_FIELD_VALUE || s->document))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of table \"%s\" is %s, not %s", dp_field_names[f], s->target_name,
							format_type_be(type), format_type_be(types[f])),
					 errhint("Give the column its type again, or the source another target with alter_source().")));
	}
}

DpSource *
dp_source_load(const char *name)
{
	DpSource   *s = dp_source_load_definition(name);
	MemoryContext old;

	if (s == NULL)
		return NULL;
	old = MemoryContextSwitchTo(s->context);
	s->owner = get_role_oid(s->owner_name, true);
	if (!OidIsValid(s->owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("owner \"%s\" of source \"%s\" does not exist", s->owner_name, s->name),
				 errhint("Give the role its name back, or let a superuser name another: UPDATE dataplat.source SET owner = '...' WHERE name = %s;",
						 quote_literal_cstr(s->name))));
	s->settings = dp_kafka_settings_load(s->server, s->owner);
	s->target = dp_target_open(s->target_name, s->owner, s->allow_nonatomic);
	if (s->target->attno[DP_FIELD_PARTITION] == 0 || s->target->attno[DP_FIELD_OFFSET] == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no columns \"_partition\" and \"_offset\"", s->target_name),
				 errhint("A bronze table needs _partition int and _offset bigint.")));
	if (s->several_topics && s->target->attno[DP_FIELD_TOPIC] == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"_topic\"", s->target_name),
				 errhint("A source of several topics needs _topic text.")));
	check_field_types(s);
	map_columns(s);
	MemoryContextSwitchTo(old);
	return s;
}

void
dp_source_free(DpSource *source)
{
	if (source == NULL)
		return;
	if (source->target)
		dp_target_free(source->target);
	MemoryContextDelete(source->context);
}
