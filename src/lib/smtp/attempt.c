/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/attempt.h"

#include <assert.h>

enum { TEXTS_MEMORY = 512 * 1024 }; /* behind it texts are empty */

static struct str keep_text(struct smtp_attempt *a, struct str text)
{
	text = str_sub(text, 0, SMTP_REPLY_TEXT_MAX);
	if (!str_eq(text, a->last_text)) a->last_text = arena_str(&a->texts, text);
	return a->last_text;
}

static struct smtp_outcome keep(struct smtp_attempt *a,
				const struct smtp_outcome *outcome)
{
	struct smtp_outcome kept = *outcome;
	kept.text = keep_text(a, outcome->text);
	return kept;
}

static bool has_answer(const struct smtp_outcome *o)
{
	return o->state == SMTP_RCPT_TEMPORARY || o->state == SMTP_RCPT_PERMANENT;
}

/* Of two answers that are not final, the one to be told in the end: TEMPORARY before
 * host-scoped PERMANENT, then what was said about the recipient before what only
 * happened to the session, then the later one. */
static bool is_better(const struct smtp_outcome *later,
		      const struct smtp_outcome *earlier)
{
	if (!has_answer(earlier)) return true;
	if (later->state != earlier->state) return later->state == SMTP_RCPT_TEMPORARY;
	return !later->session || earlier->session;
}

static void keep_best(struct smtp_attempt_rcpt *rcpt, const struct smtp_outcome *later)
{
	if (!rcpt->final && is_better(later, &rcpt->kept)) rcpt->kept = *later;
}

void smtp_attempt_heard(struct smtp_attempt *a, uint32_t i,
			const struct smtp_outcome *outcome)
{
	assert(i < a->rcpt_count && !a->stopped && outcome->state != SMTP_RCPT_OPEN);
	struct smtp_attempt_rcpt *rcpt = &a->rcpts[i];
	if (rcpt->final) return;
	rcpt->now = keep(a, outcome);
	if (outcome->state == SMTP_RCPT_NOT_TRIED) return;
	if (!outcome->session) a->progress = a->served = true;
	rcpt->final = outcome->state == SMTP_RCPT_SENT || outcome->in_doubt ||
		      (outcome->state == SMTP_RCPT_PERMANENT && !outcome->host_scoped);
}

static bool wants_sending(const struct smtp_attempt_rcpt *rcpt)
{
	return !rcpt->final && (rcpt->now.state == SMTP_RCPT_OPEN ||
				rcpt->now.state == SMTP_RCPT_NOT_TRIED);
}

static bool any_wants_sending(const struct smtp_attempt *a)
{
	for (uint32_t i = 0; i < a->rcpt_count; i++)
		if (wants_sending(&a->rcpts[i])) return true;
	return false;
}

static enum smtp_attempt_action stop(struct smtp_attempt *a)
{
	a->stopped = true;
	for (uint32_t i = 0; i < a->rcpt_count; i++) {
		struct smtp_attempt_rcpt *rcpt = &a->rcpts[i];
		if (!rcpt->final) rcpt->now = rcpt->kept;
		rcpt->final = true;
		assert(rcpt->now.state == SMTP_RCPT_SENT || has_answer(&rcpt->now));
	}
	return SMTP_ATTEMPT_STOP;
}

/* Those that had no answer of their own at this address get `cause`. */
static void leave_target(struct smtp_attempt *a, const struct smtp_outcome *cause)
{
	for (uint32_t i = 0; i < a->rcpt_count; i++) {
		struct smtp_attempt_rcpt *rcpt = &a->rcpts[i];
		bool own = !rcpt->final && has_answer(&rcpt->now);
		rcpt->left = (struct smtp_outcome){ .state = SMTP_RCPT_OPEN };
		if (own && !rcpt->now.session) rcpt->left = rcpt->now;
		keep_best(rcpt, own ? &rcpt->now : cause);
	}
}

/* Nothing but this host's lack of something stands against any of them: its other
 * addresses have no more to offer. */
static bool host_is_out(const struct smtp_attempt *a)
{
	for (uint32_t i = 0; i < a->rcpt_count; i++)
		if (!a->rcpts[i].final && !a->rcpts[i].now.host_scoped) return false;
	return true;
}

static bool all_final(const struct smtp_attempt *a)
{
	for (uint32_t i = 0; i < a->rcpt_count; i++)
		if (!a->rcpts[i].final) return false;
	return true;
}

static uint32_t address_of(const struct smtp_attempt *a, uint32_t target)
{
	return a->same ? a->same[target] : target;
}

static bool is_used(const struct smtp_attempt *a, uint32_t target)
{
	return a->used >> address_of(a, target) & 1;
}

/* The address would say the same under any name, but where the name is what failed. */
static void note_used(struct smtp_attempt *a, const struct smtp_attempt_end *end)
{
	bool by_name = end->how == SMTP_ATTEMPT_CLOSED
			       ? end->end == SMTP_END_TLS_FAILED
			       : end->how == SMTP_ATTEMPT_NOT_CONNECTED &&
					 end->cause->step != SMTP_STEP_CONNECT;
	if (!by_name) a->used |= UINT32_C(1) << address_of(a, a->target);
}

static enum smtp_attempt_action next_target(struct smtp_attempt *a)
{
	uint32_t host = a->hosts[a->target];
	bool out = host_is_out(a);
	if (all_final(a)) return stop(a);
	do a->target++;
	while (a->target < a->target_count &&
	       ((out && a->hosts[a->target] == host) || is_used(a, a->target)));
	if (a->target >= a->target_count) return stop(a);
	for (uint32_t i = 0; i < a->rcpt_count; i++)
		if (!a->rcpts[i].final)
			a->rcpts[i].now =
				(struct smtp_outcome){ .state = SMTP_RCPT_OPEN };
	a->helo = a->clear = a->resent = a->progress = a->served = false;
	a->connections = 1;
	return a->hosts[a->target] == host ? SMTP_ATTEMPT_NEXT_ADDRESS
					   : SMTP_ATTEMPT_NEXT_HOST;
}

/* The peer ended a connection whose last use was long ago: whoever only shared its fate
 * is sent again. */
static void forget_session(struct smtp_attempt *a)
{
	for (uint32_t i = 0; i < a->rcpt_count; i++)
		if (!a->rcpts[i].final && a->rcpts[i].now.session)
			a->rcpts[i].now =
				(struct smtp_outcome){ .state = SMTP_RCPT_OPEN };
}

/* What becomes of those who had no answer of their own when the host was given up. */
static struct smtp_outcome cause_of(struct smtp_attempt *a, const struct smtp_attempt_end *end)
{
	struct smtp_outcome cause = keep(a, end->cause);
	cause.state = end->lacking ? SMTP_RCPT_PERMANENT : SMTP_RCPT_TEMPORARY;
	cause.enhanced[0] = end->lacking ? '5' : '4';
	cause.host_scoped = end->lacking;
	cause.session = true;
	return cause;
}

static enum smtp_attempt_action closed(struct smtp_attempt *a,
				       const struct smtp_attempt_end *end)
{
	if (end->end == SMTP_END_EHLO_FAILED && !a->helo) {
		a->helo = true;
		return SMTP_ATTEMPT_WITH_HELO;
	}
	if (end->end == SMTP_END_TLS_FAILED && end->may_clear && !a->clear) {
		a->clear = true;
		return SMTP_ATTEMPT_WITHOUT_TLS;
	}
	/* A peer that ends each connection after one mail is stale every time; as long as
	 * that one mail served somebody it goes on. */
	bool stale = end->stale && (!a->resent || a->served);
	if (stale) {
		a->resent = true;
		forget_session(a);
	}
	/* The peer serves only so much on one connection, and this one did serve. */
	enum smtp_step step = end->cause->step;
	bool limited = a->progress && (step == SMTP_STEP_IDLE || step == SMTP_STEP_RSET ||
				       step == SMTP_STEP_QUIT);
	if ((stale || limited) && any_wants_sending(a) &&
	    a->connections < SMTP_ATTEMPT_CONNECTIONS_MAX) {
		a->connections++;
		a->progress = a->served = false;
		return SMTP_ATTEMPT_RESEND;
	}
	struct smtp_outcome cause = cause_of(a, end);
	cause.in_doubt = false;
	leave_target(a, &cause);
	return next_target(a);
}

/* Between two transactions on a good connection. */
static enum smtp_attempt_action done(struct smtp_attempt *a)
{
	static const struct smtp_outcome no_progress = {
		.text = STR_INIT("the host takes no recipient of the message"),
		.state = SMTP_RCPT_TEMPORARY, .step = SMTP_STEP_RCPT, .enhanced = "4.5.3",
		.session = true,
	};
	if (a->progress && any_wants_sending(a)) {
		a->progress = false;
		return SMTP_ATTEMPT_SEND;
	}
	leave_target(a, &no_progress);
	return next_target(a);
}

void smtp_attempt_init(struct smtp_attempt *a, const uint32_t *hosts,
		       const uint32_t *same, uint32_t target_count, struct smtp_attempt_rcpt *rcpts,
		       uint32_t rcpt_count)
{
	static const struct smtp_outcome nowhere = {
		.text = STR_INIT("there is no host to send to"),
		.state = SMTP_RCPT_TEMPORARY, .step = SMTP_STEP_CONNECT,
		.enhanced = "4.4.4", .session = true,
	};
	*a = (struct smtp_attempt){ .hosts = hosts, .same = same, .rcpts = rcpts,
				    .rcpt_count = rcpt_count, .connections = 1 };
	a->target_count = target_count < SMTP_ATTEMPT_TARGETS_MAX
				? target_count : SMTP_ATTEMPT_TARGETS_MAX;
	arena_init(&a->texts, TEXTS_MEMORY);
	for (uint32_t i = 0; i < rcpt_count; i++)
		rcpts[i] = (struct smtp_attempt_rcpt){ .final = false };
	if (target_count) return;
	leave_target(a, &nowhere);
	(void)stop(a);
}

void smtp_attempt_free(struct smtp_attempt *a)
{
	arena_free(&a->texts);
}

enum smtp_attempt_action smtp_attempt_next(struct smtp_attempt *a,
					   const struct smtp_attempt_end *end)
{
	if (a->stopped) return SMTP_ATTEMPT_STOP;
	note_used(a, end);
	switch (end->how) {
	case SMTP_ATTEMPT_DONE: return done(a);
	case SMTP_ATTEMPT_CLOSED: return closed(a, end);
	case SMTP_ATTEMPT_NOT_CONNECTED: break;
	case SMTP_ATTEMPT_NO_SOCKET: break;
	}
	struct smtp_outcome cause = cause_of(a, end);
	leave_target(a, &cause);
	return end->how == SMTP_ATTEMPT_NO_SOCKET ? stop(a) : next_target(a);
}
