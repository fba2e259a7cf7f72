/* SPDX-License-Identifier: Apache-2.0 */
#include "scram_client.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "lib/base/base64.h"

enum { TEXT_MAX = 8192, KEY = 32 };

void scram_client_first(struct scram_client *c, struct str header, struct str user,
			struct str nonce)
{
	*c = (struct scram_client){ .header = header, .binding = c->binding };
	buf_init(&c->first, TEXT_MAX);
	buf_init(&c->final, TEXT_MAX);
	buf_init(&c->server_final, TEXT_MAX);
	buf_str(&c->first, header);
	buf_str(&c->first, STR("n="));
	buf_str(&c->first, user);
	buf_str(&c->first, STR(",r="));
	buf_str(&c->first, nonce);
}

static void mac(const unsigned char *key, struct str text, unsigned char out[KEY])
{
	unsigned len = KEY;
	if (!HMAC(EVP_sha256(), key, KEY, (const unsigned char *)text.at, text.len, out, &len))
		abort();
}

static void sha256(const unsigned char *in, unsigned char out[KEY])
{
	unsigned len = KEY;
	if (!EVP_Digest(in, KEY, out, &len, EVP_sha256(), NULL)) abort();
}

static void put_base64(struct buf *to, const unsigned char *octets)
{
	base64_encode(to, (struct str){ (const char *)octets, KEY });
}

void scram_client_final(struct scram_client *c, struct str password, struct str server_first)
{
	unsigned char salted[KEY], client[KEY], stored[KEY], signature[KEY], server[KEY];
	struct str rest = server_first, nonce = str_from(str_cut(&rest, ','), 2);
	struct str salt_text = str_from(str_cut(&rest, ','), 2), number = str_from(rest, 2);
	struct buf salt, text;
	uint64_t iterations = 0;
	buf_init(&salt, TEXT_MAX);
	buf_init(&text, TEXT_MAX);
	if (!base64_decode(&salt, salt_text) || !str_to_u64(number, &iterations)) abort();
	if (!PKCS5_PBKDF2_HMAC(password.at, (int)password.len, (unsigned char *)salt.at,
			       (int)salt.len, (int)iterations, EVP_sha256(), KEY, salted))
		abort();
	mac(salted, STR("Client Key"), client);
	mac(salted, STR("Server Key"), server);
	sha256(client, stored);
	buf_str(&text, c->header);
	buf_str(&text, c->binding);
	buf_str(&c->final, STR("c="));
	base64_encode(&c->final, buf_view(&text));
	buf_str(&c->final, STR(",r="));
	buf_str(&c->final, nonce);
	buf_reset(&text);
	buf_str(&text, str_from(buf_view(&c->first), c->header.len));
	buf_byte(&text, ',');
	buf_str(&text, server_first);
	buf_byte(&text, ',');
	buf_str(&text, buf_view(&c->final));
	mac(stored, buf_view(&text), signature);
	for (size_t i = 0; i < KEY; i++) client[i] ^= signature[i];
	buf_str(&c->final, STR(",p="));
	put_base64(&c->final, client);
	mac(server, buf_view(&text), signature);
	buf_str(&c->server_final, STR("v="));
	put_base64(&c->server_final, signature);
	buf_free(&salt);
	buf_free(&text);
}

void scram_client_free(struct scram_client *c)
{
	buf_free(&c->first);
	buf_free(&c->final);
	buf_free(&c->server_final);
}
