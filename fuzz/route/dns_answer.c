/* SPDX-License-Identifier: Apache-2.0 */
/* A DNS message goes the whole way: read as the answer to each kind of question, and what
 * comes of it is decided about. The decision keeps its limits, whatever the message says.
 */
#include <assert.h>

#include "lib/route/mx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct mx_verdict *v)
{
	struct str text = buf_view(&v->text);
	assert(!v->text.overflowed && (text.len > 0) == (v->result != MX_HOSTS));
	for (size_t i = 0; i < text.len; i++) assert(ascii_is_print(text.at[i]));
}

static void decide(struct mx *mx, struct str packet)
{
	static struct mx_list list;
	struct mx_verdict verdict;
	struct route_self self = { .hostname = STR("us.example") };
	for (size_t host = 0; host < mx->count; host++) {
		for (int family = 0; family < MX_FAMILIES; family++) {
			struct ip ips[DNS_RECORDS_MAX];
			size_t count = 0;
			enum dns_state state =
				dns_read_ips(packet, family == MX_V6 ? DNS_AAAA : DNS_A,
					     ips, DNS_RECORDS_MAX, &count);
			assert((state == DNS_FOUND) == (count > 0));
			mx_take_ips(mx, host, (enum mx_family)family, state, ips, count);
		}
	}
	mx_decide(mx, &self, &verdict, &list);
	assert((verdict.result == MX_HOSTS) == (list.count > 0));
	check_text(&verdict);
}

static void check_tlsa(struct str packet)
{
	char memory[DNS_TLSA_BYTES], name[DNS_NAME_MAX];
	struct buf records;
	struct dns_tlsa record;
	size_t count = 0, kept = 0, len = 0;
	buf_init_fixed(&records, memory, sizeof memory);
	enum dns_state state = dns_read_tlsa(packet, &records, &count);
	assert((state == DNS_FOUND) == (count > 0) && !records.overflowed);
	struct cur c = cur_of(buf_view(&records));
	while (dns_tlsa_next(&c, &record)) kept++;
	assert(cur_done(&c) && kept <= DNS_TLSA_MAX && kept <= count);
	if (dns_read_owner(packet, name, &len))
		assert(dns_name_is_host((struct str){ name, len }));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dns_mx answers[DNS_RECORDS_MAX];
	static struct mx mx;
	struct str packet = { (const char *)data, size };
	struct rng rng = { size };
	size_t count = 0;
	enum dns_state state = dns_read_mx(packet, answers, &count);
	assert((state == DNS_FOUND) == (count > 0) && count <= DNS_RECORDS_MAX);
	enum mx_step step = mx_begin(&mx, STR("a.example"), true, 25);
	assert(step == MX_ASK_MX);
	step = mx_take_mx(&mx, state, answers, count, STR("us.example"), &rng);
	assert((step == MX_ASK_HOSTS) == (mx.count > 0) && mx.count <= MX_HOSTS_MAX);
	decide(&mx, packet);
	step = mx_begin(&mx, STR("m.example"), false, 25);
	assert(step == MX_ASK_HOSTS);
	decide(&mx, packet);
	check_tlsa(packet);
	return 0;
}
