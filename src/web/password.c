/*-------------------------------------------------------------------------
 *
 * password.c
 *	  Passwords of roles, checked against pg_authid.
 *
 * A SCRAM verifier is made to be slow (4096 rounds, a few milliseconds), and a
 * client sends its password with each request.  So what was right once is
 * remembered: the verifier, and a keyed hash of the password with a key that
 * only this process has.  A changed verifier is another entry, so ALTER ROLE
 * counts at once, and VALID UNTIL is looked at each time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "libpq/crypt.h"
#include "utils/memutils.h"

#include "common/compat.h"
#include "web/auth.h"

/* Roles that are remembered; one more forgets the one used longest ago. */
#define REMEMBERED 64
#define KEY_LEN 32

typedef struct Remembered
{
	char	   *verifier;		/* as in pg_authid; NULL: free */
	char		role[NAMEDATALEN];
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	uint64		used;
} Remembered;

static Remembered remembered[REMEMBERED];
static uint64 clock_hand = 0;
static uint8 key[KEY_LEN];
static bool have_key = false;

/* A hash of key, role and password. */
static void
digest_of(const char *role, const char *password, uint8 *digest)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);

	if (!have_key)
	{
		if (!pg_strong_random(key, sizeof(key)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not get random bytes")));
		have_key = true;
	}
	if (ctx == NULL || pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, key, sizeof(key)) < 0 ||
		pg_cryptohash_update(ctx, (const uint8 *) role, strlen(role) + 1) < 0 ||
		pg_cryptohash_update(ctx, (const uint8 *) password, strlen(password)) < 0 ||
		pg_cryptohash_final(ctx, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a hash")));
	pg_cryptohash_free(ctx);
}

/* The verifier of a role; NULL when it has none, is expired, or is nobody. */
static char *
verifier_of(const char *role)
{
	const char *detail = NULL;

	return get_role_password(role, &detail);
}

bool
dp_password_known(const char *role, const char *password)
{
	char	   *verifier = verifier_of(role);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	if (verifier == NULL)
		return false;
	digest_of(role, password, digest);
	for (int i = 0; i < REMEMBERED; i++)
	{
		Remembered *r = &remembered[i];

		if (r->verifier != NULL && strcmp(r->role, role) == 0 && strcmp(r->verifier, verifier) == 0 &&
			timingsafe_bcmp(r->digest, digest, sizeof(digest)) == 0)
		{
			r->used = ++clock_hand;
			return true;
		}
	}
	return false;
}

static void
remember(const char *role, const char *password, const char *verifier)
{
	Remembered *r = &remembered[0];

	for (int i = 0; i < REMEMBERED; i++)
	{
		if (remembered[i].verifier != NULL && strcmp(remembered[i].role, role) == 0)
		{
			r = &remembered[i];
			break;
		}
		if (remembered[i].used < r->used)
			r = &remembered[i];
	}
	if (r->verifier != NULL)
		pfree(r->verifier);
	r->verifier = NULL;
	digest_of(role, password, r->digest);
	strlcpy(r->role, role, sizeof(r->role));
	r->used = ++clock_hand;
	r->verifier = MemoryContextStrdup(TopMemoryContext, verifier);
}

/* A role that is nobody takes as long as one with a wrong password. */
static const char *
verifier_of_nobody(void)
{
	static char *verifier = NULL;

	if (verifier == NULL)
	{
		char	   *made = encrypt_password(PASSWORD_TYPE_SCRAM_SHA_256, "nobody", "nobody");

		verifier = MemoryContextStrdup(TopMemoryContext, made);
	}
	return verifier;
}

bool
dp_password_verify(const char *role, const char *password)
{
	char	   *verifier = verifier_of(role);
	const char *detail = NULL;
	bool		right;

	right = plain_crypt_verify(role, verifier ? verifier : verifier_of_nobody(),
							   password, &detail) == STATUS_OK && verifier != NULL;
	if (right)
		remember(role, password, verifier);
	return right;
}
