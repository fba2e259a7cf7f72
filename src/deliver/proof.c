/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/proof.h"

#include <assert.h>
#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base64.h"

static bool hmac(const unsigned char key[PROOF_HASH], struct str text,
		 unsigned char out[PROOF_HASH])
{
	unsigned len = PROOF_HASH;
	return HMAC(EVP_sha256(), key, PROOF_HASH, (const unsigned char *)text.at, text.len, out,
		    &len) != NULL;
}

static enum proof_result failed(struct buf *why, struct str words)
{
	buf_str(why, words);
	return PROOF_FAILED;
}

static enum proof_result failed_by_host(struct buf *why, struct str error)
{
	struct str meaning = scram_client_error_meaning(error);
	buf_str(why, str_sub(error, 0, SCRAM_NONCE_MAX / 2));
	if (meaning.len) buf_str(why, STR(": "));
	buf_str(why, meaning);
	return PROOF_FAILED;
}

/* --- what is computed ------------------------------------------------------------------ */

static void wiped_free(char *text)
{
	if (text) explicit_bzero(text, strlen(text));
	free(text);
}

/* RFC 5802 5.1 and RFC 3454 7: as a query, in which characters of later Unicodes may stand.
 * NULL: it cannot be, has nothing left, or there is no memory. */
static char *prepared(struct str text)
{
	char *in = strndup(text.at, text.len), *out = NULL;
	bool good = in && gsasl_saslprep(in, GSASL_ALLOW_UNASSIGNED, &out, NULL) == GSASL_OK &&
		    out && *out;
	wiped_free(in);
	if (good) return out;
	wiped_free(out);
	return NULL;
}

static bool user_prepare(struct proof *p, struct str user)
{
	char *text = prepared(user);
	struct str name = str_of(text ? text : "");
	bool good = name.len > 0 && name.len <= sizeof p->user;
	if (good) memcpy(p->user, name.at, name.len);
	p->user_len = good ? name.len : 0;
	free(text);
	return good;
}

static bool salt_password(struct proof_salted *salted, struct str secret,
			  const struct scram_challenge *c)
{
	struct str known = { salted->salt, salted->salt_len };
	if (salted->iterations == c->iterations && str_eq(known, c->salt)) return true;
	char memory[SCRAM_TEXT_MAX];
	struct buf salt;
	buf_init_fixed(&salt, memory, sizeof memory);
	(void)base64_decode(&salt, c->salt); /* it was seen to be good */
	salted->iterations = 0;
	char *phrase = prepared(secret);
	bool good = phrase && PKCS5_PBKDF2_HMAC(phrase, -1, (const unsigned char *)salt.at,
						(int)salt.len, (int)c->iterations, EVP_sha256(),
						PROOF_HASH, salted->password) == 1;
	wiped_free(phrase);
	if (!good) return false;
	memcpy(salted->salt, c->salt.at, c->salt.len);
	salted->salt_len = (uint16_t)c->salt.len;
	salted->iterations = c->iterations;
	return true;
}

/* RFC 5802 3: ClientProof, and the ServerSignature that is to come. */
static bool compute(const struct proof_salted *salted, struct str text,
		    unsigned char proof[PROOF_HASH], unsigned char server[PROOF_HASH])
{
	unsigned char key[PROOF_HASH], stored[PROOF_HASH], signature[PROOF_HASH];
	unsigned char server_key[PROOF_HASH];
	bool good = hmac(salted->password, STR("Client Key"), key) &&
		    EVP_Digest(key, PROOF_HASH, stored, NULL, EVP_sha256(), NULL) == 1 &&
		    hmac(stored, text, signature) &&
		    hmac(salted->password, STR("Server Key"), server_key) &&
		    hmac(server_key, text, server);
	for (size_t i = 0; good && i < PROOF_HASH; i++) proof[i] = key[i] ^ signature[i];
	explicit_bzero(key, sizeof key);
	explicit_bzero(stored, sizeof stored);
	explicit_bzero(server_key, sizeof server_key);
	return good;
}

/* --- the three steps --------------------------------------------------------------------- */

static enum proof_result first(struct proof *p, struct str user, struct str challenge,
			       struct buf *out, struct buf *why)
{
	unsigned char bytes[PROOF_NONCE / 4 * 3];
	struct buf nonce;
	if (challenge.len) return failed(why, STR("the host speaks first where it must not"));
	if (!user_prepare(p, user))
		return failed(why, STR("the user name has characters that no name may have (SASLprep)"));
	if (RAND_bytes(bytes, sizeof bytes) != 1) return failed(why, STR("no random numbers"));
	buf_init_fixed(&nonce, p->nonce, sizeof p->nonce);
	base64_encode(&nonce, (struct str){ (const char *)bytes, sizeof bytes });
	assert(nonce.len == PROOF_NONCE);
	p->nonce_len = nonce.len;
	scram_client_header_write(out, p->flag);
	scram_client_first_write(out, (struct str){ p->user, p->user_len }, buf_view(&nonce));
	return PROOF_SAY;
}

/* The whole of the second step, but for reading. */
static bool answer(struct proof *p, const struct proof_salted *salted, struct str challenge,
		   struct str both, struct buf *out)
{
	struct buf first, text;
	unsigned char proof[PROOF_HASH];
	const struct scram_binding binding = {
		.flag = p->flag, .octets = { (const char *)p->binding, p->binding_len }
	};
	buf_init(&first, PROOF_MESSAGE_MAX);
	buf_init(&text, PROOF_MESSAGE_MAX);
	scram_client_first_write(&first, (struct str){ p->user, p->user_len },
				 (struct str){ p->nonce, p->nonce_len });
	scram_client_signed_write(&text, &binding, buf_view(&first), challenge, both);
	bool good = !first.overflowed && !text.overflowed &&
		    compute(salted, buf_view(&text), proof, p->server);
	if (good)
		scram_client_final_write(out, &binding, both,
					 (struct str){ (const char *)proof, sizeof proof });
	buf_free(&first);
	buf_free(&text);
	return good;
}

static enum proof_result second(struct proof *p, struct proof_salted *salted,
				struct str secret, struct str challenge, struct buf *out,
				struct buf *why)
{
	struct scram_challenge c;
	struct str signature, error;
	if (scram_client_end_parse(challenge, &signature, &error) && error.len)
		return failed_by_host(why, error);
	if (!scram_client_challenge_parse(challenge, (struct str){ p->nonce, p->nonce_len }, &c))
		return failed(why, STR("the host's challenge cannot be used"));
	if (!salt_password(salted, secret, &c))
		return failed(why, STR("the password cannot be used: no memory, or characters that "
				       "no password may have (SASLprep)"));
	return answer(p, salted, challenge, c.nonce, out) ? PROOF_SAY : failed(why, STR("no memory"));
}

static enum proof_result third(const struct proof *p, struct str challenge, struct buf *why)
{
	char memory[PROOF_HASH * 2];
	struct buf bytes;
	struct str signature, error;
	if (!scram_client_end_parse(challenge, &signature, &error))
		return failed(why, STR("the host's last word cannot be used"));
	if (error.len) return failed_by_host(why, error);
	buf_init_fixed(&bytes, memory, sizeof memory);
	if (!base64_decode(&bytes, signature) || bytes.len != PROOF_HASH ||
	    CRYPTO_memcmp(bytes.at, p->server, PROOF_HASH) != 0)
		return failed(why, STR("the host does not know the password itself"));
	return PROOF_LAST;
}

enum proof_result proof_step(struct proof *p, struct proof_salted *salted, struct str user,
			     struct str secret, struct str challenge, struct buf *out,
			     struct buf *why)
{
	switch (p->step++) {
	case 0: return first(p, user, challenge, out, why);
	case 1: return second(p, salted, secret, challenge, out, why);
	case 2: return third(p, challenge, why);
	default: return failed(why, STR("the host asks for more than there is"));
	}
}
