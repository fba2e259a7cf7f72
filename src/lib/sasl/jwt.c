/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sasl/jwt.h"

#include "lib/base/base64.h"

static const struct jwt_algorithm algorithms[] = {
	{ STR_INIT("RS256"), JWT_RSA, 256, 0 },     { STR_INIT("RS384"), JWT_RSA, 384, 0 },
	{ STR_INIT("RS512"), JWT_RSA, 512, 0 },     { STR_INIT("PS256"), JWT_RSA_PSS, 256, 0 },
	{ STR_INIT("ES256"), JWT_EC, 256, 32 },     { STR_INIT("ES384"), JWT_EC, 384, 48 },
	{ STR_INIT("EdDSA"), JWT_ED, 0, 0 },
};

const struct jwt_algorithm *jwt_algorithm_find(struct str name)
{
	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
		if (str_eq(name, algorithms[i].name)) return &algorithms[i];
	return NULL;
}

static bool decode(struct str text, struct buf *memory, struct str *out)
{
	size_t from = memory->len;
	if (!text.len || !base64url_decode(memory, text) || memory->overflowed) return false;
	*out = str_from(buf_view(memory), from);
	return true;
}

bool jwt_split(struct str token, struct buf *memory, struct jwt *out)
{
	struct str rest = token;
	*out = (struct jwt){ 0 };
	if (!buf_room(memory, token.len)) return false; /* it does not move from here on */
	struct str header = str_cut(&rest, '.'), payload = str_cut(&rest, '.');
	if (str_find(rest, '.') >= 0) return false; /* an encrypted one has five parts */
	out->input = str_sub(token, 0, header.len + 1 + payload.len);
	return decode(header, memory, &out->header) && decode(payload, memory, &out->payload) &&
	       decode(rest, memory, &out->signature) && out->signature.len <= JWT_SIGNATURE_MAX;
}
