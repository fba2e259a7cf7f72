/* SPDX-License-Identifier: Apache-2.0 */
/* When a window opens another host is asked for the mail that it holds for our domains: by ETRN
 * (RFC 1985), and sends it as to any other server; or by ATRN (RFC 2645), and sends it over the same
 * connection, which deliver then hands over. It is a job of deliver without a message, whose recipients are domains; it is
 * tried once in a window, and nobody waits for it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/conf/value_net.h"
#include "lib/mail/job.h"
#include "spool/spool.h"

enum { ODMR_PORT = 366, KEY_MAX = 160, TARGET_MAX = 1024, LIST_MAX = 64 * 1024 };

static struct channel *any_deliver(struct spool *s)
{
	for (unsigned i = 0; i < s->deliver_count; i++) {
		struct channel *ch = frame_peer(s->frame, ROLE_DELIVER, i);
		if (ch && channel_backlog(ch) < SPOOL_BACKLOG_MAX) return ch;
	}
	return NULL;
}

static void tell(struct spool *s, const struct dial_line *line, struct str domain,
                 const struct job_result *r)
{
	struct event_log *log = s->frame->log;
	event_begin(log, r->outcome == JOB_RELAYED ? EVENT_fetch : EVENT_fetch_fail, 0, 0);
	event_str(log, FIELD_dial, (struct str){ line->name, line->name_len });
	event_str(log, FIELD_domain, domain);
	event_str(log, FIELD_host, r->host);
	event_str(log, FIELD_dsn, r->dsn);
	event_str(log, FIELD_reply, r->text);
	if (r->tls.len) event_str(log, FIELD_tls, r->tls);
	event_end(log);
}

static bool has_port(struct str host)
{
	ptrdiff_t end = str_rfind(host, ']');
	return str_find(str_from(host, (size_t)(end + 1)), ':') >= 0;
}

static bool target_put(struct buf *out, struct str host, bool atrn)
{
	struct arena arena;
	struct conf_hops hops;
	struct conf_problem problem;
	struct job_target t = { .kind = JOB_TO_HOSTS, .hop_count = 1 };
	arena_init(&arena, TARGET_MAX);
	bool good = conf_read_hops(&host, 1, &arena, &hops, &problem);
	if (good) t.hops[0] = (struct job_hop){ .host = hops.at[0].host, .port = hops.at[0].port };
	if (good && atrn && !has_port(host)) t.hops[0].port = ODMR_PORT;
	if (good) job_target_put(out, &t);
	arena_free(&arena);
	return good;
}

static void domains_put(struct buf *out, const struct conf_texts *words)
{
	for (uint32_t i = 1; i < words->count; i++)
		job_recipient_put(out, &(struct job_recipient){ .index = i, .address = words->at[i],
			.mailbox = words->at[i] });
}

static void ask(struct spool *s, struct dial_line *line, const struct conf_dial *d,
		const struct conf_texts *words, bool atrn)
{
	uint64_t *call = atrn ? &line->visit : &line->call;
	char key_text[KEY_MAX], target_text[TARGET_MAX];
	struct buf key, target, list;
	struct channel *ch = any_deliver(s);
	buf_init_fixed(&key, key_text, sizeof key_text);
	buf_init_fixed(&target, target_text, sizeof target_text);
	buf_init(&list, LIST_MAX);
	/* No destination of a route has such a key. */
	buf_str(&key, atrn ? STR("fetch-atrn:") : STR("fetch:"));
	buf_str(&key, (struct str){ line->name, line->name_len });
	domains_put(&list, words);
	bool good = target_put(&target, words->at[0], atrn) && ch && !list.overflowed;
	*call = good ? ++s->next_part : 0;
	if (good)
		channel_send_relay(ch, &(struct msg_relay){ .job = *call,
			.flags = (uint8_t)((atrn ? RELAY_ATRN : RELAY_ETRN) | RELAY_SETTLED), .connections = 1,
			.arrived_ms = (uint64_t)loop_wall_ms(s->frame->loop), .key = buf_view(&key),
			.route = d->routes.at[0], .target = buf_view(&target),
			.recipients = buf_view(&list) });
	else
		tell(s, line, words->at[1], &(struct job_result){ .outcome = JOB_DEFERRED,
			.dsn = STR("4.3.0"), .text = STR("no process is there that could ask") });
	buf_free(&list);
}

/* What others send would be refused while no new mail is taken. */
void fetch_begin(struct spool *s, struct dial_line *line, const struct conf_dial *d)
{
	enum conf_transfer transfer = s->frame->conf->transfer;
	if (transfer == CONF_TRANSFER_OUT || transfer == CONF_TRANSFER_DRAIN) return;
	if (d->etrn.count) ask(s, line, d, &d->etrn, false);
	if (d->atrn.count) ask(s, line, d, &d->atrn, true);
}

static void tell_no_receiver(struct spool *s, const struct msg_visit *m)
{
	struct event_log *log = s->frame->log;
	struct ip client = { 0 };
	if (m->client.len == sizeof client.octets) memcpy(client.octets, m->client.at, sizeof client.octets);
	event_begin(log, EVENT_fetch_fail, 0, 0);
	event_str(log, FIELD_dsn, STR("4.3.2"));
	event_str(log, FIELD_reply, s->draining ? STR("the service stops") : STR("no process is there that could take the mail"));
	event_str(log, FIELD_tls, m->tls.len ? m->tls : STR("-"));
	event_ip(log, FIELD_client, client);
	event_end(log);
}

/* What comes over the connection is new mail, whoever sends it. */
void fetch_visit(struct spool *s, const struct msg_visit *m, int fd)
{
	struct channel *to = NULL;
	for (unsigned i = 0; i < FRAME_INDEX_MAX && !to && !s->draining; i++)
		to = frame_peer(s->frame, ROLE_RECEIVE, i);
	if (to) channel_send_visitor_fd(to, &(struct msg_visitor){ m->client, m->port, m->tls }, fd);
	else tell_no_receiver(s, m);
	(void)close(fd);
}

bool fetch_done(struct spool *s, const struct msg_done *m)
{
	const struct conf *conf = s->frame->conf;
	struct job_result r;
	struct cur cur = cur_of(m->results);
	size_t at = 0;
	while (at < s->dial_count && m->job != s->dials[at].call && m->job != s->dials[at].visit) at++;
	if (at == s->dial_count || !m->job) return false;
	bool atrn = m->job == s->dials[at].visit;
	*(atrn ? &s->dials[at].visit : &s->dials[at].call) = 0;
	const struct conf_texts *words = atrn ? &conf->dials[at].atrn : &conf->dials[at].etrn;
	/* The configuration may have changed meanwhile. */
	while (job_result_next(&cur, &r))
		if (r.index >= 1 && r.index < words->count) tell(s, &s->dials[at], words->at[r.index], &r);
	return true;
}
