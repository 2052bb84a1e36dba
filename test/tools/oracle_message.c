/*-------------------------------------------------------------------------
 *
 * oracle_message.c
 *	  Message i of partition p: the same bytes for the same seed.
 *
 * A good message carries sha = SHA-256 of the text "seed:p:i", and padding cut
 * from that hash, so that SQL can recompute all of it.  A malformed one
 * cannot be asked who it is; its key and a header are run:p:i, and the sha in the
 * manifest is that of its bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "oracle.h"

/* Padding of 20 to 64 bytes makes messages of about 160 to 220 bytes. */
#define PAD_MIN 20
#define PAD_SPAN 45

/*
 * Ways to be malformed.  The "%" is the place of a good message's members;
 * each line must be refused by jsonb_in.
 */
static const struct
{
	const char *format;
	size_t		len;
}			malformed[] = {
#define TEXT(s) {s, sizeof(s) - 1}
	TEXT("{%,\"cut\":\"in the mid"),	/* truncated */
	TEXT("{%,\"text\":\"caf\xc3\x28 \xff\"}"),	/* not UTF-8 */
	TEXT("{%,\"nul\":\"a\\u0000b\"}"),
	TEXT("{%,\"surrogate\":\"\\ud800x\"}"),
	TEXT("{%,\"trailing\":1,}"),
	TEXT(""),					/* empty, not a tombstone */
	TEXT("{%,\"number\":NaN}"),
	TEXT("{%} {}"),				/* two documents */
	TEXT("{%,\"control\":\"a\tb\"}"),
	TEXT("{%,\"raw nul\":\"a\0b\"}"),
	TEXT("{%,\"big\":1e200000}"),
	TEXT("plain text, not JSON at all"),
#undef TEXT
};

/* The bytes of a message, into buf of ORACLE_MAX_VALUE; sets its sha. */
size_t
dp_oracle_value(const DpOracleConfig *config, DpOracleMessage *m, bool aborted, char *buf)
{
	char		members[ORACLE_MAX_VALUE];
	char		id[128];
	size_t		len = 0;
	size_t		k,
				f;
	int			n;
	unsigned	first_byte = 0;
	const char *format;

	n = snprintf(id, sizeof(id), "%" PRId64 ":%d:%" PRId64, config->seed, m->p, m->i);
	dp_sha256_hex(id, n, m->sha);
	sscanf(m->sha, "%2x", &first_byte);
	n = snprintf(members, sizeof(members),
				 "\"run\":\"%s\",\"seed\":%" PRId64 ",\"p\":%d,\"i\":%" PRId64 ",\"sha\":\"%s\",\"pad\":\"%.*s\"%s",
				 config->run, config->seed, m->p, m->i, m->sha,
				 (int) (PAD_MIN + first_byte % PAD_SPAN), m->sha, aborted ? ",\"aborted\":true" : "");
	if (!m->malformed)
		return snprintf(buf, ORACLE_MAX_VALUE, "{%s}", members);

	k = m->i % lengthof(malformed);
	format = malformed[k].format;
	for (f = 0; f < malformed[k].len; f++)
	{
		if (format[f] == '%')
		{
			memcpy(buf + len, members, n);
			len += n;
		}
		else
			buf[len++] = format[f];
	}
	dp_sha256_hex(buf, len, m->sha);
	return len;
}

/* The key; zero when it has none (keys are never empty). */
size_t
dp_oracle_key(const DpOracleConfig *config, const DpOracleMessage *m, char *buf, size_t size)
{
	DpRandom	r;

	if (m->malformed)
		return snprintf(buf, size, "%s:%d:%" PRId64, config->run, m->p, m->i);
	if (config->keys == 0)
		return 0;
	dp_random_seed(&r, config->seed + m->p, m->i);
	return snprintf(buf, size, "key-%" PRId64, dp_random_below(&r, config->keys));
}

/* For qsort and bsearch: by partition and number. */
int
dp_oracle_compare(const void *a, const void *b)
{
	const DpOracleMessage *x = a,
			   *y = b;

	if (x->p != y->p)
		return x->p < y->p ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}
