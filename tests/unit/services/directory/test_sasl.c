/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "scram_client.h"
#include "services/directory/sasl.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Of the password "pencil", RFC 7677 3. */
static const struct str record = STR_INIT(
	"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
static const struct str binding = STR_INIT("0123456789abcdef0123456789abcdef");

static unsigned asked;

static bool keys_of(void *arg, struct str user, struct str mechanism, struct scram_keys *keys)
{
	assert_ptr_equal(arg, &asked);
	asked++;
	if (str_eq(user, STR("later"))) return false;
	assert_true(str_eq(user, STR("user")) || str_eq(user, STR("a=b,c")));
	assert_true(scram_find(record, mechanism, keys));
	return true;
}

/* The tests' own client says what the RFC's says. */
static void example(void **state)
{
	struct scram_client c = { .binding = STR("") };
	(void)state;
	scram_client_first(&c, STR("n,,"), STR("user"), STR("rOprNGfwEbeRWgbNEkqO"));
	scram_client_final(&c, STR("pencil"),
			   STR("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
			       "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
	assert_true(str_eq(buf_view(&c.final),
			   STR("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
			       "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")));
	assert_true(str_eq(buf_view(&c.server_final),
			   STR("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
	scram_client_free(&c);
}

static const struct {
	const char *mechanism, *header, *user, *password;
	bool bound;            /* the server has octets of the connection */
	struct str client_has; /* and the client */
	const char *more;      /* said behind success */
	enum sasl_result want;
} exchanges[] = {
	{ "SCRAM-SHA-256", "n,,", "user", "pencil", false, STR_INIT(""), "", SASL_YES },
	{ "scram-sha-256", "y,,", "user", "pencil", false, STR_INIT(""), "", SASL_YES },
	{ "SCRAM-SHA-256", "n,,", "a=3Db=2Cc", "pencil", false, STR_INIT(""), "", SASL_YES },
	{ "SCRAM-SHA-256", "n,,", "user", "Pencil", false, STR_INIT(""), "", SASL_NO },
	{ "SCRAM-SHA-256", "n,,", "user", "pencil", false, STR_INIT(""), "x", SASL_NO },
	{ "SCRAM-SHA-256", "n,a=user,", "user", "pencil", false, STR_INIT(""), "", SASL_YES },
	{ "SCRAM-SHA-256", "n,a=root,", "user", "pencil", false, STR_INIT(""), "", SASL_NO },
	{ "SCRAM-SHA-256", "n,,", "user", "pencil", true, STR_INIT(""), "", SASL_YES },
	/* "I could, but you did not offer it": somebody took it out of our answer. */
	{ "SCRAM-SHA-256", "y,,", "user", "pencil", true, STR_INIT(""), "", SASL_NO },
	{ "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "user", "pencil", true,
	  STR_INIT("0123456789abcdef0123456789abcdef"), "", SASL_YES },
	{ "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "user", "pencil", true,
	  STR_INIT("0123456789abcdef0123456789abcdeF"), "", SASL_NO },
	{ "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "user", "Pencil", true,
	  STR_INIT("0123456789abcdef0123456789abcdef"), "", SASL_NO },
	{ "SCRAM-SHA-256-PLUS", "n,,", "user", "pencil", true, STR_INIT(""), "", SASL_NO },
	{ "SCRAM-SHA-256", "n,,", "later", "pencil", false, STR_INIT(""), "", SASL_LATER },
};

static enum sasl_result exchange(struct sasl_session *s, size_t row)
{
	struct scram_client c = { .binding = exchanges[row].client_has };
	struct buf said;
	buf_init(&said, 2048);
	scram_client_first(&c, str_of(exchanges[row].header), str_of(exchanges[row].user),
			   STR("nonce-of-the-client"));
	enum sasl_result result = sasl_step(s, buf_view(&c.first), &said);
	if (result == SASL_CHALLENGE) {
		scram_client_final(&c, str_of(exchanges[row].password), buf_view(&said));
		buf_reset(&said);
		result = sasl_step(s, buf_view(&c.final), &said);
		if (result == SASL_CHALLENGE) {
			if (!str_eq(buf_view(&said), buf_view(&c.server_final)))
				fail_msg("row %zu: signature", row);
			result = sasl_step(s, str_of(exchanges[row].more), &said);
		}
	}
	scram_client_free(&c);
	buf_free(&said);
	return result;
}

static void scram(void **state)
{
	struct sasl *sasl = sasl_new(keys_of);
	(void)state;
	for (size_t i = 0; i < ROWS(exchanges); i++) {
		asked = 0;
		struct sasl_session *s = sasl_begin(sasl, str_of(exchanges[i].mechanism),
						    exchanges[i].bound ? binding : STR(""),
						    &asked);
		assert_non_null(s);
		assert_int_equal(sasl_user(s).len, 0);
		enum sasl_result got = exchange(s, i);
		if (got != exchanges[i].want) fail_msg("row %zu: %d", i, got);
		if (asked > 1) fail_msg("row %zu: asked %u times", i, asked);
		sasl_end(s);
	}
	sasl_free(sasl);
}

static void plain(void **state)
{
	static const struct {
		struct str response;
		enum sasl_result want;
		const char *user, *password;
	} rows[] = {
		{ STR_INIT("\0ann\0pw"), SASL_PASSWORD, "ann", "pw" },
		{ STR_INIT("ann\0ann\0p w"), SASL_PASSWORD, "ann", "p w" },
		{ STR_INIT("\0ann\0\xff\x01"), SASL_PASSWORD, "ann", "\xff\x01" },
		/* A soft hyphen is nothing, a full-width letter is a letter. */
		{ STR_INIT("\0ann\0p\xc2\xad\xef\xbd\x97"), SASL_PASSWORD, "ann", "pw" },
		{ STR_INIT("\0a\nn\0pw"), SASL_PASSWORD, "a\nn", "pw" },
		{ STR_INIT("bob\0ann\0pw"), SASL_NO, NULL, NULL },
		{ STR_INIT("\0ann\0pw\0x"), SASL_NO, NULL, NULL },
		{ STR_INIT("\0ann\0"), SASL_NO, NULL, NULL },
		{ STR_INIT("\0\0pw"), SASL_NO, NULL, NULL },
		{ STR_INIT("ann"), SASL_NO, NULL, NULL },
		{ STR_INIT(""), SASL_NO, NULL, NULL },
		{ STR_INIT("\0"), SASL_NO, NULL, NULL },
	};
	static const char *const names[] = { "PLAIN", "LOGIN", "plain" };
	struct sasl *sasl = sasl_new(keys_of);
	struct buf said;
	(void)state;
	buf_init(&said, 100);
	for (size_t i = 0; i < ROWS(rows) * ROWS(names); i++) {
		size_t row = i / ROWS(names);
		struct sasl_session *s =
			sasl_begin(sasl, str_of(names[i % ROWS(names)]), STR(""), &asked);
		if (sasl_step(s, rows[row].response, &said) != rows[row].want)
			fail_msg("row %zu", row);
		if (rows[row].user && (!str_eq(sasl_user(s), str_of(rows[row].user)) ||
				       !str_eq(sasl_password(s), str_of(rows[row].password))))
			fail_msg("row %zu: what was said", row);
		assert_int_equal(said.len, 0);
		sasl_end(s);
	}
	/* What the library could do besides is never started. */
	static const char *const others[] = { "ANONYMOUS", "EXTERNAL", "CRAM-MD5", "DIGEST-MD5",
					      "SECURID", "GSSAPI", "NTLM", "", "PLAIN " };
	for (size_t i = 0; i < ROWS(others); i++)
		assert_null(sasl_begin(sasl, str_of(others[i]), STR(""), &asked));
	sasl_end(NULL);
	buf_free(&said);
	sasl_free(sasl);
}

/* A challenge repeats what the client said; one that does not fit is none. */
static void bounded(void **state)
{
	struct sasl *sasl = sasl_new(keys_of);
	struct sasl_session *s = sasl_begin(sasl, STR("SCRAM-SHA-256"), STR(""), &asked);
	char memory[64];
	struct buf said;
	(void)state;
	buf_init_fixed(&said, memory, sizeof memory);
	assert_int_equal(sasl_step(s, STR("n,,n=user,r=abcdefghijklmnopqrstuvwxyz"), &said),
			 SASL_NO);
	sasl_end(s);
	sasl_free(sasl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example),
		cmocka_unit_test(scram),
		cmocka_unit_test(plain),
		cmocka_unit_test(bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
