/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings dataplat.web_*.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_WEB_SETTINGS_H
#define DP_WEB_SETTINGS_H

extern char *dp_web_listen;
extern char *dp_web_database;
extern char *dp_web_auth;
extern char *dp_web_anonymous_role;
extern char *dp_web_tls_cert_file;
extern char *dp_web_tls_key_file;
extern bool dp_web_require_tls;
extern int	dp_web_max_connections;
extern int	dp_web_max_connections_per_host;
extern int	dp_web_max_body;		/* kB */
extern int	dp_web_max_header;		/* kB */
extern int	dp_web_request_timeout; /* ms */
extern int	dp_web_idle_timeout;	/* ms */
extern int	dp_web_statement_timeout;	/* ms */
extern int	dp_web_max_login_failures;

extern void dp_web_settings_init(void);

#endif							/* DP_WEB_SETTINGS_H */
