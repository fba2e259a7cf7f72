/* SPDX-License-Identifier: Apache-2.0 */
#include "services/console/console.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/os/socket.h"

static void role_accept(void *arg, int fd, unsigned ready)
{
	struct console *c = arg;
	struct ip peer;
	uint16_t port;
	(void)ready;
	int conn = socket_accept(fd, &peer, &port);
	if (conn < 0) return;
	struct ucred who = { 0 };
	socklen_t len = sizeof who;
	bool known = getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0;
	if (known && (who.uid == 0 || who.uid == c->start_uid || who.uid == geteuid()))
		client_accept(c, conn, who.uid);
	else (void)close(conn);
}

static int role_open(struct frame *f)
{
	struct console *c = calloc(1, sizeof *c);
	char path[256];
	struct buf text;
	if (!c) return EX_OSERR;
	f->role = c;
	c->frame = f;
	c->start_uid = getuid();
	list_init(&c->clients);
	map_init(&c->queries, CONSOLE_CLIENTS_MAX, 0);
	buf_init_fixed(&text, path, sizeof path);
	buf_str(&text, f->conf->runtime);
	buf_str(&text, STR("/control.sock"));
	buf_byte(&text, '\0');
	c->listen_fd = text.overflowed ? -ENAMETOOLONG : socket_unix_listen(path, 0600);
	return c->listen_fd < 0 ? EX_CANTCREAT : 0;
}

static int role_serve(struct frame *f)
{
	struct console *c = f->role;
	c->listen_io = loop_io_new(f->loop, c->listen_fd, LOOP_READ, role_accept, c);
	c->sweep = loop_timer_new(f->loop, client_sweep, c);
	if (!c->listen_io || !c->sweep) return EX_OSERR;
	loop_timer_set(c->sweep, 1000);
	return 0;
}

static void role_peer_up(struct frame *f, struct channel *ch)
{
	struct console *c = f->role;
	if (channel_peer(ch) == ROLE_SPOOL) c->spool = ch;
	if (channel_peer(ch) == ROLE_JOURNAL) c->journal = ch;
}

static void role_peer_down(struct frame *f, struct channel *ch)
{
	struct console *c = f->role;
	destination_lost(c, channel_peer(ch));
	if (ch == c->spool) {
		c->spool = NULL;
		request_spool_lost(c);
	} else if (ch == c->journal) {
		c->journal = NULL;
		request_journal_lost(c);
	}
}

static void role_message(struct frame *f, struct channel *ch, enum msg_type type,
                         struct str payload, int fd)
{
	struct console *c = f->role;
	struct msg_role_row row;
	struct msg_totals totals;
	struct msg_answer answer;
	struct msg_certificate_row certificate;
	struct msg_counts counts;
	struct msg_pace_row pace;
	struct msg_destination destination;
	struct msg_resolved resolved;
	struct msg_hop hop;
	struct msg_sts_known sts;
	(void)fd;
	if (type == MSG_pace_row && msg_pace_row_get(payload, &pace)) paces_row(c, &pace);
	else if (type == MSG_role_row && msg_role_row_get(payload, &row)) request_role_row(c, &row);
	else if (type == MSG_totals && msg_totals_get(payload, &totals)) request_totals(c, &totals);
	else if (type == MSG_certificate_row && msg_certificate_row_get(payload, &certificate))
		request_certificate_row(c, &certificate);
	else if (type == MSG_counts && msg_counts_get(payload, &counts)) request_counts(c, &counts);
	else if (type == MSG_destination && msg_destination_get(payload, &destination))
		destination_spool(c, &destination);
	else if (type == MSG_resolved && msg_resolved_get(payload, &resolved))
		destination_dns(c, &resolved);
	else if (type == MSG_hop && msg_hop_get(payload, &hop))
		destination_hop(c, channel_peer_index(ch), &hop);
	else if (type == MSG_sts_known && msg_sts_known_get(payload, &sts)) destination_sts(c, &sts);
	else if (type == MSG_answer && msg_answer_get(payload, &answer)) request_answer(c, &answer);
}

static void role_drain(struct frame *f, bool now)
{
	(void)now;
	frame_leave(f);
}

const struct role_ops console_role = {
	.role = ROLE_CONSOLE,
	.reads_lists = true,
	.open = role_open,
	.serve = role_serve,
	.peer_up = role_peer_up,
	.peer_down = role_peer_down,
	.message = role_message,
	.drain = role_drain,
};
