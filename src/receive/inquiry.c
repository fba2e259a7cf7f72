/* SPDX-License-Identifier: Apache-2.0 */
/* What the DNS says of a client: its name, the lists that have it, whether the name in its
 * EHLO leads to it. All is asked when the client comes, and waited for where a rule needs
 * it; what does not come in time is not known, and refuses nobody. */
#include "receive/receive.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cur.h"
#include "lib/route/answer.h"

/* One question each; the number of a question is the inquiry's and the slot. */
enum {
	SLOT_PTR,
	SLOT_HELO,
	SLOT_NAMES,
	NAMES_MAX = 4, /* names of one address that are followed back */
	SLOT_LISTS = SLOT_NAMES + NAMES_MAX,
	SLOTS = SLOT_LISTS + CLIENT_LISTS_MAX,
	SLOT_BITS = 6,
	LIST_TOLD_MS = 60 * 60 * 1000,
};
_Static_assert(SLOTS <= 1 << SLOT_BITS, "a slot fits into the number");

#define BIT(slot)   (UINT64_C(1) << (slot))
#define NAME_BITS   (BIT(SLOT_PTR) | (BIT(NAMES_MAX) - 1) << SLOT_NAMES)
#define LIST_BITS   ((BIT(CLIENT_LISTS_MAX) - 1) << SLOT_LISTS)

struct inquiry {
	struct session *session;
	struct link link; /* in rx->inquiries, in the order of asking */
	uint64_t number, pending;
	int64_t asked_ms;
	unsigned asks; /* enum client_ask */
	bool failed;   /* a name could not be followed */
	bool helo_again; /* there was another EHLO meanwhile */
	bool stale;      /* the configuration has changed: lists have other places now */
	struct dns_name names[NAMES_MAX];
	size_t name_count;
};

/* --- beginning and end ------------------------------------------------------------------ */

static void inquiry_free(struct inquiry *q)
{
	struct receive *rx = q->session->rx;
	(void)map_take(&rx->inquiry_map, q->number);
	link_remove(&q->link);
	q->session->inquiry = NULL;
	free(q);
}

void inquiry_drop(struct session *s)
{
	if (s->inquiry) inquiry_free(s->inquiry);
	free(s->name);
	s->name = NULL;
	s->client_name = CLIENT_NAME_UNKNOWN;
	s->helo_resolves = ANSWER_UNKNOWN;
	s->lists_known = false;
	s->listed = 0;
}

/* The session's, or a fresh one; NULL: nobody can be asked. */
static struct inquiry *inquiry_get(struct session *s)
{
	struct receive *rx = s->rx;
	if (s->inquiry || !rx->dns || channel_backlog(rx->dns) > RECEIVE_BACKLOG_MAX)
		return rx->dns ? s->inquiry : NULL;
	struct inquiry *q = calloc(1, sizeof *q);
	if (!q) return NULL;
	q->number = ++rx->next_inquiry;
	if (!map_put(&rx->inquiry_map, q->number, q)) {
		free(q);
		return NULL;
	}
	q->session = s;
	q->asked_ms = loop_now_ms(rx->frame->loop);
	if (list_empty(&rx->inquiries)) loop_timer_set(rx->inquiry_end, RECEIVE_INQUIRY_MS);
	list_add_tail(&rx->inquiries, &q->link);
	return s->inquiry = q;
}

static void name_set(struct session *s, enum client_name known, const struct dns_name *name)
{
	s->client_name = (uint8_t)known;
	free(s->name);
	s->name = name ? malloc(name->len + 1) : NULL;
	if (!s->name) return;
	memcpy(s->name, name->text, name->len);
	s->name[name->len] = '\0';
}

/* What was asked and is not known stays so. */
static void inquiry_give_up(struct session *s, unsigned asks)
{
	if (asks & CLIENT_ASK_NAME && s->client_name == CLIENT_NAME_UNKNOWN)
		name_set(s, CLIENT_NAME_CANNOT_TELL, NULL);
	if (asks & CLIENT_ASK_LISTS) s->lists_known = true;
	if (asks & CLIENT_ASK_HELO && s->helo_resolves == ANSWER_UNKNOWN)
		s->helo_resolves = ANSWER_CANNOT_TELL;
}

/* --- questions -------------------------------------------------------------------------- */

static bool inquiry_send(struct inquiry *q, unsigned slot, enum dns_type type, struct str name)
{
	if (!dns_name_is_host(name)) return false;
	q->pending |= BIT(slot);
	channel_send_dns_ask(q->session->rx->dns, &(struct msg_dns_ask){
		.query = q->number << SLOT_BITS | slot, .type = (uint16_t)type, .name = name });
	return true;
}

static enum dns_type address_type(const struct session *s)
{
	return ip_is_v4(s->client) ? DNS_A : DNS_AAAA;
}

static void ask_lists(struct inquiry *q)
{
	const struct conf *conf = q->session->rx->frame->conf;
	for (size_t i = 0; i < conf->dnsbl_count; i++) {
		char text[DNS_NAME_MAX];
		struct buf name;
		buf_init_fixed(&name, text, sizeof text);
		client_list_name(&name, q->session->client, conf->dnsbls[i].name);
		(void)inquiry_send(q, SLOT_LISTS + (unsigned)i, DNS_A, buf_view(&name));
	}
}

static void ask_ptr(struct inquiry *q)
{
	char text[DNS_NAME_MAX];
	struct buf name;
	buf_init_fixed(&name, text, sizeof text);
	client_ptr_name(&name, q->session->client);
	(void)inquiry_send(q, SLOT_PTR, DNS_PTR, buf_view(&name));
}

void inquiry_ask(struct session *s)
{
	struct facts facts = dialog_facts(s);
	unsigned asks = policy_asks(&facts);
	struct inquiry *q = asks ? inquiry_get(s) : NULL;
	if (!q) {
		inquiry_give_up(s, asks);
		return;
	}
	asks &= ~q->asks;
	q->asks |= asks;
	if (asks & CLIENT_ASK_NAME) ask_ptr(q);
	if (asks & CLIENT_ASK_LISTS) ask_lists(q);
	if (asks & CLIENT_ASK_HELO &&
	    !inquiry_send(q, SLOT_HELO, address_type(s), facts.helo))
		s->helo_resolves = ANSWER_NO;
	if (q->pending == 0) {
		inquiry_give_up(s, q->asks);
		inquiry_free(q);
	}
}

void inquiry_hello(struct session *s)
{
	s->helo_resolves = ANSWER_UNKNOWN;
	if (s->inquiry && s->inquiry->pending & BIT(SLOT_HELO)) {
		/* Of the name before: what comes of it must not be taken for this one's. */
		s->inquiry->helo_again = true;
	} else if (s->inquiry) {
		s->inquiry->asks &= ~(unsigned)CLIENT_ASK_HELO;
	}
	inquiry_ask(s);
}

/* Lists are known by their places in the configuration. */
void inquiry_reload(struct session *s)
{
	s->listed = 0;
	if (s->inquiry) s->inquiry->stale = true;
	else s->lists_known = false;
}

bool inquiry_owes_name(const struct session *s)
{
	return s->inquiry && s->inquiry->asks & CLIENT_ASK_NAME &&
	       s->client_name == CLIENT_NAME_UNKNOWN;
}

bool inquiry_owes_facts(const struct session *s)
{
	struct facts facts = dialog_facts(s);
	return s->inquiry && policy_asks(&facts) & s->inquiry->asks;
}

/* --- answers ---------------------------------------------------------------------------- */

static bool has_ip(struct str records, struct ip ip)
{
	for (; records.len >= sizeof ip.octets; records = str_from(records, sizeof ip.octets))
		if (memcmp(records.at, ip.octets, sizeof ip.octets) == 0) return true;
	return false;
}

static void tell_fault(struct receive *rx, size_t list, struct ip answer)
{
	int64_t now_ms = loop_now_ms(rx->frame->loop);
	int64_t *told_ms = &rx->list_told_ms[list];
	char text[128];
	struct buf error;
	if (*told_ms && now_ms - *told_ms < LIST_TOLD_MS) return;
	*told_ms = now_ms;
	buf_init_fixed(&error, text, sizeof text);
	buf_str(&error, STR("it answered "));
	ip_write(&error, answer);
	event_begin(rx->frame->log, EVENT_list_fault, 0, 0);
	event_str(rx->frame->log, FIELD_domain, rx->frame->conf->dnsbls[list].name);
	event_str(rx->frame->log, FIELD_error, buf_view(&error));
	event_end(rx->frame->log);
}

static void take_list(struct inquiry *q, size_t list, enum dns_state state, struct str records)
{
	struct receive *rx = q->session->rx;
	const struct conf *conf = rx->frame->conf;
	struct ip ips[16];
	size_t count = records.len / sizeof ips[0];
	if (q->stale || list >= conf->dnsbl_count) return;
	if (state != DNS_FOUND || count == 0) return;
	if (count > sizeof ips / sizeof *ips) count = sizeof ips / sizeof *ips;
	memcpy(ips, records.at, count * sizeof ips[0]);
	switch (client_list_read(&conf->dnsbls[list], ips, count)) {
	case CLIENT_NOT_LISTED: break;
	case CLIENT_LISTED: q->session->listed |= UINT32_C(1) << list; break;
	case CLIENT_LIST_FAULT: tell_fault(rx, list, ips[0]); break;
	}
}

static void take_ptr(struct inquiry *q, enum dns_state state, struct str records)
{
	struct cur cur = cur_of(records);
	if (state == DNS_NO_DATA || state == DNS_NO_NAME)
		name_set(q->session, CLIENT_NAME_MISSING, NULL);
	if (state != DNS_FOUND) {
		q->failed = true;
		return;
	}
	while (q->name_count < NAMES_MAX && !cur_done(&cur)) {
		struct str name = cur_str(&cur);
		struct dns_name *to = &q->names[q->name_count];
		if (!dns_name_is_host(name)) return; /* dns has looked, too */
		memcpy(to->text, name.at, name.len);
		to->len = name.len;
		(void)inquiry_send(q, SLOT_NAMES + (unsigned)q->name_count++,
			address_type(q->session), name);
	}
}

static void take_forward(struct inquiry *q, size_t at, enum dns_state state, struct str records)
{
	if (q->session->client_name == CLIENT_NAME_VERIFIED) return;
	if (state == DNS_FOUND && has_ip(records, q->session->client))
		name_set(q->session, CLIENT_NAME_VERIFIED, &q->names[at]);
	else if (state != DNS_FOUND && state != DNS_NO_DATA && state != DNS_NO_NAME)
		q->failed = true;
}

static void take_helo(struct inquiry *q, enum dns_state state, struct str records)
{
	struct session *s = q->session;
	bool again = q->helo_again;
	q->helo_again = false;
	if (again && inquiry_send(q, SLOT_HELO, address_type(s), s->smtp.helo)) return;
	s->helo_resolves = ANSWER_CANNOT_TELL;
	if (state == DNS_FOUND) s->helo_resolves = has_ip(records, s->client) ? ANSWER_YES : ANSWER_NO;
	if (state == DNS_NO_DATA || state == DNS_NO_NAME) s->helo_resolves = ANSWER_NO;
}

/* What follows from the answers so far. */
static void inquiry_settle(struct inquiry *q)
{
	struct session *s = q->session;
	if (!(q->pending & LIST_BITS) && q->asks & CLIENT_ASK_LISTS) {
		s->lists_known = !q->stale;
		/* Those of the new configuration are asked when it is needed. */
		if (q->stale) q->asks &= ~(unsigned)CLIENT_ASK_LISTS;
		q->stale = false;
	}
	if (q->pending & NAME_BITS || !(q->asks & CLIENT_ASK_NAME)) return;
	if (s->client_name != CLIENT_NAME_UNKNOWN) return;
	if (q->failed || q->name_count == 0) name_set(s, CLIENT_NAME_CANNOT_TELL, NULL);
	else name_set(s, CLIENT_NAME_UNVERIFIED, &q->names[0]);
}

/* The session may be gone when it returns. */
static void inquiry_wake(struct session *s)
{
	struct facts facts = dialog_facts(s);
	if (s->greeted && !s->told && !inquiry_owes_name(s)) tell_connect(s);
	if (link_is_in(&s->waiting) && !s->early && policy_is_welcome(&facts)) greet_now(s);
	else if (s->waits && s->state == SESSION_OPEN) dialog_known(s);
}

void inquiry_answer(struct receive *rx, const struct msg_dns_found *m)
{
	struct inquiry *q = map_get(&rx->inquiry_map, m->query >> SLOT_BITS);
	unsigned slot = m->query & (BIT(SLOT_BITS) - 1);
	if (!q || !(q->pending & BIT(slot))) return;
	struct session *s = q->session;
	enum dns_state state = m->state <= DNS_BOGUS ? (enum dns_state)m->state : DNS_FAILED;
	q->pending &= ~BIT(slot);
	if (slot == SLOT_PTR) take_ptr(q, state, m->records);
	else if (slot == SLOT_HELO) take_helo(q, state, m->records);
	else if (slot < SLOT_LISTS) take_forward(q, slot - SLOT_NAMES, state, m->records);
	else take_list(q, slot - SLOT_LISTS, state, m->records);
	inquiry_settle(q);
	if (q->pending == 0) inquiry_free(q);
	inquiry_wake(s);
}

static void inquiry_end_first(struct receive *rx)
{
	struct inquiry *q = CONTAINER(rx->inquiries.next, struct inquiry, link);
	struct session *s = q->session;
	inquiry_give_up(s, q->asks);
	inquiry_free(q);
	inquiry_wake(s);
}

void inquiry_late(void *arg)
{
	struct receive *rx = arg;
	int64_t now_ms = loop_now_ms(rx->frame->loop);
	while (!list_empty(&rx->inquiries)) {
		const struct inquiry *q = CONTAINER(rx->inquiries.next, struct inquiry, link);
		int64_t left_ms = q->asked_ms + RECEIVE_INQUIRY_MS - now_ms;
		if (left_ms > 0) {
			loop_timer_set(rx->inquiry_end, left_ms);
			return;
		}
		inquiry_end_first(rx);
	}
}

void inquiry_dns_lost(struct receive *rx)
{
	rx->dns = NULL;
	while (!list_empty(&rx->inquiries)) inquiry_end_first(rx);
}
