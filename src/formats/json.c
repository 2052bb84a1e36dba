/*-------------------------------------------------------------------------
 *
 * json.c
 *	  JSON text to the bytes of a jsonb, as jsonb_in would make them.
 *
 * One pass makes a flat tree of the text, following the shapes of the objects
 * seen before; a second writes the tree.  The parser keeps its own stack of
 * open containers, so nesting costs no C stack.  It accepts what the server's
 * parser accepts, except for the limits in DpJsonLimits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/json.h"
#include "formats/nodes.h"
#include "formats/scan.h"
#include "formats/schema.h"

#define BAD_JSON "22P02"

static int
limit_or(int value, int normal, int ceiling)
{
	if (value <= 0)
		return normal;
	return Min(value, ceiling);
}

DpJsonDecoder *
dp_json_decoder_create(const DpJsonLimits *limits)
{
	static const DpJsonLimits none;
	DpJsonDecoder *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	if (limits == NULL)
		limits = &none;
	d->limits.max_depth = limit_or(limits->max_depth, DP_JSON_MAX_DEPTH,
								   DP_JSON_MAX_DEPTH_CEILING);
	d->limits.max_exponent = limit_or(limits->max_exponent, DP_JSON_MAX_EXPONENT,
									  DP_JSON_MAX_EXPONENT_CEILING);
	d->limits.max_digits = limit_or(limits->max_digits, DP_JSON_MAX_DIGITS,
									DP_JSON_MAX_DIGITS_CEILING);
	d->limits.max_bytes = limits->max_bytes == 0 ? DP_JSON_MAX_BYTES :
		Min(limits->max_bytes, DP_JSON_MAX_BYTES_CEILING);
	d->limits.zero_bytes = limits->zero_bytes;
	d->limits.interruptible = limits->interruptible;
	d->frames = malloc((d->limits.max_depth + 1) * sizeof(DpFrame));
	if (!dp_shapes_init(&d->shapes) || d->frames == NULL)
	{
		dp_json_decoder_destroy(d);
		return NULL;
	}
	return d;
}

void
dp_json_decoder_destroy(DpJsonDecoder *d)
{
	if (d == NULL)
		return;
	dp_buf_free(&d->text);
	dp_buf_free(&d->out);
	free(d->stack.items);
	free(d->tape.items);
	free(d->frames);
	dp_shapes_free(&d->shapes);
	free(d);
}

uint64
dp_json_duplicate_keys(DpJsonDecoder *d)
{
	return d->duplicate_keys;
}

static inline char *
parse_key_text(DpJsonDecoder *d, uint32 *shape, char *p, uint32 *keylen,
			   DpError *err)
{
	uint32		guess = dp_shapes_predicted(&d->shapes, *shape, p);
	size_t		len;
	char	   *end;

	if (guess != DP_SHAPE_NONE)
	{
		*keylen = d->shapes.items[guess].keylen;
		*shape = guess;
		return p + *keylen + 1;
	}
	end = dp_scan_string(p, d->text.data, d->limits.zero_bytes, &len, err);
	if (end == NULL)
		return NULL;
	*keylen = len;

	/* A key with escapes has another spelling than its bytes: no shape. */
	if (*shape != DP_SHAPE_NONE)
		*shape = end - p - 1 == len ?
			dp_shapes_step(&d->shapes, *shape, p, len) : DP_SHAPE_NONE;
	return end;
}

char *
dp_json_parse_key(DpJsonDecoder *d, uint32 *shape, char *p, uint32 *keylen,
				  DpError *err)
{
	return parse_key_text(d, shape, p, keylen, err);
}

/* The same, pushing the node of the key. */
static inline char *
parse_key(DpJsonDecoder *d, DpFrame *frame, char *p, DpError *err)
{
	DpNode	   *node = dp_nodes_push(&d->stack);

	if (node == NULL)
	{
		dp_out_of_memory(err);
		return NULL;
	}
	node->kind = DP_NODE_STRING;
	node->u.ptr = p;
	return parse_key_text(d, &frame->shape, p, &node->len, err);
}

static inline char *
parse_string(DpJsonDecoder *d, char *p, DpError *err)
{
	DpNode	   *node = dp_nodes_push(&d->stack);
	size_t		len;
	char	   *end;

	if (node == NULL)
	{
		dp_out_of_memory(err);
		return NULL;
	}
	end = dp_scan_string(p + 1, d->text.data, d->limits.zero_bytes, &len, err);
	if (end == NULL)
		return NULL;
	node->kind = DP_NODE_STRING;
	node->len = len;
	node->u.ptr = p + 1;
	return end;
}

static inline char *
parse_number(DpJsonDecoder *d, char *p, DpError *err)
{
	DpNode	   *node = dp_nodes_push(&d->stack);
	DpScannedNumber number;
	char	   *end;

	if (node == NULL)
	{
		dp_out_of_memory(err);
		return NULL;
	}
	end = dp_scan_number(p, d->text.data, &d->limits, &number, err);
	if (end == NULL)
		return NULL;
	if (number.small)
	{
		node->kind = DP_NODE_SMALL;
		node->negative = number.negative;
		node->scale = number.scale;
		node->u.mantissa = number.mantissa;
	}
	else
	{
		node->kind = DP_NODE_NUMBER;
		node->len = end - p;
		node->u.ptr = p;
		d->number_bytes += end - p;
	}
	return end;
}

static inline char *
parse_literal(DpJsonDecoder *d, char *p, DpError *err)
{
	int			n = dp_scan_literal(p);
	DpNode	   *node;

	if (n == 0)
	{
		if (*p == '\0')
			dp_error_set(err, BAD_JSON, p - d->text.data,
						 "invalid JSON: the text ends where a value is expected");
		else
			dp_error_set(err, BAD_JSON, p - d->text.data,
						 "invalid JSON: a value is expected");
		return NULL;
	}
	node = dp_nodes_push(&d->stack);
	if (node == NULL)
	{
		dp_out_of_memory(err);
		return NULL;
	}
	node->kind = *p == 't' ? DP_NODE_TRUE : *p == 'f' ? DP_NODE_FALSE : DP_NODE_NULL;
	return p + n;
}

/* Open a container at p; returns its frame, or NULL. */
static inline DpFrame *
open_container(DpJsonDecoder *d, int depth, const char *p, DpError *err)
{
	DpFrame    *frame;

	if (d->base_depth + depth >= d->limits.max_depth)
	{
		dp_error_set(err, "54001", p - d->text.data,
					 "JSON is nested deeper than the limit of %d levels",
					 d->limits.max_depth);
		return NULL;
	}
	frame = &d->frames[depth];
	frame->base = d->stack.len;
	frame->is_object = *p == '{';
	frame->shape = frame->is_object ? DP_SHAPE_ROOT : DP_SHAPE_NONE;
	return frame;
}

static inline bool
close_container(DpJsonDecoder *d, const DpFrame *frame, DpError *err)
{
	if (likely(dp_nodes_close(d, frame->base,
							  frame->is_object ? DP_NODE_OBJECT : DP_NODE_ARRAY,
							  frame->shape)))
		return true;
	return dp_out_of_memory(err);
}

bool
dp_json_interrupted(DpError *err)
{
	if (dp_schema_interrupted == NULL || !dp_schema_interrupted())
		return false;
	dp_error_set(err, DP_SQLSTATE_INTERRUPTED, DP_NO_POSITION, "interrupted");
	return true;
}

/*
 * The states of the parser are labels: it is at a value, at a key, or behind
 * a value.
 */
static pg_attribute_always_inline bool
parse_value(DpJsonDecoder *d, char **pp, const bool interruptible, DpError *err)
{
	char	   *p = *pp;
	int			depth = 0;
	DpFrame    *frame = NULL;
	uint32		values = 0;

at_value:
	if (interruptible && ++values % DP_JSON_INTERRUPT_EVERY == 0 && dp_json_interrupted(err))
		return false;
	p = dp_scan_blanks(p);
	switch (*p)
	{
		case '"':
			p = parse_string(d, p, err);
			break;
		case '-':
		case '0':
		case '1':
		case '2':
		case '3':
		case '4':
		case '5':
		case '6':
		case '7':
		case '8':
		case '9':
			p = parse_number(d, p, err);
			break;
		case '{':
		case '[':
			frame = open_container(d, depth, p, err);
			if (frame == NULL)
				return false;
			depth++;
			p = dp_scan_blanks(p + 1);
			if (*p == (frame->is_object ? '}' : ']'))
				goto at_end;
			if (frame->is_object)
				goto at_key;
			goto at_value;
		default:
			p = parse_literal(d, p, err);
			break;
	}
	if (unlikely(p == NULL))
		return false;

after_value:
	if (depth == 0)
	{
		*pp = p;
		return true;
	}
	p = dp_scan_blanks(p);
	if (*p == ',')
	{
		p++;
		if (!frame->is_object)
			goto at_value;
		p = dp_scan_blanks(p);
		goto at_key;
	}
	if (*p != (frame->is_object ? '}' : ']'))
		return dp_json_expected(p, d->text.data, frame->is_object ? "a comma or a closing brace is" :
						"a comma or a closing bracket is", err);

at_end:
	if (!close_container(d, frame, err))
		return false;
	p++;
	depth--;
	frame = depth > 0 ? &d->frames[depth - 1] : NULL;
	goto after_value;

at_key:
	if (*p != '"')
		return dp_json_expected(p, d->text.data, "a quoted key is", err);
	p = parse_key(d, frame, p + 1, err);
	if (unlikely(p == NULL))
		return false;
	p = dp_scan_blanks(p);
	if (*p != ':')
		return dp_json_expected(p, d->text.data, "a colon is", err);
	p++;
	goto at_value;
}

/* Two of them, so that those who cannot be interrupted do not pay for it. */
bool
dp_json_parse_value(DpJsonDecoder *d, char **pp, DpError *err)
{
	return d->limits.interruptible ? parse_value(d, pp, true, err) : parse_value(d, pp, false, err);
}

const char *
dp_json_to_jsonb(DpJsonDecoder *d, const char *src, size_t len, size_t *outlen,
				 DpError *err)
{
	char	   *p;

	if (!dp_nodes_load(d, src, len, err))
		return NULL;
	p = d->text.data;
	if (!dp_json_parse_value(d, &p, err))
		return NULL;
	p = dp_scan_blanks(p);
	if (p != d->text.data + len)
	{
		dp_error_set(err, BAD_JSON, p - d->text.data,
					 "invalid JSON: something follows the value");
		return NULL;
	}
	return dp_jsonb_write(d, &d->stack.items[d->stack.len - 1], outlen, err);
}
