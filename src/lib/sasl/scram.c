/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sasl/scram.h"

#include "lib/base/base64.h"

static const struct { struct str name; size_t key; } mechanisms[] = {
	{ STR_INIT("SCRAM-SHA-256"), 32 },
	{ STR_INIT("SCRAM-SHA-1"), 20 },
};

static struct str without_plus(struct str mechanism)
{
	struct str plus = STR("-PLUS");
	return str_ends_nocase(mechanism, plus)
		       ? str_sub(mechanism, 0, mechanism.len - plus.len) : mechanism;
}

size_t scram_key_size(struct str mechanism)
{
	struct str name = without_plus(mechanism);
	for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
		if (str_eq_nocase(name, mechanisms[i].name)) return mechanisms[i].key;
	return 0;
}

/* `size` 0: any but none. */
static bool is_text_of(struct str text, size_t size)
{
	char memory[SCRAM_TEXT_MAX];
	struct buf out;
	buf_init_fixed(&out, memory, sizeof memory);
	return text.len <= SCRAM_TEXT_MAX && base64_decode(&out, text) && !out.overflowed &&
	       (size ? out.len == size : out.len > 0);
}

static bool parse(struct str record, struct scram_keys *keys)
{
	uint64_t iterations = 0;
	*keys = (struct scram_keys){ .mechanism = str_cut(&record, '$') };
	struct str head = str_cut(&record, '$');
	if (!str_to_u64(str_cut(&head, ':'), &iterations)) return false;
	keys->iterations = (uint32_t)iterations;
	keys->salt = head;
	keys->stored = str_cut(&record, ':');
	keys->server = record;
	size_t size = scram_key_size(keys->mechanism);
	return size && iterations > 0 && iterations <= SCRAM_ITERATIONS_MAX &&
	       is_text_of(keys->salt, 0) && is_text_of(keys->stored, size) &&
	       is_text_of(keys->server, size);
}

bool scram_find(struct str record, struct str mechanism, struct scram_keys *keys)
{
	struct str name = without_plus(mechanism);
	for (struct str one; (one = str_word(&record)).len > 0;)
		if (parse(one, keys) && str_eq_nocase(keys->mechanism, name)) return true;
	*keys = (struct scram_keys){ 0 };
	return false;
}

void scram_write(struct buf *out, const struct scram_keys *keys)
{
	buf_str(out, keys->mechanism);
	buf_byte(out, '$');
	buf_u64(out, keys->iterations);
	buf_byte(out, ':');
	buf_str(out, keys->salt);
	buf_byte(out, '$');
	buf_str(out, keys->stored);
	buf_byte(out, ':');
	buf_str(out, keys->server);
}
