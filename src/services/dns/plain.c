/* SPDX-License-Identifier: Apache-2.0 */
#include "services/dns/plain.h"

#include <stdlib.h>

enum { RECORD_TEXT_MAX = PLAIN_KEPT_MAX * (4 + DNS_NAME_MAX) };
_Static_assert((size_t)RECORD_TEXT_MAX >= (size_t)DNS_TXT_BYTES, "texts fit, too");

struct asking {
	struct resolver_query query;
	struct link link;
	struct plain *all;
	struct channel *ch;
	uint64_t number;
	int64_t due_ms;
	enum dns_type type;
};

static void ask_free(struct asking *a)
{
	resolver_cancel(&a->query);
	link_remove(&a->link);
	a->all->count--;
	free(a);
}

static void answer(struct channel *ch, uint64_t number, enum dns_state state, struct str records)
{
	channel_send_dns_found(ch, &(struct msg_dns_found){
		.query = number, .state = (uint8_t)state, .records = records });
}

static enum dns_state read_ips(struct str packet, enum dns_type type, struct buf *out)
{
	struct ip ips[PLAIN_KEPT_MAX];
	size_t count;
	enum dns_state state = dns_read_ips(packet, type, ips, PLAIN_KEPT_MAX, &count);
	for (size_t i = 0; i < count; i++) buf_bytes(out, ips[i].octets, sizeof ips[i].octets);
	return state;
}

static enum dns_state read_names(struct str packet, struct buf *out)
{
	struct dns_name names[PLAIN_KEPT_MAX];
	size_t count;
	enum dns_state state = dns_read_ptr(packet, names, PLAIN_KEPT_MAX, &count);
	for (size_t i = 0; i < count; i++)
		buf_put_str(out, (struct str){ names[i].text, names[i].len });
	return state;
}

static enum dns_state read_records(struct str packet, enum dns_type type, struct buf *out)
{
	size_t count;
	if (type == DNS_PTR) return read_names(packet, out);
	if (type == DNS_TXT) return dns_read_txt(packet, out, &count);
	return read_ips(packet, type, out);
}

static void answered(void *arg, enum dns_state state, bool secure, struct str packet)
{
	struct asking *a = arg;
	(void)secure; /* nothing hangs on it */
	char memory[RECORD_TEXT_MAX];
	struct buf out;
	buf_init_fixed(&out, memory, sizeof memory);
	if (state == DNS_FOUND) state = read_records(packet, a->type, &out);
	answer(a->ch, a->number, state, buf_view(&out));
	ask_free(a);
}

static void deadline_set(struct plain *ps)
{
	if (list_empty(&ps->asked)) return;
	const struct asking *a = CONTAINER(ps->asked.next, struct asking, link);
	int64_t wait_ms = a->due_ms - loop_now_ms(ps->loop);
	loop_timer_set(ps->deadline, wait_ms > 0 ? wait_ms : 0);
}

static void deadline_over(void *arg)
{
	struct plain *ps = arg;
	int64_t now_ms = loop_now_ms(ps->loop);
	while (!list_empty(&ps->asked)) {
		struct asking *a = CONTAINER(ps->asked.next, struct asking, link);
		if (a->due_ms > now_ms) break;
		answer(a->ch, a->number, DNS_LATE, STR(""));
		ask_free(a);
	}
	deadline_set(ps);
}

static bool is_known(unsigned type)
{
	return type == DNS_A || type == DNS_AAAA || type == DNS_PTR || type == DNS_TXT;
}

void plain_ask(struct plain *ps, struct channel *ch, const struct msg_dns_ask *m)
{
	bool good = is_known(m->type) && dns_name_is_host(m->name) && ps->count < PLAIN_MAX;
	struct asking *a = good ? calloc(1, sizeof *a) : NULL;
	if (!a) {
		answer(ch, m->query, DNS_FAILED, STR(""));
		return;
	}
	*a = (struct asking){ .query = { .fn = answered, .arg = a }, .all = ps, .ch = ch,
				  .number = m->query, .type = (enum dns_type)m->type,
				  .due_ms = loop_now_ms(ps->loop) + PLAIN_DEADLINE_MS };
	bool first = list_empty(&ps->asked);
	list_add_tail(&ps->asked, &a->link);
	ps->count++;
	/* What is in the cache is answered at once, and then `a` is gone. */
	if (!resolver_ask(ps->resolver, m->name, (enum dns_type)m->type, &a->query)) {
		answer(ch, m->query, DNS_FAILED, STR(""));
		ask_free(a);
	}
	if (first) deadline_set(ps);
}

void plain_forget(struct plain *ps, const struct channel *ch)
{
	LIST_EACH(l, &ps->asked)
	{
		struct asking *a = CONTAINER(l, struct asking, link);
		if (a->ch == ch) ask_free(a);
	}
}

bool plain_init(struct plain *ps, struct loop *loop, struct resolver *resolver)
{
	*ps = (struct plain){ .loop = loop, .resolver = resolver };
	list_init(&ps->asked);
	ps->deadline = loop_timer_new(loop, deadline_over, ps);
	return ps->deadline != NULL;
}

void plain_free(struct plain *ps)
{
	while (!list_empty(&ps->asked))
		ask_free(CONTAINER(ps->asked.next, struct asking, link));
	loop_timer_free(ps->deadline);
	ps->deadline = NULL;
}
