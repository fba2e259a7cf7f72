/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded directory: users and aliases in one SQLite file, used by the directory
 * role, which only reads, and by `imsctl user`, which also writes, at the same time
 * (write-ahead log). Addresses are compared without regard to ASCII case. Calls are local
 * and wait for a lock for `busy_ms` at most. */
#ifndef IMS_DIRECTORY_DB_H
#define IMS_DIRECTORY_DB_H

#include <sys/types.h>

#include "lib/base/buf.h"

enum {
	DIRECTORY_ADDRESS_MAX = 320, /* octets of an address */
	DIRECTORY_HOME_MAX = 255,
	DIRECTORY_VERIFIER_MAX = 512,
	DIRECTORY_SCRAM_MAX = 512,
	DIRECTORY_SECRET = 32, /* octets */
	DIRECTORY_SCHEMA = 2, /* PRAGMA user_version */
	DIRECTORY_PATH_MAX = 1024,
	DIRECTORY_NAME_MAX = 240, /* of the file; helpers have longer names */
};

enum directory_result {
	DIRECTORY_OK,
	DIRECTORY_NONE,    /* no such entry */
	DIRECTORY_EXISTS,  /* such an entry is there already, as user or alias */
	DIRECTORY_MISSING, /* there is no database at that path */
	DIRECTORY_BUSY,    /* locked for longer than busy_ms */
	DIRECTORY_DENIED,  /* no right to read or write it */
	DIRECTORY_BROKEN,  /* not a database, damaged, or of a newer version */
	DIRECTORY_FAILED,  /* disk full or I/O error */
};

struct directory_db;

/* A database is reached through an open descriptor of its folder, so that a role that has
 * given up its rights need not be able to walk there. The folder itself must let the
 * owner of the database search it. */

/* Opens the folder that `path` names a file of; made with mode 0700 for `owner` if only
 * the folder itself is missing and `make` is set. A descriptor, or a negative errno. */
int directory_db_folder(struct str path, bool make, uid_t owner, gid_t group);
struct str directory_db_name(struct str path); /* behind the last slash */

/* Makes the empty files of a database that does not exist yet, with mode 0600, and gives
 * them to `owner` where we are root: SQLite's helpers too, so that the owner need not be
 * able to write to the folder. 0 (also if it exists) or a negative errno. */
int directory_db_prepare(int folder, struct str name, uid_t owner, gid_t group);

/* Opens a database; an empty one gets its tables. `folder` is borrowed and must stay open
 * as long as the database. On DIRECTORY_OK *db is the caller's; otherwise it is NULL and
 * `why` (for a log) has a sentence. */
enum directory_result directory_db_open(struct directory_db **db, int folder,
					struct str name, int busy_ms, struct buf *why);
void directory_db_close(struct directory_db *db); /* NULL is fine */
/* Whether the file of that name is no longer the one that is open. */
bool directory_db_is_replaced(const struct directory_db *db);
/* What SQLite said of the last call that did not succeed. */
struct str directory_db_error(const struct directory_db *db);

struct directory_entry {
	struct str address; /* the entry's own, not an alias */
	struct str home;    /* server that the user is homed on */
	int64_t created_s;  /* Unix time */
	bool disabled;
	bool has_password;
};

/* Looks up a recipient: the address itself as a user or an alias, then without its
 * "+detail" (before an unquoted "+" that is not the first character). A disabled user is
 * DIRECTORY_NONE. The entry's strings live until the next call on `db`. */
enum directory_result directory_db_lookup(struct directory_db *db, struct str address,
					  struct directory_entry *entry);

/* What a user who logs in is compared with. */
struct directory_login {
	struct str address;  /* the entry's own */
	struct str verifier; /* crypt(5); empty: none */
	struct str scram;    /* lib/sasl/scram.h; empty: none */
};

/* Looks up who may log in by this name: users alone, no aliases, no "+detail"; a disabled
 * one is DIRECTORY_NONE. The strings live until the next call on `db`. */
enum directory_result directory_db_login(struct directory_db *db, struct str address,
					 struct directory_login *login);
/* Random octets that belong to this database and stay the same: what is made up for users
 * who do not exist is made from them. */
enum directory_result directory_db_secret(struct directory_db *db,
					  char secret[DIRECTORY_SECRET]);

/* --- administration --------------------------------------------------------------------
 */

/* Of `secrets` copies are stored; NULL: no password. */
struct directory_secrets {
	struct str verifier; /* a crypt(5) hash */
	struct str scram;    /* lib/sasl/scram.h; empty: SCRAM is not possible */
};
enum directory_result directory_db_add(struct directory_db *db, struct str address,
				       struct str home,
				       const struct directory_secrets *secrets,
				       int64_t now_s);
enum directory_result directory_db_set_secrets(struct directory_db *db,
					       struct str address,
					       const struct directory_secrets *secrets);
/* Its aliases go with it. */
enum directory_result directory_db_remove(struct directory_db *db, struct str address);
/* Calls `fn` for every user, in the order of addresses. */
enum directory_result
directory_db_each(struct directory_db *db,
		  void (*fn)(void *arg, const struct directory_entry *entry), void *arg);

#endif
