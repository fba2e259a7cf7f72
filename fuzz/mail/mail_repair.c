/* SPDX-License-Identifier: Apache-2.0 */
/* The same text in one piece and in random cuts is repaired in the same way; what was
 * repaired needs no repair; and a reader finds what has to be there. */
#include <assert.h>

#include "lib/base/rng.h"
#include "lib/mail/repair.h"
#include "lib/mail/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 64 * 1024 };

static unsigned repair(enum mail_repair_how how, struct str in, struct rng *cuts, struct buf *out)
{
	struct mail_repair m;
	mail_repair_init(&m, &(struct mail_repair_plan){ .how = how,
		.sender = STR("s@here.example"), .host = STR("mx.example"), .id = 1, .now_s = 1 });
	while (in.len) {
		size_t len = cuts ? 1 + (size_t)rng_below(cuts, 9) : in.len;
		struct str piece = str_sub(in, 0, len);
		buf_str(out, mail_repair_feed(&m, piece, out));
		in = str_from(in, len);
	}
	mail_repair_end(&m, out);
	assert(m.ended);
	return m.done;
}

static void check(enum mail_repair_how how, struct str in)
{
	struct rng rng = { in.len };
	struct buf whole, cut, again;
	struct mail_scan scan;
	uint8_t wanted = how == MAIL_REPAIR_NO ? 0 : MAIL_DATE | MAIL_MESSAGE_ID;
	if (how == MAIL_REPAIR_ALL) wanted |= MAIL_FROM;
	buf_init(&whole, TEXT_MAX + MAIL_REPAIR_MAX);
	buf_init(&cut, TEXT_MAX + MAIL_REPAIR_MAX);
	buf_init(&again, TEXT_MAX + MAIL_REPAIR_MAX);
	unsigned done = repair(how, in, NULL, &whole);
	assert(repair(how, in, &rng, &cut) == done);
	assert(!whole.overflowed && str_eq(buf_view(&whole), buf_view(&cut)));
	assert(whole.len <= in.len + MAIL_REPAIR_MAX);
	assert(done || str_eq(buf_view(&whole), in) || how != MAIL_REPAIR_NO);
	assert(repair(how, buf_view(&whole), NULL, &again) == 0);
	assert(str_eq(buf_view(&whole), buf_view(&again)));
	mail_scan_init(&scan, STR("mx"));
	mail_scan_feed(&scan, buf_view(&whole));
	assert((scan.fields & wanted) == wanted);
	assert(how == MAIL_REPAIR_NO || !scan.malformed);
	buf_free(&whole);
	buf_free(&cut);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	if (size > TEXT_MAX) return 0;
	check(MAIL_REPAIR_NO, in);
	check(MAIL_REPAIR_MISSING, in);
	check(MAIL_REPAIR_ALL, in);
	return 0;
}
