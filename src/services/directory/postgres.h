/* SPDX-License-Identifier: Apache-2.0 */
/* Users in a PostgreSQL database, found by one prepared query. The address is a parameter
 * of it, never a part of its text. Of the result's columns those called address, home,
 * verifier and scram count, in any order; each may be missing or NULL. No row: no such
 * user; more than one, or a value that is too long or no text: UNSURE. Every call takes as
 * long as the timeout at most, whatever the server does. */
#ifndef IMS_DIRECTORY_POSTGRES_H
#define IMS_DIRECTORY_POSTGRES_H

#include "services/directory/backend.h"

/* Where no query is set: for the tables of docs/directory.md. */
#define POSTGRES_FIND_DEFAULT                                                  \
	"SELECT address, home, verifier, scram FROM users "                    \
	"WHERE address = $1 AND NOT disabled "                                 \
	"UNION SELECT u.address, u.home, u.verifier, u.scram FROM aliases a "  \
	"JOIN users u ON u.address = a.address WHERE a.alias = $1 AND NOT u.disabled"

enum { POSTGRES_CONNINFO_MAX = 1024 };

extern const struct backend backend_postgres;

/* Whether libpq understands the text, and it holds no password, which would be shown with
 * the configuration. `why` says. */
bool postgres_conninfo_check(struct str conninfo, struct buf *why);
/* Calls `fn` for each file and folder that the connection will read: certificates and a
 * key. */
void postgres_paths(struct str conninfo, void (*fn)(void *arg, const char *path),
		    void *arg);

#endif
