/* SPDX-License-Identifier: Apache-2.0 */
/* The record by which a domain asks for reports, its addresses, and the record of results. */
#include <assert.h>

#include "lib/transport/tlsrpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void addresses(const struct tlsrpt_record *r)
{
	for (size_t i = 0; i < r->count; i++) {
		char memory[TLSRPT_ADDRESS_MAX];
		struct buf out;
		assert(r->uris[i].len > 0 && r->uris[i].len <= TLSRPT_URI_MAX);
		buf_init_fixed(&out, memory, sizeof memory);
		if (!tlsrpt_address(r->uris[i], &out)) continue;
		/* It may stand in a header field. */
		assert(out.len > 2 && str_find(buf_view(&out), '@') > 0);
		for (size_t k = 0; k < out.len; k++)
			assert(ascii_is_print(out.at[k]) && out.at[k] != '<' && out.at[k] != '>');
	}
}

/* What is read is written again as it was, and can be told. */
static void results(struct str text)
{
	static const struct tlsrpt_head head = { .organization = STR_INIT("us"),
		.contact = STR_INIT("a@us.example"), .host = STR_INIT("mx.us.example"),
		.begin_ms = 0, .end_ms = 86400000 };
	struct results r, again;
	struct buf record, json;
	struct cur c = cur_of(text);
	results_init(&r, 0, 0, 1);
	if (results_read(&r, &c)) {
		buf_init(&record, RESULTS_RECORD_MAX);
		results_write(&r, &record);
		results_init(&again, 0, 0, 1);
		c = cur_of(buf_view(&record));
		assert(results_read(&again, &c) && cur_done(&c) && again.count == r.count);
		buf_init(&json, TLSRPT_JSON_MAX);
		for (const struct result_domain *d = r.first; d && d != r.first->next; d = d->next)
			tlsrpt_json_write(&json, &head, d);
		buf_free(&json);
		buf_free(&record);
		results_free(&again);
	}
	results_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct tlsrpt_record r;
	if (tlsrpt_record_parse(text, &r)) addresses(&r);
	if (tlsrpt_record_find(text, &r)) addresses(&r);
	results(text);
	return 0;
}
