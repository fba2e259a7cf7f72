/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a backend on helper threads, so that one that is slow, hangs or lies costs nobody but
 * those who ask it: a bounded number of questions waits; each is answered in time, if need
 * be by "later", whatever its thread does; equal questions are asked once; answers are
 * remembered (recent.h); a directory that cannot be asked is left alone for a while
 * (breaker.h). What an entry says is checked before anybody sees it. */
#ifndef IMS_DIRECTORY_POOL_H
#define IMS_DIRECTORY_POOL_H

#include "lib/base/list.h"
#include "lib/os/loop.h"
#include "services/directory/backend.h"

enum {
	POOL_THREADS_MAX = 16,
	POOL_WAITING_MAX = 256, /* questions that no thread has taken yet */
	POOL_ADDRESS_MAX = 320,
	POOL_PASSWORD_MAX = 511,
};

struct pool;
struct pool_ask;

/* `entry` and `why` live until the function returns; the entry is there with OK alone,
 * and then its address and home are good. */
struct pool_answer {
	enum backend_result result;
	const struct backend_entry *entry;
	struct str why;
};

typedef void pool_fn(struct pool_ask *ask, const struct pool_answer *answer);

/* Who waits: a part of a struct of the caller's. All zero before it is used. */
struct pool_ask {
	struct link link;
	pool_fn *done;
};

/* What the administrator is to know, told on the loop. */
enum pool_news {
	POOL_DOWN,   /* it cannot be asked */
	POOL_BACK,   /* it can again */
	POOL_UNSURE, /* of one user it said what cannot be used */
	POOL_NOTICE, /* it answers, and there is something to say about it */
};
typedef void pool_news_fn(void *arg, const struct backend_settings *c, enum pool_news news,
			  struct str why);

/* Starts no thread yet. The settings are the pool's from now on, also when it fails. NULL:
 * no memory or descriptors. */
struct pool *pool_new(struct loop *loop, const struct backend *backend,
		      struct backend_settings *settings, pool_news_fn *news, void *arg);
/* Answers all that wait with DOWN. Never waits for a thread: one that hangs keeps what it
 * uses until it comes back, or the process ends. NULL is fine. */
void pool_free(struct pool *p);
const struct backend *pool_backend(const struct pool *p);
const struct backend_settings *pool_settings(const struct pool *p);
/* Before the first question. False: it has been asked, or no memory. */
bool pool_secret(struct pool *p, struct str secret);

enum pool_find {
	POOL_RECIPIENT, /* also without its "+detail"; may be answered from memory */
	POOL_LOGIN,     /* exactly this one, with what there is of a password */
};

/* True: `now` is the answer. False: `ask->done` is called later, once, on the loop. */
bool pool_find(struct pool *p, enum pool_find how, struct str address, struct pool_ask *ask,
	       struct pool_answer *now);
bool pool_verify(struct pool *p, struct str address, struct str password,
		 struct pool_ask *ask, struct pool_answer *now);
/* What is remembered of a user, without asking: true if he exists. */
bool pool_recall(const struct pool *p, struct str address, struct backend_entry *entry);
/* It is not to be called any more; fine if it waits for nothing. */
void pool_cancel(struct pool_ask *ask);

#endif
