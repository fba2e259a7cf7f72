/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that speak with libldap share. */
#ifndef IMS_DIRECTORY_LDAPDIR_PARTS_H
#define IMS_DIRECTORY_LDAPDIR_PARTS_H

#include <ldap.h>
#include <sys/time.h>

#include "services/directory/ldapdir.h"

struct ldapdir_conn {
	const struct backend_settings *settings;
	LDAP *search; /* bound as the one who looks for users */
	LDAP *user;   /* for binds as users, which change who a connection is; NULL: not yet */
	const char *url; /* of the server that answered */
};

/* ldapdir_connect.c */
int64_t ldapdir_clock_ms(void);
struct timeval ldapdir_time_left(int64_t until_ms); /* never 0, which would be for ever */
/* To this URL, encrypted as the settings say. NULL: `why`. */
LDAP *ldapdir_connect(const struct backend_settings *c, const char *url, int64_t until_ms,
		   struct buf *why);
void ldapdir_disconnect(LDAP *ld); /* NULL is fine */

struct ldapdir_bound {
	int code;   /* LDAP_... of the result, or of why there is none */
	int policy; /* error of the password policy, or -1 */
	char text[256];
};
/* A simple bind. An empty password is never sent: servers say yes to it (RFC 4513 5.1.2). */
struct ldapdir_bound ldapdir_simple_bind_by(LDAP *ld, const char *dn, struct str password,
				      int64_t until_ms);
/* The server's words of the last error. */
void ldapdir_words(LDAP *ld, char *text, size_t size);

#endif
