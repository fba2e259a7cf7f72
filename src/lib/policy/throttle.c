/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/map.h"

enum { WAYS = 8 };
enum kind { KIND_CLIENT, KIND_ACCOUNT, KIND_KNOWN, KINDS };

struct entry {
	uint64_t key;      /* 0: free */
	int64_t since_ms;  /* of the first failure that counts */
	int64_t last_ms;
	int64_t until_ms;  /* end of the ban, or of what is known */
	uint64_t guess;    /* of the last failure */
	uint32_t failures;
};

struct throttle {
	uint64_t seed;
	size_t sets; /* of each kind; a power of two, each of WAYS entries */
	struct entry *entries[KINDS]; /* who is of one kind does not push out another */
};

struct throttle *throttle_new(size_t max, uint64_t seed)
{
	struct throttle *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	t->seed = seed;
	t->sets = 1;
	while (t->sets * WAYS < max) t->sets *= 2;
	for (size_t kind = 0; kind < KINDS; kind++) {
		t->entries[kind] = calloc(t->sets * WAYS, sizeof *t->entries[kind]);
		if (t->entries[kind]) continue;
		throttle_free(t);
		return NULL;
	}
	return t;
}

void throttle_free(struct throttle *t)
{
	if (!t) return;
	for (size_t kind = 0; kind < KINDS; kind++) free(t->entries[kind]);
	free(t);
}

static uint64_t client_hash(const struct throttle *t, struct ip client)
{
	if (!ip_is_v4(client)) memset(client.octets + 8, 0, 8);
	return ip_hash(client, t->seed);
}

static uint64_t key_of(const struct throttle *t, const struct throttle_who *who,
		       enum kind kind)
{
	uint64_t key = 0;
	if (kind != KIND_ACCOUNT) key ^= hash_u64(client_hash(t, who->client), t->seed + 1);
	if (kind != KIND_CLIENT) key ^= hash_str_nocase(who->account, t->seed + 2);
	return key ? key : 1;
}

static struct entry *set_of(const struct throttle *t, enum kind kind, uint64_t key)
{
	return t->entries[kind] + (key & (t->sets - 1)) * WAYS;
}

static struct entry *find(const struct throttle *t, enum kind kind, uint64_t key)
{
	struct entry *set = set_of(t, kind, key);
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == key) return &set[i];
	return NULL;
}

/* Makes room by forgetting who is not banned and has been quiet for longest; if all are
 * banned, the one whose ban ends first. */
static struct entry *take(struct throttle *t, const struct throttle_who *who,
			  enum kind kind, int64_t now_ms)
{
	uint64_t key = key_of(t, who, kind);
	struct entry *found = find(t, kind, key);
	if (found) return found;
	struct entry *set = set_of(t, kind, key), *worst = NULL;
	bool worst_banned = true;
	for (size_t i = 0; i < WAYS; i++) {
		struct entry *e = &set[i];
		if (!e->key) {
			worst = e;
			break;
		}
		bool banned = e->until_ms > now_ms;
		bool less = banned ? !worst || e->until_ms < worst->until_ms
				   : !worst || e->last_ms < worst->last_ms;
		if (!worst || (worst_banned && !banned) || (banned == worst_banned && less)) {
			worst = e;
			worst_banned = banned;
		}
	}
	*worst = (struct entry){ .key = key, .since_ms = now_ms };
	return worst;
}

static bool holds(const struct throttle *t, const struct throttle_who *who,
		  enum kind kind, int64_t now_ms)
{
	const struct entry *e = find(t, kind, key_of(t, who, kind));
	return e && e->until_ms > now_ms;
}

enum throttle_ban throttle_check(const struct throttle *t, const struct throttle_who *who,
				 int64_t now_ms)
{
	if (holds(t, who, KIND_CLIENT, now_ms)) return THROTTLE_CLIENT;
	if (who->account.len && holds(t, who, KIND_ACCOUNT, now_ms) &&
	    !holds(t, who, KIND_KNOWN, now_ms))
		return THROTTLE_ACCOUNT;
	return THROTTLE_OPEN;
}

/* Counts a failure; whether that began a ban. `*so_far`: at least those in the window. */
static bool count(struct entry *e, const struct throttle_limits *limits, uint64_t guess,
		  int64_t now_ms, uint32_t *so_far)
{
	bool again = guess && guess == e->guess;
	if (now_ms - e->since_ms >= limits->window_ms) {
		e->since_ms = now_ms;
		e->failures = 0;
		again = false;
	}
	e->last_ms = now_ms;
	e->guess = guess;
	if (!again) e->failures++;
	if (e->failures > *so_far) *so_far = e->failures;
	if (!limits->failures || e->failures < limits->failures) return false;
	e->failures = 0;
	e->until_ms = now_ms + limits->ban_ms;
	return true;
}

struct throttle_result throttle_fail(struct throttle *t,
				     const struct throttle_limits *limits,
				     const struct throttle_who *who, uint64_t guess,
				     int64_t now_ms)
{
	struct throttle_result result = { .ban = THROTTLE_OPEN };
	uint32_t so_far = 1;
	if (who->account.len && !holds(t, who, KIND_KNOWN, now_ms) &&
	    count(take(t, who, KIND_ACCOUNT, now_ms), limits, guess, now_ms, &so_far))
		result.ban = THROTTLE_ACCOUNT;
	if (count(take(t, who, KIND_CLIENT, now_ms), limits, guess, now_ms, &so_far))
		result.ban = THROTTLE_CLIENT;
	int64_t times = 1;
	while (--so_far && times < THROTTLE_DELAY_TIMES) times *= 2;
	result.delay_ms = limits->delay_ms * times;
	return result;
}

/* Failures before it stay: an own account would give an attacker as many guesses at
 * others' as he likes. */
void throttle_success(struct throttle *t, const struct throttle_who *who, int64_t now_ms)
{
	if (!who->account.len) return;
	struct entry *e = take(t, who, KIND_KNOWN, now_ms);
	e->last_ms = now_ms;
	e->until_ms = now_ms + THROTTLE_KNOWN_MS;
}
