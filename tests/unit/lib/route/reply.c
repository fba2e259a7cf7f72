/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/route/reply.h"

#include <string.h>

/* All rows answer a question for the MX of ab.example. */
#define ID          "\x12\x34"
#define NAME        "\2Ab\7Example\0"
#define QUESTION    NAME "\0\x0f\0\1"
#define OWNER       "\xc0\x0c"
#define COUNTS(an, ns) "\0\1\0" an "\0" ns "\0\0"
#define PLAIN       "\x81\x80" /* an answer; recursion wanted and done */
#define RR(type, ttl, len) "\0" type "\0\1" ttl "\0" len
#define MINUTE      "\0\0\0\x3c"
#define MX(ttl)     OWNER RR("\x0f", ttl, "\6") "\0\x0a\1m\xc0\x0c"
#define SOA(ttl, minimum) OWNER RR("\6", ttl, "\x18") OWNER OWNER \
	"\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4" minimum
#define BYTES(text) { text, sizeof(text) - 1 }

static const struct {
	struct str packet;
	bool plain;
	uint32_t keep_s;
} rows[] = {
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION MX(MINUTE)), true, 60 },
	/* the shortest time counts, and none for ever */
	{ BYTES(ID PLAIN COUNTS("\2", "\0") QUESTION MX(MINUTE) MX("\0\0\0\7")), true, 7 },
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION MX("\0\0\0\0")), true, 0 },
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION MX("\x7f\xff\xff\xff")), true,
	  DNS_KEEP_MAX_S },
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION MX("\x80\0\0\0")), true, 0 },
	/* who is asked knows it himself, and does not ask others */
	{ BYTES(ID "\x84\0" COUNTS("\1", "\0") QUESTION MX(MINUTE)), true, 60 },
	/* over an alias */
	{ BYTES(ID PLAIN COUNTS("\2", "\0") QUESTION OWNER RR("\5", MINUTE, "\4") "\1b\xc0\x0f"
		"\1b\xc0\x0f" RR("\x0f", MINUTE, "\6") "\0\x0a\1m\xc0\x0c"), true, 60 },
	/* nothing there, and for how long: the smaller of the two times of the SOA record */
	{ BYTES(ID PLAIN COUNTS("\0", "\1") QUESTION SOA(MINUTE, "\0\0\1\0")), true, 60 },
	{ BYTES(ID PLAIN COUNTS("\0", "\1") QUESTION SOA(MINUTE, "\0\0\0\5")), true, 5 },
	{ BYTES(ID PLAIN COUNTS("\0", "\1") QUESTION SOA("\0\1\0\0", "\0\1\0\0")), true,
	  DNS_KEEP_NOTHING_MAX_S },
	{ BYTES(ID "\x81\x83" COUNTS("\0", "\1") QUESTION SOA(MINUTE, MINUTE)), true, 60 },
	{ BYTES(ID PLAIN COUNTS("\0", "\0") QUESTION), true, 0 },
	{ BYTES(ID PLAIN COUNTS("\0", "\1") QUESTION OWNER RR("\6", MINUTE, "\2") "\0\0"),
	  true, 0 },
	/* not even a head; no question */
	{ BYTES(ID PLAIN COUNTS("\1", "\0")), false, 0 },
	{ BYTES(ID), false, 0 },
	{ BYTES(""), false, 0 },
	{ BYTES(ID PLAIN "\0\0\0\1\0\0\0\0" OWNER RR("\x0f", MINUTE, "\6") "\0\x0a\1m\xc0\x0c"), false, 0 },
	/* a question, another kind of message, cut, errors, a referral */
	{ BYTES(ID "\1\x80" COUNTS("\1", "\0") QUESTION MX(MINUTE)), false, 0 },
	{ BYTES(ID "\xa1\x80" COUNTS("\1", "\0") QUESTION MX(MINUTE)), false, 0 },
	{ BYTES(ID "\x83\x80" COUNTS("\1", "\0") QUESTION MX(MINUTE)), false, 0 },
	{ BYTES(ID "\x81\x81" COUNTS("\0", "\0") QUESTION), false, 0 },
	{ BYTES(ID "\x81\x82" COUNTS("\0", "\0") QUESTION), false, 0 },
	{ BYTES(ID "\x81\x85" COUNTS("\0", "\0") QUESTION), false, 0 },
	{ BYTES(ID "\x81\0" COUNTS("\0", "\1") QUESTION OWNER RR("\2", MINUTE, "\2") OWNER),
	  false, 0 },
	/* aliases that lead nowhere, to nobody, or round; an answer without what was asked for */
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION OWNER RR("\5", MINUTE, "\4") "\1b\xc0\x0f"),
	  false, 0 },
	{ BYTES(ID "\x81\x83" COUNTS("\1", "\0") QUESTION OWNER RR("\5", MINUTE, "\4") "\1b\xc0\x0f"),
	  false, 0 },
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION OWNER RR("\5", MINUTE, "\2") OWNER),
	  false, 0 },
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION OWNER RR("\1", MINUTE, "\4") "\1\2\3\4"),
	  false, 0 },
	{ BYTES(ID "\x81\x83" COUNTS("\1", "\0") QUESTION MX(MINUTE)), false, 0 },
	/* damage */
	{ BYTES(ID PLAIN COUNTS("\2", "\0") QUESTION MX(MINUTE)), false, 0 },
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION OWNER RR("\x0f", MINUTE, "\4") "\0\x0a\xc0\x29"),
	  true, 60 }, /* the record itself; dns_read_mx refuses it */
	{ BYTES(ID PLAIN COUNTS("\0", "\1") QUESTION "\xc0\x1c" RR("\6", MINUTE, "\2") "\0\0"),
	  false, 0 },
	{ BYTES(ID PLAIN COUNTS("\0", "\0") "\2Ab\7Exam"), false, 0 },
};

static void reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint32_t keep_s = 7777;
		bool plain = dns_reply_is_plain(rows[i].packet, DNS_MX, &keep_s);
		if (plain != rows[i].plain || keep_s != rows[i].keep_s)
			fail_msg("row %zu: %d, %u s", i, plain, keep_s);
	}
}

/* 66 records are as much as was said to be taken; one more is not. */
static void reads_no_more_than_asked_for(void **state)
{
	static const struct str head = BYTES(ID PLAIN COUNTS("\0", "\0") QUESTION);
	static const struct str record = BYTES(MX(MINUTE));
	char packet[DNS_REPLY_MAX + 64];
	uint32_t keep_s;
	(void)state;
	for (unsigned count = 66; count <= 67; count++) {
		size_t len = head.len;
		memcpy(packet, head.at, head.len);
		packet[7] = (char)count;
		for (unsigned i = 0; i < count; i++, len += record.len)
			memcpy(packet + len, record.at, record.len);
		assert_int_equal(dns_reply_is_plain((struct str){ packet, len }, DNS_MX, &keep_s),
				 len <= DNS_REPLY_MAX);
		assert_int_equal(len <= DNS_REPLY_MAX, count == 66);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(reads_no_more_than_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
