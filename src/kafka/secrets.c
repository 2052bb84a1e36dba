/*-------------------------------------------------------------------------
 *
 * secrets.c
 *	  Secrets kept outside the database, and kept out of the log.
 *
 * A user mapping may say password_ref 'file:NAME' instead of a password, so
 * that no dump of the database holds it.  The name is looked up in a directory
 * that only the administrator sets; it cannot be a path.
 *
 * A statement that fails is written to the server log with its text, and a
 * CREATE USER MAPPING has the password in its text.  A log hook therefore
 * leaves out a statement that may hold a secret.  Its words are all there is
 * to go by when it fails before a validator sees it (no such server, a syntax
 * error).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/fd.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "kafka/options.h"
#include "kafka/secrets.h"

/* The largest is a private key with its certificate chain. */
#define MAX_SECRET (16 * 1024)

static char *secrets_directory = NULL;
static emit_log_hook_type previous_log_hook = NULL;

static bool
check_secrets_directory(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || is_absolute_path(*newval))
		return true;
	GUC_check_errdetail("The directory must be an absolute path.");
	return false;
}

bool
dp_secret_ref_is_valid(const char *ref)
{
	const char *name;

	if (strncmp(ref, "file:", 5) == 0)
		name = ref + 5;
	else if (strncmp(ref, "env:", 4) == 0)
		name = ref + 4;
	else
		return false;
	return *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
						   "0123456789_-") == strlen(name);
}

static void
refuse_secret(const char *ref, const char *why, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("could not read secret \"%s\": %s", ref, why),
			 errhint("%s", hint)));
}

/* Open the file of a secret, after looking at who else could read it. */
static int
open_secret(const char *ref, const char *path)
{
	/* Non-blocking: a FIFO in the directory must not hold up the worker. */
	int			fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		refuse_secret(ref, strerror(errno),
					  "Put the file into the directory that dataplat.secrets_directory names, readable by the server.");
	if (fstat(fd, &st) != 0)
		refuse_secret(ref, strerror(errno), "Check the file.");
	if (!S_ISREG(st.st_mode))
		refuse_secret(ref, "not a file", "Put the secret into a plain file.");
	if (st.st_mode & S_IRWXO)
		refuse_secret(ref, "the file is open to everyone",
					  "Take away the rights of others: chmod o= on the file.");
	if (st.st_size > MAX_SECRET)
		refuse_secret(ref, "the file is too large",
					  psprintf("A secret has at most %d bytes.", MAX_SECRET));
	return fd;
}

static char *
read_secret_file(const char *ref, const char *name)
{
	char	   *path;
	char	   *secret = palloc(MAX_SECRET + 1);
	ssize_t		len = 0;
	ssize_t		got;
	int			fd;

	if (!secrets_directory || !*secrets_directory)
		refuse_secret(ref, "dataplat.secrets_directory is not set",
					  "A superuser sets it with ALTER SYSTEM SET dataplat.secrets_directory.");
	path = psprintf("%s/%s", secrets_directory, name);
	fd = open_secret(ref, path);
	while ((got = read(fd, secret + len, MAX_SECRET - len)) > 0)
		len += got;
	if (got < 0)
		refuse_secret(ref, strerror(errno), "Check the file.");
	CloseTransientFile(fd);
	secret[len] = '\0';
	if (strlen(secret) != len)
		refuse_secret(ref, "the file has a NUL byte", "Put the secret into the file as text.");
	return secret;
}

char *
dp_secret_resolve(const char *ref)
{
	char	   *secret;
	size_t		len;

	/* A catalog row may be older than the rule: look again. */
	if (!dp_secret_ref_is_valid(ref))
		refuse_secret("password_ref", "not a valid reference", "Give 'file:NAME' or 'env:NAME'.");

	if (ref[0] == 'f')
		secret = read_secret_file(ref, ref + strlen("file:"));
	else
	{
		const char *value = getenv(ref + strlen("env:"));

		if (!value || strlen(value) > MAX_SECRET)
			refuse_secret(ref, value ? "the value is too large" : "not in the server's environment",
						  "Set the variable where the server is started, and restart it.");
		secret = pstrdup(value);
	}

	len = strlen(secret);
	if (len && secret[len - 1] == '\n')
		secret[--len] = '\0';
	if (len && secret[len - 1] == '\r')
		secret[--len] = '\0';
	if (!len)
		refuse_secret(ref, "it is empty", "Put the password there.");
	return secret;
}

/* strcasestr without the locale. */
static bool
mentions(const char *text, const char *word)
{
	size_t		len = strlen(word);

	for (; *text; text++)
		if (pg_strncasecmp(text, word, len) == 0)
			return true;
	return false;
}

/*
 * May the text hold a secret?  Options of user mappings do, whatever their
 * name is, as it may be misspelt; those of a server do when somebody takes it
 * for a user mapping.
 */
static bool
may_hold_secret(const char *text)
{
	static const char *const suspicious[] = {"pass", "secret", "token", "private key", "@"};
	const DpOption *option;
	int			i;

	for (option = dp_kafka_options; option->name; option++)
		if (option->secret && mentions(text, option->name))
			return true;
	if (!mentions(text, "options"))
		return false;
	if (mentions(text, "mapping"))
		return true;
	if (!mentions(text, "server"))
		return false;
	for (i = 0; i < lengthof(suspicious); i++)
		if (mentions(text, suspicious[i]))
			return true;
	return false;
}

/*
 * Leave statements with secrets out of the log: as the STATEMENT of an error,
 * and as the line that log_statement or log_min_duration_statement writes.
 * XXX elog.c promises nothing about changes of a message in this hook; it has
 * let them through in all releases from 15 to 18.
 */
static void
hide_secrets(ErrorData *edata)
{
	if (debug_query_string && !edata->hide_stmt &&
		may_hold_secret(debug_query_string))
		edata->hide_stmt = true;
	/* the same for statements that a function made */
	if (edata->context && may_hold_secret(edata->context))
		edata->hide_ctx = true;
	if (edata->internalquery && may_hold_secret(edata->internalquery))
		edata->internalquery = NULL;
	if (edata->elevel == LOG && edata->message &&
		(strncmp(edata->message, "statement: ", 11) == 0 ||
		 strncmp(edata->message, "execute ", 8) == 0 ||
		 strncmp(edata->message, "duration: ", 10) == 0) &&
		may_hold_secret(edata->message))
	{
		/* errfinish frees the message, so it must be a palloc'd one */
		edata->message = MemoryContextStrdup(ErrorContext,
											 "statement that may hold a secret is not shown");
		edata->detail_log = NULL;
	}
	if (previous_log_hook)
		previous_log_hook(edata);
}

void
dp_secrets_init(void)
{
	DefineCustomStringVariable("dataplat.secrets_directory",
							   "Directory of the files that password_ref 'file:NAME' reads.",
							   "Empty: no such reference can be read.",
							   &secrets_directory, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_secrets_directory, NULL, NULL);
	previous_log_hook = emit_log_hook;
	emit_log_hook = hide_secrets;
}
