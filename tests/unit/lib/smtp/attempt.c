/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/smtp/attempt.h"

enum { RCPTS = 2, STEPS_MAX = 100 };

/* What one recipient can get from a session. */
enum answer { SKIP, SENT, NOT_TRIED, TEMP, PERM, HOST, SESSION, DOUBT };

/* One way in which a session can go. */
struct ending {
	const char *name;
	enum smtp_attempt_how how;
	enum smtp_client_end end;
	enum smtp_step step;
	enum answer answers[RCPTS];
	bool stale;
};

#define DONE   SMTP_ATTEMPT_DONE, SMTP_END_NONE, SMTP_STEP_IDLE
#define CLOSED SMTP_ATTEMPT_CLOSED

static const struct ending endings[] = {
	{ "both sent", DONE, { SENT, SENT }, false },
	{ "connection refused", SMTP_ATTEMPT_NOT_CONNECTED, SMTP_END_NONE,
	  SMTP_STEP_CONNECT, { SKIP, SKIP }, false },
	{ "no socket", SMTP_ATTEMPT_NO_SOCKET, SMTP_END_NONE, SMTP_STEP_CONNECT,
	  { SKIP, SKIP }, false },
	{ "554 at the greeting", CLOSED, SMTP_END_REFUSED, SMTP_STEP_BANNER,
	  { SKIP, SKIP }, false },
	{ "EHLO failed", CLOSED, SMTP_END_EHLO_FAILED, SMTP_STEP_EHLO,
	  { SKIP, SKIP }, false },
	{ "lost at MAIL", CLOSED, SMTP_END_LOST, SMTP_STEP_MAIL,
	  { SESSION, SESSION }, false },
	{ "lost at MAIL, stale", CLOSED, SMTP_END_LOST, SMTP_STEP_MAIL,
	  { SESSION, SESSION }, true },
	{ "421 at RCPT, one refused, stale", CLOSED, SMTP_END_SHUT, SMTP_STEP_RCPT,
	  { PERM, SESSION }, true },
	{ "in doubt", CLOSED, SMTP_END_TIMEOUT, SMTP_STEP_END, { DOUBT, DOUBT }, false },
	{ "one refused, one in doubt", CLOSED, SMTP_END_LOST, SMTP_STEP_END,
	  { TEMP, DOUBT }, false },
	{ "one sent, one refused", DONE, { SENT, PERM }, false },
	{ "both 4xx", DONE, { TEMP, TEMP }, false },
	{ "the host can not", DONE, { HOST, HOST }, false },
	{ "one 4xx, one the host can not", DONE, { TEMP, HOST }, false },
	{ "one sent, one left", DONE, { SENT, NOT_TRIED }, false },
	{ "both left", DONE, { NOT_TRIED, NOT_TRIED }, false },
	{ "one 4xx, one left, then QUIT", CLOSED, SMTP_END_QUIT, SMTP_STEP_QUIT,
	  { TEMP, NOT_TRIED }, false },
	{ "one sent, one left, then lost", CLOSED, SMTP_END_LOST, SMTP_STEP_IDLE,
	  { SENT, NOT_TRIED }, false },
};
enum { ENDINGS = sizeof endings / sizeof *endings };

static const struct {
	enum smtp_rcpt_state state;
	uint16_t code;
	const char *status;
} kinds[] = {
	[SENT] = { SMTP_RCPT_SENT, 250, "2.0.0" },
	[NOT_TRIED] = { SMTP_RCPT_NOT_TRIED, 452, "4.5.3" },
	[TEMP] = { SMTP_RCPT_TEMPORARY, 451, "4.3.0" },
	[PERM] = { SMTP_RCPT_PERMANENT, 550, "5.1.1" },
	[HOST] = { SMTP_RCPT_PERMANENT, 0, "5.6.7" },
	[SESSION] = { SMTP_RCPT_TEMPORARY, 0, "4.4.2" },
	[DOUBT] = { SMTP_RCPT_TEMPORARY, 0, "4.4.2" },
};

/* What each recipient has seen in one run. */
struct seen {
	bool sent, perm, doubt, temp, host;
};

struct run {
	struct smtp_attempt attempt;
	struct smtp_attempt_rcpt rcpts[RCPTS];
	struct seen seen[RCPTS];
	enum smtp_attempt_action last;
	unsigned sessions[SMTP_ATTEMPT_TARGETS_MAX];
	bool no_socket;
};

static struct smtp_outcome outcome_of(enum answer answer, enum smtp_step step)
{
	struct smtp_outcome o = { .text = STR("said"), .state = kinds[answer].state,
				  .code = kinds[answer].code, .step = step,
				  .host_scoped = answer == HOST,
				  .session = answer == SESSION || answer == DOUBT,
				  .in_doubt = answer == DOUBT };
	(void)str_to_cstr(str_of(kinds[answer].status), o.enhanced, sizeof o.enhanced);
	return o;
}

static bool wants(const struct smtp_attempt_rcpt *rcpt)
{
	return rcpt->now.state == SMTP_RCPT_OPEN ||
	       rcpt->now.state == SMTP_RCPT_NOT_TRIED;
}

static void hear(struct run *r, uint32_t i, enum answer answer, enum smtp_step step)
{
	struct seen *seen = &r->seen[i];
	if (answer == SKIP || !wants(&r->rcpts[i])) return;
	/* Nobody is tried again after what is final. */
	assert_false(seen->sent || seen->perm || seen->doubt);
	struct smtp_outcome o = outcome_of(answer, step);
	smtp_attempt_heard(&r->attempt, i, &o);
	seen->sent |= answer == SENT;
	seen->perm |= answer == PERM;
	seen->doubt |= answer == DOUBT;
	seen->temp |= answer == TEMP || answer == SESSION || answer == DOUBT;
	seen->host |= answer == HOST;
}

/* What the address that is left said of a recipient itself can be told. */
static void check_left(const struct run *r, const struct ending *e, const bool *wanted)
{
	bool left = r->last == SMTP_ATTEMPT_NEXT_ADDRESS ||
		    r->last == SMTP_ATTEMPT_NEXT_HOST || r->last == SMTP_ATTEMPT_STOP;
	for (uint32_t i = 0; left && i < RCPTS; i++) {
		bool own = wanted[i] && (e->answers[i] == TEMP || e->answers[i] == HOST);
		enum smtp_rcpt_state want = !own ? SMTP_RCPT_OPEN : kinds[e->answers[i]].state;
		/* An earlier transaction with this address may have had the answer. */
		if (own || wanted[i]) assert_int_equal(r->rcpts[i].left.state, want);
		if (r->rcpts[i].left.state != SMTP_RCPT_OPEN)
			assert_false(r->rcpts[i].left.session);
	}
}

/* Lets the session go that way; what comes next. */
static enum smtp_attempt_action go(struct run *r, const struct ending *e)
{
	struct smtp_outcome cause = outcome_of(SESSION, e->step);
	struct smtp_attempt_end end = { .how = e->how, .end = e->end, .stale = e->stale,
					.cause = &cause };
	uint32_t target = r->attempt.target;
	bool temp[RCPTS] = { r->seen[0].temp, r->seen[1].temp };
	bool wanted[RCPTS] = { wants(&r->rcpts[0]), wants(&r->rcpts[1]) };
	for (uint32_t i = 0; i < RCPTS; i++) hear(r, i, e->answers[i], e->step);
	r->no_socket |= e->how == SMTP_ATTEMPT_NO_SOCKET;
	r->sessions[target]++;
	r->last = smtp_attempt_next(&r->attempt, &end);
	/* The same address gets another chance to say what it thinks. */
	bool again = e->stale && r->last == SMTP_ATTEMPT_RESEND;
	for (uint32_t i = 0; again && i < RCPTS; i++) r->seen[i].temp = temp[i];
	/* Whoever was not answered at all shares the fate of the session. */
	if (e->how != SMTP_ATTEMPT_DONE && r->last != SMTP_ATTEMPT_WITH_HELO && !again)
		for (uint32_t i = 0; i < RCPTS; i++)
			r->seen[i].temp |= wanted[i] && e->answers[i] == SKIP;
	check_left(r, e, wanted);
	bool moves = r->last == SMTP_ATTEMPT_NEXT_ADDRESS ||
		     r->last == SMTP_ATTEMPT_NEXT_HOST;
	if (moves)
		assert_true(r->attempt.target > target && !r->attempt.helo);
	else if (r->last != SMTP_ATTEMPT_STOP)
		assert_int_equal(r->attempt.target, target);
	return r->last;
}

static void begin(struct run *r, const uint32_t *hosts, uint32_t count)
{
	*r = (struct run){ .no_socket = false };
	smtp_attempt_init(&r->attempt, hosts, NULL, count, r->rcpts, RCPTS);
}

/* The outcome that has to follow from what was seen. */
static void check(const struct run *r)
{
	for (uint32_t i = 0; i < RCPTS; i++) {
		const struct seen *seen = &r->seen[i];
		const struct smtp_outcome *o = &r->rcpts[i].now;
		assert_true(o->text.len > 0);
		if (o->state == SMTP_RCPT_PERMANENT) {
			assert_int_equal(o->enhanced[0], '5');
			assert_true(seen->perm || (seen->host && !seen->temp));
		} else if (o->state == SMTP_RCPT_TEMPORARY) {
			assert_int_equal(o->enhanced[0], '4');
			assert_false(seen->perm || seen->sent);
		} else {
			assert_true(o->state == SMTP_RCPT_SENT && seen->sent);
		}
		assert_int_equal(o->in_doubt, seen->doubt);
	}
}

/* Counts through all sequences of endings that an attempt can meet. */
static size_t enumerate(const uint32_t *hosts, uint32_t count)
{
	static struct run r;
	unsigned choice[STEPS_MAX] = { 0 }, depth;
	size_t runs = 0;
	do {
		begin(&r, hosts, count);
		depth = 0;
		do {
			assert_true(depth < STEPS_MAX);
		} while (go(&r, &endings[choice[depth++]]) != SMTP_ATTEMPT_STOP);
		check(&r);
		for (uint32_t i = 0; i < count; i++) assert_true(r.sessions[i] <= 6);
		smtp_attempt_free(&r.attempt);
		runs++;
		while (depth > 0 && ++choice[depth - 1] == ENDINGS) choice[--depth] = 0;
	} while (depth > 0);
	return runs;
}

static void all_sequences(void **state)
{
	(void)state;
	static const uint32_t one[] = { 0 }, two[] = { 0, 0 }, both[] = { 0, 1 };
	print_message("%zu\n", enumerate(one, 1));
	print_message("%zu\n", enumerate(two, 2));
	print_message("%zu\n", enumerate(both, 2));
}

/* Three addresses, with the endings that do not multiply connections. */
static void three_addresses(void **state)
{
	(void)state;
	static const uint32_t lists[][3] = { { 0, 1, 2 }, { 0, 0, 1 }, { 0, 1, 1 },
					     { 0, 0, 0 } };
	static struct run r;
	for (size_t list = 0; list < 4; list++)
		for (size_t n = 0; n < (size_t)ENDINGS * ENDINGS * ENDINGS * 2; n++) {
			size_t rest = n / 2, steps = 0;
			bool helo = n % 2; /* EHLO fails everywhere */
			begin(&r, lists[list], 3);
			for (bool stopped = false; !stopped; steps++) {
				assert_true(steps < STEPS_MAX);
				if (helo && !r.attempt.helo) {
					assert_int_equal(go(&r, &endings[4]),
							 SMTP_ATTEMPT_WITH_HELO);
					continue;
				}
				stopped = go(&r, &endings[rest % ENDINGS]) ==
					  SMTP_ATTEMPT_STOP;
				rest /= ENDINGS;
			}
			check(&r);
			smtp_attempt_free(&r.attempt);
		}
}

#define IS(action) SMTP_ATTEMPT_##action

/* Numbers of endings, and what each leads to; the first one that stops is the last. */
static const struct {
	const char *name;
	uint32_t hosts[3];
	struct { unsigned ending; enum smtp_attempt_action want; } steps[8];
	enum smtp_rcpt_state want[RCPTS];
} rows[] = {
#define T SMTP_RCPT_TEMPORARY
#define P SMTP_RCPT_PERMANENT
#define S SMTP_RCPT_SENT
	{ "sent at once", { 0, 1, 2 }, { { 0, IS(STOP) } }, { S, S } },
	{ "nobody there", { 0, 0, 1 },
	  { { 1, IS(NEXT_ADDRESS) }, { 1, IS(NEXT_HOST) }, { 1, IS(STOP) } }, { T, T } },
	{ "no socket here", { 0, 1, 2 }, { { 2, IS(STOP) } }, { T, T } },
	{ "a 5xx greeting is only temporary", { 0, 1, 2 },
	  { { 3, IS(NEXT_HOST) }, { 3, IS(NEXT_HOST) }, { 3, IS(STOP) } }, { T, T } },
	{ "Q197142: HELO after EHLO failed", { 0, 1, 2 },
	  { { 4, IS(WITH_HELO) }, { 0, IS(STOP) } }, { S, S } },
	{ "HELO, then the next host", { 0, 1, 2 },
	  { { 4, IS(WITH_HELO) }, { 5, IS(NEXT_HOST) }, { 4, IS(WITH_HELO) },
	    { 4, IS(NEXT_HOST) }, { 0, IS(STOP) } }, { S, S } },
	{ "a stale connection, once", { 0, 1, 2 },
	  { { 6, IS(RESEND) }, { 6, IS(NEXT_HOST) }, { 6, IS(RESEND) }, { 0, IS(STOP) } },
	  { S, S } },
	{ "what was refused stays so on the fresh connection", { 0, 1, 2 },
	  { { 7, IS(RESEND) }, { 0, IS(STOP) } }, { P, S } },
	{ "in doubt: nowhere else", { 0, 1, 2 }, { { 8, IS(STOP) } }, { T, T } },
	{ "in doubt: nowhere else, but the other one", { 0, 1, 2 },
	  { { 9, IS(NEXT_HOST) }, { 0, IS(STOP) } }, { S, T } },
	{ "5xx for one is final", { 0, 1, 2 }, { { 10, IS(STOP) } }, { S, P } },
	{ "4xx goes on to the backup", { 0, 1, 2 },
	  { { 11, IS(NEXT_HOST) }, { 1, IS(NEXT_HOST) }, { 10, IS(STOP) } }, { S, P } },
	{ "4xx everywhere", { 0, 1, 2 },
	  { { 11, IS(NEXT_HOST) }, { 11, IS(NEXT_HOST) }, { 11, IS(STOP) } }, { T, T } },
	{ "no host can", { 0, 0, 1 },
	  { { 12, IS(NEXT_HOST) }, { 12, IS(STOP) } }, { P, P } },
	{ "one host can not, one is away", { 0, 1, 1 },
	  { { 12, IS(NEXT_HOST) }, { 1, IS(NEXT_ADDRESS) }, { 1, IS(STOP) } }, { T, T } },
	{ "one is away, the others can not", { 0, 1, 2 },
	  { { 1, IS(NEXT_HOST) }, { 12, IS(NEXT_HOST) }, { 12, IS(STOP) } }, { T, T } },
	{ "the rest on the same connection", { 0, 1, 2 },
	  { { 14, IS(SEND) }, { 10, IS(STOP) } }, { S, P } },
	{ "no progress", { 0, 1, 2 },
	  { { 15, IS(NEXT_HOST) }, { 14, IS(SEND) }, { 15, IS(NEXT_HOST) },
	    { 0, IS(STOP) } }, { S, S } },
	{ "the rest on a new connection", { 0, 1, 2 },
	  { { 17, IS(RESEND) }, { 10, IS(STOP) } }, { S, P } },
	{ "QUIT by the peer's limit", { 0, 1, 2 },
	  { { 16, IS(RESEND) }, { 10, IS(NEXT_HOST) }, { 0, IS(STOP) } }, { S, P } },
};

static void table(void **state)
{
	(void)state;
	static struct run r;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("%s\n", rows[i].name);
		begin(&r, rows[i].hosts, 3);
		for (size_t n = 0; r.last != SMTP_ATTEMPT_STOP; n++) {
			assert_true(n < 8);
			assert_int_equal(go(&r, &endings[rows[i].steps[n].ending]),
					 rows[i].steps[n].want);
		}
		for (uint32_t n = 0; n < RCPTS; n++)
			assert_int_equal(r.rcpts[n].now.state, rows[i].want[n]);
		check(&r);
		smtp_attempt_free(&r.attempt);
	}
}

/* TLS that fails: once more in the clear where that is allowed, else the next address. */
static void without_tls(void **state)
{
	(void)state;
	static const uint32_t hosts[] = { 0, 0, 1 };
	static const struct {
		bool may_clear;
		enum smtp_attempt_action want;
	} steps[] = {
		{ true, SMTP_ATTEMPT_WITHOUT_TLS }, { true, SMTP_ATTEMPT_NEXT_ADDRESS },
		{ false, SMTP_ATTEMPT_NEXT_HOST },  { true, SMTP_ATTEMPT_WITHOUT_TLS },
		{ false, SMTP_ATTEMPT_STOP },
	};
	static struct run r;
	begin(&r, hosts, 3);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct smtp_outcome cause = outcome_of(SESSION, SMTP_STEP_TLS);
		struct smtp_attempt_end end = { .how = CLOSED, .end = SMTP_END_TLS_FAILED,
						.may_clear = steps[i].may_clear,
						.cause = &cause };
		assert_int_equal(smtp_attempt_next(&r.attempt, &end), steps[i].want);
		if (steps[i].want != SMTP_ATTEMPT_STOP)
			assert_int_equal(r.attempt.clear,
					 steps[i].want == SMTP_ATTEMPT_WITHOUT_TLS);
	}
	for (uint32_t i = 0; i < RCPTS; i++)
		assert_int_equal(r.rcpts[i].now.state, SMTP_RCPT_TEMPORARY);
	smtp_attempt_free(&r.attempt);
}

/* What every host lacks is permanent; one that only failed may do better another time. */
static void what_hosts_lack(void **state)
{
	static const struct {
		bool lacking[2];
		enum smtp_rcpt_state want;
		const char *enhanced;
	} cases[] = {
		{ { true, true }, SMTP_RCPT_PERMANENT, "5" },
		{ { true, false }, SMTP_RCPT_TEMPORARY, "4" },
		{ { false, true }, SMTP_RCPT_TEMPORARY, "4" },
	};
	static const uint32_t hosts[] = { 0, 1 };
	static const enum smtp_attempt_how hows[] = { CLOSED, SMTP_ATTEMPT_NOT_CONNECTED };
	(void)state;
	for (size_t n = 0; n < 2 * sizeof cases / sizeof *cases; n++) {
		static struct run r;
		const size_t i = n / 2;
		begin(&r, hosts, 2);
		for (size_t h = 0; h < 2; h++) {
			struct smtp_outcome cause = outcome_of(SESSION, SMTP_STEP_TLS);
			struct smtp_attempt_end end = { .how = hows[n % 2], .end = SMTP_END_TLS_FAILED,
							.lacking = cases[i].lacking[h], .cause = &cause };
			assert_int_equal(smtp_attempt_next(&r.attempt, &end),
					 h ? SMTP_ATTEMPT_STOP : SMTP_ATTEMPT_NEXT_HOST);
		}
		for (uint32_t k = 0; k < RCPTS; k++) {
			assert_int_equal(r.rcpts[k].now.state, cases[i].want);
			assert_true(r.rcpts[k].now.enhanced[0] == cases[i].enhanced[0]);
			assert_true(r.rcpts[k].final && r.rcpts[k].now.session);
		}
		smtp_attempt_free(&r.attempt);
	}
}

/* Addresses that stand there under several names: each is asked once, but for one that
 * did not get over TLS, which belongs to the name. */
static void same_addresses(void **state)
{
	static const struct {
		const char *name;
		uint32_t hosts[4], same[4];
		struct { struct smtp_attempt_end end; uint32_t target; } steps[5];
	} cases[] = {
#define REFUSED { .how = SMTP_ATTEMPT_NOT_CONNECTED }
#define BUSY    { .how = CLOSED, .end = SMTP_END_SHUT }
#define NO_TLS  { .how = CLOSED, .end = SMTP_END_TLS_FAILED }
#define OVER    UINT32_MAX
		{ "all differ", { 0, 1, 2, 3 }, { 0, 1, 2, 3 },
		  { { REFUSED, 1 }, { BUSY, 2 }, { NO_TLS, 3 }, { BUSY, OVER } } },
		{ "one address", { 0, 1, 2, 3 }, { 0, 0, 0, 0 }, { { REFUSED, OVER } } },
		{ "one in between", { 0, 1, 2, 3 }, { 0, 1, 0, 3 },
		  { { BUSY, 1 }, { BUSY, 3 }, { BUSY, OVER } } },
		{ "two and two", { 0, 0, 1, 1 }, { 0, 1, 0, 1 },
		  { { REFUSED, 1 }, { REFUSED, OVER } } },
		{ "TLS failed under one name", { 0, 1, 2, 3 }, { 0, 1, 0, 0 },
		  { { NO_TLS, 1 }, { BUSY, 2 }, { NO_TLS, 3 }, { NO_TLS, OVER } } },
		{ "and under the other it did not", { 0, 1, 2, 3 }, { 0, 0, 0, 3 },
		  { { NO_TLS, 1 }, { BUSY, 3 }, { BUSY, OVER } } },
	};
	(void)state;
	static struct run r;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		print_message("%s\n", cases[i].name);
		smtp_attempt_init(&r.attempt, cases[i].hosts, cases[i].same, 4, r.rcpts,
				  RCPTS);
		for (size_t n = 0; n < 5; n++) {
			struct smtp_outcome cause = outcome_of(SESSION, SMTP_STEP_CONNECT);
			struct smtp_attempt_end end = cases[i].steps[n].end;
			end.cause = &cause;
			enum smtp_attempt_action next = smtp_attempt_next(&r.attempt, &end);
			if (cases[i].steps[n].target == OVER) {
				assert_int_equal(next, SMTP_ATTEMPT_STOP);
				break;
			}
			assert_int_equal(r.attempt.target, cases[i].steps[n].target);
		}
		assert_true(r.attempt.stopped);
		smtp_attempt_free(&r.attempt);
	}
}

/* What may not be used under this name was not asked. */
static void same_address_not_asked(void **state)
{
	static const uint32_t hosts[] = { 0, 1 }, same[] = { 0, 0 };
	(void)state;
	static struct run r;
	smtp_attempt_init(&r.attempt, hosts, same, 2, r.rcpts, RCPTS);
	struct smtp_outcome cause = outcome_of(SESSION, SMTP_STEP_TLS);
	struct smtp_attempt_end end = { .how = SMTP_ATTEMPT_NOT_CONNECTED, .cause = &cause };
	assert_int_equal(smtp_attempt_next(&r.attempt, &end), SMTP_ATTEMPT_NEXT_HOST);
	assert_int_equal(smtp_attempt_next(&r.attempt, &end), SMTP_ATTEMPT_STOP);
	smtp_attempt_free(&r.attempt);
}

static void no_hosts(void **state)
{
	(void)state;
	static struct run r;
	struct smtp_attempt_end end = { .how = SMTP_ATTEMPT_DONE };
	begin(&r, NULL, 0);
	assert_int_equal(smtp_attempt_next(&r.attempt, &end), SMTP_ATTEMPT_STOP);
	check(&r);
	assert_string_equal(r.rcpts[1].now.enhanced, "4.4.4");
	smtp_attempt_free(&r.attempt);
}

static void more_addresses_than_are_tried(void **state)
{
	(void)state;
	static struct run r;
	uint32_t hosts[50];
	unsigned sessions = 1;
	for (uint32_t i = 0; i < 50; i++) hosts[i] = i;
	begin(&r, hosts, 50);
	while (go(&r, &endings[1]) != SMTP_ATTEMPT_STOP) sessions++;
	assert_int_equal(sessions, SMTP_ATTEMPT_TARGETS_MAX);
	smtp_attempt_free(&r.attempt);
}

/* A host that takes one recipient with each connection gets only so many of them. */
static void connections_max(void **state)
{
	(void)state;
	enum { MANY = 50 };
	static const uint32_t hosts[] = { 0 };
	static struct smtp_attempt_rcpt rcpts[MANY];
	struct smtp_attempt a;
	struct smtp_outcome cause = outcome_of(SESSION, SMTP_STEP_QUIT);
	struct smtp_attempt_end end = { .how = CLOSED, .end = SMTP_END_QUIT,
					.cause = &cause };
	uint32_t sent = 0;
	smtp_attempt_init(&a, hosts, NULL, 1, rcpts, MANY);
	do {
		for (uint32_t i = sent; i < MANY; i++) {
			struct smtp_outcome o = outcome_of(i == sent ? SENT : NOT_TRIED,
							   SMTP_STEP_RCPT);
			smtp_attempt_heard(&a, i, &o);
		}
		sent++;
	} while (smtp_attempt_next(&a, &end) == SMTP_ATTEMPT_RESEND);
	assert_int_equal(sent, SMTP_ATTEMPT_CONNECTIONS_MAX);
	assert_int_equal(rcpts[sent - 1].now.state, SMTP_RCPT_SENT);
	assert_int_equal(rcpts[sent].now.state, SMTP_RCPT_TEMPORARY);
	smtp_attempt_free(&a);
}

/* The text of a connection that is gone lives on, and the recipient's own comes first. */
static void texts(void **state)
{
	(void)state;
	static const uint32_t hosts[] = { 0, 1 };
	static struct run r;
	char text[] = "451 busy";
	begin(&r, hosts, 2);
	struct smtp_outcome o = outcome_of(TEMP, SMTP_STEP_RCPT);
	o.text = str_of(text);
	for (uint32_t i = 0; i < RCPTS; i++) smtp_attempt_heard(&r.attempt, i, &o);
	struct smtp_attempt_end end = { .how = SMTP_ATTEMPT_DONE };
	assert_int_equal(smtp_attempt_next(&r.attempt, &end), SMTP_ATTEMPT_NEXT_HOST);
	text[0] = '?';
	assert_true(str_eq(r.rcpts[0].left.text, STR("451 busy")));
	assert_int_equal(go(&r, &endings[1]), SMTP_ATTEMPT_STOP);
	assert_int_equal(r.rcpts[0].left.state, SMTP_RCPT_OPEN);
	assert_true(str_eq(r.rcpts[0].now.text, STR("451 busy")));
	assert_int_equal(r.rcpts[1].now.code, 451);
	smtp_attempt_free(&r.attempt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(all_sequences),
		cmocka_unit_test(three_addresses),
		cmocka_unit_test(without_tls),
		cmocka_unit_test(same_addresses),
		cmocka_unit_test(same_address_not_asked),
		cmocka_unit_test(what_hosts_lack),
		cmocka_unit_test(no_hosts),
		cmocka_unit_test(more_addresses_than_are_tried),
		cmocka_unit_test(connections_max),
		cmocka_unit_test(texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
