/* SPDX-License-Identifier: Apache-2.0 */
/* What a directory has to be able to do that is asked in other ways than a local database:
 * a server in the network, a file, a program. Its functions may block: they run on helper
 * threads (pool.h), never on the role's loop. */
#ifndef IMS_DIRECTORY_BACKEND_H
#define IMS_DIRECTORY_BACKEND_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"

enum backend_result {
	BACKEND_OK,
	BACKEND_NONE,   /* no such user */
	BACKEND_WRONG,  /* the password, or he may not log in; `why` may say more */
	BACKEND_DOWN,   /* cannot tell: slow, refused, damaged; `why` says it. The directory
			 * is left alone for a while */
	BACKEND_UNSURE, /* cannot tell of this address alone (two entries match, an entry is
			 * damaged); `why` says it. Others are asked on */
};

enum { BACKEND_WHY_MAX = 256 };

/* Filled in by find and verify; nothing to free. What is longer than its place is
 * BACKEND_UNSURE, never cut. */
struct backend_entry {
	char address[320];  /* the entry's own; empty: the one that was asked for */
	char home[256];     /* empty: the directory's home */
	char verifier[512]; /* crypt(5); empty: none */
	char scram[512];    /* lib/sasl/scram.h; empty: none */
	size_t address_len, home_len, verifier_len, scram_len;
	bool checks;        /* passwords are compared by `verify`, there is no verifier */
};

struct conf;
struct conf_directory;

/* A copy of what the configuration says, with texts that end with NUL and live in
 * `memory`; nothing points into the configuration. What is not set is "" (never NULL). */
struct backend_settings {
	const char *directory; /* name of the block */
	const char *home;      /* server that users are homed on of whom nothing else is said */
	const char *hostname;
	int64_t timeout_ms;    /* what one call may take, from its start to its end */
	int64_t cache_ms;      /* how long an answer is remembered */
	unsigned connections;  /* at one time */
	const char *secret;    /* its text, never to be logged */
	size_t secret_len;
	const char *path;      /* file */
	int folder;            /* of it, opened with the first rights; or -errno */
	struct {
		const char *urls[8];
		size_t url_count;
		const char *base, *bind, *filter, *address, *aliases, *home, *certificates;
		bool starttls, active_directory;
	} ldap;
	struct {
		const char *conninfo, *find;
	} postgres;
	struct {
		const char *auth, *userdb; /* sockets; empty: not used */
	} dovecot;
	struct {
		const char *service, *folder;
		bool local; /* it knows users by their local parts */
	} pam;
	struct arena memory;
};

struct backend {
	const char *name; /* the word of the configuration: ldap, file, ... */
	/* With the first rights, once for each directory, on the loop before any thread runs:
	 * what must be loaded, opened or named to the sandbox (lib/os/sandbox.h) for the rest
	 * to work without them. NULL: nothing. False: told as an error, and the rest is
	 * tried all the same. */
	bool (*prepare)(const struct backend_settings *c, struct buf *why);
	/* A connection is used by one thread at a time. NULL: down. One that answers DOWN is
	 * closed; if it had served before, a new one is tried at once. */
	void *(*open)(const struct backend_settings *c, struct buf *why);
	/* With OK and NONE `why` is a notice for the administrator, empty for none.
	 * `address`: in lower case, at most 320 octets of whatever the client said. NULL:
	 * cannot say whether a user exists. */
	enum backend_result (*find)(void *conn, struct str address,
				    struct backend_entry *entry, struct buf *why);
	/* NULL: compares no passwords. The password is never empty and holds no NUL, and is at
	 * most 511 octets. For a user who does not exist it takes as long as for one who does,
	 * and says BACKEND_NONE. */
	enum backend_result (*verify)(void *conn, struct str address, struct str password,
				      struct backend_entry *entry, struct buf *why);
	void (*close)(void *conn);
	bool unlistable; /* `find` is NULL */
	bool single;     /* one connection is enough, whatever the configuration says */
};

/* Copies a text into a place of an entry; false if it is too long or holds control
 * characters. */
bool backend_put(char *place, size_t size, size_t *len, struct str text);
#define BACKEND_PUT(entry, field, text) \
	backend_put((entry)->field, sizeof(entry)->field, &(entry)->field##_len, (text))

/* kinds.c: which one a block of a directory means. NULL: none. */
const struct backend *backend_lists(const struct conf_directory *c);
const struct backend *backend_checks(const struct conf_directory *c); /* may be the same */
/* NULL: no memory. */
struct backend_settings *backend_settings_new(const struct conf *conf,
					      const struct conf_directory *c);
bool backend_settings_secret(struct backend_settings *c, struct str text); /* false: no memory */
void backend_settings_free(struct backend_settings *c); /* wipes the secret; NULL is fine */

#endif
