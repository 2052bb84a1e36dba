/*-------------------------------------------------------------------------
 *
 * program.c
 *	  The messages of a schema, compiled for reading and writing.
 *
 * Only what the root can hold is compiled; with an Any among it, that is
 * every message that the schema knows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdio.h>

#include "protobuf/program.h"

/* The C library's. */
#undef qsort
#undef snprintf

typedef struct Compiler
{
	const DpPbSchema *schema;
	DpPbProgram *program;
	uint32	   *message_of;		/* program index + 1 by a message's id */
	uint32	   *enum_of;
	const DpPbMessage **work;	/* message number i of the program; NULL for a map entry */
	uint32		cap;
	bool		all;			/* an Any is among them */
	DpError    *err;
} Compiler;

typedef struct Wanted
{
	DpPbWellKnown kind;
	int			n;				/* fields it must have */
	struct
	{
		int			number;
		int			type;		/* -1: any scalar */
		bool		repeated;
	}			fields[6];
} Wanted;

/* What a message must look like to be spelled in a way of its own. */
static const Wanted wanted[] = {
	{DP_PB_TIMESTAMP, 2, {{1, DP_PB_INT64}, {2, DP_PB_INT32}}},
	{DP_PB_DURATION, 2, {{1, DP_PB_INT64}, {2, DP_PB_INT32}}},
	{DP_PB_STRUCT, 1, {{1, DP_PB_MESSAGE}}},
	{DP_PB_VALUE, 6, {{1, DP_PB_ENUM}, {2, DP_PB_DOUBLE}, {3, DP_PB_STRING},
	{4, DP_PB_BOOL}, {5, DP_PB_MESSAGE}, {6, DP_PB_MESSAGE}}},
	{DP_PB_LIST_VALUE, 1, {{1, DP_PB_MESSAGE, true}}},
	{DP_PB_WRAPPER, 1, {{1, -1}}},
	{DP_PB_ANY, 2, {{1, DP_PB_STRING}, {2, DP_PB_BYTES}}},
	{DP_PB_FIELD_MASK, 1, {{1, DP_PB_STRING, true}}},
	{DP_PB_DECIMAL, 3, {{1, DP_PB_BYTES}, {2, DP_PB_UINT32}, {3, DP_PB_INT32}}},
	{DP_PB_GOOGLE_DECIMAL, 1, {{1, DP_PB_STRING}}},
	{DP_PB_DATE, 3, {{1, DP_PB_INT32}, {2, DP_PB_INT32}, {3, DP_PB_INT32}}},
	{DP_PB_TIME_OF_DAY, 4, {{1, DP_PB_INT32}, {2, DP_PB_INT32}, {3, DP_PB_INT32}, {4, DP_PB_INT32}}},
};

DpPbWire
dp_pb_wire_of(int type)
{
	switch ((DpPbType) type)
	{
		case DP_PB_DOUBLE:
		case DP_PB_FIXED64:
		case DP_PB_SFIXED64:
			return DP_PB_WIRE_64;
		case DP_PB_FLOAT:
		case DP_PB_FIXED32:
		case DP_PB_SFIXED32:
			return DP_PB_WIRE_32;
		case DP_PB_STRING:
		case DP_PB_BYTES:
		case DP_PB_MESSAGE:
			return DP_PB_WIRE_BYTES;
		case DP_PB_GROUP:
			return DP_PB_WIRE_START;
		default:
			return DP_PB_WIRE_VARINT;
	}
}

static void *
grab(Compiler *c, size_t size)
{
	void	   *result = dp_arena_alloc(&c->program->arena, size);

	if (result == NULL)
		dp_pb_no_memory(c->err);
	else
		memset(result, 0, size);
	return result;
}

/* A copy with a quote and padding behind it, as nodes and shapes want it. */
static const char *
padded(Compiler *c, const char *text, uint32 len)
{
	char	   *copy = grab(c, len + 1 + DP_SHAPE_INLINE);

	if (copy != NULL)
	{
		memcpy(copy, text, len);
		copy[len] = '"';
	}
	return copy;
}

/* ---------------------------------------------------------------- messages */

/* Room for one more message; its index, or DP_PB_NONE. */
static uint32
add_message(Compiler *c, const DpPbMessage *message)
{
	DpPbProgram *p = c->program;

	if (p->nmessages == c->cap)
	{
		uint32		cap = c->cap ? c->cap * 2 : 16;
		DpPbCodeMessage *messages = realloc(p->messages, cap * sizeof(*messages));
		const DpPbMessage **work = NULL;

		if (messages != NULL)
		{
			p->messages = messages;
			work = realloc(c->work, cap * sizeof(*work));
		}
		if (work == NULL)
		{
			dp_pb_no_memory(c->err);
			return DP_PB_NONE;
		}
		c->work = work;
		c->cap = cap;
	}
	memset(&p->messages[p->nmessages], 0, sizeof(DpPbCodeMessage));
	c->work[p->nmessages] = message;
	if (message != NULL && message->well_known == DP_PB_ANY)
		c->all = true;
	return p->nmessages++;
}

static uint32
message_index(Compiler *c, const DpPbMessage *message)
{
	uint32		i = c->message_of[message->id];

	if (i == 0)
	{
		i = add_message(c, message);
		if (i == DP_PB_NONE)
			return DP_PB_NONE;
		c->message_of[message->id] = ++i;
	}
	return i - 1;
}

static int
compare_values(const void *a, const void *b)
{
	const DpPbCodeValue *va = a;
	const DpPbCodeValue *vb = b;

	if (va->number != vb->number)
		return va->number < vb->number ? -1 : 1;
	return va->len < vb->len ? -1 : 1;	/* len holds the place */
}

static uint32
enum_index(Compiler *c, const DpPbEnum *e)
{
	DpPbProgram *p = c->program;
	uint32		n = 0;
	DpPbCodeEnum *code;
	const DpPbEnumValue **byplace;

	if (c->enum_of[e->id] != 0)
		return c->enum_of[e->id] - 1;
	for (const DpPbEnumValue *v = e->values; v != NULL; v = v->next)
		n++;
	code = &p->enums[p->nenums];
	code->values = grab(c, n * sizeof(DpPbCodeValue));
	byplace = malloc(n * sizeof(*byplace));
	if (code->values == NULL || byplace == NULL)
	{
		free(byplace);
		dp_pb_no_memory(c->err);
		return DP_PB_NONE;
	}
	for (const DpPbEnumValue *v = e->values; v != NULL; v = v->next)
	{
		byplace[code->nvalues] = v;
		code->values[code->nvalues].number = v->number;
		code->values[code->nvalues].len = code->nvalues;
		code->nvalues++;
	}
	qsort(code->values, n, sizeof(DpPbCodeValue), compare_values);
	for (uint32 i = 0; i < n; i++)
	{
		const char *name = byplace[code->values[i].len]->name;

		code->values[i].len = strlen(name);
		code->values[i].name = padded(c, name, code->values[i].len);
		if (code->values[i].name == NULL)
		{
			free(byplace);
			return DP_PB_NONE;
		}
	}
	free(byplace);
	code->closed = e->closed;
	code->is_null = strcmp(e->full_name, "google.protobuf.NullValue") == 0;
	c->enum_of[e->id] = p->nenums + 1;
	return p->nenums++;
}

/* ------------------------------------------------------------------ fields */

static bool
set_type(Compiler *c, DpPbCode *code, int type, const DpPbMessage *message, const DpPbEnum *e)
{
	code->type = type;
	code->wire = dp_pb_wire_of(type);
	code->message = code->enumeration = DP_PB_NONE;
	if (message != NULL)
	{
		code->message = message_index(c, message);
		return code->message != DP_PB_NONE;
	}
	if (e != NULL)
	{
		code->enumeration = enum_index(c, e);
		code->closed = e->closed;
		return code->enumeration != DP_PB_NONE;
	}
	return true;
}

static bool
set_name(Compiler *c, DpPbCode *code, const char *name, const char *json_name)
{
	code->namelen = Min(strlen(name), DP_PB_MAX_JSON_NAME);
	code->keylen = Min(strlen(json_name), DP_PB_MAX_JSON_NAME);
	code->name = padded(c, name, code->namelen);
	code->key = padded(c, json_name, code->keylen);
	return code->name != NULL && code->key != NULL;
}

/* The entry of a map: a message of two fields without a declaration. */
static uint32
make_entry(Compiler *c, const DpPbField *field)
{
	uint32		i = add_message(c, NULL);
	DpPbCode   *codes = i == DP_PB_NONE ? NULL : grab(c, 2 * sizeof(DpPbCode));

	if (codes == NULL)
		return DP_PB_NONE;
	for (int k = 0; k < 2; k++)
	{
		codes[k].number = k + 1;
		codes[k].oneof = -1;
		codes[k].presence = true;
	}
	if (!set_type(c, &codes[0], field->key_type, NULL, NULL) ||
		!set_type(c, &codes[1], field->type, field->message, field->enumeration) ||
		!set_name(c, &codes[0], "key", "key") || !set_name(c, &codes[1], "value", "value"))
		return DP_PB_NONE;
	c->program->messages[i].full_name = "";
	c->program->messages[i].codes = codes;
	c->program->messages[i].ncodes = 2;
	c->program->messages[i].direct[1] = 1;
	c->program->messages[i].direct[2] = 2;
	return i;
}

static bool
set_code(Compiler *c, DpPbCode *code, const DpPbField *field, bool extension)
{
	const char *json_name = field->json_name;
	char		bracketed[DP_PB_MAX_JSON_NAME + 3];

	code->number = field->number;
	code->oneof = field->oneof != NULL && !extension ? field->oneof->index : -1;
	code->presence = field->presence;
	code->required = field->label == DP_PB_REQUIRED && !extension;
	code->repeated = field->label == DP_PB_REPEATED && !field->is_map;
	code->packed = field->packed;
	if (field->is_map)
	{
		code->is_map = true;
		code->type = DP_PB_MESSAGE;
		code->wire = DP_PB_WIRE_BYTES;
		code->enumeration = DP_PB_NONE;
		code->message = make_entry(c, field);
		if (code->message == DP_PB_NONE)
			return false;
	}
	else if (!set_type(c, code, field->type, field->message, field->enumeration))
		return false;
	code->packable = code->repeated && code->wire != DP_PB_WIRE_BYTES &&
		code->wire != DP_PB_WIRE_START;
	if (extension)
	{
		snprintf(bracketed, sizeof(bracketed), "[%s]", field->full_name);
		return set_name(c, code, bracketed, bracketed);
	}
	return set_name(c, code, field->name, json_name);
}

static int
compare_codes(const void *a, const void *b)
{
	const DpPbCode *ca = a;
	const DpPbCode *cb = b;

	if (ca->number != cb->number)
		return ca->number < cb->number ? -1 : 1;
	return ca->oneof < cb->oneof ? -1 : ca->oneof > cb->oneof;
}

/* Has the message the fields that its own spelling needs? */
static DpPbWellKnown
check_well_known(const DpPbMessage *message, const DpPbCodeMessage *m)
{
	for (int i = 0; i < (int) lengthof(wanted); i++)
	{
		const Wanted *w = &wanted[i];

		if (w->kind != message->well_known)
			continue;
		if (m->ncodes != w->n)
			return DP_PB_ORDINARY;
		for (int k = 0; k < w->n; k++)
		{
			const DpPbCode *code = &m->codes[k];

			if (code->number != w->fields[k].number ||
				(w->fields[k].type >= 0 ? code->type != w->fields[k].type :
				 code->message != DP_PB_NONE) ||
				code->is_map != (w->kind == DP_PB_STRUCT) ||
				code->repeated != w->fields[k].repeated)
				return DP_PB_ORDINARY;
		}
		return w->kind;
	}
	return DP_PB_ORDINARY;
}

/* Fields of message number i; other messages may be added meanwhile. */
static bool
fill_message(Compiler *c, uint32 i)
{
	const DpPbMessage *message = c->work[i];
	DpPbCodeMessage *m;
	DpPbCode   *codes;
	uint32		n = 0;
	uint32		kept = 0;

	for (const DpPbField *f = message->fields; f != NULL; f = f->next)
		n++;
	for (const DpPbExtensionField *x = message->known_extensions; x != NULL; x = x->next)
		n++;
	codes = grab(c, Max(n, 1) * sizeof(DpPbCode));
	if (codes == NULL)
		return false;
	n = 0;
	for (const DpPbField *f = message->fields; f != NULL; f = f->next)
	{
		if (!set_code(c, &codes[n++], f, false))
			return false;
	}
	for (const DpPbExtensionField *x = message->known_extensions; x != NULL; x = x->next)
	{
		if (!set_code(c, &codes[n++], x->field, true))
			return false;
	}
	qsort(codes, n, sizeof(DpPbCode), compare_codes);
	m = &c->program->messages[i];
	for (uint32 k = 0; k < n; k++)
	{
		/* Of fields with the same number one stays. */
		if (k + 1 < n && codes[k + 1].number == codes[k].number)
			continue;
		codes[kept] = codes[k];
		m->any_required |= codes[kept].required;
		m->noneofs = Max((int) m->noneofs, codes[kept].oneof + 1);
		if (codes[kept].number < DP_PB_DIRECT)
			m->direct[codes[kept].number] = kept + 1;
		kept++;
	}
	m->codes = codes;
	m->ncodes = kept;
	m->full_name = padded(c, message->full_name, strlen(message->full_name) + 1);
	m->well_known = check_well_known(message, m);
	return m->full_name != NULL;
}

/* Every message that an Any could hold. */
static bool
add_all(Compiler *c)
{
	for (uint32 i = 0; i < c->schema->nbuckets; i++)
	{
		const DpPbMessage *message = c->schema->symbols[i].message;

		if (message != NULL && !message->is_map_entry &&
			message_index(c, message) == DP_PB_NONE)
			return false;
	}
	return true;
}

static bool
compile(Compiler *c, const DpPbMessage *root)
{
	bool		all = false;

	if (message_index(c, root) == DP_PB_NONE)
		return false;
	for (uint32 i = 0; i < c->program->nmessages; i++)
	{
		if (c->work[i] != NULL && !fill_message(c, i))
			return false;
		if (c->all && !all)
		{
			all = true;
			if (!add_all(c))
				return false;
		}
		if (dp_pb_interrupted(c->err))
			return false;
	}
	return true;
}

DpPbProgram *
dp_pb_compile(const DpPbSchema *schema, const DpPbMessage *root, DpError *err)
{
	Compiler	c = {schema};
	bool		good;

	c.err = err;
	c.program = calloc(1, sizeof(DpPbProgram));
	c.message_of = calloc(schema->nmessages + 1, sizeof(uint32));
	c.enum_of = calloc(schema->nenums + 1, sizeof(uint32));
	if (c.program != NULL)
		c.program->enums = calloc(schema->nenums + 1, sizeof(DpPbCodeEnum));
	if (c.program == NULL || c.message_of == NULL || c.enum_of == NULL ||
		c.program->enums == NULL)
		good = dp_pb_no_memory(err);
	else
		good = compile(&c, root);
	free(c.message_of);
	free(c.enum_of);
	free(c.work);
	if (!good)
	{
		dp_pb_program_free(c.program);
		return NULL;
	}
	return c.program;
}

void
dp_pb_program_free(DpPbProgram *program)
{
	if (program == NULL)
		return;
	for (uint32 i = 0; i < program->nmessages; i++)
		free(program->messages[i].by_name);
	free(program->messages);
	free(program->enums);
	dp_arena_free(&program->arena);
	free(program);
}

const DpPbCodeValue *
dp_pb_code_value(const DpPbCodeEnum *e, int32 number)
{
	uint32		low = 0;
	uint32		high = e->nvalues;

	/* Most enums count from zero. */
	if (number >= 0 && (uint32) number < e->nvalues && e->values[number].number == number &&
		(number == 0 || e->values[number - 1].number != number))
		return &e->values[number];
	while (low < high)
	{
		uint32		mid = (low + high) / 2;

		if (e->values[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < e->nvalues && e->values[low].number == number ? &e->values[low] : NULL;
}

const DpPbCodeMessage *
dp_pb_code_message(const DpPbProgram *program, const char *name, size_t len)
{
	for (uint32 i = 0; i < program->nmessages; i++)
	{
		const char *full_name = program->messages[i].full_name;

		if (len > 0 && strncmp(full_name, name, len) == 0 && full_name[len] == '\0')
			return &program->messages[i];
	}
	return NULL;
}
