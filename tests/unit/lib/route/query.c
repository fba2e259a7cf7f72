/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/route/query.h"

#include <string.h>

/* The query that all rows answer: for the MX of ab.example, id 0x1234, two letters big. */
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

static struct str query(void)
{
	static const uint8_t caps[(DNS_NAME_MAX + 7) / 8] = { 0x0d };
	static char memory[DNS_QUERY_MAX];
	struct buf out;
	buf_init_fixed(&out, memory, sizeof memory);
	dns_query_write(&out, 0x1234, STR("ab.eXample"), DNS_MX, caps);
	assert_false(out.overflowed);
	return buf_view(&out);
}

static void writes(void **state)
{
	static const struct str want = BYTES(ID "\1\0\0\1\0\0\0\0\0\1" QUESTION
					     "\0\0\x29\4\xd0\0\0\0\0\0\0");
	(void)state;
	assert_true(str_eq(query(), want));
}

/* The longest name fits, every letter of it by chance. */
static void writes_the_longest(void **state)
{
	char name[DNS_NAME_MAX], memory[DNS_QUERY_MAX];
	uint8_t caps[(DNS_NAME_MAX + 7) / 8];
	struct buf out;
	(void)state;
	for (size_t i = 0; i < sizeof name; i++) name[i] = i % 64 == 63 ? '.' : 'a';
	memset(caps, 0xff, sizeof caps);
	buf_init_fixed(&out, memory, sizeof memory);
	dns_query_write(&out, 1, (struct str){ name, sizeof name }, DNS_AAAA, caps);
	assert_false(out.overflowed);
	assert_int_equal(out.len, DNS_QUERY_MAX);
	assert_int_equal(memory[12], 63);
	assert_int_equal(memory[12 + 64 * 3], 61);
	for (size_t i = 13; i < 13 + 63; i++) assert_int_equal(memory[i], 'A');
}

static const struct {
	struct str packet;
	enum dns_reply reply;
	uint32_t keep_s;
} rows[] = {
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION MX(MINUTE)), DNS_REPLY_PLAIN, 60 },
	/* the shortest time counts, and none for ever */
	{ BYTES(ID PLAIN COUNTS("\2", "\0") QUESTION MX(MINUTE) MX("\0\0\0\7")), DNS_REPLY_PLAIN, 7 },
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION MX("\0\0\0\0")), DNS_REPLY_PLAIN, 0 },
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION MX("\x7f\xff\xff\xff")), DNS_REPLY_PLAIN,
	  DNS_KEEP_MAX_S },
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION MX("\x80\0\0\0")), DNS_REPLY_PLAIN, 0 },
	/* who is asked knows it himself, and does not ask others */
	{ BYTES(ID "\x84\0" COUNTS("\1", "\0") QUESTION MX(MINUTE)), DNS_REPLY_PLAIN, 60 },
	/* over an alias */
	{ BYTES(ID PLAIN COUNTS("\2", "\0") QUESTION OWNER RR("\5", MINUTE, "\4") "\1b\xc0\x0f"
		"\1b\xc0\x0f" RR("\x0f", MINUTE, "\6") "\0\x0a\1m\xc0\x0c"), DNS_REPLY_PLAIN, 60 },
	/* nothing there, and for how long: the smaller of the two times of the SOA record */
	{ BYTES(ID PLAIN COUNTS("\0", "\1") QUESTION SOA(MINUTE, "\0\0\1\0")), DNS_REPLY_PLAIN, 60 },
	{ BYTES(ID PLAIN COUNTS("\0", "\1") QUESTION SOA(MINUTE, "\0\0\0\5")), DNS_REPLY_PLAIN, 5 },
	{ BYTES(ID PLAIN COUNTS("\0", "\1") QUESTION SOA("\0\1\0\0", "\0\1\0\0")), DNS_REPLY_PLAIN,
	  DNS_KEEP_NOTHING_MAX_S },
	{ BYTES(ID "\x81\x83" COUNTS("\0", "\1") QUESTION SOA(MINUTE, MINUTE)), DNS_REPLY_PLAIN, 60 },
	{ BYTES(ID PLAIN COUNTS("\0", "\0") QUESTION), DNS_REPLY_PLAIN, 0 },
	{ BYTES(ID PLAIN COUNTS("\0", "\1") QUESTION OWNER RR("\6", MINUTE, "\2") "\0\0"),
	  DNS_REPLY_PLAIN, 0 },
	/* another query's */
	{ BYTES("\x12\x35" PLAIN COUNTS("\1", "\0") QUESTION MX(MINUTE)), DNS_REPLY_OTHER, 0 },
	{ BYTES(ID PLAIN COUNTS("\1", "\0")), DNS_REPLY_ODD, 0 },
	{ BYTES(ID), DNS_REPLY_OTHER, 0 },
	{ BYTES(""), DNS_REPLY_OTHER, 0 },
	/* another question's: the name, its letters, the type, the class; none, two */
	{ BYTES(ID PLAIN COUNTS("\0", "\0") "\2Ac\7Example\0\0\x0f\0\1"), DNS_REPLY_ODD, 0 },
	{ BYTES(ID PLAIN COUNTS("\0", "\0") "\2ab\7example\0\0\x0f\0\1"), DNS_REPLY_ODD, 0 },
	{ BYTES(ID PLAIN COUNTS("\0", "\0") NAME "\0\1\0\1"), DNS_REPLY_ODD, 0 },
	{ BYTES(ID PLAIN COUNTS("\0", "\0") NAME "\0\x0f\0\3"), DNS_REPLY_ODD, 0 },
	{ BYTES(ID PLAIN "\0\0\0\0\0\0\0\0"), DNS_REPLY_ODD, 0 },
	{ BYTES(ID PLAIN "\0\2\0\0\0\0\0\0" QUESTION QUESTION), DNS_REPLY_ODD, 0 },
	/* a question, another kind of message, cut, errors, a referral */
	{ BYTES(ID "\1\x80" COUNTS("\1", "\0") QUESTION MX(MINUTE)), DNS_REPLY_ODD, 0 },
	{ BYTES(ID "\xa1\x80" COUNTS("\1", "\0") QUESTION MX(MINUTE)), DNS_REPLY_ODD, 0 },
	{ BYTES(ID "\x83\x80" COUNTS("\1", "\0") QUESTION MX(MINUTE)), DNS_REPLY_ODD, 0 },
	{ BYTES(ID "\x81\x81" COUNTS("\0", "\0") QUESTION), DNS_REPLY_ODD, 0 },
	{ BYTES(ID "\x81\x82" COUNTS("\0", "\0") QUESTION), DNS_REPLY_ODD, 0 },
	{ BYTES(ID "\x81\x85" COUNTS("\0", "\0") QUESTION), DNS_REPLY_ODD, 0 },
	{ BYTES(ID "\x81\0" COUNTS("\0", "\1") QUESTION OWNER RR("\2", MINUTE, "\2") OWNER),
	  DNS_REPLY_ODD, 0 },
	/* aliases that lead nowhere, to nobody, or round; an answer without what was asked for */
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION OWNER RR("\5", MINUTE, "\4") "\1b\xc0\x0f"),
	  DNS_REPLY_ODD, 0 },
	{ BYTES(ID "\x81\x83" COUNTS("\1", "\0") QUESTION OWNER RR("\5", MINUTE, "\4") "\1b\xc0\x0f"),
	  DNS_REPLY_ODD, 0 },
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION OWNER RR("\5", MINUTE, "\2") OWNER),
	  DNS_REPLY_ODD, 0 },
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION OWNER RR("\1", MINUTE, "\4") "\1\2\3\4"),
	  DNS_REPLY_ODD, 0 },
	{ BYTES(ID "\x81\x83" COUNTS("\1", "\0") QUESTION MX(MINUTE)), DNS_REPLY_ODD, 0 },
	/* damage */
	{ BYTES(ID PLAIN COUNTS("\2", "\0") QUESTION MX(MINUTE)), DNS_REPLY_ODD, 0 },
	{ BYTES(ID PLAIN COUNTS("\1", "\0") QUESTION OWNER RR("\x0f", MINUTE, "\4") "\0\x0a\xc0\x29"),
	  DNS_REPLY_PLAIN, 60 }, /* the record itself; dns_read_mx refuses it */
	{ BYTES(ID PLAIN COUNTS("\0", "\1") QUESTION "\xc0\x1c" RR("\6", MINUTE, "\2") "\0\0"),
	  DNS_REPLY_ODD, 0 },
	{ BYTES(ID PLAIN COUNTS("\0", "\0") "\2Ab\7Exam"), DNS_REPLY_ODD, 0 },
};

static void reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint32_t keep_s = 7777;
		enum dns_reply reply = dns_reply_read(rows[i].packet, query(), DNS_MX, &keep_s);
		if (reply != rows[i].reply || keep_s != rows[i].keep_s)
			fail_msg("row %zu: %d, %u s", i, reply, keep_s);
	}
}

/* More than was said to be taken. */
static void reads_no_more_than_asked_for(void **state)
{
	static const struct str head = BYTES(ID PLAIN COUNTS("\0", "\0") QUESTION);
	char packet[DNS_REPLY_MAX + 1] = { 0 };
	uint32_t keep_s;
	(void)state;
	memcpy(packet, head.at, head.len);
	assert_int_equal(dns_reply_read((struct str){ packet, sizeof packet }, query(), DNS_MX, &keep_s),
			 DNS_REPLY_ODD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes),
		cmocka_unit_test(writes_the_longest),
		cmocka_unit_test(reads),
		cmocka_unit_test(reads_no_more_than_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
