/*-------------------------------------------------------------------------
 *
 * headers_fuzz.c
 *	  Any names and values as headers: each is a length byte and that many
 *	  bytes; a value of length 255 is a null.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "formats/headers.h"

#define MAX_HEADERS 64
#define NULL_LENGTH 255

/* Take a length byte and what follows; the copy ends in a NUL for names. */
static char *
take(const uint8_t **data, size_t *size, size_t *len, bool name)
{
	char	   *copy;

	*len = **data;
	(*data)++;
	(*size)--;
	if (!name && *len == NULL_LENGTH)
		return NULL;
	*len = Min(*len, *size);
	copy = malloc(Max(*len + name, 1));
	memcpy(copy, *data, *len);
	if (name)
		copy[*len] = '\0';
	*data += *len;
	*size -= *len;
	return copy;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static DpJsonDecoder *d;
	DpHeader	headers[MAX_HEADERS];
	int			n = 0;
	DpError		err;
	size_t		len;
	const char *jsonb;

	if (d == NULL)
		d = dp_json_decoder_create(NULL);
	while (n < MAX_HEADERS && size > 1)
	{
		headers[n].name = take(&data, &size, &len, true);
		if (size == 0)
		{
			free((char *) headers[n].name);
			break;
		}
		headers[n].value = take(&data, &size, &headers[n].size, false);
		n++;
	}
	jsonb = dp_headers_to_jsonb(d, headers, n, &len, &err);
	if (jsonb)
		fuzz_check_jsonb(jsonb, len);
	else
		FUZZ_REQUIRE(len == 0 && (n == 0) == (err.sqlstate[0] == '\0'));
	while (n-- > 0)
	{
		free((char *) headers[n].name);
		free((char *) headers[n].value);
	}
	return 0;
}
