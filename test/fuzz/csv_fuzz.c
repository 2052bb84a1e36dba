/*-------------------------------------------------------------------------
 *
 * csv_fuzz.c
 *	  Any bytes as a CSV record; the first byte picks style and names.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "formats/csv.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"id", "name", "", "id", "note"};
	static const DpCsvStyle styles[] = {
		{',', '"', NULL}, {';', '\'', "NULL"}, {'\t', '\0', "\\N"}, {'|', '"', ""},
		{'"', '"', NULL}, {'a', 'b', "cc"}, {'\0', '"', NULL}, {'\n', '"', NULL}
	};
	static DpJsonDecoder *d;
	DpError		err;
	size_t		len;
	const char *jsonb;
	char	   *src;
	int			nnames;

	if (size == 0)
		return 0;
	if (d == NULL)
		d = dp_json_decoder_create(NULL);
	nnames = (data[0] >> 3) % (lengthof(names) + 1);
	src = fuzz_copy(data + 1, size - 1);
	jsonb = dp_csv_to_jsonb(d, src, size - 1, &styles[data[0] & 7],
							nnames ? names : NULL, nnames, &len, &err);
	if (jsonb)
		fuzz_check_jsonb(jsonb, len);
	else
		FUZZ_REQUIRE(err.position == DP_NO_POSITION || err.position <= size);
	free(src);
	return 0;
}
