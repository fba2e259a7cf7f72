/* SPDX-License-Identifier: Apache-2.0 */
/* A policy that is taken keeps its limits, and is the same when it is written and read again. */
#include <assert.h>

#include "lib/transport/mtasts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_record(struct str text)
{
	char memory[4096];
	struct buf records;
	struct str id;
	(void)mtasts_record_find(text, &id);
	buf_init_fixed(&records, memory, sizeof memory);
	buf_put_str(&records, STR("v=spf1 -all"));
	buf_put_str(&records, text);
	if (records.overflowed || !mtasts_record_find(buf_view(&records), &id)) return;
	assert(id.len > 0 && id.len <= MTASTS_ID_MAX);
	for (size_t i = 0; i < id.len; i++) assert(ascii_is_alnum(id.at[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mtasts_policy p, again;
	static char memory[2][MTASTS_TEXT_MAX];
	struct str text = { (const char *)data, size };
	struct buf out[2];
	try_record(text);
	if (!mtasts_policy_parse(text, &p)) return 0;
	assert(p.max_age_s <= MTASTS_AGE_MAX_S && p.mx_count <= MTASTS_MX_MAX);
	assert(p.mode == MTASTS_NONE || p.mx_count > 0);
	for (int i = 0; i < 2; i++) buf_init_fixed(&out[i], memory[i], MTASTS_TEXT_MAX);
	mtasts_policy_write(&out[0], &p);
	assert(!out[0].overflowed && mtasts_policy_parse(buf_view(&out[0]), &again));
	mtasts_policy_write(&out[1], &again);
	assert(str_eq(buf_view(&out[0]), buf_view(&out[1])));
	for (size_t i = 0; i < out[0].len; i++)
		assert(out[0].at[i] == '\n' || ascii_is_print(out[0].at[i]));
	for (size_t i = 0; i < p.mx_count; i++)
		if (p.mx[i].at[0] != '*') assert(mtasts_policy_has(&p, p.mx[i]));
	return 0;
}
