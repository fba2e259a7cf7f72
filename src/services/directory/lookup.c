/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an address exists. A database answers at once, others when they can. */
#include <stdlib.h>

#include "services/directory/directory.h"

struct waiting {
	struct pool_ask ask;
	struct link all; /* in directory->lookups */
	struct directory *d;
	struct channel *ch;
	uint64_t query;
};

static void waiting_free(struct waiting *w)
{
	pool_cancel(&w->ask);
	link_remove(&w->all);
	w->d->lookup_count--;
	free(w);
}

static void found(struct channel *ch, uint64_t query, enum answer answer, struct str address,
		  struct str home)
{
	channel_send_found(ch, &(struct msg_found){ .query = query,
						    .result = (uint8_t)answer,
						    .address = address,
						    .home = home });
}

static void found_remote(struct channel *ch, uint64_t query, const struct pool_answer *a)
{
	const struct backend_entry *e = a->entry;
	if (a->result == BACKEND_OK)
		found(ch, query, ANSWER_YES, (struct str){ e->address, e->address_len },
		      (struct str){ e->home, e->home_len });
	else
		found(ch, query, a->result == BACKEND_NONE ? ANSWER_NO : ANSWER_LATER, STR(""),
		      STR(""));
}

static void answered(struct pool_ask *ask, const struct pool_answer *answer)
{
	struct waiting *w = CONTAINER(ask, struct waiting, ask);
	found_remote(w->ch, w->query, answer);
	waiting_free(w);
}

static void ask_remote(struct directory *d, struct remote *r, struct channel *ch,
		       const struct msg_lookup *q)
{
	struct pool_answer now;
	struct waiting *w = d->lookup_count < LOOKUPS_MAX ? calloc(1, sizeof *w) : NULL;
	if (!w) {
		found(ch, q->query, ANSWER_LATER, STR(""), STR(""));
		return;
	}
	*w = (struct waiting){ .ask.done = answered, .d = d, .ch = ch, .query = q->query };
	list_add_tail(&d->lookups, &w->all);
	d->lookup_count++;
	if (!pool_find(r->list, POOL_RECIPIENT, q->address, &w->ask, &now)) return;
	found_remote(ch, q->query, &now);
	waiting_free(w);
}

static void ask_source(struct directory *d, struct channel *ch, const struct msg_lookup *q)
{
	struct directory_entry entry = { 0 };
	enum answer answer =
		source_lookup(d, source_find(d, q->directory), q->address, &entry);
	bool yes = answer == ANSWER_YES;
	found(ch, q->query, answer, yes ? entry.address : STR(""), yes ? entry.home : STR(""));
}

/* Where passwords can be compared and nobody has a list, every address is good: as with
 * `users any`. */
void lookup_ask(struct directory *d, struct channel *ch, const struct msg_lookup *q)
{
	if (aliases_ask(d->aliases, ch, q)) return;
	struct remote *r = remote_find(d, q->directory);
	if (r && r->list) ask_remote(d, r, ch, q);
	else if (r && r->checks && !source_find(d, q->directory))
		found(ch, q->query, ANSWER_YES, q->address,
		      str_of(pool_settings(r->checks)->home));
	else ask_source(d, ch, q);
}

void lookups_forget(struct directory *d, const struct channel *ch)
{
	LIST_EACH(it, &d->lookups) {
		struct waiting *w = CONTAINER(it, struct waiting, all);
		if (!ch || w->ch == ch ||
		    channel_peer_index(w->ch) == channel_peer_index(ch))
			waiting_free(w);
	}
}
