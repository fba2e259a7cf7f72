/* SPDX-License-Identifier: Apache-2.0 */
/* The client side of TLS against our own server side. */
#include "pem.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/os/loop.h"
#include "lib/os/tls.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct pem ca, other_ca, good, foreign, over, by_ip, wild;

static int make_all(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN); /* as the frame does */
	pem_sign(&ca, NULL, NULL, 30);
	pem_sign(&other_ca, NULL, NULL, 30);
	pem_sign(&good, &ca, "DNS:mx.far.example", 30);
	pem_sign(&foreign, &other_ca, "DNS:mx.far.example", 30);
	pem_sign(&over, &ca, "DNS:mx.far.example", -3);
	pem_sign(&by_ip, &ca, "IP:192.0.2.1,IP:2001:db8::1", 30);
	pem_sign(&wild, &ca, "DNS:*.far.example,DNS:m*.part.example", 30);
	return 0;
}

/* --- settings ----------------------------------------------------------------------------- */

static void settings(void **state)
{
	(void)state;
	static const char junk[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	char broken[sizeof ca.cert + sizeof junk], two[3 * sizeof ca.cert + 20];
	char *huge = calloc(1, TLS_TRUST_MAX + 1);
	assert_non_null(huge);
	(void)snprintf(broken, sizeof broken, "%s%s", ca.cert, junk);
	(void)snprintf(two, sizeof two, "# a bundle\n%s\n%s\n%s", ca.cert, other_ca.cert, ca.cert);
	const struct {
		struct str trust, chain, key;
		const char *why; /* NULL: good */
	} rows[] = {
		{ STR(""), STR(""), STR(""), NULL },
		{ str_of(ca.cert), STR(""), STR(""), NULL },
		{ str_of(two), STR(""), STR(""), NULL },
		{ STR(""), str_of(good.cert), str_of(good.key), NULL },
		{ STR("nothing"), STR(""), STR(""), "no certificate of who is trusted" },
		{ str_of(broken), STR(""), STR(""), "not usable" },
		{ (struct str){ huge, TLS_TRUST_MAX + 1 }, STR(""), STR(""), "too large" },
		{ STR(""), (struct str){ huge, TLS_PEM_MAX + 1 }, STR(""), "too large" },
		{ STR(""), str_of(good.cert), (struct str){ huge, TLS_PEM_MAX + 1 }, "too large" },
		{ STR(""), str_of(good.key), str_of(good.key), "no certificate" },
		{ STR(""), str_of(good.cert), str_of(good.cert), "no private key" },
		{ STR(""), str_of(good.cert), str_of(over.key), "does not belong" },
		{ STR(""), str_of(broken), str_of(ca.key), "chain" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[256] = "";
		struct buf why;
		buf_init_fixed(&why, text, sizeof text - 1);
		struct tls_client *c = tls_client_new(TLS_MODERN, rows[i].trust, rows[i].chain,
						      rows[i].key, &why);
		text[why.len] = '\0';
		if (!c != !!rows[i].why) print_error("row %zu: %s\n", i, text);
		assert_int_equal(c != NULL, !rows[i].why);
		if (rows[i].why && !strstr(text, rows[i].why)) fail_msg("row %zu: %s", i, text);
		tls_client_free(c);
	}
	free(huge);
	tls_client_free(NULL);
}

/* --- connections -------------------------------------------------------------------------- */

struct talk {
	int fds[2];
	struct tls_server *server;
	struct tls_client *client;
	struct tls *far, *near;
};

static void talk_begin(struct talk *t, const struct pem *pem, const char *trust,
                       enum tls_profile profile, const struct tls_peer *peer)
{
	char text[256];
	struct tls_certificate told;
	struct buf why;
	buf_init_fixed(&why, text, sizeof text);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, t->fds), 0);
	t->server = tls_server_new(TLS_MODERN);
	assert_true(tls_server_add(t->server, str_of(pem->cert), str_of(pem->key), &told, &why));
	t->client = tls_client_new(profile, str_of(trust), STR(""), STR(""), &why);
	assert_non_null(t->client);
	t->far = tls_new(t->server, t->fds[1]);
	t->near = tls_connect(t->client, t->fds[0], peer);
	assert_non_null(t->far);
	assert_non_null(t->near);
	/* they live as long as their connections */
	tls_server_free(t->server);
	tls_client_free(t->client);
}

/* What the client makes of it. */
static int talk_shake(struct talk *t)
{
	int near = -EAGAIN, far = -EAGAIN;
	for (int i = 0; i < 20 && near == -EAGAIN; i++) {
		near = tls_handshake(t->near);
		if (near == -EAGAIN) assert_int_equal(tls_wants(t->near), LOOP_READ);
		if (far == -EAGAIN) far = tls_handshake(t->far);
	}
	if (near == 0 && far == -EAGAIN) assert_int_equal(tls_handshake(t->far), 0);
	return near;
}

static void talk_end(struct talk *t)
{
	tls_free(t->near);
	tls_free(t->far);
	(void)close(t->fds[0]);
	(void)close(t->fds[1]);
}

#define MX "mx.far.example"

static void names(void **state)
{
	(void)state;
	static const struct {
		const struct pem *pem, *trust;
		const char *names[3];
		const char *fault; /* NULL: verified */
		enum tls_defect defect;
	} rows[] = {
		{ &good, &ca, { MX }, NULL, TLS_DEFECT_NONE },
		{ &good, &ca, { "MX.Far.Example" }, NULL, TLS_DEFECT_NONE },
		{ &good, &ca, { "far.example", MX }, NULL, TLS_DEFECT_NONE },
		{ &good, &ca, { "far.example" }, "hostname mismatch", TLS_DEFECT_NAME },
		{ &good, &ca, { "192.0.2.1" }, "IP address mismatch", TLS_DEFECT_NAME },
		{ &good, NULL, { MX }, "self-signed certificate in certificate chain", TLS_DEFECT_UNTRUSTED },
		{ &foreign, &ca, { MX }, "certificate signature failure", TLS_DEFECT_UNTRUSTED },
		{ &over, &ca, { MX }, "certificate has expired", TLS_DEFECT_EXPIRED },
		{ &by_ip, &ca, { "192.0.2.1" }, NULL, TLS_DEFECT_NONE },
		{ &by_ip, &ca, { "2001:db8::1" }, NULL, TLS_DEFECT_NONE },
		{ &by_ip, &ca, { "192.0.2.2" }, "IP address mismatch", TLS_DEFECT_NAME },
		{ &wild, &ca, { "any.far.example" }, NULL, TLS_DEFECT_NONE },
		{ &wild, &ca, { "a.any.far.example" }, "hostname mismatch", TLS_DEFECT_NAME },
		{ &wild, &ca, { "far.example" }, "hostname mismatch", TLS_DEFECT_NAME },
		{ &wild, &ca, { "mx.part.example" }, "hostname mismatch", TLS_DEFECT_NAME },
	};
	for (size_t i = 0; i < 2 * ROWS(rows); i++) {
		bool lenient = i >= ROWS(rows);
		struct talk t;
		struct tls_peer peer = { .check = TLS_CHECK_NAMES, .lenient = lenient };
		const char *const *wanted = rows[i % ROWS(rows)].names;
		const char *fault = rows[i % ROWS(rows)].fault;
		const struct pem *trust = rows[i % ROWS(rows)].trust;
		for (; peer.name_count < 3 && wanted[peer.name_count]; peer.name_count++)
			peer.names[peer.name_count] = str_of(wanted[peer.name_count]);
		talk_begin(&t, rows[i % ROWS(rows)].pem, trust ? trust->cert : "", TLS_MODERN, &peer);
		int rc = talk_shake(&t);
		if ((rc == 0) != !fault) print_error("row %zu: %s\n", i, tls_fault(t.near));
		assert_int_equal(rc, fault && !lenient ? -EPROTO : 0);
		const char *said = rc ? tls_fault(t.near) : "";
		if (rc && !strstr(fault, said) && !strstr(said, fault))
			fail_msg("row %zu: %s", i, said);
		assert_int_equal(tls_checked(t.near), fault ? TLS_CHECK_NONE : TLS_CHECK_NAMES);
		assert_int_equal(tls_defect(t.near), rows[i % ROWS(rows)].defect);
		talk_end(&t);
	}
}

/* Usages, selectors, digests; n: which certificate of the chain the record means. */
static void dane(void **state)
{
	(void)state;
	static const struct {
		const struct pem *pem, *of;
		unsigned n;
		uint8_t usage, selector, matching;
		size_t cut;
		const char *name;
		const char *fault; /* NULL: good */
		enum tls_check check;
	} rows[] = {
#define NO_MATCH "no matching DANE TLSA records"
		{ &good, &good, 0, 3, 0, 1, 0, MX, NULL, TLS_CHECK_DANE },
		{ &good, &good, 0, 3, 1, 1, 0, MX, NULL, TLS_CHECK_DANE },
		{ &good, &good, 1, 2, 0, 1, 0, MX, NULL, TLS_CHECK_DANE },
		{ &good, &good, 1, 2, 1, 1, 0, MX, NULL, TLS_CHECK_DANE },
		/* RFC 7672 3.1.1: of usage 3 neither names nor dates count */
		{ &good, &good, 0, 3, 1, 1, 0, "wrong.example", NULL, TLS_CHECK_DANE },
		{ &over, &over, 0, 3, 1, 1, 0, MX, NULL, TLS_CHECK_DANE },
		/* and of usage 2 both */
		{ &good, &good, 1, 2, 1, 1, 0, "wrong.example", "hostname mismatch", 0 },
		{ &over, &over, 1, 2, 1, 1, 0, MX, "certificate has expired", 0 },
		{ &good, &foreign, 0, 3, 1, 1, 0, MX, NO_MATCH, 0 },
		{ &good, &foreign, 1, 2, 1, 1, 0, MX, NO_MATCH, 0 },
		{ &good, &good, 0, 2, 1, 1, 0, MX, NO_MATCH, 0 },
		/* what cannot be used asks for nothing */
		{ &good, &foreign, 0, 0, 1, 1, 0, MX, NULL, TLS_CHECK_NONE },
		{ &good, &foreign, 0, 1, 1, 1, 0, MX, NULL, TLS_CHECK_NONE },
		{ &good, &foreign, 0, 255, 1, 1, 0, MX, NULL, TLS_CHECK_NONE },
		{ &good, &foreign, 0, 3, 2, 1, 0, MX, NULL, TLS_CHECK_NONE },
		{ &good, &foreign, 0, 3, 1, 7, 0, MX, NULL, TLS_CHECK_NONE },
		{ &good, &foreign, 0, 3, 1, 1, 5, MX, NULL, TLS_CHECK_NONE },
		{ &good, &foreign, 0, 3, 1, 2, 0, MX, NULL, TLS_CHECK_NONE },
		{ &good, &foreign, 0, 3, 1, 0, 0, MX, NULL, TLS_CHECK_NONE },
		{ &good, &foreign, 0, 3, 1, 1, 32, MX, NULL, TLS_CHECK_NONE },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct talk t;
		unsigned char data[32];
		pem_tlsa(rows[i].of, rows[i].n, rows[i].selector == 1, data);
		struct tls_peer peer = { .check = TLS_CHECK_DANE, .sni = str_of(rows[i].name),
					 .names = { str_of(rows[i].name) }, .name_count = 1,
					 .tlsa_count = 1 };
		peer.tlsa[0] = (struct tls_tlsa){ rows[i].usage, rows[i].selector, rows[i].matching,
						  { (const char *)data, 32 - rows[i].cut } };
		talk_begin(&t, rows[i].pem, "", TLS_MODERN, &peer);
		int rc = talk_shake(&t);
		if ((rc == 0) != !rows[i].fault) print_error("row %zu: %s\n", i, tls_fault(t.near));
		assert_int_equal(rc, rows[i].fault ? -EPROTO : 0);
		if (rows[i].fault && !strstr(tls_fault(t.near), rows[i].fault))
			fail_msg("row %zu: %s", i, tls_fault(t.near));
		if (tls_checked(t.near) != rows[i].check) print_error("row %zu\n", i);
		assert_int_equal(tls_checked(t.near), rows[i].check);
		bool other = rows[i].fault && strcmp(rows[i].fault, NO_MATCH) == 0;
		if (other) assert_int_equal(tls_defect(t.near), TLS_DEFECT_OTHER);
		assert_int_equal(tls_defect(t.near) == TLS_DEFECT_NONE, !rows[i].fault);
		talk_end(&t);
	}
}

/* One of several is enough, and one that cannot be used does not spoil the others. */
static void dane_several(void **state)
{
	(void)state;
	unsigned char wrong[32], right[32];
	struct talk t;
	pem_tlsa(&foreign, 0, 1, wrong);
	pem_tlsa(&good, 0, 1, right);
	struct tls_peer peer = { .check = TLS_CHECK_DANE, .sni = STR(MX), .names = { STR(MX) },
				 .name_count = 1, .tlsa_count = 3 };
	peer.tlsa[0] = (struct tls_tlsa){ 3, 1, 1, { (const char *)wrong, 32 } };
	peer.tlsa[1] = (struct tls_tlsa){ 1, 1, 1, { (const char *)wrong, 32 } };
	peer.tlsa[2] = (struct tls_tlsa){ 3, 1, 1, { (const char *)right, 32 } };
	talk_begin(&t, &good, "", TLS_MODERN, &peer);
	assert_int_equal(talk_shake(&t), 0);
	assert_int_equal(tls_checked(t.near), TLS_CHECK_DANE);
	talk_end(&t);
	peer.tlsa_count = 2;
	talk_begin(&t, &good, "", TLS_MODERN, &peer);
	assert_int_equal(talk_shake(&t), -EPROTO);
	talk_end(&t);
}

static void names_that_are_none(void **state)
{
	(void)state;
	char text[64], long_name[400];
	struct buf why;
	memset(long_name, 'a', sizeof long_name);
	buf_init_fixed(&why, text, sizeof text);
	struct tls_client *c = tls_client_new(TLS_MODERN, str_of(ca.cert), STR(""), STR(""), &why);
	assert_non_null(c);
	struct str bad[] = { { long_name, sizeof long_name }, STR("a\0b.example") };
	for (size_t i = 0; i < ROWS(bad); i++)
		for (int check = TLS_CHECK_NONE; check <= TLS_CHECK_DANE; check++) {
			struct tls_peer peer = { .check = (enum tls_check)check, .sni = bad[i],
						 .names = { bad[i] }, .name_count = 1 };
			assert_null(tls_connect(c, 0, &peer));
			if (check != TLS_CHECK_NAMES) continue;
			peer.sni = STR("");
			assert_null(tls_connect(c, 0, &peer));
		}
	tls_client_free(c);
}

/* Nothing is asked for, so anything does; text goes both ways, and the end is seen. */
static void unchecked(void **state)
{
	(void)state;
	static char in[TLS_RECORD_MAX];
	struct talk t;
	char text[TLS_DESCRIPTION_MAX];
	struct buf out;
	talk_begin(&t, &over, "", TLS_MODERN, &(struct tls_peer){ .sni = STR("other.example") });
	assert_int_equal(talk_shake(&t), 0);
	assert_int_equal(tls_checked(t.near), TLS_CHECK_NONE);
	buf_init_fixed(&out, text, sizeof text);
	tls_describe(t.near, &out);
	assert_true(str_starts(buf_view(&out), STR("TLSv1.3 ")));
	assert_int_equal(tls_send(t.near, STR("EHLO x\r\n")), 8);
	assert_int_equal(tls_recv(t.far, in, sizeof in), 8);
	assert_int_equal(tls_send(t.far, STR("250 x\r\n")), 7);
	assert_int_equal(tls_recv(t.near, in, sizeof in), 7);
	assert_int_equal(tls_recv(t.near, in, sizeof in), -EAGAIN);
	tls_goodbye(t.far);
	assert_int_equal(tls_recv(t.near, in, sizeof in), 0);
	talk_end(&t);
}

static void what_servers_do(void **state)
{
	(void)state;
	static const struct { const char *said, *fault; int error; } rows[] = {
		{ "250 in the clear\r\n", "wrong version number", EPROTO },
		{ "\x15\x03\x03\0\x02\x02\x28", "handshake failure", EPROTO },
		{ NULL, "closed by server|unexpected eof while reading", 0 },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct talk t;
		talk_begin(&t, &good, "", TLS_STRICT, &(struct tls_peer){ .check = TLS_CHECK_NONE });
		assert_int_equal(tls_handshake(t.near), -EAGAIN);
		size_t len = i == 1 ? 7 : rows[i].said ? strlen(rows[i].said) : 0;
		if (len) assert_int_equal(write(t.fds[1], rows[i].said, len), (ssize_t)len);
		else (void)shutdown(t.fds[1], SHUT_WR);
		int rc = tls_handshake(t.near);
		assert_true(rc < 0 && rc != -EAGAIN);
		if (!strstr(rows[i].fault, tls_fault(t.near)) && !strstr(tls_fault(t.near), rows[i].fault))
			fail_msg("row %zu: %s", i, tls_fault(t.near));
		assert_int_equal(tls_handshake(t.near), -EPROTO);
		assert_int_equal(tls_checked(t.near), TLS_CHECK_NONE);
		talk_end(&t);
	}
}

/* What the server asks for is shown. */
static void own_certificate(void **state)
{
	(void)state;
	char text[64];
	struct buf why;
	int fds[2];
	buf_init_fixed(&why, text, sizeof text);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	BIO *bio = BIO_new_mem_buf(good.cert, -1), *keys = BIO_new_mem_buf(good.key, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(keys, NULL, NULL, NULL);
	SSL_CTX_use_certificate(ctx, cert);
	SSL_CTX_use_PrivateKey(ctx, key);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	BIO *trust = BIO_new_mem_buf(ca.cert, -1);
	X509 *trusted = PEM_read_bio_X509(trust, NULL, NULL, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted);
	for (int with = 0; with < 2; with++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		SSL *far = SSL_new(ctx);
		SSL_set_fd(far, fds[1]);
		SSL_set_purpose(far, X509_PURPOSE_ANY);
		struct tls_client *c =
			tls_client_new(TLS_MODERN, STR(""), str_of(with ? good.cert : ""),
				       str_of(with ? good.key : ""), &why);
		struct tls *near = tls_connect(c, fds[0], &(struct tls_peer){ .check = 0 });
		for (int i = 0; i < 5; i++) {
			(void)tls_handshake(near);
			(void)SSL_accept(far);
		}
		assert_int_equal(SSL_is_init_finished(far), with);
		assert_int_equal(SSL_get0_peer_certificate(far) != NULL, with);
		tls_free(near);
		tls_client_free(c);
		SSL_free(far);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	X509_free(trusted);
	X509_free(cert);
	EVP_PKEY_free(key);
	BIO_free(trust);
	BIO_free(keys);
	BIO_free(bio);
	SSL_CTX_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings),
		cmocka_unit_test(names),
		cmocka_unit_test(dane),
		cmocka_unit_test(dane_several),
		cmocka_unit_test(names_that_are_none),
		cmocka_unit_test(unchecked),
		cmocka_unit_test(what_servers_do),
		cmocka_unit_test(own_certificate),
	};
	return cmocka_run_group_tests(tests, make_all, NULL);
}
