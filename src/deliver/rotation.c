/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several hosts of a list comes first: those that answered lately. What is known of
 * them is this process's own; spool gives mail of one destination to one process. */
#include "deliver/deliver.h"

enum { PROBE_MS = 60 * 1000 }; /* of LMTP servers */

uint64_t rotation_key(const struct deliver *d, const struct job_hop *hop)
{
	uint64_t key = hash_u64((uint64_t)hop->mx << 16 | hop->port, hash_str_nocase(hop->host, d->seed));
	return key ? key : 1;
}

static bool has_several(const struct job *job)
{
	return job->to.kind != JOB_TO_MX && job->to.hop_count > 1;
}

static int64_t probe_ms(const struct job *job)
{
	const struct conf_route *r = conf_route_find(job->d->frame->conf, job->route);
	return r && job->to.kind == JOB_TO_HOSTS ? r->probe_ms : PROBE_MS;
}

static enum health_state ask(const struct job *job, const struct job_hop *hop)
{
	struct deliver *d = job->d;
	return health_ask(&d->health, rotation_key(d, hop), loop_now_ms(d->frame->loop));
}

void rotation_order(struct job *job)
{
	struct deliver *d = job->d;
	struct job_hop down[JOB_HOPS_MAX];
	uint8_t up_count = 0, down_count = 0;
	if (!has_several(job)) return;
	for (uint8_t i = 0; i < job->to.hop_count; i++) {
		struct job_hop hop = job->to.hops[i];
		enum health_state state = ask(job, &hop);
		if (state == HEALTH_DUE && up_count == 0)
			health_probe(&d->health, rotation_key(d, &hop), probe_ms(job),
				     loop_now_ms(d->frame->loop));
		if (state == HEALTH_DOWN) down[down_count++] = hop;
		else job->to.hops[up_count++] = hop;
	}
	for (uint8_t i = 0; i < down_count; i++) job->to.hops[up_count + i] = down[i];
}

/* Where it would go if it had to be connected now. */
static const struct job_hop *first_of(const struct job *job)
{
	for (uint8_t i = 0; i < job->to.hop_count; i++)
		if (ask(job, &job->to.hops[i]) != HEALTH_DOWN) return &job->to.hops[i];
	return &job->to.hops[0];
}

bool rotation_fits(const struct connection *c, const struct job *job)
{
	if (!job->to.spread || !has_several(job)) return true;
	return c->targets[c->target].hop == rotation_key(c->d, first_of(job));
}

static void tell(const struct job *job, enum health_change change, const struct job_hop *hop,
		 struct str why)
{
	struct deliver *d = job->d;
	const struct health_host *host = health_find(&d->health, rotation_key(d, hop));
	switch (change) {
	case HEALTH_SAME: break;
	case HEALTH_WENT_DOWN: tell_hop_down(job, hop, host, why); break;
	case HEALTH_CAME_UP: tell_hop_up(job, hop); break;
	}
}

void rotation_heard(const struct job *job, const struct job_hop *hop, bool good, struct str why)
{
	struct deliver *d = job->d;
	if (!has_several(job)) return;
	tell(job, health_heard(&d->health, rotation_key(d, hop), good, probe_ms(job),
			       loop_now_ms(d->frame->loop)), hop, why);
}

void rotation_tell(struct deliver *d, struct channel *ch, const struct msg_ask_hop *m)
{
	struct job_hop hop = { .host = m->host, .port = m->port, .mx = m->mx != 0 };
	int64_t now_ms = loop_now_ms(d->frame->loop);
	const struct health_host *host = health_find(&d->health, rotation_key(d, &hop));
	bool down = health_ask(&d->health, rotation_key(d, &hop), now_ms) == HEALTH_DOWN;
	channel_send_hop(ch, &(struct msg_hop){ .query = m->query, .failures = host ? host->failures : 0, .down = down,
		.until_ms = down ? (uint64_t)(loop_wall_ms(d->frame->loop) + host->until_ms - now_ms) : 0 });
}

/* An address of a host is not the host: its last one decides, if each had all its time. */
static bool has_more(const struct connection *c)
{
	for (uint32_t i = 0; i < c->target_count; i++)
		if (c->targets[i].hop == c->targets[c->target].hop && (i > c->target || c->targets[i].cut))
			return true;
	return false;
}

/* What the socket's target was found for; NULL: the job's list does not have it. */
static const struct job_hop *hop_of(const struct connection *c)
{
	const struct job_target *to = &c->job->to;
	for (uint8_t i = 0; to->kind != JOB_TO_MX && i < to->hop_count; i++)
		if (rotation_key(c->d, &to->hops[i]) == c->targets[c->target].hop) return &to->hops[i];
	return NULL;
}

struct str rotation_domain(const struct connection *c)
{
	const struct job_hop *hop = hop_of(c);
	return hop && hop->mx ? hop->host : STR("");
}

static void heard(const struct connection *c, bool good, struct str why)
{
	const struct job_hop *hop = hop_of(c);
	if (hop) rotation_heard(c->job, hop, good, why);
}

void rotation_reached(const struct connection *c)
{
	if (has_several(c->job)) heard(c, true, STR(""));
}

void rotation_left(const struct connection *c, const struct smtp_attempt_end *end)
{
	bool bad = end->how == SMTP_ATTEMPT_NOT_CONNECTED ||
		   (end->how == SMTP_ATTEMPT_CLOSED && !c->sending);
	/* What one message demands says nothing of the host's health, nor do our own addresses. */
	if (bad && !end->lacking && !c->unasked && has_several(c->job) && !has_more(c)) heard(c, false, end->cause->text);
}
