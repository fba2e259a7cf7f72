/* SPDX-License-Identifier: Apache-2.0 */
#include "signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "lib/base/base64.h"

static void url64(struct buf *out, const void *octets, size_t len)
{
	char memory[4096];
	struct buf text;
	buf_init_fixed(&text, memory, sizeof memory);
	base64_encode(&text, (struct str){ octets, len });
	assert_false(text.overflowed);
	for (size_t i = 0; i < text.len && memory[i] != '='; i++)
		buf_byte(out, memory[i] == '+' ? '-' : memory[i] == '/' ? '_' : memory[i]);
}

static bool is(const struct signer *s, const char *algorithm)
{
	return strcmp(s->algorithm, algorithm) == 0;
}

void signer_make(struct signer *s, const char *algorithm, const char *id)
{
	*s = (struct signer){ .algorithm = algorithm, .id = id };
	if (is(s, "ES256")) s->key = EVP_EC_gen("P-256");
	else if (is(s, "ES384")) s->key = EVP_EC_gen("P-384");
	else if (is(s, "EdDSA")) s->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else s->key = EVP_RSA_gen(2048);
	assert_non_null(s->key);
}

void signer_free(struct signer *s) { EVP_PKEY_free(s->key); }

static void number(const struct signer *s, const char *param, size_t size, struct buf *out)
{
	unsigned char octets[512];
	BIGNUM *n = NULL;
	assert_int_equal(EVP_PKEY_get_bn_param(s->key, param, &n), 1);
	int len = size ? BN_bn2binpad(n, octets, (int)size) : BN_bn2bin(n, octets);
	assert_true(len > 0);
	url64(out, octets, (size_t)len);
	BN_free(n);
}

void signer_key(const struct signer *s, const char *more, struct buf *out)
{
	buf_fmt(out, "{%s\"kid\":\"%s\",", more, s->id);
	if (is(s, "EdDSA")) {
		unsigned char octets[32];
		size_t len = sizeof octets;
		assert_int_equal(EVP_PKEY_get_raw_public_key(s->key, octets, &len), 1);
		buf_str(out, STR("\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\""));
		url64(out, octets, len);
	} else if (s->algorithm[0] == 'E') {
		size_t half = is(s, "ES256") ? 32 : 48;
		buf_fmt(out, "\"kty\":\"EC\",\"crv\":\"P-%s\",\"x\":\"", s->algorithm + 2);
		number(s, OSSL_PKEY_PARAM_EC_PUB_X, half, out);
		buf_str(out, STR("\",\"y\":\""));
		number(s, OSSL_PKEY_PARAM_EC_PUB_Y, half, out);
	} else {
		buf_str(out, STR("\"kty\":\"RSA\",\"n\":\""));
		number(s, OSSL_PKEY_PARAM_RSA_N, 0, out);
		buf_str(out, STR("\",\"e\":\""));
		number(s, OSSL_PKEY_PARAM_RSA_E, 0, out);
	}
	buf_str(out, STR("\"}"));
}

/* RFC 7518 3.4: two numbers instead of ASN.1. */
static size_t flatten(unsigned char *sig, size_t len, size_t half)
{
	const unsigned char *at = sig;
	ECDSA_SIG *both = d2i_ECDSA_SIG(NULL, &at, (long)len);
	assert_non_null(both);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(both), sig, (int)half), half);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(both), sig + half, (int)half), half);
	ECDSA_SIG_free(both);
	return 2 * half;
}

void signer_sign(const struct signer *s, const char *header, const char *claims, struct buf *out)
{
	char head[256];
	unsigned char sig[1024];
	size_t from = out->len, len = sizeof sig;
	const char *bits = s->algorithm + 2;
	const EVP_MD *md = is(s, "EdDSA")          ? NULL
			   : !strcmp(bits, "256") ? EVP_sha256()
			   : !strcmp(bits, "384") ? EVP_sha384() : EVP_sha512();
	EVP_PKEY_CTX *pctx;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (header) (void)snprintf(head, sizeof head, "{%s}", header);
	else (void)snprintf(head, sizeof head, "{\"alg\":\"%s\",\"kid\":\"%s\"}", s->algorithm, s->id);
	url64(out, head, strlen(head));
	buf_byte(out, '.');
	url64(out, claims, strlen(claims));
	assert_int_equal(EVP_DigestSignInit(ctx, &pctx, md, NULL, s->key), 1);
	if (s->algorithm[0] == 'P') {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, (unsigned char *)out->at + from,
					out->len - from), 1);
	EVP_MD_CTX_free(ctx);
	if (s->algorithm[1] == 'S' && s->algorithm[0] == 'E')
		len = flatten(sig, len, is(s, "ES256") ? 32 : 48);
	buf_byte(out, '.');
	url64(out, sig, len);
}
