/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/notices.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 5 };

struct notice_entry {
	struct notice notice; /* its texts stand in `memory` */
	uint64_t key;
	int64_t due_ms; /* monotonic */
	char memory[TEXTS][NOTICE_TEXT_MAX];
};

static void texts_of(struct notice *n, struct str *at[TEXTS])
{
	struct str *const all[TEXTS] = { &n->helo, &n->user, &n->from, &n->rule, &n->reply };
	for (size_t i = 0; i < TEXTS; i++) at[i] = all[i];
}

/* Copies notice and texts. */
static void entry_set(struct notice_entry *e, const struct notice *n)
{
	struct str *at[TEXTS];
	e->notice = *n;
	texts_of(&e->notice, at);
	for (size_t i = 0; i < TEXTS; i++) {
		struct str text = str_sub(*at[i], 0, NOTICE_TEXT_MAX);
		if (text.len) memcpy(e->memory[i], text.at, text.len);
		*at[i] = (struct str){ e->memory[i], text.len };
	}
}

void notices_init(struct notices *n, uint64_t seed)
{
	*n = (struct notices){ .seed = seed, .due_ms = INT64_MAX };
	map_init(&n->index, NOTICES_MAX + VERDICT_CLASSES, seed);
}

void notices_free(struct notices *n)
{
	for (size_t i = 0; i < n->count; i++) free(n->list[i]);
	free(n->told);
	map_free(&n->index);
	notices_init(n, n->seed);
}

static void entry_remove(struct notices *n, size_t at)
{
	(void)map_take(&n->index, n->list[at]->key);
	free(n->list[at]);
	n->list[at] = n->list[--n->count];
}

/* Too much of a user is his matter, from however many clients it comes. */
static bool is_of_user(const struct notice *refusal)
{
	return (refusal->class == VERDICT_RATE || refusal->class == VERDICT_BASELINE) &&
	       refusal->user.len && !str_eq(refusal->user, STR("-"));
}

static uint64_t key_of(const struct notices *n, struct ip client, enum verdict_class class)
{
	return hash_u64(ip_hash(client, n->seed) + (uint64_t)class, n->seed);
}

/* The entry of that client, or a fresh one; the one of all others when there is no room.
 * Two clients with one key would be told of as one; the seed keeps that from being made. */
static struct notice_entry *entry_get(struct notices *n, const struct notice *refusal,
				      int64_t now_ms)
{
	struct ip nobody = { 0 }, client = refusal->client;
	uint64_t key = key_of(n, client, refusal->class);
	if (is_of_user(refusal))
		key = hash_u64(hash_str_nocase(refusal->user, n->seed) + (uint64_t)refusal->class, n->seed);
	struct notice_entry *e = map_get(&n->index, key);
	if (!e && n->count >= NOTICES_MAX) {
		client = nobody;
		key = key_of(n, client, refusal->class);
		e = map_get(&n->index, key);
	}
	if (e) return e;
	e = calloc(1, sizeof *e);
	if (!e || !map_put(&n->index, key, e)) {
		free(e);
		return NULL;
	}
	assert(n->count < NOTICES_MAX + VERDICT_CLASSES);
	n->list[n->count++] = e;
	e->key = key;
	e->notice.client = client;
	e->due_ms = now_ms;
	if (now_ms < n->due_ms) n->due_ms = now_ms;
	return e;
}

void notices_add(struct notices *n, const struct notice *refusal, int64_t now_ms)
{
	struct notice_entry *e = entry_get(n, refusal, now_ms);
	if (!e) return;
	struct notice now = *refusal;
	if (!is_of_user(refusal) || ip_is_none(e->notice.client)) now.client = e->notice.client;
	now.count = e->notice.count + 1;
	now.first_ms = e->notice.count ? e->notice.first_ms : refusal->last_ms;
	entry_set(e, &now);
}

const struct notice *notices_next(struct notices *n, int64_t now_ms)
{
	if (now_ms < n->due_ms) return NULL;
	if (!n->told) n->told = calloc(1, sizeof *n->told);
	if (!n->told) return NULL; /* another time */
	int64_t due_ms = INT64_MAX;
	for (size_t i = 0; i < n->count;) {
		struct notice_entry *e = n->list[i];
		if (e->due_ms <= now_ms && e->notice.count == 0) {
			entry_remove(n, i); /* an hour of peace: the next is a first one */
			continue;
		}
		if (e->due_ms <= now_ms) {
			entry_set(n->told, &e->notice);
			e->notice.count = 0;
			e->due_ms = now_ms + NOTICES_HOUR_MS;
			return &n->told->notice;
		}
		if (e->due_ms < due_ms) due_ms = e->due_ms;
		i++;
	}
	n->due_ms = due_ms;
	return NULL;
}

struct str notices_advice(enum verdict_class class)
{
	switch (class) {
	case VERDICT_HOMED:
		return STR("What to do: if this sender is to send here, make him a user of this server (imsctl "
			   "user add ADDRESS), or name his home server in submission { servers NAME }. If "
			   "the client is not to send at all, write a host rule with reject for it, or take "
			   "its exemption away. If everybody with the right to send may use any sender, "
			   "write submission { homed off }.");
	case VERDICT_MATCH:
		return STR("What to do: if the user may write under that address, make it an alias of his. If "
			   "you do not know what he is doing, his password may be known to others: imsctl "
			   "user passwd ADDRESS gives him a new one. If users may write under any address, "
			   "write submission { match off }.");
	case VERDICT_RATE:
		return STR("What to do: look at what is held (imsctl queue list state=held). What is good goes on "
			   "with imsctl release, the rest is removed with imsctl drop. If this client may send as "
			   "much, raise the limit, or name its network in except of the block rate.");
	case VERDICT_BASELINE:
		return STR("What to do: ask the user. If it was not him, his password is known to others: imsctl "
			   "user passwd ADDRESS gives him a new one. What is held (imsctl queue list state=held) goes "
			   "on with imsctl release, or is removed with imsctl drop. If he is to send as much, name "
			   "him in baseline { except }.");
	case VERDICT_CLASS_NONE:
	case VERDICT_CLASSES: break;
	}
	return STR("");
}
