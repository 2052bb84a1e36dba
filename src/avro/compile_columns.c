/*-------------------------------------------------------------------------
 *
 * compile_columns.c
 *	  Which field goes to which column, and by which way.
 *
 * A field whose type is the column's own becomes its datum at once.  All else
 * becomes a node first, as for jsonb, and then text for the column's type.
 * A record of whose fields some have columns is taken apart: its fields stand
 * in its place in the code, which costs nothing when messages are read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "avro/compile.h"
#include "avro/wire.h"
#include "common/compat.h"
#include "formats/numbers.h"
#include "formats/path.h"

#define FIRST_INS 16
#define FULL_PRECISION 6		/* of times, as when no typmod is given */

bool
dp_avro_add_columns(DpAvroReader *r, const DpColumnSpec *specs, int n, DpError *err)
{
	r->columns = calloc(Max(n, 1), sizeof(DpColumn));
	r->nulls = calloc(n + 1, sizeof(DpColumnValue));
	if (r->columns == NULL || r->nulls == NULL)
		return dp_out_of_memory(err);
	r->nulls[n].isnull = true;
	for (; r->ncolumns < n; r->ncolumns++)
	{
		DpColumn   *col = &r->columns[r->ncolumns];
		const DpColumnSpec *spec = &specs[r->ncolumns];
		uint32		shown;

		r->nulls[r->ncolumns].isnull = true;
		col->label = strdup(spec->field ? spec->field : "");
		if (col->label == NULL)
			return dp_out_of_memory(err);
		col->fieldlen = strlen(col->label);
		shown = Min(col->fieldlen, DP_LABEL_SHOWN);
		while (shown > 0 && shown < col->fieldlen && (col->label[shown] & 0xC0) == 0x80)
			shown--;			/* never half a character */
		memcpy(col->shown, col->label, shown);
		col->has_field = spec->field != NULL;
		col->csv_index = -1;
		col->type = spec->type;
		col->typmod = spec->typmod;
		col->not_null = spec->not_null;
		col->next_same = -1;
		col->next_index = -1;
		r->any_not_null |= spec->not_null;
	}
	/* Chain those of one field; there are never so many that a table would pay. */
	for (int i = n - 1; i >= 0; i--)
	{
		for (int k = i + 1; r->columns[i].has_field && k < n; k++)
		{
			if (r->columns[k].has_field && strcmp(r->columns[k].label, r->columns[i].label) == 0)
			{
				r->columns[i].next_same = k;
				break;
			}
		}
	}
	return true;
}

static DpAvroColumnIns *
emit(DpAvroCompiler *c)
{
	DpAvroReader *r = c->r;
	DpAvroColumnIns *ins;

	if (r->ncolumn_code == r->maxcolumn_code)
	{
		uint32		more = r->maxcolumn_code ? 2 * r->maxcolumn_code : FIRST_INS;
		DpAvroColumnIns *code = realloc(r->column_code, more * sizeof(DpAvroColumnIns));

		if (code == NULL)
		{
			dp_out_of_memory(c->err);
			return NULL;
		}
		r->column_code = code;
		r->maxcolumn_code = more;
	}
	ins = &r->column_code[r->ncolumn_code++];
	memset(ins, 0, sizeof(*ins));
	ins->column = -1;
	return ins;
}

static bool
has_full_precision(int32 typmod)
{
	return typmod < 0 || typmod >= FULL_PRECISION;
}

/* The type that a whole message column of this time would be. */
static DpAvroColumnOp
time_op(DpAvroLogical form, const DpColumn *col)
{
	switch (form)
	{
		case DP_LOGICAL_DATE:
			return col->type == DATEOID ? DP_COLUMN_DATE : DP_COLUMN_NODE;
		case DP_LOGICAL_TIME_MILLIS:
		case DP_LOGICAL_TIME_MICROS:
			return col->type == TIMEOID && has_full_precision(col->typmod) ? DP_COLUMN_TIME : DP_COLUMN_NODE;
		case DP_LOGICAL_TIMESTAMP_MILLIS:
		case DP_LOGICAL_TIMESTAMP_MICROS:
		case DP_LOGICAL_TIMESTAMP_NANOS:
			return (col->type == TIMESTAMPTZOID || col->type == TIMESTAMPOID) &&
				has_full_precision(col->typmod) ? DP_COLUMN_TIMESTAMP : DP_COLUMN_NODE;
		default:
			return col->type == TIMESTAMPOID && has_full_precision(col->typmod) ?
				DP_COLUMN_TIMESTAMP : DP_COLUMN_NODE;
	}
}

static DpAvroColumnOp
integer_op(const DpColumn *col, bool is_int)
{
	switch (col->type)
	{
		case INT2OID:
			return DP_COLUMN_INT2;
		case INT4OID:
			return DP_COLUMN_INT4;
		case INT8OID:
			return is_int ? DP_COLUMN_INT_INT8 : DP_COLUMN_INT8;
		case FLOAT8OID:
			return DP_COLUMN_INTEGER_FLOAT8;
		case NUMERICOID:
			return col->typmod < 0 ? DP_COLUMN_NUMERIC : DP_COLUMN_NODE;
		default:
			return DP_COLUMN_NODE;
	}
}

static bool
is_text(const DpColumn *col)
{
	return col->type == TEXTOID || (col->type == VARCHAROID && col->typmod < (int32) VARHDRSZ);
}

static DpAvroColumnOp
decimal_op(const DpAvroIns *ins, const DpColumn *col, DpAvroColumnIns *out)
{
	if (col->type != NUMERICOID)
		return DP_COLUMN_NODE;
	out->scale = ins->scale;
	out->precision = 0;
	if (col->typmod >= (int32) VARHDRSZ)
	{
		if (dp_typmod_scale(col->typmod) != ins->scale)
			return DP_COLUMN_NODE;
		out->precision = dp_typmod_precision(col->typmod);
	}
	return ins->op == DP_OP_BYTES ? DP_COLUMN_DECIMAL : DP_COLUMN_FIXED_DECIMAL;
}

static DpAvroColumnOp
bytes_op(const DpAvroIns *ins, const DpColumn *col, DpAvroColumnIns *out)
{
	bool		fixed = ins->op == DP_OP_FIXED;

	switch (ins->form)
	{
		case DP_LOGICAL_DECIMAL:
			return decimal_op(ins, col, out);
		case DP_LOGICAL_UUID:
			return col->type == UUIDOID ? DP_COLUMN_UUID : DP_COLUMN_NODE;
		case DP_LOGICAL_DURATION:
			return col->type == INTERVALOID && col->typmod < 0 ? DP_COLUMN_INTERVAL : DP_COLUMN_NODE;
		default:
			if (col->type != BYTEAOID)
				return DP_COLUMN_NODE;
			return fixed ? DP_COLUMN_FIXED_BYTEA : DP_COLUMN_BYTEA;
	}
}

/* Texts of symbols as datums; NULL for one that the reader does not have. */
static bool
enum_datums(DpAvroCompiler *c, const DpAvroIns *ins, DpAvroColumnIns *out)
{
	char	  **datums = dp_avro_take(c, ins->arg * sizeof(char *));
	const DpNode *nodes = ins->data;

	if (datums == NULL)
		return false;
	for (uint32 i = 0; i < ins->arg; i++)
	{
		datums[i] = NULL;
		if (nodes[i].kind == DP_NODE_NO_SYMBOL)
			continue;
		datums[i] = dp_avro_take(c, nodes[i].len + VARHDRSZ);
		if (datums[i] == NULL)
			return false;
		SET_VARSIZE(datums[i], nodes[i].len + VARHDRSZ);
		memcpy(VARDATA(datums[i]), nodes[i].u.ptr, nodes[i].len);
	}
	out->data = datums;
	return true;
}

/* The shortest way from what an instruction reads to a column. */
static bool
choose(DpAvroCompiler *c, const DpAvroIns *ins, const DpColumn *col, DpAvroColumnIns *out)
{
	out->op = DP_COLUMN_NODE;
	out->form = ins->form;
	out->arg = ins->arg;
	switch ((DpAvroOp) ins->op)
	{
		case DP_OP_BOOLEAN:
			if (col->type == BOOLOID)
				out->op = DP_COLUMN_BOOLEAN;
			break;
		case DP_OP_INT:
		case DP_OP_LONG:
			out->is_int = ins->op == DP_OP_INT;
			out->op = integer_op(col, out->is_int);
			break;
		case DP_OP_INT_FORM:
		case DP_OP_LONG_FORM:
			out->is_int = ins->op == DP_OP_INT_FORM;
			out->op = time_op(ins->form, col);
			break;
		case DP_OP_LONG_DOUBLE:
			if (col->type == FLOAT8OID)
				out->op = DP_COLUMN_INTEGER_FLOAT8;
			break;
		case DP_OP_FLOAT:
			if (col->type == FLOAT4OID)
				out->op = DP_COLUMN_FLOAT4;
			else if (col->type == FLOAT8OID)
				out->op = DP_COLUMN_FLOAT_FLOAT8;
			break;
		case DP_OP_FLOAT_DOUBLE:
			if (col->type == FLOAT8OID)
				out->op = DP_COLUMN_FLOAT_FLOAT8;
			break;
		case DP_OP_DOUBLE:
			if (col->type == FLOAT8OID)
				out->op = DP_COLUMN_FLOAT8;
			break;
		case DP_OP_STRING:
			if (is_text(col))
				out->op = DP_COLUMN_TEXT;
			else if (col->type == UUIDOID)
				out->op = DP_COLUMN_TEXT_UUID;
			break;
		case DP_OP_BYTES:
		case DP_OP_FIXED:
			out->op = bytes_op(ins, col, out);
			break;
		case DP_OP_ENUM:
			if (!is_text(col))
				break;
			out->op = DP_COLUMN_ENUM;
			return enum_datums(c, ins, out);
		default:
			break;
	}
	return true;
}

/* The same for one that nobody wants. */
static void
choose_skip(const DpAvroIns *ins, DpAvroColumnIns *out)
{
	out->op = DP_COLUMN_SKIP;
	out->arg = ins->arg;
	switch ((DpAvroOp) ins->op)
	{
		case DP_OP_SKIP_BOOLEAN:
			out->op = DP_COLUMN_SKIP_BOOLEAN;
			break;
		case DP_OP_SKIP_INT:
		case DP_OP_SKIP_LONG:
			out->op = DP_COLUMN_SKIP_INTEGER;
			out->is_int = ins->op == DP_OP_SKIP_INT;
			break;
		case DP_OP_SKIP_BYTES:
			out->op = DP_COLUMN_SKIP_BYTES;
			break;
		case DP_OP_SKIP_FIXED:
			out->op = DP_COLUMN_SKIP_FIXED;
			break;
		case DP_OP_SKIP_ENUM:
			out->op = DP_COLUMN_SKIP_ENUM;
			break;
		default:
			break;
	}
}

/* The shortest way for a field whose code for nodes is "ins", which may begin with a choice. */
static bool
emit_short_way(DpAvroCompiler *c, const DpAvroIns *ins, const DpColumn *col, DpAvroColumnIns out)
{
	bool		optional = ins->op == DP_OP_OPTIONAL || ins->op == DP_OP_SKIP_OPTIONAL;
	DpAvroColumnIns choice = out;
	DpAvroColumnIns *at;

	if (col == NULL)
		choose_skip(ins + optional, &out);
	else if (!choose(c, ins + optional, col, &out))
		return false;
	if (optional && out.op != DP_COLUMN_NODE && out.op != DP_COLUMN_SKIP)
	{
		choice.op = col ? DP_COLUMN_OPTIONAL : DP_COLUMN_SKIP_OPTIONAL;
		choice.null_byte = 2 * ins->form;
		at = emit(c);
		if (at == NULL)
			return false;
		*at = choice;
	}
	at = emit(c);
	if (at == NULL)
		return false;
	*at = out;
	return true;
}

/* Of what is at the compiler's path. */
static int
first_column(const DpAvroCompiler *c)
{
	const DpAvroReader *r = c->r;

	for (int i = 0; i < r->ncolumns; i++)
	{
		if (r->columns[i].has_field && strcmp(r->columns[i].label, c->path.data) == 0)
			return i;
	}
	return -1;
}

static bool
has_inner_columns(const DpAvroCompiler *c)
{
	const DpAvroReader *r = c->r;

	for (int i = 0; c->level < DP_PATH_MAX_LEVELS && i < r->ncolumns; i++)
	{
		if (r->columns[i].has_field &&
			dp_path_is_inside(r->columns[i].label, r->columns[i].fieldlen, c->path.data, c->path.len))
			return true;
	}
	return false;
}

/*
 * "to" is the reader's field at the compiler's path, NULL when it has none;
 * "type" is the writer's, NULL for a default.
 */
static bool
emit_column(DpAvroCompiler *c, const DpAvroType *type, const DpAvroField *to)
{
	DpAvroReader *r = c->r;
	int			column = to ? first_column(c) : -1;
	bool		wanted = column >= 0 || (to != NULL && r->rescue && c->whole == 0);
	DpAvroColumnIns out = {.column = column};
	DpAvroColumnIns *at;
	DpNode	   *key = NULL;

	/* A default that is null is what a column is anyway. */
	if (type == NULL && (!wanted || (to->fallback->kind == DP_TREE_NULL && column >= 0)))
		return true;
	if (wanted && column < 0)
	{
		key = dp_avro_take(c, sizeof(DpNode));
		if (key == NULL || !dp_avro_string_node(c, c->path.data, key))
			return false;
		out.arg = c->path.len;
	}
	out.place = Max(column, 0) * sizeof(DpColumnValue);
	out.code = r->ncode;
	if (type == NULL ? !dp_avro_emit_default(c, to, key) :
		!dp_avro_emit_value(c, type, wanted ? to->type : NULL, key, true))
		return false;
	if (dp_avro_emit(c, DP_OP_STOP) == NULL)
		return false;
	if (!wanted)
		return emit_short_way(c, &r->code[out.code], NULL, out);
	if (column >= 0 && r->columns[column].next_same < 0 && type != NULL)
		return emit_short_way(c, &r->code[out.code], &r->columns[column], out);
	out.op = column < 0 ? DP_COLUMN_RESCUE : DP_COLUMN_NODE;
	at = emit(c);
	if (at == NULL)
		return false;
	*at = out;
	return true;
}

/*
 * The record that both types are, whichever may be null: *null_branch is the
 * writer's, or -1.  False when it is something else, or not so simple.
 */
static bool
find_inner_record(const DpAvroType **writer, const DpAvroType **reader, int *null_branch)
{
	const DpAvroType *from = *writer;
	const DpAvroType *to = *reader;
	int			i;

	*null_branch = -1;
	for (int b = 0; from->tag == DP_AVRO_UNION && from->nbranches == 2 && b < 2; b++)
	{
		if (from->branches[b]->tag == DP_AVRO_NULL)
			*null_branch = b;
	}
	if (*null_branch >= 0)
	{
		if (to->tag != DP_AVRO_UNION || dp_avro_best_branch(from->branches[*null_branch], to) < 0)
			return false;
		from = from->branches[1 - *null_branch];
	}
	if (to->tag == DP_AVRO_UNION)
	{
		i = dp_avro_best_branch(from, to);
		if (i < 0 || dp_avro_branch_is_wrapped(to, i))
			return false;
		to = to->branches[i];
	}
	*writer = from;
	*reader = to;
	return from->tag == DP_AVRO_RECORD && to->tag == DP_AVRO_RECORD && dp_avro_names_match(to, from);
}

static bool emit_columns(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader);

/* The whole of a record of which parts have columns, too. */
static bool
emit_peek(DpAvroCompiler *c, const DpAvroType *type, const DpAvroField *to, int column)
{
	DpAvroColumnIns *at = emit(c);

	if (at == NULL)
		return false;
	at->op = DP_COLUMN_PEEK;
	at->column = column;
	at->code = c->r->ncode;
	return dp_avro_emit_value(c, type, to->type, NULL, true) && dp_avro_emit(c, DP_OP_STOP) != NULL;
}

/* A field of the reader, NULL when there is none, and of the writer, NULL for a default. */
static bool
emit_field(DpAvroCompiler *c, const DpAvroType *type, const DpAvroField *to)
{
	size_t		above = c->path.len;
	const DpAvroType *writer = type;
	const DpAvroType *reader;
	int			null_branch;
	int			column;
	uint32		at = c->r->ncolumn_code;
	bool		good;

	if (to == NULL)
		return emit_column(c, type, NULL);
	if (!dp_path_add(&c->path, to->name, strlen(to->name)))
		return dp_out_of_memory(c->err);
	reader = to->type;
	if (type == NULL || !has_inner_columns(c) || !find_inner_record(&writer, &reader, &null_branch))
		good = emit_column(c, type, to);
	else
	{
		column = first_column(c);
		good = column < 0 || emit_peek(c, type, to, column);
		if (null_branch >= 0)
		{
			DpAvroColumnIns *enter = emit(c);

			good = good && enter != NULL;
			at = c->r->ncolumn_code;
			if (good)
			{
				enter->op = DP_COLUMN_ENTER;
				enter->form = null_branch;
			}
		}
		c->level++;
		c->whole += column >= 0;
		good = good && emit_columns(c, writer, reader);
		c->whole -= column >= 0;
		c->level--;
		if (good && null_branch >= 0)
			c->r->column_code[at - 1].arg = c->r->ncolumn_code - at;
	}
	dp_path_end(&c->path, above);
	return good;
}

static bool
emit_fields(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader, const int *target)
{
	bool	   *filled = calloc(Max(reader->nfields, 1), sizeof(bool));
	bool		good = true;

	if (filled == NULL)
		return dp_out_of_memory(c->err);
	for (int i = 0; good && i < writer->nfields; i++)
	{
		const DpAvroField *to = target[i] >= 0 ? &reader->fields[target[i]] : NULL;

		if (to != NULL)
			filled[target[i]] = true;
		good = emit_field(c, writer->fields[i].type, to);
	}
	for (int i = 0; good && i < reader->nfields; i++)
	{
		const DpAvroField *to = &reader->fields[i];

		if (filled[i])
			continue;
		/* Without a default there is no reading at all; dp_avro_compile has said so where it must. */
		good = to->fallback == NULL ?
			dp_error_set(c->err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
						 "the writer has no field \"%.60s\" and the reader no default for it", to->name) :
			emit_field(c, NULL, to);
	}
	free(filled);
	return good;
}

static bool
emit_columns(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader)
{
	int		   *target = dp_avro_match_fields(writer, reader, c->err);
	bool		good = target != NULL && emit_fields(c, writer, reader, target);

	free(target);
	return good;
}

/* Is each column filled in any case?  No two instructions have the same one, so counting is enough. */
static bool
is_simple(const DpAvroReader *r, const DpAvroColumnCode *code)
{
	int			n = 0;

	for (const DpAvroColumnIns *ins = &r->column_code[code->start]; ins->op != DP_COLUMN_END; ins++)
	{
		if (ins->op == DP_COLUMN_ENTER)
			return false;
		n += ins->op >= DP_COLUMN_BOOLEAN;
	}
	return n == r->ncolumns && !r->rescue;
}

/* Columns of messages of one type of the writer. */
static bool
emit_root(DpAvroCompiler *c, const DpAvroType *writer, const DpAvroType *reader, DpAvroColumnCode *out)
{
	size_t		room;

	out->start = c->r->ncolumn_code;
	if (reader->tag == DP_AVRO_UNION)
	{
		int			i = dp_avro_best_branch(writer, reader);

		reader = i < 0 ? NULL : reader->branches[i];
	}
	if (writer->tag == DP_AVRO_NULL && reader != NULL && reader->tag == DP_AVRO_NULL)
		return emit(c) != NULL; /* all columns are null */
	if (writer->tag != DP_AVRO_RECORD || reader == NULL || reader->tag != DP_AVRO_RECORD ||
		!dp_avro_names_match(reader, writer))
	{
		out->failure = "message is not a record that has columns";
		return true;
	}
	if (!emit_columns(c, writer, reader) || emit(c) == NULL)
		return false;
	out->simple = is_simple(c->r, out);
	room = DP_AVRO_TEXT_SLACK + (size_t) (c->r->ncolumn_code - out->start) * DP_COLUMN_ROOM;
	c->r->cells_room = Max(c->r->cells_room, room);
	return true;
}

bool
dp_avro_compile_columns(DpAvroReader *r, const DpAvroSchema *writer, const DpAvroSchema *reader,
						DpError *err)
{
	DpAvroCompiler c = {.r = r,.err = err};
	const DpAvroType *root = writer->root;
	bool		good = true;

	r->cells_len = -1;
	r->root_is_union = root->tag == DP_AVRO_UNION;
	r->nroots = r->root_is_union ? root->nbranches : 1;
	r->roots = calloc(Max(r->nroots, 1), sizeof(DpAvroColumnCode));
	if (r->roots == NULL)
		return dp_out_of_memory(err);
	for (int i = 0; good && i < r->nroots; i++)
		good = emit_root(&c, r->root_is_union ? root->branches[i] : root, reader->root, &r->roots[i]);
	good = good && dp_avro_emit_pending(&c);
	dp_avro_compiler_free(&c);
	if (good && !r->root_is_union && r->roots[0].failure != NULL)
		return dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION,
							"schema is not a record, so its messages have no columns");
	return good;
}
