/* SPDX-License-Identifier: Apache-2.0 */
/* ATRN (RFC 2645): a client fetches the mail that is held for its domains. When spool has some, the
 * roles turn: deliver speaks as a client, over one end of a socketpair whose other end stays here,
 * and so does the client's socket with its TLS. What is between the two is only carried. */
#include "lib/mail/held.h"
#include "receive/receive.h"

#include <sys/socket.h>
#include <unistd.h>

static void refuse(struct session *s, unsigned code, const char *dsn, struct str text,
                   const char *builtin)
{
	struct verdict v = verdict_builtin(code, dsn, text, builtin);
	dialog_refuse(s, "atrn", STR(""), STR(""), &v);
}

static void refuse_busy(struct session *s)
{
	refuse(s, 451, "4.3.2", STR("ATRN cannot be served now; try again later"), "atrn");
}

void atrn_drop(struct session *s)
{
	bridge_free(s->bridge);
	s->bridge = NULL;
	if (s->line < 0) return;
	(void)close(s->line);
	s->line = -1;
	s->rx->turned_count--;
}

/* The line's other end; -1: there is none now. */
static int line_make(struct session *s)
{
	int ends[2];
	if (s->rx->turned_count == RECEIVE_TURNED_MAX ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	s->line = ends[0];
	s->rx->turned_count++;
	return ends[1];
}

static void turn_send(struct session *s, struct str domains, int fd)
{
	char text[TLS_DESCRIPTION_MAX];
	struct buf tls;
	buf_init_fixed(&tls, text, sizeof text);
	if (s->tls) tls_describe(s->tls, &tls);
	channel_send_turn_fd(s->rx->spool, &(struct msg_turn){
		.query = s->query, .domains = domains,
		.client = { (const char *)s->client.octets, sizeof s->client.octets },
		.port = s->port, .tls = buf_view(&tls) }, fd);
	(void)close(fd);
}

static enum dialog ask(struct session *s, struct str domains)
{
	struct receive *rx = s->rx;
	uint64_t query = ++rx->next_query;
	bool may = s->etrns < RECEIVE_ATRN_MAX && rx->spool && !rx->draining &&
	           channel_backlog(rx->spool) <= RECEIVE_BACKLOG_MAX;
	int fd = may && map_put(&rx->lookups, query, s) ? line_make(s) : -1;
	if (fd < 0) {
		if (may) (void)map_take(&rx->lookups, query);
		refuse_busy(s);
		return DIALOG_GO_ON;
	}
	s->etrns++;
	s->query = query;
	s->asked = ASKED_TURN;
	s->asked_ms = loop_now_ms(rx->frame->loop);
	turn_send(s, domains, fd);
	return DIALOG_WAIT;
}

enum dialog atrn_event(struct session *s)
{
	struct facts facts = dialog_facts(s);
	struct buf domains;
	enum dialog next = DIALOG_GO_ON;
	buf_init(&domains, RECEIVE_ETRN_DOMAINS);
	switch (policy_atrn_domains(&facts, s->smtp.vrfy, &domains)) {
	case POLICY_ATRN_OK: next = ask(s, buf_view(&domains)); break;
	case POLICY_ATRN_BAD:
		refuse(s, 501, "5.5.4", STR("Write ATRN and domains with commas between them, or ATRN alone"), "atrn");
		break;
	case POLICY_ATRN_DENIED:
		refuse(s, 450, "4.7.1", STR("ATRN request refused: that mail is not for you"), "atrn");
		break;
	case POLICY_ATRN_MANY:
		refuse(s, 451, "4.5.3", STR("Those are too many domains; name some of them"), "atrn");
		break;
	}
	buf_free(&domains);
	return next;
}

void atrn_turned(struct session *s, const struct msg_turned *m)
{
	(void)map_take(&s->rx->lookups, s->query);
	s->query = 0;
	if (s->state != SESSION_OPEN) return;
	unsigned result = m ? m->result : TURNED_NOT_NOW;
	if (result != TURNED_GOES) atrn_drop(s);
	if (result == TURNED_GOES) {
		tell_atrn(s, m->recipients);
		s->turning = true;
		smtp_server_answer(&s->smtp, 0, NULL, STR(""));
	} else if (result == TURNED_NOTHING) {
		smtp_server_answer(&s->smtp, 453, "4.0.0", STR("You have no mail"));
	} else if (result == TURNED_BUSY) {
		refuse(s, 451, "4.7.0", STR("That mail goes over another connection of yours already"), "atrn");
	} else {
		refuse_busy(s);
	}
	session_continue(s);
}

/* --- turned ---------------------------------------------------------------------------------- */

/* What deliver has said is with the kernel; the client may still be talking. */
static void turn_over(void *arg, const char *why)
{
	struct session *s = arg;
	int64_t now_ms = loop_now_ms(s->rx->frame->loop);
	tell_atrn_end(s, bridge_octets(s->bridge, 0), now_ms - s->asked_ms, why);
	atrn_drop(s);
	s->state = SESSION_CLOSING;
	s->reason = "turned";
	if (session_listen(s)) session_close(s);
	else session_end(s, "out of memory");
}

void atrn_begin(struct session *s)
{
	const struct bridge_side sides[2] = { { s->fd, s->tls }, { s->line, NULL } };
	loop_io_free(s->io);
	s->io = NULL;
	s->turning = false;
	s->state = SESSION_TURNED;
	s->asked_ms = loop_now_ms(s->rx->frame->loop);
	session_touch(s, IDLE_TURNED);
	s->bridge = bridge_new(s->rx->frame->loop, sides, buf_view(&s->in), RECEIVE_TURNED_MS, turn_over, s);
	buf_free(&s->in);
	if (!s->bridge) session_end(s, "out of memory");
}
