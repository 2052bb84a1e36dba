/*-------------------------------------------------------------------------
 *
 * fuzz.h
 *	  What the fuzz programs share.
 *
 * The decoders link without the server, so a fuzz program is only they and
 * this.  An input is copied to a block of exactly its size first: a read
 * behind it is then an error that the sanitizer sees.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_TEST_FUZZ_H
#define DP_TEST_FUZZ_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "common/error.h"

#define FUZZ_REQUIRE(condition) \
	do { \
		if (!(condition)) \
			__builtin_trap(); \
	} while (0)

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline char *
fuzz_copy(const uint8_t *data, size_t size)
{
	char	   *copy = malloc(size ? size : 1);

	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

/* Where child i of a container ends, seen from its first byte of data. */
static inline uint32
fuzz_child_end(const JEntry *entries, uint32 i)
{
	uint32		end = 0;

	for (;; i--)
	{
		end += JBE_OFFLENFLD(entries[i]);
		if (i == 0 || JBE_HAS_OFF(entries[i]))
			return end;
	}
}

/* Do the entries of a container and of all inside it add up? */
static inline void
fuzz_check_container(const char *start, size_t len)
{
	uint32		header;
	uint32		n;
	const JEntry *entries = (const JEntry *) (start + sizeof(uint32));
	const char *data;
	uint32		before = 0;

	FUZZ_REQUIRE(((uintptr_t) start & 3) == 0 && len >= sizeof(uint32));
	memcpy(&header, start, sizeof(header));
	n = header & JB_CMASK;
	if (header & JB_FOBJECT)
		n *= 2;
	data = start + sizeof(uint32) + n * sizeof(JEntry);
	FUZZ_REQUIRE(sizeof(uint32) + n * sizeof(JEntry) <= len);
	for (uint32 i = 0; i < n; i++)
	{
		uint32		end = fuzz_child_end(entries, i);

		FUZZ_REQUIRE(end >= before && data + end <= start + len);
		if (JBE_ISCONTAINER(entries[i]))
		{
			const char *child = (const char *) INTALIGN((uintptr_t) (data + before));

			fuzz_check_container(child, data + end - child);
		}
		before = end;
	}
	FUZZ_REQUIRE(data + before == start + len);
}

static inline void
fuzz_check_jsonb(const char *jsonb, size_t len)
{
	FUZZ_REQUIRE(((uintptr_t) jsonb & 7) == 0);
	FUZZ_REQUIRE(VARSIZE(jsonb) == len);
	fuzz_check_container(jsonb + VARHDRSZ, len - VARHDRSZ);
}

#endif							/* DP_TEST_FUZZ_H */
