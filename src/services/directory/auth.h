/* SPDX-License-Identifier: Apache-2.0 */
/* Logins: receive carries what clients say, here it is judged. A bounded number at a time,
 * each for a bounded time; passwords are compared on helper threads; failures are counted
 * for the client and the user name, answered later and later, and banned at last
 * (lib/policy/throttle.h). A user who does not exist is treated as one who does: the same
 * questions, the same work, the same answer. Nothing of a password goes into a message
 * back, an event or a file. */
#ifndef IMS_DIRECTORY_AUTH_H
#define IMS_DIRECTORY_AUTH_H

#include "lib/sasl/scram.h"
#include "services/directory/directory.h"

enum {
	AUTH_SESSIONS_MAX = 4096,
	AUTH_SESSION_MS = 60 * 1000,
	AUTH_CHALLENGE_MAX = 2048, /* octets; what receive takes */
	AUTH_THROTTLED_MAX = 65536, /* clients, and user names, that are remembered */
};

/* auth_reply's result. */
enum auth_result {
	AUTH_NO, AUTH_YES, AUTH_LATER, AUTH_CHALLENGE, AUTH_BANNED
};

struct auth *auth_new(struct directory *d); /* with the first rights; NULL: no memory */
int auth_start(struct auth *a);             /* threads and timers; 0 or -errno */
void auth_free(struct auth *a);
/* Takes the new configuration, or master's record of secrets; false: only a fresh process
 * can. */
bool auth_reload(struct auth *a);
bool auth_secrets(struct auth *a, struct str record);

/* The messages of the same names. */
void auth_begin(struct auth *a, struct channel *ch, const struct msg_auth_begin *m);
void auth_step(struct auth *a, struct channel *ch, const struct msg_auth_step *m);
void auth_end(struct auth *a, struct channel *ch, uint64_t query);
/* The receive process of that index has gone, with all its sessions. */
void auth_forget(struct auth *a, unsigned index);

/* auth_user.c: who is meant, and what is known of him. */
struct auth_place {
	struct source *source; /* his directory; NULL: none, or not a database */
	struct remote *remote; /* the same; NULL: none, or not asked through a pool */
	struct str address;    /* with the domain that is not written; in `memory`, or the name */
	char memory[DIRECTORY_ADDRESS_MAX];
};
/* Of `name` as the client said it; lives as long as that and until the next reload. */
void auth_place_find(struct directory *d, struct str name, struct auth_place *place);

struct auth_user {
	enum answer known; /* NO: made up, so that nobody sees it; LATER: the rest is empty */
	bool listed;       /* the user exists, whatever there is of a password */
	char address[DIRECTORY_ADDRESS_MAX]; /* the entry's own */
	size_t address_len;
	char text[DIRECTORY_VERIFIER_MAX + DIRECTORY_SCRAM_MAX];
	struct str verifier; /* crypt(5), never empty; in `text` or constant */
	struct scram_keys keys; /* if a mechanism was given; in `text` */
};
/* Asks a database, if there is one. `mechanism` may be empty: a password will be compared.
 * `secret`: for names of domains that are not served here. */
void auth_user_find(struct directory *d, const struct auth_place *place, struct str mechanism,
		    const char secret[DIRECTORY_SECRET], struct auth_user *user);
/* The same from the answer of a pool. */
void auth_user_set(const struct pool_answer *answer, struct str address, struct str mechanism,
		   const char secret[DIRECTORY_SECRET], struct auth_user *user);

#endif
