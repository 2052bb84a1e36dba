/*-------------------------------------------------------------------------
 *
 * json_fuzz.c
 *	  Any bytes as JSON: no crash, no read outside the input, a sound jsonb, and
 *	  the same answer whatever messages came before.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "formats/json.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static DpJsonDecoder *warm;	/* its shapes come from earlier inputs */
	DpJsonDecoder *cold = dp_json_decoder_create(NULL);
	DpError		err;
	DpError		cold_err;
	size_t		len;
	size_t		cold_len;
	const char *jsonb;
	const char *cold_jsonb;
	char	   *src = fuzz_copy(data, size);

	if (warm == NULL)
		warm = dp_json_decoder_create(NULL);
	jsonb = dp_json_to_jsonb(warm, src, size, &len, &err);
	cold_jsonb = dp_json_to_jsonb(cold, src, size, &cold_len, &cold_err);

	FUZZ_REQUIRE((jsonb == NULL) == (cold_jsonb == NULL));
	if (jsonb == NULL)
	{
		FUZZ_REQUIRE(strcmp(err.sqlstate, cold_err.sqlstate) == 0);
		FUZZ_REQUIRE(err.position == cold_err.position);
		FUZZ_REQUIRE(err.position == DP_NO_POSITION || err.position <= size);
	}
	else
	{
		FUZZ_REQUIRE(len == cold_len && memcmp(jsonb, cold_jsonb, len) == 0);
		fuzz_check_jsonb(jsonb, len);
	}
	dp_json_decoder_destroy(cold);
	free(src);
	return 0;
}
