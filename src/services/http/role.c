/* SPDX-License-Identifier: Apache-2.0 */
/* Role `http`: the only process that asks web servers on behalf of mail that leaves. It holds
 * what it was told by them, in memory and in a folder of its own, and tells others what they
 * ask. When it is away nobody waits for it longer than for a web server that is. */
#include <fcntl.h>
#include <limits.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/os/sandbox.h"
#include "services/http/http.h"

static const char ca_path[] = "/etc/ssl/certs/ca-certificates.crt";

static void ca_read(struct http *h)
{
	char piece[16 * 1024];
	ssize_t n;
	buf_init(&h->ca, HTTP_CA_MAX);
	int fd = open(ca_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return;
	while ((n = read(fd, piece, sizeof piece)) > 0) buf_bytes(&h->ca, piece, (size_t)n);
	if (n < 0 || h->ca.overflowed) buf_free(&h->ca);
	(void)close(fd);
}

static void folder_open(struct http *h)
{
	char path[PATH_MAX];
	struct buf b;
	buf_init_fixed(&b, path, sizeof path);
	buf_fmt(&b, "%.*s/http", STR_ARG(h->frame->conf->state));
	buf_byte(&b, '\0');
	h->folder = b.overflowed ? -ENAMETOOLONG : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->folder == -1) h->folder = -errno;
	if (h->folder >= 0) (void)sandbox_allow_fd(h->folder, true);
}

static int http_open(struct frame *f)
{
	struct http *h = calloc(1, sizeof *h);
	/* A thread that is on its way out when the process ends must find the library as it was. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	if (!h || !web_prepare()) {
		free(h);
		return EX_OSERR;
	}
	f->role = h;
	h->frame = f;
	names_init(&h->names);
	ca_read(h);
	folder_open(h);
	return 0;
}

static int http_serve(struct frame *f)
{
	struct http *h = f->role;
	return web_init(&h->web, f->loop, &h->names) ? 0 : EX_OSERR;
}

static void http_peer_up(struct frame *f, struct channel *ch)
{
	struct http *h = f->role;
	if (channel_peer(ch) == ROLE_DNS) names_up(&h->names, ch);
}

static void http_peer_down(struct frame *f, struct channel *ch)
{
	struct http *h = f->role;
	if (channel_peer(ch) == ROLE_DNS) names_down(&h->names);
}

static void http_message(struct frame *f, struct channel *ch, enum msg_type type,
			 struct str payload, int fd)
{
	struct http *h = f->role;
	struct msg_dns_found found;
	(void)ch;
	if (fd >= 0) (void)close(fd);
	if (type == MSG_dns_found && msg_dns_found_get(payload, &found))
		names_found(&h->names, &found);
}

static void http_drain(struct frame *f, bool now)
{
	struct http *h = f->role;
	(void)now;
	web_free(&h->web);
	names_free(&h->names);
	frame_leave(f);
}

const struct role_ops http_role = {
	.role = ROLE_HTTP,
	.open = http_open,
	.serve = http_serve,
	.peer_up = http_peer_up,
	.peer_down = http_peer_down,
	.message = http_message,
	.drain = http_drain,
};
