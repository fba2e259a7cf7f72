/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/receive.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/ipc/scoreboard.h"

static_assert(sizeof(struct tally) <= SCOREBOARD_TALLY, "the tally has its place");

enum { TRANSACTIONS_MAX = 1 << 20, DIRECTORY_YES = 1, DIRECTORY_NO = 0, DIRECTORY_CIRCLE = 3 };

static void role_settings(struct receive *rx)
{
	const struct conf *conf = rx->frame->conf;
	rx->smtp = (struct smtp_server_settings){
		.hostname = conf->hostname,
		.banner = STR("IMS"),
		.size_max = (uint64_t)conf->limit.message_size_b,
		.recipients_max = (uint32_t)conf->limit.recipients,
		.messages_max = (uint32_t)conf->limit.messages_per_connection,
		.errors_max = (uint32_t)conf->limit.errors,
		.line_max = (size_t)conf->limit.line_b,
		.fix_newlines = conf->limit.bare_newline == CONF_NEWLINE_FIX,
		.by_min_s = (uint32_t)((conf->limit.deliver_by_ms + 999) / 1000),
	};
	auth_settings(rx);
	extra_tick(rx);
}

static int role_open(struct frame *f)
{
	struct receive *rx = calloc(1, sizeof *rx);
	if (!rx || !tls_prepare()) return EX_OSERR;
	f->role = rx;
	rx->frame = f;
	rx->window_blocks = RECEIVE_WINDOW / WINDOW_BLOCK;
	rx->window = window_new(RECEIVE_WINDOW);
	rx->census = scoreboard_census();
	rx->tally = scoreboard_tally();
	if (!rx->window || !rx->census || !rx->tally) return EX_OSERR;
	uint64_t seed = rx->census->seed;
	map_init(&rx->transactions, TRANSACTIONS_MAX, seed);
	map_init(&rx->lookups, RECEIVE_SESSIONS_MAX, seed);
	map_init(&rx->logins, RECEIVE_SESSIONS_MAX, seed);
	for (int class = 0; class < IDLE_CLASSES; class++) list_init(&rx->idle[class]);
	list_init(&rx->stalled);
	map_init(&rx->inquiry_map, RECEIVE_INQUIRIES_MAX, seed);
	list_init(&rx->inquiries);
	role_settings(rx);
	return 0;
}

static int role_serve(struct frame *f)
{
	struct receive *rx = f->role;
	rx->sweep = loop_timer_new(f->loop, session_sweep, rx);
	rx->accept_pause = loop_timer_new(f->loop, accept_pause_over, rx);
	rx->inquiry_end = loop_timer_new(f->loop, inquiry_late, rx);
	rx->greeter = loop_timer_new(f->loop, greet_over, rx);
	if (!rx->sweep || !rx->accept_pause || !rx->inquiry_end || !rx->greeter) return EX_OSERR;
	loop_timer_set(rx->sweep, 1000);
	return 0;
}

static void role_directory_lost(struct receive *rx)
{
	rx->directory = NULL;
	auth_directory_lost(rx);
	for (struct session *s; (s = ask_any(rx, false));)
		dialog_found(s, &(struct owner){ .known = ANSWER_CANNOT_TELL });
}

static void role_peer_up(struct frame *f, struct channel *ch)
{
	struct receive *rx = f->role;
	if (channel_peer(ch) == ROLE_SPOOL) {
		/* What the one before had in hand will not be answered any more, and what it
		 * said of its disk is over: the new one says when that is low. */
		rx->spool = NULL;
		transaction_spool_lost(rx);
		etrn_spool_lost(rx);
		rx->disk_low = false;
		rx->spool = ch;
		uint32_t size = (uint32_t)(rx->window_blocks * WINDOW_BLOCK);
		channel_send_window_fd(ch, &(struct msg_window){ size }, window_fd(rx->window));
	} else if (channel_peer(ch) == ROLE_DIRECTORY) {
		role_directory_lost(rx);
		rx->directory = ch;
	} else if (channel_peer(ch) == ROLE_DNS) {
		inquiry_dns_lost(rx);
		rx->dns = ch;
	}
}

static void role_peer_down(struct frame *f, struct channel *ch)
{
	struct receive *rx = f->role;
	if (ch == rx->spool) {
		rx->spool = NULL;
		transaction_spool_lost(rx);
		etrn_spool_lost(rx);
	} else if (ch == rx->directory) {
		role_directory_lost(rx);
	} else if (ch == rx->dns) {
		inquiry_dns_lost(rx);
	}
}

static void role_found(struct receive *rx, const struct msg_found *m)
{
	struct session *s = map_get(&rx->lookups, m->query);
	if (!s || ask_is_for_spool(s)) return;
	struct owner found = { .known = ANSWER_CANNOT_TELL, m->address, m->home };
	if (m->result == DIRECTORY_YES) found.known = ANSWER_YES;
	if (m->result == DIRECTORY_NO) found.known = ANSWER_NO;
	if (m->result == DIRECTORY_CIRCLE) found.known = ANSWER_CIRCLE;
	s->expanded = (struct expanded){ m->how, m->targets, m->rule };
	dialog_found(s, &found);
}

static void role_released(struct receive *rx, const struct msg_released *m)
{
	struct session *s = map_get(&rx->lookups, m->query);
	if (s && s->asked == ASKED_RELEASE) etrn_released(s, m);
}

static void role_turned(struct receive *rx, const struct msg_turned *m)
{
	struct session *s = map_get(&rx->lookups, m->query);
	if (s && s->asked == ASKED_TURN) atrn_turned(s, m);
}

static void role_shun(struct receive *rx, const struct msg_shun *m)
{
	struct ip client;
	if (m->client.len != sizeof client.octets) return;
	memcpy(client.octets, m->client.at, sizeof client.octets);
	accept_shun(rx, client, (int64_t)m->until_ms);
}

static void role_message(struct frame *f, struct channel *ch, enum msg_type type,
                         struct str payload, int fd)
{
	struct receive *rx = f->role;
	union {
		struct msg_committed committed;
		struct msg_refused refused;
		struct msg_big_taken taken;
		struct msg_pressure pressure;
		struct msg_found found;
		struct msg_dns_found dns_found;
		struct msg_auth_reply auth_reply;
		struct msg_listener listener;
		struct msg_listener_end listener_end;
		struct msg_shun shun;
		struct msg_certificates certificates;
		struct msg_released released;
		struct msg_turned turned;
		struct msg_visitor visitor;
	} m;
	(void)ch;
	if (type == MSG_committed && msg_committed_get(payload, &m.committed)) {
		transaction_committed(rx, &m.committed);
	} else if (type == MSG_refused && msg_refused_get(payload, &m.refused)) {
		transaction_refused(rx, &m.refused);
	} else if (type == MSG_big_taken && msg_big_taken_get(payload, &m.taken)) {
		struct transaction *tx = map_get(&rx->transactions, m.taken.handle);
		if (tx) body_taken(tx, m.taken.count);
		session_resume_stalled(rx);
	} else if (type == MSG_pressure && msg_pressure_get(payload, &m.pressure)) {
		rx->disk_low = m.pressure.disk_low != 0;
	} else if (type == MSG_found && msg_found_get(payload, &m.found)) {
		role_found(rx, &m.found);
	} else if (type == MSG_dns_found && msg_dns_found_get(payload, &m.dns_found)) {
		inquiry_answer(rx, &m.dns_found);
	} else if (type == MSG_auth_reply && msg_auth_reply_get(payload, &m.auth_reply)) {
		auth_reply(rx, &m.auth_reply);
	} else if (type == MSG_listener && msg_listener_get(payload, &m.listener)) {
		accept_listener(rx, m.listener.name, m.listener.address, fd);
	} else if (type == MSG_listener_end && msg_listener_end_get(payload, &m.listener_end)) {
		accept_listener_end(rx, m.listener_end.name);
	} else if (type == MSG_shun && msg_shun_get(payload, &m.shun)) {
		role_shun(rx, &m.shun);
	} else if (type == MSG_certificates && msg_certificates_get(payload, &m.certificates)) {
		secure_certificates(rx, &m.certificates, fd);
	} else if (type == MSG_released && msg_released_get(payload, &m.released)) {
		role_released(rx, &m.released);
	} else if (type == MSG_turned && msg_turned_get(payload, &m.turned)) {
		role_turned(rx, &m.turned);
	} else if (type == MSG_visitor && msg_visitor_get(payload, &m.visitor)) {
		visitor_take(rx, &m.visitor, fd);
	}
}

static void role_reload(struct frame *f, struct conf *old)
{
	struct receive *rx = f->role;
	(void)old;
	role_settings(rx);
	accept_reload(rx);
	secure_reload(rx);
}

void receive_leave_if_idle(struct receive *rx)
{
	if (!rx->draining || rx->left || rx->session_count > 0) return;
	rx->left = true;
	frame_leave(rx->frame);
}

static void role_drain(struct frame *f, bool now)
{
	struct receive *rx = f->role;
	rx->draining = true;
	accept_stop(rx);
	session_shutdown_all(rx, now);
	receive_leave_if_idle(rx);
}

const struct role_ops receive_role = {
	.role = ROLE_RECEIVE,
	.reads_lists = CONF_LISTS_CLIENTS,
	.open = role_open,
	.serve = role_serve,
	.peer_up = role_peer_up,
	.peer_down = role_peer_down,
	.message = role_message,
	.reload = role_reload,
	.drain = role_drain,
};
