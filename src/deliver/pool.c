/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets which connection. Jobs of one destination wait in line; a connection that has
 * done its job takes the next of them at once. New connections are made at the end of the
 * turn, as far as the limits allow. */
#include <stdlib.h>
#include <string.h>

#include "deliver/deliver.h"

void pool_due(struct destination *dest)
{
	struct deliver *d = dest->d;
	if (!link_is_in(&dest->due)) list_add_tail(&d->due, &dest->due);
	loop_at_turn_end(d->frame->loop, &d->turn);
}

struct destination *destination_get(struct deliver *d, struct str key)
{
	uint64_t hash = hash_str(key, d->seed);
	struct destination *dest;
	for (; (dest = map_get(&d->destinations, hash)); hash++)
		if (str_eq((struct str){ dest->key, dest->key_len }, key)) return dest;
	dest = calloc(1, sizeof *dest + key.len);
	if (!dest || !map_put(&d->destinations, hash, dest)) {
		free(dest);
		return NULL;
	}
	dest->d = d;
	dest->hash = hash;
	dest->key_len = key.len;
	if (key.len) memcpy(dest->key, key.at, key.len);
	list_init(&dest->waiting);
	list_init(&dest->idle);
	return dest;
}

void pool_add(struct job *job)
{
	list_add_tail(&job->dest->waiting, &job->waiting);
	pool_due(job->dest);
}

static struct job *first_of(const struct destination *dest)
{
	return list_empty(&dest->waiting) ? NULL
					  : CONTAINER(dest->waiting.next, struct job, waiting);
}

/* It leads where the job goes, from the address by which that leaves. */
static bool fits(const struct connection *c, const struct job *job)
{
	return job->egress.key == c->egress && rotation_fits(c, job);
}

static struct job *first_for(const struct connection *c)
{
	LIST_EACH(it, &c->dest->waiting)
	{
		struct job *job = CONTAINER(it, struct job, waiting);
		if (fits(c, job)) return job;
	}
	return NULL;
}

bool pool_is_outdated(const struct connection *c)
{
	const struct job *job = first_for(c);
	return job && encrypt_policy(c->d, job) != c->policy;
}

struct job *pool_next(struct connection *c)
{
	struct job *job = first_for(c);
	if (job) link_remove(&job->waiting);
	/* Those that want to go elsewhere may have its place. */
	else if (!list_empty(&c->dest->waiting)) pool_due(c->dest);
	return job;
}

void pool_come(struct destination *dest)
{
	dest->connections++;
	dest->d->connection_count++;
	tell_pooled(dest);
}

static uint64_t connections_max(const struct destination *dest)
{
	if (dest->connections_max) return dest->connections_max;
	return (uint64_t)dest->d->frame->conf->limit.connections.per_destination;
}

bool pool_is_over(const struct destination *dest)
{
	return dest->connections > connections_max(dest);
}

void pool_gone(struct destination *dest)
{
	struct deliver *d = dest->d;
	dest->connections--;
	d->connection_count--;
	tell_pooled(dest);
	pool_due(dest);
	struct link *next = list_take(&d->starved);
	if (next) pool_due(CONTAINER(next, struct destination, starved));
}

/* Room for one more connection; an idle one of somebody else has to make it. */
static bool room_make(struct deliver *d)
{
	int64_t max = d->frame->conf->limit.connections.out;
	if (max > DELIVER_CONNECTIONS_MAX) max = DELIVER_CONNECTIONS_MAX;
	if ((int64_t)d->connection_count < max) return true;
	if (list_empty(&d->idle)) return false;
	connection_quit(CONTAINER(d->idle.next, struct connection, idle_all));
	return (int64_t)d->connection_count < max;
}

/* The idle connection that was used last of those that fit. */
static struct connection *idle_for(const struct job *job)
{
	struct link *idle = &job->dest->idle;
	for (struct link *it = idle->prev; it != idle; it = it->prev) {
		struct connection *c = CONTAINER(it, struct connection, idle);
		if (fits(c, job)) return c;
	}
	return NULL;
}

static bool is_full(const struct destination *dest)
{
	return dest->connections >= connections_max(dest);
}

static bool destination_may_grow(struct destination *dest)
{
	struct deliver *d = dest->d;
	if (is_full(dest)) return false;
	if (room_make(d)) return true;
	list_add_tail(&d->starved, &dest->starved);
	return false;
}

/* The line of these jobs has gone: nobody was asked about them. */
static void refuse_turned(struct destination *dest)
{
	while (!list_empty(&dest->waiting)) {
		struct job *job = first_of(dest);
		job_rest(job, JOB_UNTRIED, STR("4.4.2"), STR("the connection that was turned is over"));
		job_end(job);
	}
}

static void destination_serve(struct destination *dest)
{
	link_remove(&dest->starved);
	if (!list_empty(&dest->waiting) && first_of(dest)->turned && !dest->connections &&
	    !turned_is_there(dest->d, first_of(dest)->key))
		refuse_turned(dest);
	while (!list_empty(&dest->waiting)) {
		struct connection *last = idle_for(first_of(dest));
		if (last && pool_is_outdated(last)) {
			connection_quit(last);
			continue;
		}
		/* A site has counted the idle one: it makes room. */
		bool counted = is_full(dest) || first_of(dest)->site.len > 0;
		if (!last && token_is_awaited(dest->d, first_of(dest))) break;
		if (!last && counted && !list_empty(&dest->idle)) {
			connection_quit(CONTAINER(dest->idle.next, struct connection, idle));
			continue;
		}
		if (!last && !destination_may_grow(dest)) break;
		struct job *job =
			CONTAINER(list_take(&dest->waiting), struct job, waiting);
		if (last) {
			connection_reuse(last, job);
		} else if (!connection_new(dest, job)) {
			job_rest(job, JOB_DEFERRED, STR("4.3.0"), STR("out of memory"));
			job_end(job);
		}
	}
	if (!list_empty(&dest->waiting) || dest->connections) return;
	link_remove(&dest->due); /* its last connection may have put it there again */
	(void)map_take(&dest->d->destinations, dest->hash);
	free(dest);
}

void pool_turn(void *arg)
{
	struct deliver *d = arg;
	for (struct link *it; (it = list_take(&d->due));)
		destination_serve(CONTAINER(it, struct destination, due));
}
