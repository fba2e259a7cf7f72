/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may say to a mechanism: the first byte chooses it, a line is a response.
 * Nobody gets in who does not know the key, and a challenge keeps its bounds. */
#include <assert.h>

#include "services/directory/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool keys_of(void *arg, struct str user, struct str mechanism, struct scram_keys *keys)
{
	static const struct str record = STR_INIT(
		"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU= "
		"SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:"
		"D+CSWLOshSulAsxiupA+qs2/fTE=");
	(void)arg;
	return user.len % 7 != 6 && scram_find(record, mechanism, keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct str names[] = {
		STR_INIT("PLAIN"), STR_INIT("LOGIN"), STR_INIT("SCRAM-SHA-256"),
		STR_INIT("SCRAM-SHA-256-PLUS"), STR_INIT("SCRAM-SHA-1"),
	};
	static struct sasl *sasl;
	if (!sasl) sasl = sasl_new(keys_of);
	if (size < 1 || size > 16 * 1024) return 0;
	struct str in = { (const char *)data + 1, size - 1 };
	struct sasl_session *s = sasl_begin(sasl, names[data[0] % 5],
					    data[0] & 128 ? STR("octets") : STR(""), NULL);
	assert(s);
	enum sasl_result result = SASL_CHALLENGE;
	for (int steps = 0; steps < 8 && result == SASL_CHALLENGE; steps++) {
		char memory[2048];
		struct buf challenge;
		buf_init_fixed(&challenge, memory, sizeof memory);
		result = sasl_step(s, str_cut(&in, '\n'), &challenge);
		assert(result != SASL_YES && !(result == SASL_CHALLENGE && challenge.overflowed));
		assert(result != SASL_PASSWORD || (sasl_user(s).len && data[0] % 5 < 2));
	}
	sasl_end(s);
	return 0;
}
