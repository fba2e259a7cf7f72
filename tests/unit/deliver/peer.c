/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/os/socket.h"
#include "lib/os/stream.h"

enum { PEERS_MAX = 16, SESSIONS_MAX = 256, TEXT_MAX = 8 << 20 };

struct guest {
	struct peer *peer;
	struct loop_io *io;
	int fd;
	struct tls *tls;
	bool shaking;
	struct buf in, out, text;
	bool in_text, no_answers, mail_ok;
	uint64_t chunk; /* octets of a BDAT still to come */
	bool in_chunk;
	unsigned accepted; /* recipients of this transaction */
};

static struct peer *peers[PEERS_MAX];
static size_t peer_count;
static struct guest *guests[SESSIONS_MAX];

static void guest_free(struct guest *g)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (guests[i] == g) guests[i] = NULL;
	loop_io_free(g->io);
	if (g->tls) tls_goodbye(g->tls);
	tls_free(g->tls);
	(void)close(g->fd);
	buf_free(&g->in);
	buf_free(&g->out);
	buf_free(&g->text);
	g->peer->open--;
	free(g);
}

static void guest_reset(struct guest *g)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };
	(void)setsockopt(g->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	guest_free(g);
}

static void say(struct guest *g, const char *line)
{
	if (g->no_answers) return;
	buf_str(&g->out, str_of(line));
	buf_crlf(&g->out);
}

/* Does what the script wants at this step. False: the guest is gone, or nothing more is
 * to be done for this command. */
static bool step_well(struct guest *g, enum peer_step step)
{
	const struct peer_script *s = &g->peer->script;
	if (s->step != step || s->act == DO_WELL) return true;
	if (s->times && g->peer->acted >= s->times) return true;
	g->peer->acted++;
	switch (s->act) {
	case DO_CLOSE: guest_free(g); return false;
	case DO_RESET: guest_reset(g); return false;
	case DO_SILENCE: g->no_answers = true; return false;
	case DO_SAY: say(g, s->say); return false;
	case DO_WELL: break;
	}
	return true;
}

/* Whether the guest is still there. */
static bool is_here(const struct guest *g)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (guests[i] == g) return true;
	return false;
}

static bool act(struct guest *g, enum peer_step step, bool *here)
{
	bool well = step_well(g, step);
	*here = is_here(g);
	return well && *here;
}

static void say_caps(struct guest *g)
{
	const char *caps = g->peer->script.caps ? g->peer->script.caps : "";
	struct str rest = str_of(caps);
	buf_str(&g->out, STR("250-peer.test hello\r\n"));
	for (struct str word; (word = str_word(&rest)).len;) {
		buf_str(&g->out, STR("250-"));
		for (size_t i = 0; i < word.len; i++)
			buf_byte(&g->out, word.at[i] == '~' ? ' ' : word.at[i]);
		buf_crlf(&g->out);
	}
	say(g, "250 HELP");
}

static void message_ends(struct guest *g)
{
	struct peer *p = g->peer;
	unsigned answers = p->script.lmtp && g->accepted ? g->accepted : 1;
	bool here;
	g->in_text = g->in_chunk = false;
	unsigned any = g->accepted;
	g->accepted = 0;
	if (!act(g, AT_DOT, &here)) {
		if (here) buf_reset(&g->text);
		return;
	}
	if (any) {
		buf_reset(&p->text);
		buf_str(&p->text, buf_view(&g->text));
		p->messages++;
		p->rcpts += any;
	}
	buf_reset(&g->text);
	for (unsigned i = 0; i < answers; i++)
		say(g, any ? "250 2.0.0 taken" : "554 5.5.1 no recipients");
	if (p->script.bye) {
		say(g, "421 4.7.0 that was enough");
		(void)stream_send(g->fd, buf_view(&g->out));
		guest_free(g);
	}
}

static void rcpt(struct guest *g, struct str line)
{
	const struct peer_script *s = &g->peer->script;
	if (!g->mail_ok) {
		say(g, "503 5.5.1 MAIL first");
	} else if (str_starts(line, STR("RCPT TO:<no"))) {
		say(g, "550 5.1.1 No such user");
	} else if (str_starts(line, STR("RCPT TO:<later"))) {
		say(g, "450 4.2.1 Come again");
	} else if (s->rcpts && g->accepted >= s->rcpts) {
		say(g, "452 4.5.3 Too many recipients");
	} else {
		g->accepted++;
		say(g, "250 2.1.5 OK");
	}
}

static void chunk_begins(struct guest *g, struct str line)
{
	struct str rest = str_from(line, 5);
	assert_true(str_to_u64(str_word(&rest), &g->chunk));
	g->in_chunk = true;
	g->peer->texts_begun++;
}

static void command_data(struct guest *g)
{
	bool here;
	if (!act(g, AT_DATA, &here)) return;
	if (!g->accepted) {
		say(g, "503 5.5.1 no valid recipients");
		return;
	}
	say(g, "354 go on");
	g->in_text = true;
	g->peer->texts_begun++;
}

static void shake(struct guest *g)
{
	bool here;
	if (!g->tls && act(g, AT_HANDSHAKE, &here)) {
		assert_int_equal(g->in.len, 0);
		g->tls = tls_new(g->peer->tls, g->fd);
		assert_non_null(g->tls);
		g->shaking = true;
	}
}

static void starttls(struct guest *g)
{
	bool here;
	g->peer->starttls++;
	if (!act(g, AT_STARTTLS, &here)) return;
	say(g, "220 2.0.0 go on");
	assert_int_equal(stream_send(g->fd, buf_view(&g->out)), (ssize_t)g->out.len);
	buf_reset(&g->out);
	shake(g);
}

static void command(struct guest *g, struct str line)
{
	struct peer *p = g->peer;
	bool here;
	buf_str(&p->heard, line);
	buf_byte(&p->heard, '\n');
	if (str_starts(line, STR("EHLO")) || str_starts(line, STR("LHLO"))) {
		p->ehlos++;
		if (p->script.no_ehlo) say(g, "502 5.5.1 what?");
		else if (act(g, AT_EHLO, &here)) say_caps(g);
	} else if (str_starts(line, STR("HELO"))) {
		p->helos++;
		if (act(g, AT_HELO, &here)) say(g, "250 peer.test");
	} else if (str_starts(line, STR("MAIL"))) {
		p->mails++;
		g->accepted = 0;
		bool well = act(g, AT_MAIL, &here);
		if (here) g->mail_ok = well;
		if (well) say(g, "250 2.1.0 OK");
	} else if (str_starts(line, STR("RCPT"))) {
		if (act(g, AT_RCPT, &here)) rcpt(g, line);
	} else if (str_starts(line, STR("DATA"))) {
		command_data(g);
	} else if (str_starts(line, STR("BDAT"))) {
		chunk_begins(g, line);
	} else if (str_starts(line, STR("RSET"))) {
		p->resets++;
		if (act(g, AT_RSET, &here)) say(g, "250 2.0.0 OK");
	} else if (str_starts(line, STR("STARTTLS")) && p->tls) {
		starttls(g);
	} else if (str_starts(line, STR("AUTH")) && p->script.auth) {
		say(g, p->script.auth);
	} else if (str_starts(line, STR("ATRN")) && p->script.atrn) {
		say(g, p->script.atrn);
	} else if (str_starts(line, STR("QUIT"))) {
		p->quits++;
		if (act(g, AT_QUIT, &here)) say(g, "221 2.0.0 bye");
	} else {
		say(g, "500 5.5.2 what?");
	}
}

static void text_line(struct guest *g, struct str line)
{
	bool here;
	if (str_eq(line, STR("."))) {
		message_ends(g);
		return;
	}
	if (g->text.len == 0 && !act(g, AT_BODY, &here)) {
		if (here) g->text.len = 0;
		return;
	}
	if (str_starts(line, STR("."))) line = str_from(line, 1);
	buf_str(&g->text, line);
	buf_crlf(&g->text);
}

static void chunk_take(struct guest *g)
{
	struct str piece = str_sub(buf_view(&g->in), 0, g->chunk);
	bool here = true;
	if (g->text.len == 0 && piece.len && !act(g, AT_BODY, &here) && !here) return;
	buf_str(&g->text, piece);
	buf_consume(&g->in, piece.len);
	g->chunk -= piece.len;
	if (g->chunk > 0) return;
	if (g->accepted) {
		message_ends(g);
		return;
	}
	g->in_chunk = false;
	buf_reset(&g->text);
	say(g, "554 5.5.1 no valid recipients");
}

/* One line, or a piece of a chunk; false if there is none yet, or the guest has gone. */
static bool guest_work(struct guest *g)
{
	if (g->in_chunk) {
		if (g->in.len == 0) return false;
		chunk_take(g);
		return is_here(g);
	}
	struct str in = buf_view(&g->in);
	/* A client that speaks TLS to who does not: nothing that could be answered. */
	if (!g->tls && in.len && in.at[0] == 0x16) buf_reset(&g->in);
	in = buf_view(&g->in);
	const char *lf = in.len ? memchr(in.at, '\n', in.len) : NULL;
	if (!lf) return false;
	char line[2048];
	size_t len = (size_t)(lf - in.at);
	assert_true(len > 0 && len < sizeof line && in.at[len - 1] == '\r');
	memcpy(line, in.at, len - 1);
	buf_consume(&g->in, len + 1);
	struct str said = { line, len - 1 };
	if (g->in_text) text_line(g, said);
	else command(g, said);
	return is_here(g);
}

static void guest_flush(struct guest *g)
{
	while (g->out.len) {
		ssize_t sent = g->tls ? tls_send(g->tls, buf_view(&g->out))
				      : stream_send(g->fd, buf_view(&g->out));
		if (sent <= 0) break;
		buf_consume(&g->out, (size_t)sent);
	}
	loop_io_want(g->io, LOOP_READ | (g->out.len ? LOOP_WRITE : 0u));
}

static void guest_ready(void *arg, int fd, unsigned ready)
{
	static char bytes[64 * 1024];
	struct guest *g = arg;
	bool here;
	if (g->shaking) {
		int rc = tls_handshake(g->tls);
		if (rc == -EAGAIN) loop_io_want(g->io, tls_wants(g->tls));
		else if (rc != 0) guest_free(g);
		if (rc != 0) return;
		g->shaking = false;
		g->peer->secured++;
		if (g->peer->script.implicit && act(g, AT_BANNER, &here))
			say(g, "220 peer.test ready");
		guest_flush(g);
		return;
	}
	if (ready & LOOP_READ) {
		ssize_t got = g->tls ? tls_recv(g->tls, bytes, sizeof bytes)
				     : stream_recv(fd, bytes, sizeof bytes);
		if (got <= 0 && got != -EAGAIN) {
			guest_free(g);
			return;
		}
		buf_bytes(&g->in, bytes, got > 0 ? (size_t)got : 0);
	}
	while (guest_work(g)) continue;
	if (is_here(g)) guest_flush(g);
}

static void peer_accept(void *arg, int fd, unsigned ready)
{
	struct peer *p = arg;
	struct ip ip;
	uint16_t port;
	bool here;
	(void)ready;
	int guest_fd = socket_accept(fd, &ip, &port);
	if (guest_fd < 0) return;
	struct guest *g = calloc(1, sizeof *g);
	assert_non_null(g);
	*g = (struct guest){ .peer = p, .fd = guest_fd };
	buf_init(&g->in, TEXT_MAX);
	buf_init(&g->out, TEXT_MAX);
	buf_init(&g->text, TEXT_MAX);
	size_t i = 0;
	while (i < SESSIONS_MAX && guests[i]) i++;
	assert_true(i < SESSIONS_MAX);
	guests[i] = g;
	p->connections++;
	p->open++;
	g->io = loop_io_new(bench_loop(), guest_fd, LOOP_READ, guest_ready, g);
	if (!act(g, AT_ACCEPT, &here)) {
		if (here) guest_flush(g);
		return;
	}
	if (p->script.implicit) {
		shake(g);
		return;
	}
	if (act(g, AT_BANNER, &here)) say(g, "220 peer.test ready");
	if (here) guest_flush(g);
}

/* --- peers ---------------------------------------------------------------------------
 */

static struct peer *peer_add(int fd, const char *name, const struct peer_script *script)
{
	struct peer *p = calloc(1, sizeof *p);
	assert_non_null(p);
	assert_true(fd >= 0 && peer_count < PEERS_MAX);
	p->fd = fd;
	p->script = script ? *script : (struct peer_script){ .caps = "PIPELINING" };
	(void)snprintf(p->name, sizeof p->name, "%s", name);
	buf_init(&p->text, TEXT_MAX);
	buf_init(&p->heard, TEXT_MAX);
	if (p->script.pem) {
		char text[256];
		struct buf why;
		struct tls_certificate told;
		buf_init_fixed(&why, text, sizeof text);
		p->tls = tls_server_new(TLS_MODERN);
		assert_true(tls_server_add(p->tls, str_of(p->script.pem->cert),
					   str_of(p->script.pem->key), &told, &why));
	}
	p->io = loop_io_new(bench_loop(), fd, LOOP_READ, peer_accept, p);
	return peers[peer_count++] = p;
}

uint16_t peers_port(void) { return peer_count ? peers[0]->port : 0; }

struct peer *peer_new(unsigned n, const struct peer_script *script)
{
	char name[32];
	struct ip ip;
	uint16_t port;
	(void)snprintf(name, sizeof name, "127.0.0.%u", n);
	assert_true(ip_parse(str_of(name), &ip));
	int fd = socket_listen(ip, peers_port());
	assert_true(fd >= 0 && socket_local(fd, &ip, &port));
	struct peer *p = peer_add(fd, name, script);
	p->port = port;
	return p;
}

struct peer *peer_new_unix(const char *path, const struct peer_script *script)
{
	return peer_add(socket_unix_listen(path, 0600), path, script);
}

void peer_close_all(struct peer *p)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (guests[i] && guests[i]->peer == p) guest_free(guests[i]);
}

void peers_forget(void)
{
	peer_count = 0;
	memset(guests, 0, sizeof guests);
}

void peers_free(void)
{
	while (peer_count) {
		struct peer *p = peers[--peer_count];
		peer_close_all(p);
		loop_io_free(p->io);
		(void)close(p->fd);
		buf_free(&p->text);
		buf_free(&p->heard);
		tls_server_free(p->tls);
		free(p);
	}
}

uint8_t peers_list(const char *answer, struct buf *out)
{
	struct mx_list list = { 0 };
	struct str rest = str_of(answer);
	static char names[MX_HOSTS_MAX][32];
	if (str_eq(rest, STR("never"))) return 1;
	if (str_eq(rest, STR("later"))) return 2;
	if (str_eq(rest, STR("junk"))) buf_str(out, STR("junk"));
	for (struct str word; !out->len && (word = str_word(&rest)).len; list.count++) {
		struct mx_next *host = &list.hosts[list.count];
		(void)snprintf(names[list.count], 32, "mx%zu.example", list.count + 1);
		host->name = str_of(names[list.count]);
		host->preference = (uint16_t)(list.count * 10);
		host->count = 1;
		host->secure = bench_now->dns_secure;
		host->dane = bench_now->dane;
		host->base = host->dane == MX_DANE_FOUND ? STR("base.example") : STR("");
		host->tlsa = host->dane == MX_DANE_FOUND ? bench_now->tlsa : STR("");
		assert_true(ip_parse(word, &host->ips[0]));
	}
	if (list.count) mx_list_put(out, &list);
	return 0;
}
