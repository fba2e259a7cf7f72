/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that let users log in: whose they are, by the keys of their issuers or by the
 * issuers' own word. Keys are fetched at the start, when they are an hour old, and when a
 * token names another; while that fails those that are there are good for a day. What cannot
 * be found out is neither yes nor no. The loop never waits, and what waits is bounded. Tokens
 * are wiped after use and stand in no reason. */
#ifndef IMS_DIRECTORY_OAUTH_H
#define IMS_DIRECTORY_OAUTH_H

#include "lib/event/event.h"
#include "lib/os/loop.h"
#include "services/directory/token.h"

enum {
	OAUTH_ISSUERS_MAX = 16,
	OAUTH_WAITING_MAX = 1024,           /* tokens */
	OAUTH_SECRET_MAX = 4096,
	OAUTH_CA_MAX = 1024 * 1024,         /* bytes of a file */
	OAUTH_STALE_MS = 60 * 60 * 1000,    /* age of keys that are fetched again */
	OAUTH_OLD_MS = 24 * 60 * 60 * 1000, /* of those that are good no more */
	OAUTH_AGAIN_MS = 60 * 1000,         /* between fetches for unknown keys */
	OAUTH_RETRY_MS = 5 * 1000,          /* after a fetch that failed */
	OAUTH_KNOWN_MS = 10 * 60 * 1000,    /* for which a good token is remembered, */
	OAUTH_ASKED_MS = 60 * 1000,         /* and one that the issuer was asked about */
};

enum oauth_result { OAUTH_NO, OAUTH_YES, OAUTH_LATER, OAUTH_WAIT };

struct oauth_answer {
	enum oauth_result result;
	const char *reason; /* of no and later */
	struct token_user user;
};

/* The answer to a token that had to wait; once for each. */
typedef void oauth_fn(void *arg, uint64_t id, const struct oauth_answer *answer);

struct oauth;

/* With the first rights: reads files. Whatever is wrong with those is told, and
 * tokens that need them are answered later. NULL: no issuer is configured, or no memory. */
struct oauth *oauth_new(const struct conf *conf, struct event_log *log);
/* Threads, and the first fetch; `log` and `loop` as long as it lives. 0 or -errno. */
int oauth_start(struct oauth *o, struct loop *loop, oauth_fn *fn, void *arg);
void oauth_free(struct oauth *o); /* NULL is fine */
/* Whether all that was read at the start is still right for `conf`, which is taken instead
 * of the old one then; otherwise a fresh process has to read it, and every token is answered
 * later until then. The old one is not used any more in both cases. `o` may be NULL. */
bool oauth_reload(struct oauth *o, const struct conf *conf);
/* Master's record of secrets: name, text, name, text ... False: no memory. */
bool oauth_secrets(struct oauth *o, struct str record);
/* OAUTH_WAIT: the answer comes with that id. */
struct oauth_answer oauth_check(struct oauth *o, uint64_t id, struct str token);

#endif
