/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the load generator: 1.3, every session a full handshake, nothing checked of the
 * certificate. Also the one place that reads and writes sockets, with it and without. */
#include <errno.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "load.h"

/* What the certificate is worth is not what is measured. */
static int believe(X509_STORE_CTX *store, void *arg)
{
	(void)store, (void)arg;
	return 1;
}

bool secure_prepare(struct load *l)
{
	if (l->opt.tls == TLS_NONE) return true;
	l->tls = SSL_CTX_new(TLS_client_method());
	if (!l->tls) return false;
	SSL_CTX_set_mode(l->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
	                         SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_cert_verify_callback(l->tls, believe, NULL);
	SSL_CTX_set_session_cache_mode(l->tls, SSL_SESS_CACHE_OFF);
	return SSL_CTX_set_min_proto_version(l->tls, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set1_groups_list(l->tls, "X25519") == 1;
}

static bool secure_begin(struct load *l, struct session *s)
{
	s->tls = SSL_new(l->tls);
	if (!s->tls || SSL_set_fd(s->tls, s->fd) != 1) return false;
	SSL_set_connect_state(s->tls);
	buf_reset(&s->in);
	buf_reset(&s->out);
	return true;
}

/* What comes first over TLS: the greeting, or with STARTTLS our EHLO. */
static bool secure_done(struct load *l, struct session *s)
{
	s->secured = true;
	if (l->opt.tls == TLS_IMPLICIT) {
		s->step = BANNER;
		return true;
	}
	buf_str(&s->out, STR("EHLO client.example\r\n"));
	s->step = HELLO;
	return session_flush(l, s);
}

bool secure_step(struct load *l, struct session *s)
{
	if (!s->tls && !secure_begin(l, s)) return false;
	ERR_clear_error();
	int result = SSL_do_handshake(s->tls);
	if (result == 1) return secure_done(l, s);
	int error = SSL_get_error(s->tls, result);
	bool waits = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
	bool write = error == SSL_ERROR_WANT_WRITE;
	if (waits && write != s->wants_write) session_watch(l, s, EPOLL_CTL_MOD, write);
	if (!waits) session_failed(l, STR("no TLS"));
	return waits;
}

void secure_end(struct session *s)
{
	SSL_free(s->tls);
	s->tls = NULL;
	s->secured = false;
}

/* -1 with errno, as a socket would say. */
static ssize_t secure_error(struct session *s, int result)
{
	int error = SSL_get_error(s->tls, result);
	if (error == SSL_ERROR_ZERO_RETURN) return 0;
	errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
	return -1;
}

ssize_t secure_read(struct session *s, void *into, size_t room)
{
	size_t got;
	if (!s->tls) return read(s->fd, into, room);
	ERR_clear_error();
	int result = SSL_read_ex(s->tls, into, room, &got);
	return result == 1 ? (ssize_t)got : secure_error(s, result);
}

ssize_t secure_write(struct session *s)
{
	struct iovec pieces[2] = {
		{ s->out.at, s->out.len },
		{ (void *)(uintptr_t)s->body.at, s->body.len },
	};
	struct iovec *first = s->out.len ? pieces : pieces + 1;
	struct msghdr m = { .msg_iov = first, .msg_iovlen = s->out.len && s->body.len ? 2 : 1 };
	size_t sent;
	if (!s->tls) return sendmsg(s->fd, &m, MSG_NOSIGNAL);
	ERR_clear_error();
	int result = SSL_write_ex(s->tls, first->iov_base, first->iov_len, &sent);
	return result == 1 ? (ssize_t)sent : secure_error(s, result);
}

bool secure_has_more(const struct session *s)
{
	return s->tls && s->secured && SSL_pending(s->tls) > 0;
}
