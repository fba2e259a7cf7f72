/* SPDX-License-Identifier: Apache-2.0 */
/* What a TLS 1.3 handshake costs a server when another process makes its signature, against
 * one that makes it itself. A measurement and no part of the service; docs/decisions/
 * handshake-signing.md has what came of it.  signing [handshakes]
 *
 * The other process has the key. Ours has its public half with a method that sends what is to
 * be signed through a socket and pauses the job (ASYNC_pause_job) in which OpenSSL 3 runs the
 * handshake, as an event loop would have to. Clients are in the same thread, on pairs of
 * memory buffers; their time is not counted. One JSON line for each case. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <errno.h>
#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TOGETHER_MAX = 64, DIGEST_MAX = 512, SIGNATURE_MAX = 512 };

/* A request and its answer; `slot` says whose. */
struct note {
	unsigned slot, len;
	unsigned char bytes[SIGNATURE_MAX];
};

struct pair {
	SSL *server, *client;
	bool server_done, client_done, waits;
	struct note answer;
	bool answered;
};

static struct {
	int keys;         /* socket to the other process; -1: none */
	unsigned current; /* pair whose handshake runs */
	struct pair pairs[TOGETHER_MAX];
} here = { .keys = -1 };

static void need(bool good, const char *what)
{
	if (good) return;
	fprintf(stderr, "signing: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(70);
}

static int64_t clock_ns(clockid_t id)
{
	struct timespec t;
	need(clock_gettime(id, &t) == 0, "no clock");
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- the other process ------------------------------------------------------------------ */

static void keys_answer(EVP_PKEY *key, struct note *n)
{
	unsigned char out[SIGNATURE_MAX];
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
		int len = RSA_private_encrypt((int)n->len, n->bytes, out,
			(RSA *)(uintptr_t)EVP_PKEY_get0_RSA(key), RSA_NO_PADDING);
		need(len > 0, "no RSA signature");
		n->len = (unsigned)len;
	} else {
		need(ECDSA_sign(0, n->bytes, (int)n->len, out, &n->len,
			(EC_KEY *)(uintptr_t)EVP_PKEY_get0_EC_KEY(key)) == 1, "no signature");
	}
	memcpy(n->bytes, out, n->len);
}

static void keys_run(int fd, EVP_PKEY *key)
{
	struct note n;
	while (recv(fd, &n, sizeof n, 0) > 0) {
		keys_answer(key, &n);
		if (send(fd, &n, offsetof(struct note, bytes) + n.len, MSG_NOSIGNAL) < 0) break;
	}
	_exit(0);
}

/* --- ours: the public half, and who is asked --------------------------------------------- */

static int ask(const unsigned char *bytes, size_t len, unsigned char *out)
{
	struct pair *p = &here.pairs[here.current];
	struct note n = { .slot = here.current, .len = (unsigned)len };
	if (len > DIGEST_MAX) return -1;
	memcpy(n.bytes, bytes, len);
	if (send(here.keys, &n, offsetof(struct note, bytes) + len, MSG_NOSIGNAL) < 0) return -1;
	p->answered = false;
	while (!p->answered)
		if (ASYNC_pause_job() != 1) return -1;
	memcpy(out, p->answer.bytes, p->answer.len);
	return (int)p->answer.len;
}

static int rsa_ask(int len, const unsigned char *from, unsigned char *to, RSA *rsa, int padding)
{
	(void)rsa;
	return padding == RSA_NO_PADDING ? ask(from, (size_t)len, to) : -1;
}

static int ec_ask(int type, const unsigned char *digest, int len, unsigned char *out,
                  unsigned *out_len, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *key)
{
	(void)type, (void)kinv, (void)r, (void)key;
	int got = ask(digest, (size_t)len, out);
	*out_len = got > 0 ? (unsigned)got : 0;
	return got > 0;
}

static EVP_PKEY *public_half(EVP_PKEY *key)
{
	EVP_PKEY *half = EVP_PKEY_new();
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
		RSA_METHOD *method = RSA_meth_dup(RSA_PKCS1_OpenSSL());
		RSA *rsa = RSAPublicKey_dup(EVP_PKEY_get0_RSA(key));
		need(RSA_meth_set_priv_enc(method, rsa_ask) == 1 && RSA_set_method(rsa, method) == 1 &&
		     EVP_PKEY_assign_RSA(half, rsa) == 1, "no public half");
		return half;
	}
	EC_KEY_METHOD *method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
	EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	EC_KEY_METHOD_set_sign(method, ec_ask, NULL, NULL);
	need(EC_KEY_set_public_key(ec, EC_KEY_get0_public_key(EVP_PKEY_get0_EC_KEY(key))) == 1 &&
	     EC_KEY_set_method(ec, method) == 1 && EVP_PKEY_assign_EC_KEY(half, ec) == 1,
	     "no public half");
	return half;
}

/* --- handshakes -------------------------------------------------------------------------- */

static X509 *certificate_of(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	need(X509_set_version(cert, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
	     X509_gmtime_adj(X509_getm_notBefore(cert), 0) &&
	     X509_gmtime_adj(X509_getm_notAfter(cert), 86400) && X509_set_pubkey(cert, key) == 1 &&
	     X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"mx.us.example",
	                                -1, -1, 0) == 1 &&
	     X509_set_issuer_name(cert, name) == 1 && X509_sign(cert, key, EVP_sha256()) > 0,
	     "no certificate");
	return cert;
}

static SSL_CTX *server_new(X509 *cert, EVP_PKEY *key, bool async)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (async) SSL_CTX_set_mode(ctx, SSL_MODE_ASYNC);
	need(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	     SSL_CTX_set1_groups_list(ctx, "X25519") == 1 &&
	     SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1,
	     "no server");
	return ctx;
}

static void pair_open(struct pair *p, SSL_CTX *server, SSL_CTX *client)
{
	BIO *left, *right;
	*p = (struct pair){ .server = SSL_new(server), .client = SSL_new(client) };
	need(p->server && p->client && BIO_new_bio_pair(&left, 0, &right, 0) == 1, "no memory");
	SSL_set_bio(p->server, left, left);
	SSL_set_bio(p->client, right, right);
	SSL_set_accept_state(p->server);
	SSL_set_connect_state(p->client);
}

static void client_step(struct pair *p)
{
	if (p->client_done) return;
	int rc = SSL_do_handshake(p->client);
	p->client_done = rc == 1;
	if (rc != 1) need(SSL_get_error(p->client, rc) == SSL_ERROR_WANT_READ, "client failed");
}

static void server_step(unsigned slot)
{
	struct pair *p = &here.pairs[slot];
	if (p->server_done || (p->waits && !p->answered)) return;
	here.current = slot;
	int rc = SSL_do_handshake(p->server);
	int error = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(p->server, rc);
	p->server_done = rc == 1;
	p->waits = error == SSL_ERROR_WANT_ASYNC;
	need(rc == 1 || p->waits || error == SSL_ERROR_WANT_READ, "server failed");
}

/* As the loop would: after one answer all others that have come. */
static void answers_take(void)
{
	struct note n;
	for (int flags = 0; recv(here.keys, &n, sizeof n, flags) > 0; flags = MSG_DONTWAIT) {
		need(n.slot < TOGETHER_MAX, "a wrong answer");
		here.pairs[n.slot].answer = n;
		here.pairs[n.slot].answered = true;
	}
}

static bool any_waits(unsigned together)
{
	for (unsigned i = 0; i < together; i++)
		if (here.pairs[i].waits && !here.pairs[i].answered) return true;
	return false;
}

/* Handshakes that run together; the server's own processor time. */
static int64_t round_run(SSL_CTX *server, SSL_CTX *client, unsigned together)
{
	int64_t spent = 0;
	bool done = false;
	for (unsigned i = 0; i < together; i++) pair_open(&here.pairs[i], server, client);
	while (!done) {
		for (unsigned i = 0; i < together; i++) client_step(&here.pairs[i]);
		int64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		for (unsigned i = 0; i < together; i++) server_step(i);
		while (any_waits(together)) {
			answers_take();
			for (unsigned i = 0; i < together; i++)
				if (here.pairs[i].waits) server_step(i);
		}
		spent += clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
		done = true;
		for (unsigned i = 0; i < together; i++)
			done &= here.pairs[i].server_done && here.pairs[i].client_done;
	}
	for (unsigned i = 0; i < together; i++) {
		SSL_free(here.pairs[i].server);
		SSL_free(here.pairs[i].client);
	}
	return spent;
}

static void measure(const char *kind, bool outside, EVP_PKEY *key, unsigned together, unsigned count)
{
	int fds[2];
	pid_t pid = 0;
	clockid_t keys_clock = CLOCK_MONOTONIC;
	if (outside) {
		need(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0, "no socket");
		pid = fork();
		need(pid >= 0, "no process");
		if (pid == 0) {
			(void)close(fds[0]);
			keys_run(fds[1], key);
		}
		(void)close(fds[1]);
		here.keys = fds[0];
		need(clock_getcpuclockid(pid, &keys_clock) == 0, "no clock of the other process");
	}
	EVP_PKEY *ours = outside ? public_half(key) : key;
	X509 *cert = certificate_of(key);
	SSL_CTX *server = server_new(cert, ours, outside), *client = SSL_CTX_new(TLS_client_method());
	int64_t here_ns = 0, keys_ns = 0, start = 0;
	for (unsigned done = 0, warm = count / 10; done < count + warm; done += together) {
		int64_t spent = round_run(server, client, together);
		if (done >= warm) {
			here_ns += spent;
		} else {
			keys_ns = outside ? clock_ns(keys_clock) : 0;
			start = clock_ns(CLOCK_MONOTONIC);
		}
	}
	double seconds = (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e9;
	keys_ns = outside ? clock_ns(keys_clock) - keys_ns : 0;
	printf("{\"key\":\"%s\",\"signed\":\"%s\",\"together\":%u,\"server_us\":%.1f,\"keys_us\":%.1f,"
	       "\"cpu_us\":%.1f,\"rate\":%.0f}\n", kind, outside ? "outside" : "inside", together,
	       (double)here_ns / count / 1e3, (double)keys_ns / count / 1e3,
	       (double)(here_ns + keys_ns) / count / 1e3, count / seconds);
	(void)fflush(stdout);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	X509_free(cert);
	if (!outside) return;
	EVP_PKEY_free(ours);
	(void)close(here.keys);
	(void)waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 2000;
	EVP_PKEY *keys[] = { EVP_EC_gen("P-256"), EVP_RSA_gen(2048) };
	static const char *const names[] = { "P-256", "RSA-2048" };
	if (count < 64 || count > 1000000) return 64;
	count -= count % 64;
	for (int k = 0; k < 2; k++)
		for (unsigned together = 1; together <= TOGETHER_MAX; together *= 8)
			for (int outside = 0; outside < 2; outside++)
				measure(names[k], outside, keys[k], together, count);
	return 0;
}
