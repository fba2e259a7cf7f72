/* SPDX-License-Identifier: Apache-2.0 */
#include "services/http/names.h"

#include <stdlib.h>

struct asked {
	struct link link;
	uint64_t number;
	names_fn *fn;
	void *arg;
};

static void asked_free(struct names *n, struct asked *a)
{
	link_remove(&a->link);
	n->count--;
	free(a);
}

static void answer(struct names *n, struct asked *a, enum dns_state state, struct str records)
{
	names_fn *fn = a->fn;
	void *arg = a->arg;
	asked_free(n, a);
	fn(arg, state, records);
}

void names_init(struct names *n)
{
	*n = (struct names){ 0 };
	list_init(&n->asked);
}

void names_free(struct names *n)
{
	while (!list_empty(&n->asked)) asked_free(n, CONTAINER(n->asked.next, struct asked, link));
}

void names_up(struct names *n, struct channel *dns) { n->dns = dns; }

void names_down(struct names *n)
{
	n->dns = NULL; /* what an answer asks anew finds nobody, so this ends */
	while (!list_empty(&n->asked))
		answer(n, CONTAINER(n->asked.next, struct asked, link), DNS_FAILED, STR(""));
}

bool names_ask(struct names *n, struct str name, enum dns_type type, names_fn *fn, void *arg)
{
	bool may = n->dns && n->count < NAMES_MAX && dns_name_is_host(name);
	struct asked *a = may ? malloc(sizeof *a) : NULL;
	if (!a) return false;
	*a = (struct asked){ .number = ++n->last, .fn = fn, .arg = arg };
	list_add_tail(&n->asked, &a->link);
	n->count++;
	channel_send_dns_ask(n->dns, &(struct msg_dns_ask){
		.query = a->number, .type = (uint16_t)type, .name = name });
	return true;
}

void names_found(struct names *n, const struct msg_dns_found *m)
{
	LIST_EACH(l, &n->asked)
	{
		struct asked *a = CONTAINER(l, struct asked, link);
		if (a->number != m->query) continue;
		answer(n, a, m->state <= DNS_BOGUS ? (enum dns_state)m->state : DNS_FAILED, m->records);
		return;
	}
}

void names_forget(struct names *n, const void *arg)
{
	LIST_EACH(l, &n->asked)
	{
		struct asked *a = CONTAINER(l, struct asked, link);
		if (a->arg == arg) asked_free(n, a);
	}
}
