/* SPDX-License-Identifier: Apache-2.0 */
/* Replies: read in one piece and in random cuts they have to come to the same codes and
 * texts, and the texts are fit for a log line. The first byte chooses the cuts. */
#include <assert.h>

#include "lib/base/map.h"
#include "lib/base/rng.h"
#include "lib/base/utf8.h"
#include "lib/smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
	struct smtp_reply reply;
	uint64_t seen; /* hash of all results */
	bool bad;
};

static void check_text(struct str text)
{
	assert(text.len <= SMTP_REPLY_TEXT_MAX && utf8_is_valid(text));
	for (size_t i = 0; i < text.len; i++) assert(!ascii_is_ctl(text.at[i]));
}

static void see(struct reading *r, enum smtp_reply_result result)
{
	const struct smtp_reply *reply = &r->reply;
	struct str line = smtp_reply_line(reply), text = smtp_reply_text(reply);
	uint64_t numbers[] = { (uint64_t)result, reply->code, reply->lines };
	r->seen =
		hash_str((struct str){ (const char *)numbers, sizeof numbers }, r->seen);
	r->seen = hash_str(line, r->seen);
	r->seen = hash_str(text, r->seen);
	check_text(text);
	assert(line.len <= SMTP_REPLY_LINE_KEPT);
	if (result == SMTP_REPLY_BAD) {
		assert(reply->code == 0 && !reply->has_enhanced);
		r->bad = true;
		return;
	}
	assert(reply->code >= 100 && reply->code <= 599);
	if (reply->has_enhanced) assert(reply->enhanced[0] == '0' + reply->code / 100);
	for (int step = 0; step < SMTP_STEPS; step++) {
		char status[SMTP_ENHANCED_SIZE];
		smtp_enhanced_default((enum smtp_step)step, reply->code, status);
		assert(smtp_enhanced_at(str_of(status), reply->code));
	}
}

static void feed(struct reading *r, struct str in)
{
	while (in.len && !r->bad) {
		size_t before = in.len;
		enum smtp_reply_result result = smtp_reply_next(&r->reply, &in);
		assert(in.len < before);
		if (result == SMTP_REPLY_MORE) assert(in.len == 0);
		else see(r, result);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading whole = { .seen = 1 }, cut = { .seen = 1 };
	struct rng rng = { size };
	if (size < 1) return 0;
	struct str in = { (const char *)data + 1, size - 1 };
	smtp_reply_init(&whole.reply);
	smtp_reply_init(&cut.reply);
	feed(&whole, in);
	while (in.len) {
		size_t len = 1 + (size_t)rng_below(&rng, 1u + data[0]);
		feed(&cut, str_sub(in, 0, len));
		in = str_from(in, len);
	}
	assert(whole.seen == cut.seen && whole.bad == cut.bad);
	return 0;
}
