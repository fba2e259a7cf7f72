/* SPDX-License-Identifier: Apache-2.0 */
#include "family.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/event/format.h"
#include "lib/ipc/scoreboard.h"
#include "lib/os/sandbox.h"
#include "lib/os/socket.h"
#include "services/setup.h"

enum { CLIENTS_MAX = 64, LISTENERS_MAX = 8 };

static void note(struct frame *f, const char *text, uint64_t count)
{
	event_begin(f->log, EVENT_admin, 0, 0);
	event_str(f->log, FIELD_reason, str_of(text));
	event_i64(f->log, FIELD_count, (int64_t)count);
	event_end(f->log);
}

static void path_in(char *path, size_t size, struct str folder, const char *name)
{
	(void)snprintf(path, size, "%.*s/%s", STR_ARG(folder), name);
}

/* -- receive ------------------------------------------------------------------------- */

struct client {
	struct loop_io *io;
	int fd; /* -1: free */
	struct ip ip;
};

static struct {
	struct frame *frame;
	struct client clients[CLIENTS_MAX];
	struct {
		struct loop_io *io;
		int fd;
		char name[32];
	} listeners[LISTENERS_MAX];
	struct ip shunned;
} rx;

static int *volatile nowhere = (int *)8;

static void client_end(struct client *c, const char *text)
{
	if (send(c->fd, text, strlen(text), MSG_NOSIGNAL) < 0) text = "";
	loop_io_free(c->io);
	close(c->fd);
	c->fd = -1;
}

/* Every channel but master's breaks. */
static void sever(void)
{
	for (int fd = SETUP_FD_MASTER + 1; fd < 256; fd++) {
		struct sockaddr_storage name;
		socklen_t len = sizeof name;
		if (getsockname(fd, (struct sockaddr *)&name, &len) == 0 &&
		    name.ss_family == AF_UNIX)
			(void)shutdown(fd, SHUT_RDWR);
	}
}

static void client_word(struct client *c, struct str word)
{
	struct channel *spool = frame_peer(rx.frame, ROLE_SPOOL, 0);
	size_t handle = (size_t)(c - rx.clients);
	scoreboard_session(0x5e55, c->ip);
	scoreboard_message(0x1d00 + handle);
	if (str_eq(word, STR("segv"))) *nowhere = 1;
	if (str_eq(word, STR("abort"))) abort();
	if (str_eq(word, STR("exit"))) _exit(EX_SOFTWARE);
	if (str_eq(word, STR("sever"))) sever();
	if (str_eq(word, STR("fail"))) {
		frame_fail(rx.frame, EX_IOERR);
		return;
	}
	if (str_eq(word, STR("forbidden"))) (void)socket(AF_NETLINK, SOCK_RAW, 0);
	if (!str_eq(word, STR("mail"))) client_end(c, "?\n");
	else if (!spool) client_end(c, "451\n");
	else channel_send_commit(spool, &(struct msg_commit){ .handle = handle });
}

static void client_ready(void *arg, int fd, unsigned ready)
{
	struct client *c = arg;
	char word[32];
	(void)ready;
	ssize_t n = recv(fd, word, sizeof word, 0);
	if (n > 0) client_word(c, (struct str){ word, (size_t)n });
	else client_end(c, "");
}

static void accept_ready(void *arg, int fd, unsigned ready)
{
	struct ip ip;
	uint16_t port;
	int conn = socket_accept(fd, &ip, &port);
	(void)arg;
	(void)ready;
	for (size_t i = 0; conn >= 0 && i < CLIENTS_MAX; i++) {
		struct client *c = &rx.clients[i];
		if (c->fd >= 0) continue;
		*c = (struct client){ loop_io_new(rx.frame->loop, conn, LOOP_READ,
						  client_ready, c),
				      conn, ip };
		if (ip_eq(ip, rx.shunned)) client_end(c, "shunned\n");
		else if (send(conn, "hello\n", 6, MSG_NOSIGNAL) < 0) client_end(c, "");
		return;
	}
	if (conn >= 0) close(conn);
}

static int receive_serve(struct frame *f)
{
	rx.frame = f;
	for (size_t i = 0; i < CLIENTS_MAX; i++) rx.clients[i].fd = -1;
	return scoreboard_census() ? 0 : EX_SOFTWARE;
}

static void receive_listener(const struct msg_listener *m, int fd)
{
	for (size_t i = 0; i < LISTENERS_MAX; i++) {
		if (rx.listeners[i].io) continue;
		rx.listeners[i].io =
			loop_io_new(rx.frame->loop, fd, LOOP_READ, accept_ready, NULL);
		rx.listeners[i].fd = fd;
		(void)str_to_cstr(m->name, rx.listeners[i].name,
				  sizeof rx.listeners[i].name);
		return;
	}
	close(fd);
}

static void receive_listener_end(struct str name)
{
	for (size_t i = 0; i < LISTENERS_MAX; i++) {
		if (!rx.listeners[i].io || !str_eq(name, str_of(rx.listeners[i].name)))
			continue;
		loop_io_free(rx.listeners[i].io);
		rx.listeners[i].io = NULL;
		close(rx.listeners[i].fd);
	}
}

static void receive_message(struct frame *f, struct channel *ch, enum msg_type type,
			    struct str payload, int fd)
{
	struct msg_listener listener;
	struct msg_listener_end end;
	struct msg_committed committed;
	struct msg_shun shun;
	(void)ch;
	if (type == MSG_listener && msg_listener_get(payload, &listener)) {
		receive_listener(&listener, fd);
	} else if (type == MSG_listener_end && msg_listener_end_get(payload, &end)) {
		receive_listener_end(end.name);
	} else if (type == MSG_committed && msg_committed_get(payload, &committed)) {
		client_end(&rx.clients[committed.handle], "250\n");
	} else if (type == MSG_shun && msg_shun_get(payload, &shun)) {
		memcpy(rx.shunned.octets, shun.client.at, sizeof rx.shunned.octets);
		note(f, "told to shun", shun.client.len);
	}
}

static void receive_reload(struct frame *f, struct conf *old)
{
	note(f, "reloaded", old->generation);
}

static void receive_drain(struct frame *f, bool now)
{
	if (now || !str_eq(f->conf->hostname, STR("slow.leave"))) frame_leave(f);
}

static const struct role_ops test_receive = {
	.role = ROLE_RECEIVE,
	.serve = receive_serve,
	.message = receive_message,
	.reload = receive_reload,
	.drain = receive_drain,
};

/* -- spool --------------------------------------------------------------------------- */

static int spool_open(struct frame *f)
{
	char path[PATH_MAX];
	if (!str_to_cstr(f->conf->spool.path, path, sizeof path) || chdir(path) != 0)
		return EX_CANTCREAT;
	if (str_eq(f->conf->hostname, STR("fail.open"))) {
		note(f, "cannot open on purpose", 0);
		return EX_CANTCREAT;
	}
	return sandbox_allow_path(".", true) == 0 ? 0 : EX_OSERR;
}

/* Rights are gone: the own folder can still be written, others not. */
static int spool_serve(struct frame *f)
{
	int fd = open("kept", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0) return EX_CANTCREAT;
	close(fd);
	note(f, f->restarted ? "spool serves again" : "spool serves", geteuid());
	return 0;
}

static void spool_message(struct frame *f, struct channel *ch, enum msg_type type,
			  struct str payload, int fd)
{
	struct msg_commit commit;
	struct msg_death death;
	if (fd >= 0) close(fd);
	if (type == MSG_commit && msg_commit_get(payload, &commit))
		channel_send_committed(ch, &(struct msg_committed){ commit.handle, 1 });
	if (type == MSG_death && msg_death_get(payload, &death)) {
		char text[64];
		(void)snprintf(text, sizeof text, "death of %s id %llx blamed %d",
			       role_name((enum role)death.role),
			       (unsigned long long)death.id, death.blamed);
		note(f, text, death.index);
	}
}

static const struct role_ops test_spool = {
	.role = ROLE_SPOOL,
	.open = spool_open,
	.serve = spool_serve,
	.message = spool_message,
};

/* -- mailbox: nothing at all --------------------------------------------------------- */

static const struct role_ops test_mailbox = { .role = ROLE_MAILBOX };

/* -- journal ------------------------------------------------------------------------- */

static int journal_fd = -1;

static void journal_write(void *arg, struct str record)
{
	static struct event_view view;
	struct buf line;
	(void)arg;
	buf_init(&line, EVENT_LINE_MAX);
	if (!event_view_read(&view, record)) buf_str(&line, STR("damaged\n"));
	else event_format_text(&view, &line);
	if (write(journal_fd, line.at, line.len) < 0) abort();
	buf_free(&line);
}

static int journal_open(struct frame *f)
{
	char path[PATH_MAX];
	path_in(path, sizeof path, f->conf->state, "events");
	journal_fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
	f->log->write = journal_write;
	return journal_fd < 0 ? EX_CANTCREAT : 0;
}

static void journal_message(struct frame *f, struct channel *ch, enum msg_type type,
			    struct str payload, int fd)
{
	struct msg_event m;
	(void)f;
	(void)ch;
	(void)fd;
	if (type == MSG_event && msg_event_get(payload, &m))
		journal_write(NULL, m.record);
}

static const struct role_ops test_journal = {
	.role = ROLE_JOURNAL,
	.open = journal_open,
	.message = journal_message,
};

/* -- console: one question at a time ------------------------------------------------- */

static struct {
	struct frame *frame;
	int listener, conn;
	struct loop_io *listener_io, *conn_io;
} con = { .conn = -1 };

static void console_word(void *arg, int fd, unsigned ready)
{
	char word[32];
	ssize_t n = recv(fd, word, sizeof word, 0);
	(void)arg;
	(void)ready;
	loop_io_want(con.conn_io, 0);
	if (n > 0 && word[0] == 'r') {
		channel_send_ask_reload(con.frame->master, &(struct msg_ask_reload){ 7 });
	} else {
		channel_send_ask_roles(con.frame->master, &(struct msg_ask_roles){ 7 });
	}
}

static void console_accept(void *arg, int fd, unsigned ready)
{
	struct ip ip;
	uint16_t port;
	(void)arg;
	(void)ready;
	con.conn = socket_accept(fd, &ip, &port);
	con.conn_io =
		loop_io_new(con.frame->loop, con.conn, LOOP_READ, console_word, NULL);
}

static int console_open(struct frame *f)
{
	char path[PATH_MAX];
	path_in(path, sizeof path, f->conf->runtime, "ask");
	con.frame = f;
	con.listener = socket_unix_listen(path, 0666);
	return con.listener < 0 ? EX_CANTCREAT : 0;
}

static int console_serve(struct frame *f)
{
	con.listener_io =
		loop_io_new(f->loop, con.listener, LOOP_READ, console_accept, NULL);
	return con.listener_io ? 0 : EX_OSERR;
}

static void console_message(struct frame *f, struct channel *ch, enum msg_type type,
			    struct str payload, int fd)
{
	char text[512];
	struct msg_role_row row;
	struct msg_answer answer;
	int n = 0;
	(void)f;
	(void)ch;
	(void)fd;
	if (con.conn < 0) return;
	if (type == MSG_role_row && msg_role_row_get(payload, &row))
		n = snprintf(text, sizeof text, "%s[%u] restarts %u generation %u\n",
			     role_name((enum role)row.role), row.index, row.restarts,
			     (unsigned)row.generation);
	if (type == MSG_answer && msg_answer_get(payload, &answer))
		n = snprintf(text, sizeof text, "status %u count %u %.*s\n",
			     answer.status, (unsigned)answer.count,
			     answer.text.len > 100 ? 100 : (int)answer.text.len,
			     answer.text.at);
	if (n > 0 && send(con.conn, text, (size_t)n, MSG_NOSIGNAL) < 0) n = 0;
	if (type != MSG_answer) return;
	loop_io_free(con.conn_io);
	close(con.conn);
	con.conn = -1;
}

static const struct role_ops test_console = {
	.role = ROLE_CONSOLE,
	.open = console_open,
	.serve = console_serve,
	.message = console_message,
};

const struct role_ops *const family_roles[ROLE_COUNT] = {
	[ROLE_RECEIVE] = &test_receive, [ROLE_SPOOL] = &test_spool,
	[ROLE_MAILBOX] = &test_mailbox, [ROLE_JOURNAL] = &test_journal,
	[ROLE_CONSOLE] = &test_console,
};
