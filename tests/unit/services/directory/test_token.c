/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and signatures, and what tokens say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/os/file.h"
#include "services/directory/jwks.h"
#include "services/directory/known_tokens.h"
#include "services/directory/token.h"
#include "signer.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define NOW         1000000

static const char *const algorithms[] = { "RS256", "RS384", "RS512", "PS256", "ES256", "ES384",
					  "EdDSA" };
static struct signer signers[ROWS(algorithms)];

static int make_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(algorithms); i++)
		signer_make(&signers[i], algorithms[i], algorithms[i]);
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(algorithms); i++) signer_free(&signers[i]);
	return 0;
}

static struct jwks *keys_of(const char *more)
{
	char memory[200] = "";
	struct buf text, why;
	buf_init(&text, 64 * 1024);
	buf_init_fixed(&why, memory, sizeof memory - 1);
	buf_str(&text, STR("{\"keys\":["));
	for (size_t i = 0; i < ROWS(algorithms); i++) {
		if (i) buf_byte(&text, ',');
		signer_key(&signers[i], more, &text);
	}
	buf_str(&text, STR("]}"));
	struct jwks *set = jwks_parse(buf_view(&text), &why);
	buf_free(&text);
	return set;
}

/* What the set says to a token of the signer; `id`: looked for. */
static enum jwks_result verify(const struct jwks *set, const struct signer *s,
			       const char *algorithm, const char *id, bool damaged)
{
	struct buf token, memory;
	struct jwt jwt;
	buf_init(&token, 8192);
	buf_init(&memory, 8192);
	signer_sign(s, NULL, "{}", &token);
	char *octet = &token.at[token.len - 8]; /* of the signature */
	if (damaged) *octet = *octet == 'A' ? 'B' : 'A';
	assert_true(jwt_split(buf_view(&token), &memory, &jwt));
	enum jwks_result result =
		jwks_verify(set, jwt_algorithm_find(str_of(algorithm)), str_of(id), &jwt);
	buf_free(&token);
	buf_free(&memory);
	return result;
}

static void signatures(void **state)
{
	struct jwks *set = keys_of("\"use\":\"sig\",");
	(void)state;
	assert_non_null(set);
	for (size_t i = 0; i < ROWS(algorithms); i++) {
		const char *a = algorithms[i];
		assert_int_equal(verify(set, &signers[i], a, a, false), JWKS_GOOD);
		assert_int_equal(verify(set, &signers[i], a, "", false), JWKS_GOOD);
		assert_int_equal(verify(set, &signers[i], a, a, true), JWKS_WRONG);
		assert_int_equal(verify(set, &signers[i], a, "other", false), JWKS_UNKNOWN);
	}
	/* Another key, another hash, another kind of key than the header says. */
	assert_int_equal(verify(set, &signers[0], "RS256", "RS384", false), JWKS_WRONG);
	assert_int_equal(verify(set, &signers[0], "RS384", "RS256", false), JWKS_WRONG);
	assert_int_equal(verify(set, &signers[0], "PS256", "RS256", false), JWKS_WRONG);
	assert_int_equal(verify(set, &signers[0], "ES256", "RS256", false), JWKS_UNKNOWN);
	assert_int_equal(verify(set, &signers[4], "ES384", "ES256", false), JWKS_UNKNOWN);
	assert_int_equal(verify(set, &signers[5], "ES256", "ES256", false), JWKS_WRONG);
	jwks_free(set);
	/* A key that is for one signature only, or for none. */
	set = keys_of("\"alg\":\"RS256\",");
	assert_int_equal(verify(set, &signers[0], "RS256", "RS256", false), JWKS_GOOD);
	assert_int_equal(verify(set, &signers[1], "RS384", "RS384", false), JWKS_UNKNOWN);
	jwks_free(set);
	assert_null(keys_of("\"use\":\"enc\","));
}

static void sets_of_keys(void **state)
{
	static const struct { const char *text, *why; } rows[] = {
		{ "", "this is not a set of keys" },
		{ "{", "this is not a set of keys" },
		{ "[]", "this is not a set of keys" },
		{ "{\"keys\":{}}", "this is not a set of keys" },
		{ "{\"keys\":[],\"keys\":[]}", "this is not a set of keys" },
		{ "{\"keys\":[]}", "there is no key in it that can be used" },
		{ "{\"keys\":[1,null,{},{\"kty\":1}]}", "there is no key in it that can be used" },
		{ "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "there is no key in it that can be used" },
		{ "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
		  "there is no key in it that can be used" }, /* short */
		{ "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"!\",\"e\":\"AQAB\"}]}",
		  "there is no key in it that can be used" },
		{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AA\",\"y\":\"AA\"}]}",
		  "there is no key in it that can be used" },
		{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}",
		  "there is no key in it that can be used" },
		/* A point that is not on the curve. */
		{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
		  "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
		  "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}]}",
		  "there is no key in it that can be used" },
		{ "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}]}",
		  "there is no key in it that can be used" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char memory[200] = "";
		struct buf why;
		buf_init_fixed(&why, memory, sizeof memory - 1);
		assert_null(jwks_parse(str_of(rows[i].text), &why));
		if (strcmp(memory, rows[i].why)) fail_msg("row %zu: %s", i, memory);
	}
}

static void headers(void **state)
{
	static const struct { const char *header, *payload; bool good, algorithm; } rows[] = {
		{ "{\"alg\":\"RS256\",\"kid\":\"k\"}", "{\"iss\":\"i\"}", true, true },
		{ "{\"alg\":\"none\"}", "{}", true, false },
		{ "{\"alg\":\"HS256\"}", "{}", true, false },
		{ "{\"alg\":[\"RS256\"]}", "{}", true, false },
		{ "{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}", "{}", true, false },
		{ "{\"alg\":\"RS256\",\"alg\":\"none\"}", "{}", false, false },
		{ "{}", "{}", true, false },
		{ "[]", "{}", false, false },
		{ "{}", "1", false, false },
		{ "x", "{}", false, false },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct token_head head;
		struct jwt jwt = { .header = str_of(rows[i].header), .payload = str_of(rows[i].payload) };
		assert_int_equal(token_head_read(&jwt, &head), rows[i].good);
		if ((head.algorithm != NULL) != rows[i].algorithm) fail_msg("row %zu", i);
	}
}

#define ISS  "\"iss\":\"https://i\","
#define AUD  "\"aud\":\"us\","
#define EXP  "\"exp\":1000600,"
#define ANN  "\"email\":\"ann@a.example\""
#define GOOD ISS AUD EXP "\"scope\":\"x smtp\","

static const struct { const char *claims; bool asked; const char *want; } claims[] = {
	{ GOOD ANN, false, "ann@a.example" },
	{ GOOD "\"upn\":\"bob@a.example\"", false, "bob@a.example" },
	{ GOOD "\"email\":\"nobody\",\"upn\":\"bob@a.example\"", false, "bob@a.example" },
	{ GOOD ANN ",\"upn\":\"bob@a.example\"", false, "ann@a.example" },
	{ GOOD ANN ",\"email_verified\":true", false, "ann@a.example" },
	{ GOOD ANN ",\"email_verified\":\"true\"", false, "ann@a.example" },
	{ GOOD ANN ",\"email_verified\":false", false, "!the token's address is not verified" },
	{ GOOD ANN ",\"email_verified\":false,\"upn\":\"b@c\"", false, "b@c" },
	{ GOOD "\"sub\":\"ann@a.example\"", false, "!the token names no user" },
	{ GOOD "\"email\":[\"ann@a.example\"]", false, "!the token names no user" },
	{ GOOD "\"email\":\"ann\\n@a.example\"", false, "!the token names no user" },
	{ GOOD "\"email\":\"@a.example\"", false, "!the token names no user" },
	{ GOOD "\"email\":\"ann@\"", false, "!the token names no user" },
	{ ISS EXP ANN, false, "!the token is for another audience" },
	{ ISS "\"aud\":[\"x\",1]," EXP ANN, false, "!the token is for another audience" },
	{ ISS "\"aud\":\"US\"," EXP ANN, false, "!the token is for another audience" },
	{ ISS "\"aud\":[\"x\",\"us\"],\"scp\":[\"smtp\"]," EXP ANN, false, "ann@a.example" },
	{ AUD EXP ANN, false, "!the token has another issuer" },
	{ "\"iss\":\"https://i/\"," AUD EXP ANN, false, "!the token has another issuer" },
	{ ISS AUD EXP ANN, false, "!the token has another scope" },
	{ ISS AUD EXP "\"scope\":\"smtpx\"," ANN, false, "!the token has another scope" },
	{ ISS AUD "\"scope\":\"smtp\"," ANN, false, "!the token has no end" },
	{ ISS AUD "\"scope\":\"smtp\",\"exp\":\"1000600\"," ANN, false, "!the token has no end" },
	{ ISS AUD "\"scope\":\"smtp\",\"exp\":999941," ANN, false, "ann@a.example" }, /* 59 s ago */
	{ ISS AUD "\"scope\":\"smtp\",\"exp\":999940," ANN, false, "!the token has expired" },
	{ ISS AUD "\"scope\":\"smtp\",\"exp\":1000600.5," ANN, false, "ann@a.example" },
	{ ISS AUD "\"scope\":\"smtp\",\"exp\":9e300," ANN, false, "ann@a.example" },
	{ ISS AUD "\"scope\":\"smtp\",\"exp\":-9e300," ANN, false, "!the token has expired" },
	{ GOOD "\"nbf\":1000060," ANN, false, "ann@a.example" },
	{ GOOD "\"nbf\":1000061," ANN, false, "!the token is not valid yet" },
	{ GOOD "\"iat\":1000061," ANN, false, "!the token is not valid yet" },
	{ GOOD ANN "," ANN, false, "!the token is not understood" },
	/* answers of an issuer */
	{ "\"active\":true," GOOD ANN, true, "ann@a.example" },
	{ "\"active\":true," AUD "\"scope\":\"smtp\"," ANN, true, "ann@a.example" },
	{ "\"active\":false," GOOD ANN, true, "!the issuer says that the token is not valid" },
	{ "\"active\":\"true\"," GOOD ANN, true, "!the issuer says that the token is not valid" },
	{ GOOD ANN, true, "!the issuer says that the token is not valid" },
	{ "\"active\":true,\"iss\":\"x\"," AUD ANN, true, "!the token has another issuer" },
	{ "\"active\":true," ANN, true, "!the token is for another audience" },
	{ "\"active\":true,\"exp\":5," AUD ANN, true, "!the token has expired" },
};

static void what_tokens_say(void **state)
{
	static struct str audience[] = { STR_INIT("them"), STR_INIT("us") };
	static struct str names[] = { STR_INIT("email"), STR_INIT("upn") };
	static const struct conf_oauth rules = { .issuer = STR_INIT("https://i"),
						 .audience = { audience, 2 },
						 .user = { names, 2 },
						 .scope = STR_INIT("smtp") };
	(void)state;
	for (size_t i = 0; i < ROWS(claims); i++) {
		char text[1024], got[400];
		struct token_user user;
		(void)snprintf(text, sizeof text, "{%s}", claims[i].claims);
		const char *why = token_read(&rules, str_of(text), claims[i].asked, NOW, &user);
		if (why) (void)snprintf(got, sizeof got, "!%s", why);
		else (void)snprintf(got, sizeof got, "%.*s", (int)user.len, user.address);
		if (strcmp(got, claims[i].want)) fail_msg("row %zu: %s", i, got);
	}
	assert_true(token_is_answer(STR("{\"active\":false}")));
	assert_false(token_is_answer(STR("{\"active\":1}")));
	assert_false(token_is_answer(STR("{\"active\":tr")));
}

static void remembered(void **state)
{
	struct known_tokens *k = known_tokens_new();
	struct token_user in = { .address = "ann@a.example", .len = 13 }, out;
	(void)state;
	assert_non_null(k);
	assert_false(known_tokens_get(k, STR("t"), 1, &out));
	known_tokens_put(k, STR("t"), &in, 10, 100);
	assert_true(known_tokens_get(k, STR("t"), 99, &out));
	assert_memory_equal(out.address, in.address, in.len);
	assert_false(known_tokens_get(k, STR("t"), 100, &out));
	assert_false(known_tokens_get(k, STR("T"), 50, &out));
	known_tokens_put(k, STR("u"), &in, 10, 10); /* over already */
	assert_false(known_tokens_get(k, STR("u"), 9, &out));
	for (unsigned i = 0; i < 4 * KNOWN_TOKENS_MAX; i++) {
		char text[16];
		(void)snprintf(text, sizeof text, "%u", i);
		known_tokens_put(k, str_of(text), &in, 10, 1000 + i);
	}
	assert_false(known_tokens_get(k, STR("t"), 50, &out)); /* it has made room */
	assert_true(known_tokens_get(k, STR("16383"), 50, &out));
	known_tokens_free(k);
	known_tokens_free(NULL);
}

static int length_of(const char *path, size_t max)
{
	struct buf out;
	buf_init(&out, max);
	int rc = file_read(str_of(path), &out);
	int len = (int)out.len;
	buf_free(&out);
	return rc ? rc : len;
}

static void files(void **state)
{
	char path[] = "/tmp/ims-file-XXXXXX", name[2000];
	int fd = mkstemp(path);
	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 5000), 0);
	(void)close(fd);
	assert_int_equal(length_of(path, 64 * 1024), 5000);
	assert_int_equal(length_of(path, 4096), -EFBIG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(length_of(path, 4096), -ENOENT);
	assert_int_equal(length_of("/tmp", 4096), -EINVAL);
	memset(name, '/', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_int_equal(length_of(name, 4096), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures),      cmocka_unit_test(sets_of_keys),
		cmocka_unit_test(headers),         cmocka_unit_test(what_tokens_say),
		cmocka_unit_test(remembered),      cmocka_unit_test(files),
	};
	return cmocka_run_group_tests(tests, make_all, free_all);
}
