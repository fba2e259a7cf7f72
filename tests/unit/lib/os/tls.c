/* SPDX-License-Identifier: Apache-2.0 */
/* The server side of TLS against a client in the same process. */
#include "pem.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/os/loop.h"
#include "lib/os/tls.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct pem first, second, first_rsa, weak, nameless, over;
static struct tls_certificate told;

static int make_all(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN); /* as the frame does */
	pem_make(&first, "DNS:mx.us.example", PEM_EC, 30);
	pem_make(&second, "DNS:other.example,DNS:*.wild.example", PEM_EC, 30);
	pem_make(&first_rsa, "DNS:mx.us.example", PEM_RSA, 30);
	pem_make(&weak, "DNS:weak.example", PEM_RSA_SHORT, 30);
	pem_make(&nameless, NULL, PEM_EC, 30);
	pem_make(&over, "DNS:a\x01(\\b", PEM_EC, -3);
	return 0;
}

/* --- certificates ----------------------------------------------------------------------- */

static void certificates(void **state)
{
	(void)state;
	static const char junk[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	static const char locked[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n"
				     "-----END ENCRYPTED PRIVATE KEY-----\n";
	char twice[2 * sizeof first.cert], bad_chain[2 * sizeof first.cert];
	char both[2 * sizeof first.cert];
	(void)snprintf(twice, sizeof twice, "%s%s", first.cert, second.cert);
	(void)snprintf(bad_chain, sizeof bad_chain, "%s%s", first.cert, junk);
	(void)snprintf(both, sizeof both, "%s%s", first.key, first.cert);
	char *huge = malloc(TLS_PEM_MAX + 1);
	assert_non_null(huge);
	memset(huge, '\n', TLS_PEM_MAX + 1);
	const struct {
		enum tls_profile profile;
		struct str cert, key;
		const char *name, *why; /* one of them */
	} rows[] = {
		{ TLS_MODERN, str_of(first.cert), str_of(first.key), "mx.us.example", NULL },
		{ TLS_STRICT, str_of(second.cert), str_of(second.key), "other.example", NULL },
		{ TLS_MODERN, str_of(nameless.cert), str_of(nameless.key), "cn.example", NULL },
		{ TLS_MODERN, str_of(over.cert), str_of(over.key), "a?(\\b", NULL },
		{ TLS_MODERN, str_of(twice), str_of(first.key), "mx.us.example", NULL },
		{ TLS_MODERN, str_of(both), str_of(both), "mx.us.example", NULL },
		{ TLS_LEGACY, str_of(weak.cert), str_of(weak.key), "weak.example", NULL },
		{ TLS_MODERN, str_of(weak.cert), str_of(weak.key), NULL, "not usable: ee key too small" },
		{ TLS_MODERN, str_of(first.cert), str_of(second.key), NULL, "does not belong" },
		{ TLS_MODERN, str_of(first.cert), str_of(first_rsa.key), NULL, "does not belong" },
		{ TLS_MODERN, str_of(first.cert), str_of(first.cert), NULL, "no private key" },
		{ TLS_MODERN, str_of(first.cert), str_of(locked), NULL, "no private key" },
		{ TLS_MODERN, str_of(first.cert), STR(""), NULL, "no private key" },
		{ TLS_MODERN, str_of(first.key), str_of(first.key), NULL, "no certificate" },
		{ TLS_MODERN, str_of(junk), str_of(first.key), NULL, "no certificate" },
		{ TLS_MODERN, STR(""), str_of(first.key), NULL, "no certificate" },
		{ TLS_MODERN, str_of(bad_chain), str_of(first.key), NULL, "chain" },
		{ TLS_MODERN, (struct str){ huge, TLS_PEM_MAX + 1 }, str_of(first.key), NULL, "bytes" },
		{ TLS_MODERN, str_of(first.cert), (struct str){ huge, TLS_PEM_MAX + 1 }, NULL, "bytes" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[512] = "";
		struct buf why;
		struct tls_certificate got = { .name = "untouched" };
		buf_init_fixed(&why, text, sizeof text - 1);
		struct tls_server *server = tls_server_new(rows[i].profile);
		assert_non_null(server);
		bool good = tls_server_add(server, rows[i].cert, rows[i].key, &got, &why);
		text[why.len] = '\0';
		if (good != !rows[i].why) print_error("row %zu: %s\n", i, text);
		assert_int_equal(good, !rows[i].why);
		assert_string_equal(got.name, good ? rows[i].name : "untouched");
		if (rows[i].why && !strstr(text, rows[i].why)) print_error("row %zu: %s\n", i, text);
		if (rows[i].why) assert_non_null(strstr(text, rows[i].why));
		tls_server_free(server);
	}
	free(huge);
}

static void ends_of_validity(void **state)
{
	(void)state;
	struct tls_certificate got;
	struct buf why;
	char text[256];
	const struct { const struct pem *pem; int64_t days; } rows[] = { { &first, 30 }, { &over, -3 } };
	for (size_t i = 0; i < ROWS(rows); i++) {
		buf_init_fixed(&why, text, sizeof text);
		struct tls_server *server = tls_server_new(TLS_MODERN);
		assert_true(tls_server_add(server, str_of(rows[i].pem->cert), str_of(rows[i].pem->key),
			&got, &why));
		int64_t want = time(NULL) + rows[i].days * 86400;
		assert_true(got.until_s > want - 120 && got.until_s < want + 120);
		tls_server_free(server);
	}
}

static void too_many(void **state)
{
	(void)state;
	char text[256];
	struct buf why;
	buf_init_fixed(&why, text, sizeof text);
	struct tls_server *server = tls_server_new(TLS_MODERN);
	for (int i = 0; i < TLS_CERTIFICATES_MAX; i++)
		assert_true(tls_server_add(server, str_of(first.cert), str_of(first.key), &told, &why));
	assert_false(tls_server_add(server, str_of(first.cert), str_of(first.key), &told, &why));
	/* one of another kind with the same names needs no place */
	assert_true(tls_server_add(server, str_of(first_rsa.cert), str_of(first_rsa.key), &told, &why));
	tls_server_free(server);
}

static void count_told(void *arg, const struct tls_certificate *certificate)
{
	unsigned *count = arg;
	assert_true(certificate->until_s > 0);
	(*count)++;
}

static void records(void **state)
{
	(void)state;
	struct buf pairs, why;
	char text[256];
	unsigned count = 0;
	buf_init(&pairs, TLS_PAIRS_MAX);
	buf_init_fixed(&why, text, sizeof text);
	assert_null(tls_server_of(TLS_MODERN, TLS_CLIENTS_OFF, STR(""), count_told, &count, &why));
	pem_put(&pairs, &first);
	pem_put(&pairs, &second);
	struct tls_server *server = tls_server_of(TLS_MODERN, TLS_CLIENTS_OFF, buf_view(&pairs), count_told, &count, &why);
	assert_non_null(server);
	assert_int_equal(count, 2);
	tls_server_free(server);
	for (size_t len = 0; len < pairs.len; len += 97) {
		struct str cut = str_sub(buf_view(&pairs), 0, len);
		server = tls_server_of(TLS_MODERN, TLS_CLIENTS_OFF, cut, NULL, NULL, &why);
		assert_null(server);
	}
	buf_free(&pairs);
	tls_server_free(NULL);
}

/* --- connections ------------------------------------------------------------------------ */

struct talk {
	int fds[2];
	struct tls_server *server;
	struct tls *tls;
	SSL *client;
};

static struct tls_server *server_of(enum tls_profile profile)
{
	struct buf pairs, why;
	char text[256];
	buf_init(&pairs, TLS_PAIRS_MAX);
	buf_init_fixed(&why, text, sizeof text);
	pem_put(&pairs, &first);
	pem_put(&pairs, &first_rsa);
	pem_put(&pairs, &second);
	struct tls_server *server = tls_server_of(profile, TLS_CLIENTS_OFF, buf_view(&pairs), NULL, NULL, &why);
	assert_non_null(server);
	buf_free(&pairs);
	return server;
}

static void talk_begin(struct talk *t, enum tls_profile profile, const char *name, int oldest,
                       int newest)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, t->fds), 0);
	t->server = server_of(profile);
	t->tls = tls_new(t->server, t->fds[0]);
	assert_non_null(t->tls);
	/* The connection keeps it alive. */
	tls_server_free(t->server);
	t->client = pem_client(t->fds[1], name, oldest, newest);
}

static int talk_shake(struct talk *t)
{
	int rc = -EAGAIN;
	for (int i = 0; i < 20 && rc == -EAGAIN; i++) {
		(void)SSL_do_handshake(t->client);
		rc = tls_handshake(t->tls);
	}
	if (rc == 0) assert_int_equal(SSL_do_handshake(t->client), 1);
	return rc;
}

static void talk_end(struct talk *t)
{
	SSL_free(t->client);
	tls_free(t->tls);
	(void)close(t->fds[0]);
	if (t->fds[1] >= 0) (void)close(t->fds[1]);
}

/* Both ends come to the same octets, another connection to others; before TLS 1.3, and
 * before the handshake, there are none. */
static void bindings(void **state)
{
	(void)state;
	unsigned char server[2][TLS_BINDING], client[TLS_BINDING];
	for (int i = 0; i < 3; i++) {
		struct talk t;
		int version = i < 2 ? TLS1_3_VERSION : TLS1_2_VERSION;
		talk_begin(&t, TLS_MODERN, NULL, version, version);
		assert_false(tls_binding(t.tls, client));
		assert_int_equal(talk_shake(&t), 0);
		assert_int_equal(tls_binding(t.tls, server[i % 2]), i < 2);
		assert_int_equal(SSL_export_keying_material(t.client, client, sizeof client,
					"EXPORTER-Channel-Binding", 24, NULL, 0, 0), 1);
		if (i < 2) assert_memory_equal(client, server[i], sizeof client);
		talk_end(&t);
	}
	assert_memory_not_equal(server[0], server[1], sizeof client);
}

static void profiles(void **state)
{
	(void)state;
	static const struct {
		enum tls_profile profile;
		int version;
		bool works;
	} rows[] = {
		{ TLS_MODERN, TLS1_VERSION, false },   { TLS_MODERN, TLS1_1_VERSION, false },
		{ TLS_MODERN, TLS1_2_VERSION, true },  { TLS_MODERN, TLS1_3_VERSION, true },
		{ TLS_STRICT, TLS1_2_VERSION, false }, { TLS_STRICT, TLS1_3_VERSION, true },
		{ TLS_LEGACY, TLS1_VERSION, true },    { TLS_LEGACY, TLS1_1_VERSION, true },
		{ TLS_LEGACY, TLS1_2_VERSION, true },  { TLS_LEGACY, TLS1_3_VERSION, true },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct talk t;
		char text[TLS_DESCRIPTION_MAX];
		struct buf out;
		buf_init_fixed(&out, text, sizeof text);
		talk_begin(&t, rows[i].profile, NULL, rows[i].version, rows[i].version);
		int rc = talk_shake(&t);
		if ((rc == 0) != rows[i].works) print_error("row %zu: %s\n", i, tls_fault(t.tls));
		assert_int_equal(rc, rows[i].works ? 0 : -EPROTO);
		tls_describe(t.tls, &out);
		assert_int_equal(out.len > 0, rows[i].works);
		if (rows[i].works) assert_true(str_starts(buf_view(&out), str_of(SSL_get_version(t.client))));
		else assert_non_null(strstr(tls_fault(t.tls), "protocol"));
		/* what has failed stays so */
		if (!rows[i].works) assert_int_equal(tls_handshake(t.tls), -EPROTO);
		talk_end(&t);
	}
}

static void names(void **state)
{
	(void)state;
	static const struct { const char *asked, *got; } rows[] = {
		{ NULL, "mx.us.example" },          { "mx.us.example", "mx.us.example" },
		{ "other.example", "other.example" }, { "OTHER.EXAMPLE", "other.example" },
		{ "x.wild.example", "other.example" }, { "a.x.wild.example", "mx.us.example" },
		{ "nobody.example", "mx.us.example" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct talk t;
		talk_begin(&t, TLS_MODERN, rows[i].asked, TLS1_2_VERSION, TLS1_3_VERSION);
		assert_int_equal(talk_shake(&t), 0);
		assert_string_equal(pem_peer_name(t.client), rows[i].got);
		talk_end(&t);
	}
}

static void both_kinds_of_key(void **state)
{
	(void)state;
	static const struct { const char *ciphers; int kind; } rows[] = {
		{ "ECDHE-RSA-AES128-GCM-SHA256", EVP_PKEY_RSA },
		{ "ECDHE-ECDSA-AES128-GCM-SHA256", EVP_PKEY_EC },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct talk t;
		talk_begin(&t, TLS_MODERN, NULL, TLS1_2_VERSION, TLS1_2_VERSION);
		SSL_set_cipher_list(t.client, rows[i].ciphers);
		assert_int_equal(talk_shake(&t), 0);
		X509 *cert = SSL_get0_peer_certificate(t.client);
		assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(cert)), rows[i].kind);
		talk_end(&t);
	}
}

static void bytes_both_ways(void **state)
{
	(void)state;
	static char in[TLS_RECORD_MAX], big[2000000];
	struct talk t;
	memset(big, 'x', sizeof big);
	talk_begin(&t, TLS_MODERN, NULL, TLS1_2_VERSION, TLS1_3_VERSION);
	assert_int_equal(talk_shake(&t), 0);
	assert_int_equal(tls_recv(t.tls, in, sizeof in), -EAGAIN);
	assert_int_equal(tls_wants(t.tls), LOOP_READ);
	assert_false(tls_recv_writes(t.tls));
	/* A record as large as they come is read in one call: nothing stays inside. */
	assert_int_equal(SSL_write(t.client, big, TLS_RECORD_MAX), TLS_RECORD_MAX);
	assert_int_equal(SSL_write(t.client, "abc", 3), 3);
	assert_int_equal(tls_recv(t.tls, in, sizeof in), TLS_RECORD_MAX);
	assert_int_equal(tls_recv(t.tls, in, sizeof in), 3);
	assert_memory_equal(in, "abc", 3);
	/* More than the socket takes: partly, then later. */
	size_t sent = 0, got = 0;
	bool full = false;
	assert_int_equal(tls_send(t.tls, STR("")), 0);
	while (got < sizeof big) {
		struct str rest = { big + sent, sizeof big - sent };
		ssize_t n = tls_send(t.tls, rest);
		if (n > 0) sent += (size_t)n;
		if (n == -EAGAIN) {
			full = true;
			assert_int_equal(tls_wants(t.tls), LOOP_WRITE);
		}
		if (n > 0 && sent < sizeof big) continue;
		int heard = SSL_read(t.client, in, sizeof in);
		if (heard > 0) got += (size_t)heard;
	}
	assert_true(full);
	assert_int_equal(sent, sizeof big);
	talk_end(&t);
}

/* Key updates come without data: each ends a call, so that none can keep us busy. */
static void key_updates(void **state)
{
	(void)state;
	static char in[TLS_RECORD_MAX];
	struct talk t;
	talk_begin(&t, TLS_MODERN, NULL, TLS1_3_VERSION, TLS1_3_VERSION);
	assert_int_equal(talk_shake(&t), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(SSL_key_update(t.client, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(t.client), 1);
	}
	assert_int_equal(SSL_write(t.client, "abc", 3), 3);
	int calls = 1;
	while (tls_recv(t.tls, in, sizeof in) == -EAGAIN && calls < 20) calls++;
	assert_in_range(calls, 4, 10);
	assert_memory_equal(in, "abc", 3);
	assert_int_equal(tls_send(t.tls, STR("def")), 3);
	int heard = -1;
	for (int i = 0; i < 10 && heard < 0; i++) heard = SSL_read(t.client, in, sizeof in);
	assert_int_equal(heard, 3);
	talk_end(&t);
}

static void ends(void **state)
{
	(void)state;
	static char in[TLS_RECORD_MAX];
	struct talk t;
	/* The client says goodbye. */
	talk_begin(&t, TLS_MODERN, NULL, TLS1_2_VERSION, TLS1_3_VERSION);
	assert_int_equal(talk_shake(&t), 0);
	SSL_shutdown(t.client);
	assert_int_equal(tls_recv(t.tls, in, sizeof in), 0);
	talk_end(&t);
	/* It just goes. */
	talk_begin(&t, TLS_MODERN, NULL, TLS1_2_VERSION, TLS1_3_VERSION);
	assert_int_equal(talk_shake(&t), 0);
	(void)close(t.fds[1]);
	t.fds[1] = -1;
	assert_int_equal(tls_recv(t.tls, in, sizeof in), 0);
	assert_true(tls_send(t.tls, STR("x")) < 0);
	assert_true(tls_send(t.tls, STR("x")) < 0);
	talk_end(&t);
	/* We do. */
	talk_begin(&t, TLS_MODERN, NULL, TLS1_2_VERSION, TLS1_3_VERSION);
	assert_int_equal(talk_shake(&t), 0);
	tls_goodbye(t.tls);
	tls_goodbye(t.tls);
	assert_int_equal(SSL_read(t.client, in, sizeof in), 0);
	assert_int_equal(SSL_get_shutdown(t.client) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
	assert_int_equal(tls_send(t.tls, STR("x")), -EPROTO);
	assert_int_equal(tls_recv(t.tls, in, sizeof in), -EPROTO);
	talk_end(&t);
	/* Bytes that are no record. */
	talk_begin(&t, TLS_MODERN, NULL, TLS1_2_VERSION, TLS1_3_VERSION);
	assert_int_equal(talk_shake(&t), 0);
	assert_int_equal(send(t.fds[1], "QUIT\r\n", 6, 0), 6);
	assert_int_equal(tls_recv(t.tls, in, sizeof in), -EPROTO);
	assert_true(tls_fault(t.tls)[0] != '\0');
	talk_end(&t);
	tls_free(NULL);
}

static void bad_handshakes(void **state)
{
	(void)state;
	static const struct { struct str bytes; int rc; } rows[] = {
		{ STR_INIT("EHLO c.example\r\n"), -EPROTO },
		{ STR_INIT("GET / HTTP/1.0\r\n\r\n"), -EPROTO },
		{ STR_INIT("\x16\x03\x01\xff\xff\x01\x02\x03"), -EPROTO },
		{ STR_INIT("\x15\x03\x01\x00\x02\x02\x28"), -EPROTO },
		{ STR_INIT("\x16\x03\x01\x00\x40\x01\x00"), -EAGAIN },
		{ STR_INIT(""), -EAGAIN },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct talk t;
		talk_begin(&t, TLS_MODERN, NULL, TLS1_2_VERSION, TLS1_3_VERSION);
		if (rows[i].bytes.len)
			assert_int_equal(send(t.fds[1], rows[i].bytes.at, rows[i].bytes.len, 0),
				rows[i].bytes.len);
		int rc = tls_handshake(t.tls);
		if (rc != rows[i].rc) print_error("row %zu: %d %s\n", i, rc, tls_fault(t.tls));
		assert_int_equal(rc, rows[i].rc);
		tls_goodbye(t.tls); /* says nothing: there is no key to say it with */
		(void)shutdown(t.fds[1], SHUT_WR);
		assert_true(tls_handshake(t.tls) < 0);
		assert_true(tls_handshake(t.tls) != -EAGAIN);
		assert_true(tls_fault(t.tls)[0] != '\0');
		talk_end(&t);
	}
	struct tls_server *none = tls_server_new(TLS_MODERN);
	assert_null(tls_new(none, 0)); /* without a certificate there is no connection */
	tls_server_free(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates), cmocka_unit_test(ends_of_validity),
		cmocka_unit_test(too_many),     cmocka_unit_test(records),
		cmocka_unit_test(bindings),
		cmocka_unit_test(profiles),     cmocka_unit_test(names),
		cmocka_unit_test(both_kinds_of_key),
		cmocka_unit_test(bytes_both_ways), cmocka_unit_test(key_updates),
		cmocka_unit_test(ends),         cmocka_unit_test(bad_handshakes),
	};
	return cmocka_run_group_tests(tests, make_all, NULL);
}
