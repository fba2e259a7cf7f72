/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "lib/os/loop.h"
#include "lib/os/tls_parts.h"

struct tls *tls_new(struct tls_server *server, int fd)
{
	struct tls *t = server->count ? calloc(1, sizeof *t) : NULL;
	if (!t) return NULL;
	t->fault = "";
	t->wants = LOOP_READ;
	t->ssl = SSL_new(server->list[0]);
	if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1) {
		SSL_free(t->ssl);
		free(t);
		ERR_clear_error();
		return NULL;
	}
	(void)SSL_set_app_data(t->ssl, t);
	t->server = server;
	server->holders++;
	SSL_set_accept_state(t->ssl);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t) return;
	SSL_free(t->ssl);
	tls_server_free(t->server);
	tls_client_free(t->client);
	free(t);
}

static int broke(struct tls *t, int error, const char *fault)
{
	t->broken = true;
	t->fault = fault ? fault : "unknown error";
	ERR_clear_error();
	return -error;
}

/* Why the handshake failed: what the certificate lacks says more than that it lacks
 * something. */
static const char *reason(const struct tls *t)
{
	long verdict = t->check != TLS_CHECK_NONE && !t->done ? SSL_get_verify_result(t->ssl)
							      : X509_V_OK;
	if (verdict != X509_V_OK) return X509_verify_cert_error_string(verdict);
	if (t->server && !t->done && t->server->clients == TLS_CLIENTS_REQUIRE && t->client_fault)
		return t->client_fault;
	return ERR_reason_error_string(ERR_peek_error());
}

/* What became of a call that did not succeed; 0: the peer has ended. `error` is errno as
 * the call left it. */
static int failed(struct tls *t, int result, int error)
{
	switch (SSL_get_error(t->ssl, result)) {
	case SSL_ERROR_WANT_READ: t->wants = LOOP_READ; return -EAGAIN;
	case SSL_ERROR_WANT_WRITE: t->wants = LOOP_WRITE; return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN: return 0;
	case SSL_ERROR_SYSCALL:
		if (error == 0) error = ECONNRESET;
		return broke(t, error, strerrordesc_np(error));
	default: break;
	}
	return broke(t, EPROTO, reason(t));
}

int tls_handshake(struct tls *t)
{
	if (t->broken) return -EPROTO;
	ERR_clear_error();
	errno = 0;
	int result = SSL_do_handshake(t->ssl);
	if (result == 1) {
		t->done = true;
		return 0;
	}
	int rc = failed(t, result, errno);
	return rc ? rc : broke(t, ECONNRESET, t->server ? "closed by client" : "closed by server");
}

ssize_t tls_send(struct tls *t, struct str bytes)
{
	size_t sent;
	if (t->broken) return -EPROTO;
	if (bytes.len == 0) return 0;
	ERR_clear_error();
	errno = 0;
	int result = SSL_write_ex(t->ssl, bytes.at, bytes.len, &sent);
	if (result == 1) return (ssize_t)sent;
	int rc = failed(t, result, errno);
	return rc ? rc : -EPIPE;
}

ssize_t tls_recv(struct tls *t, char *into, size_t room)
{
	size_t got;
	assert(room >= TLS_RECORD_MAX);
	if (t->broken) return -EPROTO;
	ERR_clear_error();
	errno = 0;
	int result = SSL_read_ex(t->ssl, into, room, &got);
	t->recv_writes = false;
	if (result == 1) return (ssize_t)got;
	int rc = failed(t, result, errno);
	t->recv_writes = rc == -EAGAIN && t->wants == LOOP_WRITE;
	return rc;
}

unsigned tls_wants(const struct tls *t) { return t->wants; }

bool tls_recv_writes(const struct tls *t) { return t->recv_writes; }

void tls_describe(const struct tls *t, struct buf *out)
{
	if (!t->done) return;
	buf_str(out, str_of(SSL_get_version(t->ssl)));
	buf_byte(out, ' ');
	buf_str(out, str_of(SSL_get_cipher_name(t->ssl)));
}

/* RFC 9266 2 and 3: from TLS 1.3 on it is what every client takes; before, clients take
 * tls-unique, which is not sound everywhere, and would be refused for it. */
bool tls_binding(const struct tls *t, unsigned char out[TLS_BINDING])
{
	static const struct str label = STR_INIT("EXPORTER-Channel-Binding");
	if (!t->done || SSL_version(t->ssl) < TLS1_3_VERSION) return false;
	bool good = SSL_export_keying_material(t->ssl, out, TLS_BINDING, label.at, label.len,
	                                       (const unsigned char *)"", 0, 1) == 1;
	ERR_clear_error();
	return good;
}

const char *tls_fault(const struct tls *t) { return t->fault; }

void tls_goodbye(struct tls *t)
{
	if (!t->done || t->broken) return;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	t->broken = true;
	ERR_clear_error();
}
