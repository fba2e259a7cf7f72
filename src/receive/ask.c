/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to directory: the session waits at the event that needs the answer, and works
 * on it again from its beginning when that is there. */
#include "receive/receive.h"

/* Whose mailbox it is, or who gets what is sent to it: only there do lists and catch-alls
 * count, and VRFY is to say what RCPT would. */
static bool asks_for_owner(enum asked what)
{
	return what == ASKED_SENDER || what == ASKED_AUTHOR;
}

static enum dialog ask(struct session *s, enum asked what, struct str directory,
                       struct str address)
{
	struct receive *rx = s->rx;
	if (!rx->directory || !map_put(&rx->lookups, ++rx->next_query, s)) {
		s->found = (struct owner){ .known = ANSWER_CANNOT_TELL };
		return DIALOG_GO_ON;
	}
	s->query = rx->next_query;
	s->asked = what;
	s->asked_ms = loop_now_ms(rx->frame->loop);
	channel_send_lookup(rx->directory, &(struct msg_lookup){
		.query = s->query, .directory = directory, .address = address,
		.owner = asks_for_owner(what) });
	return DIALOG_WAIT;
}

enum dialog ask_owner(struct session *s, enum asked what, struct str address)
{
	struct str directory;
	s->found = policy_owner(s->rx->frame->conf, address, &directory);
	return s->found.known == ANSWER_UNKNOWN ? ask(s, what, directory, address)
	                                       : DIALOG_GO_ON;
}

enum dialog ask_recipient(struct session *s, enum asked what, struct str address,
                          struct str domain)
{
	const struct conf_domain *local = conf_domain_find(s->rx->frame->conf, domain);
	bool listed = local && local->users.directory;
	return ask(s, what, listed ? local->users.name : STR(""), address);
}

bool ask_is_for_spool(const struct session *s)
{
	return s->asked == ASKED_RELEASE || s->asked == ASKED_TURN;
}

struct session *ask_any(const struct receive *rx, bool of_spool)
{
	size_t at = 0;
	for (struct session *s; (s = map_next(&rx->lookups, &at, NULL));)
		if (ask_is_for_spool(s) == of_spool) return s;
	return NULL;
}
