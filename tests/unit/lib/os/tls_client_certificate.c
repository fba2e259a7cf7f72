/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of clients, against a client in the same process. */
#include "pem.h"

#include <errno.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/os/tls.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct pem own, ann, other, over, nobody;

static int make_all(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN); /* as the frame does */
	pem_make(&own, "DNS:mx.us.example", PEM_EC, 30);
	pem_make(&ann, "DNS:x.example,email:ann@us.example,email:bob@us.example", PEM_EC, 30);
	pem_make(&other, "email:ann@us.example", PEM_EC, 30);
	pem_make(&over, "email:ann@us.example", PEM_EC, -3);
	pem_make(&nobody, NULL, PEM_EC, 30);
	return 0;
}

static bool ask(enum tls_clients clients, const char *ca, const char *crl, char *text, size_t size)
{
	struct buf why;
	memset(text, 0, size);
	buf_init_fixed(&why, text, size - 1);
	struct tls_server *server = tls_server_new(TLS_MODERN);
	bool good = tls_server_ask(server, clients, str_of(ca), str_of(crl), &why);
	tls_server_free(server);
	return good;
}

static void authorities(void **state)
{
	static const char junk[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	static const char bad_crl[] = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
	char two[2 * sizeof ann.cert], bad[2 * sizeof ann.cert], why[200];
	(void)state;
	(void)snprintf(two, sizeof two, "%s%s", ann.cert, other.cert);
	(void)snprintf(bad, sizeof bad, "%s%s", ann.cert, junk);
	assert_true(ask(TLS_CLIENTS_ASK, two, "", why, sizeof why));
	static const char no_ca[] = "there is no certificate of an authority for clients in the file";
	const char *const wrong[] = { "", "junk", junk, bad, own.key };
	for (size_t i = 0; i < ROWS(wrong); i++) {
		assert_false(ask(TLS_CLIENTS_ASK, wrong[i], "", why, sizeof why));
		assert_string_equal(why, no_ca);
	}
	const char *const lists[] = { "junk", bad_crl, ann.cert };
	for (size_t i = 0; i < ROWS(lists); i++) {
		assert_false(ask(TLS_CLIENTS_ASK, two, lists[i], why, sizeof why));
		assert_string_equal(why, "there is no list of revoked certificates in the file");
	}
}

/* All of them have one name, so only one at a time can be an authority. */
static struct tls_server *server_of(enum tls_clients clients, const struct pem *p)
{
	char text[200];
	struct buf record, why;
	buf_init(&record, TLS_PAIRS_MAX);
	buf_init_fixed(&why, text, sizeof text);
	if (clients != TLS_CLIENTS_OFF) {
		buf_put_str(&record, str_of(p && p != &other ? p->cert : ann.cert));
		buf_put_str(&record, STR(""));
	}
	pem_put(&record, &own);
	struct tls_server *server =
		tls_server_of(TLS_MODERN, clients, buf_view(&record), NULL, NULL, &why);
	assert_non_null(server);
	/* What is cut off in front is no record. */
	for (size_t len = 0; clients != TLS_CLIENTS_OFF && len < 40; len++)
		assert_null(tls_server_of(TLS_MODERN, clients, str_sub(buf_view(&record), 0, len), NULL,
					  NULL, &why));
	buf_free(&record);
	return server;
}

static void show(SSL *client, const struct pem *p)
{
	BIO *bio = BIO_new_mem_buf(p->cert, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	bio = BIO_new_mem_buf(p->key, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_int_equal(SSL_use_certificate(client, cert), 1);
	assert_int_equal(SSL_use_PrivateKey(client, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* 0 and what the server says of the client, or the handshake's error. */
static int shake(enum tls_clients clients, const struct pem *p, int version, bool *shown,
		 struct tls_client_certificate *out)
{
	int fds[2], rc = -EAGAIN;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	struct tls_server *server = server_of(clients, p);
	struct tls *t = tls_new(server, fds[0]);
	tls_server_free(server);
	SSL *client = pem_client(fds[1], NULL, version, version);
	if (p) show(client, p);
	assert_false(tls_client_certificate_of(t, out)); /* not yet */
	for (int i = 0; i < 20 && rc == -EAGAIN; i++) {
		(void)SSL_do_handshake(client);
		rc = tls_handshake(t);
	}
	*shown = rc == 0 && tls_client_certificate_of(t, out);
	if (rc != 0) assert_true(strlen(tls_fault(t)) > 0);
	SSL_free(client);
	tls_free(t);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return rc;
}

static const struct {
	const struct pem *pem;
	bool shown;
	const char *address, *fault;
	bool lets_in; /* where one is required */
} clients[] = {
	{ &ann, true, "ann@us.example", NULL, true },
	{ &nobody, true, "", NULL, true },
	{ &other, true, "", "self-signed certificate", false },
	{ &over, true, "", "certificate has expired", false },
	{ NULL, false, "", NULL, false },
};

static void shown(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	(void)state;
	for (size_t i = 0; i < 2 * ROWS(clients); i++) {
		int version = versions[i % 2], row = (int)i / 2;
		struct tls_client_certificate is;
		bool seen;
		assert_int_equal(shake(TLS_CLIENTS_OFF, clients[row].pem, version, &seen, &is), 0);
		assert_false(seen);
		assert_int_equal(shake(TLS_CLIENTS_ASK, clients[row].pem, version, &seen, &is), 0);
		const char *fault = is.fault ? is.fault : "", *want = clients[row].fault;
		if (seen != clients[row].shown || strcmp(fault, want ? want : "") != 0 ||
		    !str_eq((struct str){ is.address, is.address_len }, str_of(clients[row].address)))
			fail_msg("row %d: %d %s", row, seen, fault);
		/* A name that is not proved is not told. */
		bool named = clients[row].shown && !want;
		assert_string_equal(is.subject, named ? "CN=cn.example" : "");
		assert_int_equal(strlen(is.fingerprint), named ? 64 : 0);
		int rc = shake(TLS_CLIENTS_REQUIRE, clients[row].pem, version, &seen, &is);
		if ((rc == 0) != clients[row].lets_in) fail_msg("row %d: %d", row, rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authorities),
		cmocka_unit_test(shown),
	};
	return cmocka_run_group_tests(tests, make_all, NULL);
}
