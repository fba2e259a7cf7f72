/* SPDX-License-Identifier: Apache-2.0 */
/* What only the whole configuration can show, about who may send. */
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

static void check_submission(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	const struct conf_submission *s = &conf->submission;
	if (conf_is_said(&s->notify_from) && s->notify == CONF_NOTIFY_POSTMASTER &&
	    !conf_is_said(&conf->postmaster_from))
		AT(p, CONF_WARNING, &s->notify_from, STR("notify"),
		   "there is nobody to tell; write postmaster name@example.com");
	if (s->homed == CONF_SUBMISSION_REQUIRED && conf->domain_count == 0)
		AT(p, CONF_WARNING, &s->homed_from, STR("homed"),
		   "there is no local domain, so nobody is homed here and every sender is "
		   "refused");
}

/* The same sender with two actions; with one action it is only said twice. */
static void check_sender(struct conf_parser *p, const struct conf_filter *filter,
			 const struct conf_sender *sender, const struct conf_slot *found)
{
	const struct conf_filter *other = &p->conf->filters[found->item - 1];
	struct conf_quote quote, where;
	if (other->action == filter->action) return;
	AT(p, CONF_ERROR, &sender->from, sender->text,
	   "sender '%s' stands already at %s, with another action",
	   conf_quote(&quote, sender->text),
	   conf_where(&where, &other->senders.at[found->name].from));
}

static void check_filter(struct conf_parser *p, size_t at)
{
	const struct conf *conf = p->conf;
	const struct conf_filter *filter = &conf->filters[at];
	if (!filter->senders.count && !conf_is_said(&filter->file_from) &&
	    !conf_is_said(&filter->senders_from))
		AT(p, CONF_WARNING, &filter->origin, STR("filter"),
		   "this filter names no sender");
	for (size_t i = 0; i < filter->senders.count; i++) {
		const struct conf_sender *sender = &filter->senders.at[i];
		struct conf_slot found;
		if (!conf_index_sender(conf->sender_index, conf->filters, at, i, &found))
			check_sender(p, filter, sender, &found);
		else if (str_eq(sender->text, STR("<>")))
			AT(p, CONF_WARNING, &sender->from, sender->text,
			   "delivery reports of other servers come from <>: they %s",
			   filter->action == CONF_FILTER_REJECT ? "are refused"
								: "are held");
	}
}

bool conf_check_in(struct conf_parser *p)
{
	struct conf *conf = p->conf;
	size_t count = 0;
	for (size_t i = 0; i < conf->filter_count; i++) count += conf->filters[i].senders.count;
	conf->sender_index = conf_index_new(&conf->arena, count);
	if (!conf->sender_index) return false;
	check_submission(p);
	for (size_t i = 0; i < conf->filter_count; i++) check_filter(p, i);
	return true;
}
