/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/jwks.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base64.h"

enum { NUMBER_MAX = 1024, RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192 };

struct key {
	EVP_PKEY *key;
	enum jwt_kind kind; /* JWT_RSA stands for both */
	size_t half;        /* JWT_EC: octets of a coordinate */
	char id[JWKS_ID_MAX], algorithm[16];
	size_t id_len, algorithm_len;
};

struct jwks {
	struct key keys[JWKS_KEYS_MAX];
	size_t count;
};

/* --- reading ---------------------------------------------------------------------------- */

static struct str text_at(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	const char *text = json_string_value(value);
	return text ? (struct str){ text, json_string_length(value) } : STR("");
}

static bool number_at(const json_t *object, const char *name, struct buf *out)
{
	struct str text = text_at(object, name);
	return text.len && base64url_decode(out, text) && !out->overflowed;
}

static EVP_PKEY *key_of(const char *kind, OSSL_PARAM_BLD *parts)
{
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(parts);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *rsa_read(const json_t *object)
{
	unsigned char memory[2 * NUMBER_MAX];
	struct buf n, e;
	buf_init_fixed(&n, (char *)memory, NUMBER_MAX);
	buf_init_fixed(&e, (char *)memory + NUMBER_MAX, NUMBER_MAX);
	if (!number_at(object, "n", &n) || !number_at(object, "e", &e)) return NULL;
	EVP_PKEY *key = NULL;
	OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
	BIGNUM *modulus = BN_bin2bn((unsigned char *)n.at, (int)n.len, NULL);
	BIGNUM *exponent = BN_bin2bn((unsigned char *)e.at, (int)e.len, NULL);
	int bits = modulus ? BN_num_bits(modulus) : 0;
	if (parts && exponent && bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX &&
	    OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
		key = key_of("RSA", parts);
	OSSL_PARAM_BLD_free(parts);
	BN_free(modulus);
	BN_free(exponent);
	return key;
}

/* Two coordinates make a point in its long form (SEC 1, 2.3.3); whether it lies on the curve
 * the library looks at. */
static EVP_PKEY *ec_read(const json_t *object, const char *curve, size_t half)
{
	char point[1 + 2 * 48];
	struct buf out;
	buf_init_fixed(&out, point, 1 + 2 * half);
	buf_byte(&out, 4);
	if (!number_at(object, "x", &out) || out.len != 1 + half ||
	    !number_at(object, "y", &out) || out.len != 1 + 2 * half)
		return NULL;
	EVP_PKEY *key = NULL;
	OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
	if (parts &&
	    OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, point, out.len) == 1)
		key = key_of("EC", parts);
	OSSL_PARAM_BLD_free(parts);
	return key;
}

static EVP_PKEY *ed_read(const json_t *object, int type)
{
	char octets[64];
	struct buf out;
	buf_init_fixed(&out, octets, sizeof octets);
	if (!number_at(object, "x", &out)) return NULL;
	return EVP_PKEY_new_raw_public_key(type, NULL, (unsigned char *)octets, out.len);
}

static bool key_read(const json_t *object, struct key *k)
{
	struct str kind = text_at(object, "kty"), curve = text_at(object, "crv");
	*k = (struct key){ .kind = JWT_EC };
	if (str_eq(kind, STR("RSA"))) {
		k->kind = JWT_RSA;
		k->key = rsa_read(object);
	} else if (str_eq(kind, STR("EC")) && str_eq(curve, STR("P-256"))) {
		k->half = 32;
		k->key = ec_read(object, "P-256", k->half);
	} else if (str_eq(kind, STR("EC")) && str_eq(curve, STR("P-384"))) {
		k->half = 48;
		k->key = ec_read(object, "P-384", k->half);
	} else if (str_eq(kind, STR("OKP"))) {
		k->kind = JWT_ED;
		if (str_eq(curve, STR("Ed25519"))) k->key = ed_read(object, EVP_PKEY_ED25519);
		if (str_eq(curve, STR("Ed448"))) k->key = ed_read(object, EVP_PKEY_ED448);
	}
	return k->key;
}

static bool text_keep(struct str text, char *to, size_t size, size_t *len)
{
	if (text.len > size) return false;
	memcpy(to, text.at, text.len);
	*len = text.len;
	return true;
}

/* RFC 7517 4: what a key is for. */
static void key_add(struct jwks *set, const json_t *object)
{
	struct key *k = &set->keys[set->count];
	struct str use = text_at(object, "use");
	if (set->count == JWKS_KEYS_MAX || (use.len && !str_eq(use, STR("sig")))) return;
	if (!key_read(object, k)) return;
	if (text_keep(text_at(object, "kid"), k->id, sizeof k->id, &k->id_len) &&
	    text_keep(text_at(object, "alg"), k->algorithm, sizeof k->algorithm,
		      &k->algorithm_len))
		set->count++;
	else EVP_PKEY_free(k->key);
}

struct jwks *jwks_parse(struct str text, struct buf *why)
{
	json_error_t error;
	json_t *all = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &error), *keys;
	struct jwks *set = all ? calloc(1, sizeof *set) : NULL;
	keys = json_object_get(all, "keys");
	for (size_t i = 0; set && i < json_array_size(keys) && set->count < JWKS_KEYS_MAX; i++)
		key_add(set, json_array_get(keys, i));
	ERR_clear_error();
	if (!json_is_array(keys)) buf_str(why, STR("this is not a set of keys"));
	else if (!set) buf_str(why, STR("no memory"));
	else if (!set->count) buf_str(why, STR("there is no key in it that can be used"));
	json_decref(all);
	if (set && set->count) return set;
	jwks_free(set);
	return NULL;
}

void jwks_free(struct jwks *set)
{
	if (!set) return;
	for (size_t i = 0; i < set->count; i++) EVP_PKEY_free(set->keys[i].key);
	free(set);
}

/* --- signatures ------------------------------------------------------------------------- */

static const EVP_MD *hash_of(const struct jwt_algorithm *a)
{
	switch (a->bits) {
	case 256: return EVP_sha256();
	case 384: return EVP_sha384();
	case 512: return EVP_sha512();
	default: return NULL;
	}
}

/* RFC 7518 3.4: two numbers of a fixed length; the library wants them in ASN.1. */
static int ec_signature(struct str in, size_t half, unsigned char **out)
{
	int len = -1;
	if (in.len != 2 * half) return -1;
	const unsigned char *at = (const unsigned char *)in.at;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(at, (int)half, NULL), *s = BN_bin2bn(at + half, (int)half, NULL);
	if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL;
		*out = NULL;
		len = i2d_ECDSA_SIG(sig, out);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return len;
}

/* RFC 7518 3.5: the salt is as long as the hash. */
static bool pss_set(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool key_verify(const struct key *k, const struct jwt_algorithm *a, const struct jwt *jwt)
{
	const unsigned char *sig = (const unsigned char *)jwt->signature.at;
	unsigned char *made = NULL;
	size_t len = jwt->signature.len;
	EVP_PKEY_CTX *ctx = NULL;
	if (a->kind == JWT_EC) {
		int made_len = ec_signature(jwt->signature, a->half, &made);
		if (made_len <= 0) return false;
		sig = made;
		len = (size_t)made_len;
	}
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good = md && EVP_DigestVerifyInit(md, &ctx, hash_of(a), NULL, k->key) == 1 &&
		    (a->kind != JWT_RSA_PSS || pss_set(ctx)) &&
		    EVP_DigestVerify(md, sig, len, (const unsigned char *)jwt->input.at,
				     jwt->input.len) == 1;
	EVP_MD_CTX_free(md);
	OPENSSL_free(made);
	ERR_clear_error();
	return good;
}

static bool fits(const struct key *k, const struct jwt_algorithm *a, struct str id)
{
	enum jwt_kind kind = a->kind == JWT_RSA_PSS ? JWT_RSA : a->kind;
	if (k->kind != kind || (kind == JWT_EC && k->half != a->half)) return false;
	if (k->algorithm_len &&
	    !str_eq((struct str){ k->algorithm, k->algorithm_len }, a->name))
		return false;
	return !id.len || str_eq((struct str){ k->id, k->id_len }, id);
}

enum jwks_result jwks_verify(const struct jwks *set, const struct jwt_algorithm *algorithm,
			     struct str id, const struct jwt *jwt)
{
	enum jwks_result result = JWKS_UNKNOWN;
	for (size_t i = 0; i < set->count; i++) {
		if (!fits(&set->keys[i], algorithm, id)) continue;
		if (key_verify(&set->keys[i], algorithm, jwt)) return JWKS_GOOD;
		result = JWKS_WRONG;
	}
	return result;
}
