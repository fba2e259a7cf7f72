/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of servers of tokens, what their answers mean, and what is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/http/token_keep.h"
#include "services/http/token_text.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define S(text) STR_INIT(text)

static const struct {
	struct conf_oauth_client c;
	const char *secret, *refresh, *body, *login;
} requests[] = {
	{ { .client = S("a b"), .scope = S("https://x/.default") }, "s&=%\xc3\xa9", "",
	  "grant_type=client_credentials&scope=https%3A%2F%2Fx%2F.default&client_id=a%20b&client_secret=s%26%3D%25%C3%A9", "" },
	{ { .client = S("id"), .audience = S("aud"), .shown = CONF_OAUTH_IN_HEADER }, "s:1", "",
	  "grant_type=client_credentials&audience=aud", "id:s%3A1" },
	{ { .client = S("id"), .grant = CONF_OAUTH_REFRESH_TOKEN }, "", "r/1",
	  "grant_type=refresh_token&refresh_token=r%2F1&client_id=id", "" },
	{ { .client = S("id"), .grant = CONF_OAUTH_REFRESH_TOKEN, .shown = CONF_OAUTH_IN_HEADER }, "", "r",
	  "grant_type=refresh_token&refresh_token=r&client_id=id", "" },
	{ { .client = S("id"), .grant = CONF_OAUTH_REFRESH_TOKEN, .shown = CONF_OAUTH_IN_HEADER }, "s", "r",
	  "grant_type=refresh_token&refresh_token=r", "id:s" },
};

static void asks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(requests); i++) {
		char one[512], two[512];
		struct buf body, login;
		buf_init_fixed(&body, one, sizeof one);
		buf_init_fixed(&login, two, sizeof two);
		token_request_write(&requests[i].c, str_of(requests[i].secret), str_of(requests[i].refresh), &body, &login);
		if (!str_eq(buf_view(&body), str_of(requests[i].body))) fail_msg("row %zu: %.*s", i, (int)body.len, body.at);
		if (!str_eq(buf_view(&login), str_of(requests[i].login))) fail_msg("row %zu: %.*s", i, (int)login.len, login.at);
	}
}

static const struct {
	const char *text, *token, *refresh, *why;
	int64_t life_s;
} answers[] = {
	{ "{\"access_token\":\"t.1-~+/=\",\"token_type\":\"bearer\",\"expires_in\":3599}", "t.1-~+/=", "", "", 3599 },
	{ "{\"access_token\":\"t\",\"expires_in\":\"120\",\"refresh_token\":\"r2\"}", "t", "r2", "", 120 },
	{ "{\"access_token\":\"t\"}", "t", "", "", TOKEN_LIFE_S },
	{ "{\"access_token\":\"t\",\"expires_in\":\"soon\"}", "t", "", "", TOKEN_LIFE_S },
	{ "{\"access_token\":\"t\",\"expires_in\":1e300}", "t", "", "", TOKEN_LIFE_MAX_S },
	{ "{\"access_token\":\"t\",\"expires_in\":\"99999999999\"}", "t", "", "", TOKEN_LIFE_MAX_S },
	{ "{\"access_token\":\"t\",\"refresh_token\":\"a b\"}", "t", "", "", TOKEN_LIFE_S },
	{ "{\"access_token\":\"t\",\"expires_in\":0}", "", "", "the token has ended already", 0 },
	{ "{\"access_token\":\"t\",\"expires_in\":-5}", "", "", "the token has ended already", 0 },
	{ "{\"access_token\":\"t\",\"token_type\":\"MAC\"}", "", "", "the token is of an unknown type: MAC", 0 },
	{ "{\"access_token\":\"\"}", "", "", "the answer has no token that can be used", 0 },
	{ "{\"access_token\":\"a\\u0001b\"}", "", "", "the answer has no token that can be used", 0 },
	{ "{\"access_token\":\"a\\r\\nRSET\"}", "", "", "the answer has no token that can be used", 0 },
	{ "{\"access_token\":7}", "", "", "the answer has no token that can be used", 0 },
	{ "{}", "", "", "the answer has no token that can be used", 0 },
	{ "[]", "", "", "the answer is no JSON object", 0 },
	{ "", "", "", "the answer is no JSON object", 0 },
	{ "<html>", "", "", "the answer is no JSON object", 0 },
	{ "{\"access_token\":\"t\",\"access_token\":\"u\"}", "", "", "the answer is no JSON object", 0 },
	{ "{\"error\":\"invalid_grant\"}", "", "", "invalid_grant", 0 },
	{ "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid\\tsecret.\\r\\nTrace ID: 1\"}", "", "",
	  "invalid_client: AADSTS7000215: Invalid?secret.", 0 },
	{ "{\"error\":\"x\",\"error_description\":\"what is secret!?\"}", "", "", "an error whose words repeat the secret", 0 },
	{ "{\"error\":\"refresh!\",\"access_token\":\"t\"}", "", "", "an error whose words repeat the secret", 0 },
	{ "{\"access_token\":\"t\",\"token_type\":\"refresh!\"}", "", "", "an error whose words repeat the secret", 0 },
	{ "{\"error\":\"x\",\"access_token\":\"t\"}", "", "", "x", 0 },
};

static void hears(void **state)
{
	(void)state;
	static struct token_answer a;
	for (size_t i = 0; i < ROWS(answers); i++) {
		token_answer_read(str_of(answers[i].text), STR("secret!"), STR("refresh!"), &a);
		print_message("%zu %.*s\n", i, (int)a.why_len, a.why);
		assert_true(str_eq((struct str){ a.token, a.token_len }, str_of(answers[i].token)));
		assert_true(str_eq((struct str){ a.refresh, a.refresh_len }, str_of(answers[i].refresh)));
		assert_true(str_eq((struct str){ a.why, a.why_len }, str_of(answers[i].why)));
		if (a.token_len) assert_int_equal(a.life_s, answers[i].life_s);
	}
}

static void hears_long(void **state)
{
	(void)state;
	static struct token_answer a;
	for (size_t len = TOKEN_TEXT_MAX - 1; len < TOKEN_TEXT_MAX + 2; len++) {
		struct buf text;
		buf_init(&text, 3 * TOKEN_TEXT_MAX);
		buf_str(&text, STR("{\"access_token\":\""));
		for (size_t i = 0; i < len; i++) buf_byte(&text, 'x');
		buf_str(&text, STR("\"}"));
		token_answer_read(buf_view(&text), STR(""), STR(""), &a);
		assert_int_equal(a.token_len, len <= TOKEN_TEXT_MAX ? len : 0);
		text.len = 0;
		buf_str(&text, STR("{\"error\":\""));
		for (size_t i = 0; i < len; i++) buf_byte(&text, 'x');
		buf_str(&text, STR("\"}"));
		token_answer_read(buf_view(&text), STR(""), STR(""), &a);
		assert_int_equal(a.why_len, TOKEN_WHY_MAX);
		buf_free(&text);
	}
}

static bool kept(int folder, const char *given, const char *want)
{
	struct buf out;
	buf_init(&out, TOKEN_TEXT_MAX);
	buf_str(&out, str_of(given));
	token_keep_read(folder, STR("m365"), str_of(given), &out);
	bool same = str_eq(buf_view(&out), str_of(want));
	buf_free(&out);
	return same;
}

static void keeps(void **state)
{
	(void)state;
	char path[] = "/tmp/ims-unit-XXXXXX";
	assert_non_null(mkdtemp(path));
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder >= 0);
	assert_true(kept(folder, "first", "first"));
	assert_int_equal(token_keep_write(folder, STR("m365"), STR("first"), STR("second")), 0);
	assert_true(kept(folder, "first", "second"));
	assert_true(kept(folder, "other", "other")); /* another secret: what was kept is not its */
	struct stat st;
	assert_int_equal(fstatat(folder, "m365.refresh", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fstatat(folder, "m365.refresh.new", &st, 0), -1);
	/* cut in the middle of a token */
	int fd = openat(folder, "m365.refresh", O_WRONLY);
	assert_int_equal(ftruncate(fd, 20), 0);
	(void)close(fd);
	assert_true(kept(folder, "first", "first"));
	assert_int_equal(token_keep_write(folder, STR("../x"), STR("a"), STR("b")), -ENAMETOOLONG);
	assert_int_equal(token_keep_write(-EACCES, STR("m365"), STR("a"), STR("b")), -EACCES);
	assert_int_equal(unlinkat(folder, "m365.refresh", 0), 0);
	assert_int_equal(mkdirat(folder, "m365.refresh.new", 0700), 0);
	assert_int_equal(token_keep_write(folder, STR("m365"), STR("a"), STR("b")), -EISDIR);
	assert_int_equal(unlinkat(folder, "m365.refresh.new", AT_REMOVEDIR), 0);
	(void)close(folder);
	assert_int_equal(rmdir(path), 0);
}

static void authorities(void **state)
{
	(void)state;
	struct buf out;
	buf_init(&out, 64 * 1024);
	assert_int_equal(token_ca_read(STR("/does/not/exist"), &out), -ENOENT);
	assert_int_equal(token_ca_read(STR("/dev/null"), &out), -ENODATA);
	assert_int_equal(token_ca_read(STR("/"), &out), -EISDIR);
	assert_int_equal(token_ca_read(STR("/dev/zero"), &out), -EFBIG);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks),  cmocka_unit_test(hears),       cmocka_unit_test(hears_long),
		cmocka_unit_test(keeps), cmocka_unit_test(authorities),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
