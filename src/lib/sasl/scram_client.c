/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sasl/scram_client.h"

#include <assert.h>

#include "lib/base/base64.h"
#include "lib/sasl/scram.h"

/* RFC 5802 7 gs2-header; nobody logs in for somebody else. */
void scram_client_header_write(struct buf *out, enum scram_flag flag)
{
	switch (flag) {
	case SCRAM_FLAG_NONE: buf_str(out, STR("n,,")); break;
	case SCRAM_FLAG_UNOFFERED: buf_str(out, STR("y,,")); break;
	case SCRAM_FLAG_BOUND: buf_str(out, STR("p=tls-exporter,,")); break;
	}
}

/* RFC 5802 5.1: a comma would end the name. */
void scram_client_first_write(struct buf *out, struct str user, struct str nonce)
{
	buf_str(out, STR("n="));
	for (size_t i = 0; i < user.len; i++) {
		if (user.at[i] == ',') buf_str(out, STR("=2C"));
		else if (user.at[i] == '=') buf_str(out, STR("=3D"));
		else buf_byte(out, user.at[i]);
	}
	buf_str(out, STR(",r="));
	buf_str(out, nonce);
}

/* "X=VALUE" off `*rest`; false: it begins with something else. */
static bool take(struct str *rest, char name, struct str *value)
{
	struct str one = str_cut(rest, ',');
	if (one.len < 2 || one.at[0] != name || one.at[1] != '=') return false;
	*value = str_from(one, 2);
	return true;
}

static bool is_printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_print(s.at[i]) || s.at[i] == ' ') return false;
	return s.len > 0 && s.len <= SCRAM_NONCE_MAX;
}

static bool is_salt(struct str text)
{
	char memory[SCRAM_TEXT_MAX];
	struct buf out;
	buf_init_fixed(&out, memory, sizeof memory);
	return text.len <= SCRAM_TEXT_MAX && base64_decode(&out, text) && !out.overflowed &&
	       out.len > 0;
}

/* RFC 5802 5.1: an "m=" at the head is an extension that has to be understood, and none is.
 * What stands behind the count is one that need not be. */
bool scram_client_challenge_parse(struct str message, struct str nonce,
				  struct scram_challenge *out)
{
	struct str count;
	uint64_t iterations = 0;
	*out = (struct scram_challenge){ .iterations = 0 };
	if (!take(&message, 'r', &out->nonce) || !take(&message, 's', &out->salt) ||
	    !take(&message, 'i', &count) || !str_to_u64(count, &iterations))
		return false;
	if (iterations < SCRAM_CLIENT_ITERATIONS_MIN || iterations > SCRAM_CLIENT_ITERATIONS_MAX)
		return false;
	out->iterations = (uint32_t)iterations;
	return is_printable(out->nonce) && out->nonce.len > nonce.len &&
	       str_starts(out->nonce, nonce) && is_salt(out->salt);
}

/* RFC 5802 5.1: the header once more, and the binding behind it. */
static void head_write(struct buf *out, const struct scram_binding *binding, struct str nonce)
{
	char memory[SCRAM_BINDING_MAX + 32];
	struct buf channel;
	buf_init_fixed(&channel, memory, sizeof memory);
	scram_client_header_write(&channel, binding->flag);
	if (binding->flag == SCRAM_FLAG_BOUND) buf_str(&channel, binding->octets);
	assert(!channel.overflowed);
	buf_str(out, STR("c="));
	base64_encode(out, buf_view(&channel));
	buf_str(out, STR(",r="));
	buf_str(out, nonce);
}

void scram_client_signed_write(struct buf *out, const struct scram_binding *binding,
			       struct str first, struct str message, struct str nonce)
{
	buf_str(out, first);
	buf_byte(out, ',');
	buf_str(out, message);
	buf_byte(out, ',');
	head_write(out, binding, nonce);
}

void scram_client_final_write(struct buf *out, const struct scram_binding *binding,
			      struct str nonce, struct str proof)
{
	head_write(out, binding, nonce);
	buf_str(out, STR(",p="));
	base64_encode(out, proof);
}

bool scram_client_end_parse(struct str message, struct str *signature, struct str *error)
{
	struct str rest = message;
	*signature = *error = STR("");
	if (take(&rest, 'v', signature)) return signature->len > 0;
	rest = message;
	return take(&rest, 'e', error) && error->len > 0;
}

struct str scram_client_error_meaning(struct str error)
{
	static const struct { struct str error, meaning; } rows[] = {
		{ STR_INIT("channel-bindings-dont-match"),
		  STR_INIT("the host sees another TLS connection than this one: somebody stands between") },
		{ STR_INIT("server-does-support-channel-binding"),
		  STR_INIT("the host's offer of SCRAM-SHA-256-PLUS did not arrive: somebody stands between") },
		{ STR_INIT("unsupported-channel-binding-type"),
		  STR_INIT("the host does not know tls-exporter; 'mechanisms' can leave SCRAM-SHA-256-PLUS out") },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_eq(error, rows[i].error)) return rows[i].meaning;
	return STR("");
}
