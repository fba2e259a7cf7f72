/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/route/mx.h"

#include <string.h>

#define CONF \
	"hostname mx.us.example\n" \
	"listener a { address 0.0.0.0:25 [::1]:2525 }\n" \
	"listener b { address 198.51.100.7:26 }\n"

/* What the DNS would say, for one question. Answers: "PREFERENCE NAME" and, behind a
 * question mark, addresses of hosts: "NAME=ADDRESS,ADDRESS" or one of the words
 * nodata nxdomain failed late bogus, which are both families' answer; "A/B" is one for
 * each, IPv6 first. What is not said has no name. */
struct row {
	const char *name;
	bool by_mx;
	uint16_t port;
	const char *mx, *hosts;
	enum mx_result result;
	const char *dsn;
	const char *want; /* "PREFERENCE NAME ADDRESS...;" or a part of the text */
};

static const struct row rows[] = {
	/* order, families in turns */
	{ "a.example", true, 25, "20 m2 10 m1", "m1=192.0.2.1 m2=192.0.2.2", MX_HOSTS, "",
	  "10 m1 192.0.2.1;20 m2 192.0.2.2;" },
	{ "a.example", true, 25, "10 m",
	  "m=2001:db8::1,2001:db8::2,2001:db8::3/192.0.2.1,192.0.2.2", MX_HOSTS, "",
	  "10 m 2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 2001:db8::3;" },
	{ "A.Example.", true, 25, "65535 M1", "m1=192.0.2.1", MX_HOSTS, "",
	  "65535 m1 192.0.2.1;" },
	/* the same host twice counts where it is nearest, the same address once */
	{ "a.example", true, 25, "20 m 10 M 30 m", "m=192.0.2.1,192.0.2.1", MX_HOSTS, "",
	  "10 m 192.0.2.1;" },
	/* RFC 5321 5.1: the domain itself */
	{ "a.example", true, 25, "nodata", "a.example=192.0.2.1", MX_HOSTS, "",
	  "0 a.example 192.0.2.1;" },
	{ "a.example", true, 25, "nodata", "a.example=nodata", MX_NEVER, "5.4.4",
	  "no mail host of a.example has an address" },
	{ "a.example", true, 25, "nodata", "a.example=late", MX_LATER, "4.4.3", "in time" },
	{ "a.example", true, 25, "nxdomain", "", MX_NEVER, "5.1.2",
	  "domain a.example does not exist" },
	/* what could not be asked never falls through to the domain's address */
	{ "a.example", true, 25, "failed", "a.example=192.0.2.1", MX_LATER, "4.4.3",
	  "could not answer for a.example" },
	{ "a.example", true, 25, "late", "a.example=192.0.2.1", MX_LATER, "4.4.3",
	  "did not answer for a.example in time" },
	{ "a.example", true, 25, "bogus", "a.example=192.0.2.1", MX_LATER, "4.4.3", "bogus" },
	/* RFC 7505, and what only looks like it */
	{ "a.example", true, 25, "0 .", "a.example=192.0.2.1", MX_NEVER, "5.1.10",
	  "domain a.example accepts no mail (null MX)" },
	{ "a.example", true, 25, "10 .", "", MX_NEVER, "5.1.10", "null MX" },
	{ "a.example", true, 25, "0 . 10 m", "m=192.0.2.1", MX_HOSTS, "", "10 m 192.0.2.1;" },
	{ "a.example", true, 25, "0 . 0 .", "a.example=192.0.2.1", MX_NEVER, "5.4.4",
	  "no MX record of a.example names a host" },
	/* lies */
	{ "a.example", true, 25, "10 192.0.2.1", "a.example=192.0.2.1", MX_NEVER, "5.4.4",
	  "names a host" },
	{ "a.example", true, 25, "10 [192.0.2.1] 10 a\\010b 10 a..b 20 m", "m=192.0.2.1",
	  MX_HOSTS, "", "20 m 192.0.2.1;" },
	{ "a.example", true, 25, "10 m1 20 m2", "m1=::/0.0.0.0 m2=0.0.0.0,192.0.2.1",
	  MX_HOSTS, "", "20 m2 192.0.2.1;" },
	{ "a.example", true, 25, "10 m", "m=::/0.0.0.0", MX_NEVER, "5.4.4", "has an address" },
	/* hosts without addresses: definite, or not */
	{ "a.example", true, 25, "10 m1 20 m2", "m1=nodata m2=nxdomain", MX_NEVER, "5.4.4",
	  "no mail host of a.example has an address" },
	{ "a.example", true, 25, "10 m1 20 m2", "m1=nodata m2=nodata/failed", MX_LATER,
	  "4.4.3", "could not answer for m2" },
	{ "a.example", true, 25, "10 m1", "m1=bogus", MX_LATER, "4.4.3", "answer for m1 is bogus" },
	{ "a.example", true, 25, "10 m1 20 m2", "m1=failed m2=192.0.2.2", MX_HOSTS, "",
	  "20 m2 192.0.2.2;" },
	{ "a.example", true, 25, "10 m1", "m1=failed/192.0.2.1", MX_HOSTS, "",
	  "10 m1 192.0.2.1;" },
	/* ourselves by name: we, and what is as far or farther */
	{ "a.example", true, 25, "5 m1 10 MX.us.example 10 m2 20 m3",
	  "m1=192.0.2.1 m2=192.0.2.2 m3=192.0.2.3", MX_HOSTS, "", "5 m1 192.0.2.1;" },
	{ "a.example", true, 25, "10 mx.us.example 10 m2", "m2=192.0.2.2", MX_NEVER, "5.4.6",
	  "mail for a.example loops back" },
	{ "a.example", true, 25, "10 m1 20 mx.us.example 5 mx.us.example", "m1=192.0.2.1",
	  MX_NEVER, "5.4.6", "loops" },
	{ "mx.us.example", true, 25, "nodata", "mx.us.example=192.0.2.1", MX_NEVER, "5.4.6",
	  "loops" },
	/* we are the backup, and the primary cannot be asked: that is no loop */
	{ "a.example", true, 25, "5 m1 10 mx.us.example", "m1=late", MX_LATER, "4.4.3", "m1" },
	{ "a.example", true, 25, "5 m1 10 mx.us.example", "m1=nodata", MX_NEVER, "5.4.4",
	  "has an address" },
	/* ourselves by address: an own one, and a listener on that port that serves it */
	{ "a.example", true, 25, "5 m1 10 m2 20 m3",
	  "m1=192.0.2.1 m2=198.51.100.7 m3=192.0.2.3", MX_HOSTS, "", "5 m1 192.0.2.1;" },
	{ "a.example", true, 25, "10 m2 20 m3", "m2=198.51.100.7 m3=192.0.2.3", MX_NEVER,
	  "5.4.6", "loops" },
	{ "a.example", true, 25, "10 m2", "m2=2001:db8::1/127.0.0.1", MX_NEVER, "5.4.6",
	  "loops" },
	{ "a.example", true, 26, "10 m2", "m2=198.51.100.7", MX_NEVER, "5.4.6", "loops" },
	{ "a.example", true, 26, "10 m2", "m2=127.0.0.1", MX_HOSTS, "", "10 m2 127.0.0.1;" },
	{ "a.example", true, 27, "10 m2", "m2=198.51.100.7", MX_HOSTS, "",
	  "10 m2 198.51.100.7;" },
	{ "a.example", true, 25, "10 m2", "m2=::1", MX_HOSTS, "", "10 m2 ::1;" },
	{ "a.example", true, 2525, "10 m2", "m2=::1", MX_NEVER, "5.4.6", "loops" },
	{ "a.example", true, 25, "10 m2", "m2=198.51.100.8", MX_HOSTS, "",
	  "10 m2 198.51.100.8;" },
	{ "a.example", true, 25, "nodata", "a.example=198.51.100.7", MX_NEVER, "5.4.6",
	  "loops" },
	/* addresses of a host: its name may be ours, on another port */
	{ "m1", false, 25, "", "m1=192.0.2.1", MX_HOSTS, "", "0 m1 192.0.2.1;" },
	{ "mx.us.example", false, 10025, "", "mx.us.example=198.51.100.7", MX_HOSTS, "",
	  "0 mx.us.example 198.51.100.7;" },
	{ "mx.us.example", false, 25, "", "mx.us.example=198.51.100.7", MX_NEVER, "5.4.6",
	  "loops" },
	{ "m1", false, 25, "", "m1=nxdomain", MX_NEVER, "5.4.4", "m1 has an address" },
	{ "m1", false, 25, "", "m1=failed", MX_LATER, "4.4.3", "m1" },
	/* addresses need no DNS */
	{ "192.0.2.1", true, 25, "", "", MX_HOSTS, "", "0 192.0.2.1 192.0.2.1;" },
	{ "[192.0.2.1]", true, 25, "", "", MX_HOSTS, "", "0 192.0.2.1 192.0.2.1;" },
	{ "[ipv6:2001:DB8::1]", true, 25, "", "", MX_HOSTS, "", "0 2001:db8::1 2001:db8::1;" },
	{ "2001:db8::1", false, 25, "", "", MX_HOSTS, "", "0 2001:db8::1 2001:db8::1;" },
	{ "[127.0.0.1]", true, 25, "", "", MX_NEVER, "5.4.6", "loops" },
	{ "0.0.0.0", true, 25, "", "", MX_NEVER, "5.4.4", "has an address" },
	{ "[192.0.2.1", true, 25, "", "", MX_NEVER, "5.1.2", "no valid domain name" },
	{ "192.0.2", true, 25, "", "", MX_NEVER, "5.1.2", "no valid domain name" },
	{ "", true, 25, "", "", MX_NEVER, "5.1.2", "no valid domain name" },
	{ ".", true, 25, "", "", MX_NEVER, "5.1.2", "no valid domain name" },
	{ "a..", true, 25, "", "", MX_NEVER, "5.1.2", "no valid domain name" },
	{ "a b", false, 25, "", "", MX_NEVER, "5.1.2", "no valid domain name" },
};

static enum dns_state state_of(struct str word)
{
	static const struct {
		struct str word;
		enum dns_state state;
	} words[] = {
		{ STR_INIT("nodata"), DNS_NO_DATA },   { STR_INIT("nxdomain"), DNS_NO_NAME },
		{ STR_INIT("failed"), DNS_FAILED },    { STR_INIT("late"), DNS_LATE },
		{ STR_INIT("bogus"), DNS_BOGUS },
	};
	for (size_t i = 0; i < ROWS(words); i++)
		if (str_eq(words[i].word, word)) return words[i].state;
	return DNS_FOUND;
}

static size_t answers_of(const char *text, struct dns_mx *out)
{
	struct str rest = str_of(text), word;
	size_t count = 0;
	while ((word = str_word(&rest)).len) {
		uint64_t number = 0;
		assert_true(str_to_u64(word, &number));
		struct str name = str_word(&rest);
		out[count].preference = (uint16_t)number;
		out[count].len = name.len;
		memcpy(out[count++].name, name.at, name.len);
	}
	return count;
}

/* One family's answer: a word, or those of the addresses that are of this family. */
static void give_one(struct mx *mx, size_t host, enum mx_family family, struct str text)
{
	struct ip ips[16];
	size_t count = 0;
	enum dns_state state = state_of(text);
	while (state == DNS_FOUND && text.len) {
		struct ip ip;
		assert_true(ip_parse(str_cut(&text, ','), &ip));
		if (ip_is_v4(ip) == (family == MX_V4)) ips[count++] = ip;
	}
	if (state == DNS_FOUND && count == 0) state = DNS_NO_DATA;
	mx_take_ips(mx, host, family, state, ips, count);
}

static void give_hosts(struct mx *mx, const char *text)
{
	for (size_t h = 0; h < mx->count; h++) {
		struct str rest = str_of(text), word;
		struct str name = { mx->hosts[h].name, mx->hosts[h].len };
		bool given = false;
		while ((word = str_word(&rest)).len) {
			if (!str_eq(str_cut(&word, '='), name)) continue;
			bool both = str_find(word, '/') < 0;
			struct str v6 = str_cut(&word, '/');
			give_one(mx, h, MX_V6, v6);
			give_one(mx, h, MX_V4, both ? v6 : word);
			given = true;
		}
		if (!given) fail_msg("nobody said what %.*s is", STR_ARG(name));
	}
}

static void dane_write(const struct mx_next *next, struct buf *out)
{
	struct cur c = cur_of(next->tlsa);
	struct dns_tlsa r;
	if (next->secure) buf_str(out, STR(" secure"));
	if (next->dane == MX_DANE_UNKNOWN) buf_str(out, STR(" unknown"));
	if (next->dane == MX_DANE_FOUND) buf_fmt(out, " %.*s", STR_ARG(next->base));
	while (dns_tlsa_next(&c, &r))
		buf_fmt(out, " %u %u %u %zu;", r.usage, r.selector, r.matching, r.data.len);
}

static void list_write(const struct mx_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->count; i++) {
		buf_fmt(out, "%u %.*s", list->hosts[i].preference,
			STR_ARG(list->hosts[i].name));
		dane_write(&list->hosts[i], out);
		for (size_t k = 0; k < list->hosts[i].count; k++) {
			buf_byte(out, ' ');
			ip_write(out, list->hosts[i].ips[k]);
		}
		buf_byte(out, ';');
	}
}

static struct route_self self_of(const struct conf *conf)
{
	static struct ip own[1];
	assert_true(ip_parse(STR("198.51.100.7"), &own[0]));
	return (struct route_self){ conf->hostname, own, 1, conf->listeners,
				 conf->listener_count };
}

static void run(const struct row *row, const struct route_self *self, struct mx *mx,
		struct mx_verdict *verdict, struct mx_list *list)
{
	static struct dns_mx answers[DNS_RECORDS_MAX];
	struct rng rng = { 1 };
	enum mx_step step = mx_begin(mx, str_of(row->name), row->by_mx, row->port);
	assert_true(step != MX_ASK_MX || row->by_mx);
	if (step == MX_ASK_MX) {
		enum dns_state state = state_of(str_of(row->mx));
		size_t count = state == DNS_FOUND ? answers_of(row->mx, answers) : 0;
		step = mx_take_mx(mx, state, answers, count, self->hostname, &rng);
	}
	if (step == MX_ASK_HOSTS) give_hosts(mx, row->hosts);
	mx_decide(mx, self, verdict, list);
}

static void decides(void **state)
{
	static struct mx mx;
	static struct mx_list list;
	struct mx_verdict verdict;
	struct conf *conf = conf_of(CONF);
	struct route_self self = self_of(conf);
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char memory[1024];
		struct buf hosts;
		buf_init_fixed(&hosts, memory, sizeof memory - 1);
		run(&rows[i], &self, &mx, &verdict, &list);
		list_write(&list, &hosts);
		memory[hosts.len] = '\0';
		verdict.memory[verdict.text.len] = '\0';
		bool good = verdict.result == rows[i].result &&
			    str_eq(verdict.dsn, str_of(rows[i].dsn)) &&
			    (verdict.result == MX_HOSTS
				     ? !strcmp(memory, rows[i].want)
				     : !list.count && strstr(verdict.memory, rows[i].want));
		if (!good)
			fail_msg("row %zu: %d %.*s '%s' '%s'", i, (int)verdict.result,
				 STR_ARG(verdict.dsn), memory, verdict.memory);
	}
	conf_free(conf);
}

/* A hundred hosts: the sixteen nearest; each of equal ones has its turn at being first. */
static void shuffles_and_cuts(void **state)
{
	static struct dns_mx answers[DNS_RECORDS_MAX];
	static struct mx mx;
	unsigned first[DNS_RECORDS_MAX] = { 0 }, last = 0;
	struct rng rng = { 42 };
	(void)state;
	for (unsigned i = 0; i < DNS_RECORDS_MAX; i++) {
		struct buf name;
		buf_init_fixed(&name, answers[i].name, sizeof answers[i].name);
		buf_fmt(&name, "m%u", i);
		answers[i].len = name.len;
		answers[i].preference = i < 90 ? 7 : (uint16_t)(i - 90);
	}
	for (unsigned round = 0; round < 2000; round++) {
		assert_int_equal(mx_begin(&mx, STR("a.example"), true, 25), MX_ASK_MX);
		assert_int_equal(mx_take_mx(&mx, DNS_FOUND, answers, DNS_RECORDS_MAX,
					    STR("us"), &rng),
				 MX_ASK_HOSTS);
		assert_int_equal(mx.count, MX_HOSTS_MAX);
		for (size_t i = 0; i < mx.count; i++)
			assert_int_equal(mx.hosts[i].preference, i < 7 ? i : 7);
		uint64_t number = 0;
		assert_true(str_to_u64((struct str){ mx.hosts[8].name + 1,
						     mx.hosts[8].len - 1 },
				       &number));
		first[number]++;
		last = mx.hosts[15].preference;
	}
	assert_int_equal(last, 7);
	/* 91 hosts share 2000 turns: about 22 each */
	for (unsigned i = 0; i < 90; i++) assert_in_range(first[i], 3, 60);
}

static void many_addresses(void **state)
{
	static struct mx mx;
	static struct mx_list list;
	struct mx_verdict verdict;
	struct route_self self = { .hostname = STR("us") };
	struct ip v4[12], v6[12];
	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		v4[i] = ip_of_v4(0xc0000201 + i);
		v6[i] = (struct ip){ { 0x20, 1, 0x0d, 0xb8, [15] = (unsigned char)(i + 1) } };
	}
	assert_int_equal(mx_begin(&mx, STR("m"), false, 25), MX_ASK_HOSTS);
	mx_take_ips(&mx, 0, MX_V4, DNS_FOUND, v4, 12);
	mx_take_ips(&mx, 0, MX_V6, DNS_FOUND, v6, 12);
	mx_decide(&mx, &self, &verdict, &list);
	assert_int_equal(list.hosts[0].count, MX_ADDRESSES_MAX);
	for (size_t i = 0; i < MX_ADDRESSES_MAX; i++)
		assert_true(ip_eq(list.hosts[0].ips[i], i % 2 ? v4[i / 2] : v6[i / 2]));
	/* An answer that never came is late. */
	assert_int_equal(mx_begin(&mx, STR("m"), false, 25), MX_ASK_HOSTS);
	mx_decide(&mx, &self, &verdict, &list);
	assert_int_equal(verdict.result, MX_LATER);
}

#define IP1 "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1"
#define NONE  "\0\0\0\0"
#define PLAIN "\0\0" NONE NONE
#define BYTES(text) { text, sizeof(text) - 1 }

static const struct {
	struct str record;
	const char *want; /* "": refused */
} records[] = {
	{ BYTES("\x0a\0\1\0\0\0m" PLAIN "\1" IP1), "10 m 192.0.2.1;" },
	{ BYTES("\x0a\0\1\0\0\0m" PLAIN "\1" IP1 "\0\1\2\0\0\0n1" PLAIN "\2" IP1 IP1),
	  "10 m 192.0.2.1;256 n1 192.0.2.1 192.0.2.1;" },
	{ BYTES("\0\0\x09\0\0\0" "192.0.2.1" PLAIN "\1" IP1), "0 192.0.2.1 192.0.2.1;" },
	{ BYTES(""), "" },
	{ BYTES("\x0a\0\1\0\0\0m" PLAIN "\0"), "" },
	{ BYTES("\x0a\0\1\0\0\0m" PLAIN "\x09" IP1 IP1 IP1 IP1 IP1 IP1 IP1 IP1 IP1), "" },
	{ BYTES("\x0a\0\1\0\0\0m" PLAIN "\2" IP1), "" },
	{ BYTES("\x0a\0\1\0\0\0m" PLAIN "\1" IP1 "x"), "" },
	{ BYTES("\x0a\0\1\0\0\0\n" PLAIN "\1" IP1), "" },
	{ BYTES("\x0a\0\1\0\0\0m" PLAIN "\1" IP1 "\x0a\0\1\0\0\0\n" PLAIN "\1"), "" },
	{ BYTES("\x0a\0\xff\xff\xff\xffm" PLAIN "\1" IP1), "" },
	/* named by a secure answer; with records, at the host's name or where it leads */
	{ BYTES("\x0a\0\1\0\0\0m\1\0" NONE NONE "\1" IP1), "10 m secure 192.0.2.1;" },
	{ BYTES("\x0a\0\1\0\0\0m\1\2" NONE NONE "\1" IP1), "10 m secure unknown 192.0.2.1;" },
	{ BYTES("\x0a\0\1\0\0\0m\1\1" "\1\0\0\0n" "\x0a\0\0\0\3\1\1\3\0\0\0abc" "\1" IP1),
	  "10 m secure n 3 1 1 3; 192.0.2.1;" },
	{ BYTES("\x0a\0\1\0\0\0m\0\1" "\1\0\0\0n" NONE "\1" IP1), "10 m n 192.0.2.1;" },
	{ BYTES("\x0a\0\1\0\0\0m\2\0" NONE NONE "\1" IP1), "" },
	{ BYTES("\x0a\0\1\0\0\0m\0\3" NONE NONE "\1" IP1), "" },
	{ BYTES("\x0a\0\1\0\0\0m\0\0" "\1\0\0\0n" NONE "\1" IP1), "" },
	{ BYTES("\x0a\0\1\0\0\0m\0\2" NONE "\7\0\0\0\3\1\1\0\0\0\0" "\1" IP1), "" },
	{ BYTES("\x0a\0\1\0\0\0m\0\1" NONE NONE "\1" IP1), "" },
	{ BYTES("\x0a\0\1\0\0\0m\0\1" "\1\0\0\0\n" NONE "\1" IP1), "" },
	{ BYTES("\x0a\0\1\0\0\0m\0\1" "\1\0\0\0n" "\x0a\0\0\0\3\1\1\4\0\0\0abc" "\1" IP1), "" },
};

static void codec(void **state)
{
	static struct mx_list list;
	(void)state;
	for (size_t i = 0; i < ROWS(records); i++) {
		char memory[256], again[256];
		struct buf text, record;
		buf_init_fixed(&text, memory, sizeof memory);
		buf_init_fixed(&record, again, sizeof again);
		bool good = mx_list_get(records[i].record, &list);
		list_write(&list, &text);
		if (good != (records[i].want[0] != '\0') ||
		    !str_eq(buf_view(&text), str_of(records[i].want)))
			fail_msg("row %zu: '%.*s'", i, (int)text.len, text.at);
		mx_list_put(&record, &list);
		if (good) assert_true(str_eq(buf_view(&record), records[i].record));
	}
	/* One host more than there may be. */
	struct buf record;
	buf_init(&record, 4096);
	for (int i = 0; i < MX_HOSTS_MAX; i++)
		buf_str(&record, records[0].record);
	assert_true(mx_list_get(buf_view(&record), &list));
	assert_int_equal(list.count, MX_HOSTS_MAX);
	buf_str(&record, records[0].record);
	assert_false(mx_list_get(buf_view(&record), &list));
	assert_int_equal(list.count, 0);
	buf_free(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decides),
		cmocka_unit_test(shuffles_and_cuts),
		cmocka_unit_test(many_addresses),
		cmocka_unit_test(codec),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
