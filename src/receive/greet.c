/* SPDX-License-Identifier: Apache-2.0 */
/* The greeting, and the wait for it. A session that waits has no buffer; what it says
 * before its turn is told on it. */
#include "receive/receive.h"

#include <errno.h>

#include "lib/ipc/scoreboard.h"
#include "lib/os/stream.h"

enum { EARLY_READ = 512 };

static void greet_later(struct session *s, int64_t wait_ms)
{
	struct rx_listener *listener = s->listener;
	int64_t now_ms = loop_now_ms(s->rx->frame->loop);
	s->greet_ms = now_ms + wait_ms;
	list_add_tail(&listener->waiting, &s->waiting);
	/* One that is due is not put off, or who comes all the time could hold up the others. */
	if (s->rx->greet_due_ms == 0 || s->rx->greet_due_ms > s->greet_ms) {
		s->rx->greet_due_ms = s->greet_ms;
		loop_timer_set(s->rx->greeter, wait_ms);
	}
	session_watch(s);
}

void greet_begin(struct session *s)
{
	struct facts facts = dialog_facts(s);
	if (!policy_waits_for_greeting(&facts) || policy_is_welcome(&facts)) session_greet(s);
	else greet_later(s, s->listener->conf->pregreet_ms);
}

void greet_now(struct session *s)
{
	link_remove(&s->waiting);
	if (s->state != SESSION_OPEN) return;
	session_greet(s);
}

void greet_refuse(struct session *s, const char *stage, const struct verdict *v)
{
	link_remove(&s->waiting);
	tell_refused_connection(s->listener, s->client, stage, v);
	s->reason = "refused";
	smtp_server_refuse(&s->smtp, v->code, v->dsn, v->text);
	session_continue(s);
}

/* Who is not refused for it is read no further until it is greeted. */
void greet_ready(struct session *s)
{
	char *into = s->rx->read_buffer;
	ssize_t got = stream_recv(s->fd, into, EARLY_READ);
	if (got == -EAGAIN) return;
	if (got <= 0) {
		session_end(s, "closed by client");
		return;
	}
	scoreboard_session(s->sid, s->client);
	s->early = true;
	struct facts facts = dialog_facts(s);
	struct verdict v = policy_early(&facts);
	if (v.kind == VERDICT_REFUSE) {
		greet_refuse(s, "connect", &v);
		return;
	}
	buf_bytes(&s->in, into, (size_t)got);
	loop_io_want(s->io, 0);
}

/* Each listener has its own wait, and its sessions in the order of their time. */
static struct session *greet_first(struct receive *rx)
{
	struct session *first = NULL;
	for (size_t i = 0; i < rx->listener_count; i++) {
		struct link *head = &rx->listeners[i]->waiting;
		if (list_empty(head)) continue;
		struct session *s = CONTAINER(head->next, struct session, waiting);
		if (!first || s->greet_ms < first->greet_ms) first = s;
	}
	return first;
}

void greet_over(void *arg)
{
	struct receive *rx = arg;
	int64_t now_ms = loop_now_ms(rx->frame->loop);
	rx->greet_due_ms = 0;
	for (struct session *s; (s = greet_first(rx));) {
		if (s->greet_ms > now_ms) {
			rx->greet_due_ms = s->greet_ms;
			loop_timer_set(rx->greeter, s->greet_ms - now_ms);
			return;
		}
		greet_now(s);
	}
}
