/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/answer.h"

#include <arpa/nameser.h>
#include <string.h>

/* The C library's text of a name: escapes as \. and \DDD, the root as ".". */
struct dns_text {
	char at[NS_MAXDNAME];
};

struct dns_reader {
	ns_msg msg;
	struct dns_text owner; /* at the end of the chain of aliases */
	unsigned count;        /* of records in the answer section */
};

bool dns_name_is_host(struct str name)
{
	size_t label = 0;
	bool digits = true;
	if (name.len == 0 || name.len > DNS_NAME_MAX) return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];
		if (c == '.') {
			if (label == 0) return false;
			label = 0;
			digits = true;
			continue;
		}
		if (!ascii_is_alnum(c) && c != '-' && c != '_') return false;
		if (++label > 63) return false;
		if (!ascii_is_digit(c)) digits = false;
	}
	return label > 0 && !digits;
}

static bool same_name(const char *a, const char *b)
{
	return str_eq_nocase(str_of(a), str_of(b));
}

/* The name in an alias's data. */
static bool target_read(const ns_msg *msg, const unsigned char *at, struct dns_text *out)
{
	return ns_name_uncompress(ns_msg_base(*msg), ns_msg_end(*msg), at, out->at,
				  sizeof out->at) >= 0;
}

/* One step along the chain. False if there is none, or the packet is damaged (`bad`). */
static bool alias_follow(struct dns_reader *r, bool *bad)
{
	for (unsigned i = 0; i < r->count; i++) {
		ns_rr rr;
		struct dns_text target;
		*bad = ns_parserr(&r->msg, ns_s_an, (int)i, &rr) != 0;
		if (*bad) return false;
		if (ns_rr_type(rr) != ns_t_cname || ns_rr_class(rr) != ns_c_in ||
		    !same_name(ns_rr_name(rr), r->owner.at))
			continue;
		*bad = !target_read(&r->msg, ns_rr_rdata(rr), &target);
		if (!*bad) r->owner = target;
		return !*bad;
	}
	return false;
}

/* DNS_FOUND: there are records to look at. */
static enum dns_state code_read(const ns_msg *msg)
{
	switch (ns_msg_getflag(*msg, ns_f_rcode)) {
	case ns_r_noerror: return DNS_FOUND;
	case ns_r_nxdomain: return DNS_NO_NAME;
	default: return DNS_FAILED;
	}
}

static enum dns_state reader_begin(struct dns_reader *r, struct str packet)
{
	ns_rr question;
	bool bad = false;
	if (packet.len > NS_MAXMSG ||
	    ns_initparse((const unsigned char *)packet.at, (int)packet.len, &r->msg) != 0)
		return DNS_FAILED;
	enum dns_state state = code_read(&r->msg);
	if (state != DNS_FOUND) return state;
	if (ns_msg_count(r->msg, ns_s_qd) != 1 ||
	    ns_parserr(&r->msg, ns_s_qd, 0, &question) != 0 ||
	    !str_to_cstr(str_of(ns_rr_name(question)), r->owner.at, sizeof r->owner.at))
		return DNS_FAILED;
	r->count = ns_msg_count(r->msg, ns_s_an);
	for (int step = 0; step < DNS_CHAIN_MAX; step++)
		if (!alias_follow(r, &bad)) break;
	/* After too many steps (a circle, perhaps) what stands at that name counts. */
	return bad ? DNS_FAILED : DNS_FOUND;
}

static enum dns_state reader_end(bool bad, size_t *count)
{
	if (bad) *count = 0;
	if (bad) return DNS_FAILED;
	return *count ? DNS_FOUND : DNS_NO_DATA;
}

/* The i-th record of the answer if it belongs to the question. */
static bool record_get(struct dns_reader *r, unsigned i, enum dns_type type, ns_rr *rr,
		       bool *bad)
{
	*bad = ns_parserr(&r->msg, ns_s_an, (int)i, rr) != 0;
	return !*bad && ns_rr_class(*rr) == ns_c_in &&
	       (unsigned)ns_rr_type(*rr) == (unsigned)type &&
	       same_name(ns_rr_name(*rr), r->owner.at);
}

enum dns_state dns_read_state(struct str packet, enum dns_type type)
{
	struct dns_reader r;
	enum dns_state state = reader_begin(&r, packet);
	bool bad = false;
	size_t count = 0;
	if (state != DNS_FOUND) return state;
	for (unsigned i = 0; !bad && i < r.count; i++) {
		ns_rr rr;
		if (record_get(&r, i, type, &rr, &bad)) count++;
	}
	return reader_end(bad, &count);
}

static bool mx_read(const struct dns_reader *r, ns_rr rr, struct dns_mx *out)
{
	struct dns_text text;
	if (ns_rr_rdlen(rr) < 3 || !target_read(&r->msg, ns_rr_rdata(rr) + 2, &text))
		return false;
	struct str name = str_of(text.at);
	if (name.len > sizeof out->name) name.len = 0;
	out->preference =
		(uint16_t)((unsigned)ns_rr_rdata(rr)[0] << 8 | ns_rr_rdata(rr)[1]);
	out->len = name.len;
	memcpy(out->name, name.at, name.len);
	return true;
}

/* Of more than fit those stay that are preferred, wherever they stood in the packet:
 * servers turn the records of an answer round. */
static void mx_keep(struct dns_mx out[DNS_RECORDS_MAX], size_t *count, const struct dns_mx *mx)
{
	size_t worst = 0;
	if (*count < DNS_RECORDS_MAX) {
		out[(*count)++] = *mx;
		return;
	}
	for (size_t i = 1; i < *count; i++)
		if (out[i].preference > out[worst].preference) worst = i;
	if (mx->preference < out[worst].preference) out[worst] = *mx;
}

enum dns_state dns_read_mx(struct str packet, struct dns_mx out[DNS_RECORDS_MAX],
			   size_t *count)
{
	struct dns_reader r;
	enum dns_state state = reader_begin(&r, packet);
	bool bad = false;
	*count = 0;
	if (state != DNS_FOUND) return state;
	for (unsigned i = 0; !bad && i < r.count; i++) {
		ns_rr rr;
		struct dns_mx mx;
		if (!record_get(&r, i, DNS_MX, &rr, &bad)) continue;
		bad = !mx_read(&r, rr, &mx);
		if (!bad) mx_keep(out, count, &mx);
	}
	return reader_end(bad, count);
}

static bool ip_read(ns_rr rr, enum dns_type type, struct ip *out)
{
	const unsigned char *at = ns_rr_rdata(rr);
	if (ns_rr_rdlen(rr) != (type == DNS_A ? 4 : sizeof out->octets)) return false;
	if (type == DNS_A)
		*out = ip_of_v4((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
				(uint32_t)at[2] << 8 | at[3]);
	else memcpy(out->octets, at, sizeof out->octets);
	return true;
}

enum dns_state dns_read_ips(struct str packet, enum dns_type type, struct ip *out,
			    size_t max, size_t *count)
{
	struct dns_reader r;
	enum dns_state state = reader_begin(&r, packet);
	bool bad = false;
	*count = 0;
	if (state != DNS_FOUND) return state;
	for (unsigned i = 0; !bad && i < r.count && *count < max; i++) {
		ns_rr rr;
		if (!record_get(&r, i, type, &rr, &bad)) continue;
		bad = !ip_read(rr, type, &out[*count]);
		if (!bad) (*count)++;
	}
	return reader_end(bad, count);
}

enum dns_state dns_read_ptr(struct str packet, struct dns_name *out, size_t max,
			    size_t *count)
{
	struct dns_reader r;
	enum dns_state state = reader_begin(&r, packet);
	bool bad = false;
	*count = 0;
	if (state != DNS_FOUND) return state;
	for (unsigned i = 0; !bad && i < r.count && *count < max; i++) {
		ns_rr rr;
		struct dns_text text;
		if (!record_get(&r, i, DNS_PTR, &rr, &bad)) continue;
		bad = !target_read(&r.msg, ns_rr_rdata(rr), &text);
		struct str name = bad ? STR("") : str_of(text.at);
		if (bad || !dns_name_is_host(name)) continue;
		out[*count].len = name.len;
		memcpy(out[*count].text, name.at, name.len);
		(*count)++;
	}
	return reader_end(bad, count);
}

/* False: the pieces do not fill the record. */
static bool txt_join(ns_rr rr, struct buf *out)
{
	const unsigned char *at = ns_rr_rdata(rr);
	size_t left = ns_rr_rdlen(rr);
	while (left) {
		size_t len = *at;
		if (len + 1 > left) return false;
		buf_bytes(out, (const char *)at + 1, len);
		at += len + 1;
		left -= len + 1;
	}
	return true;
}

enum dns_state dns_read_txt(struct str packet, struct buf *out, size_t *count)
{
	char memory[DNS_TXT_BYTES];
	struct dns_reader r;
	enum dns_state state = reader_begin(&r, packet);
	size_t before = out->len;
	bool bad = false;
	*count = 0;
	if (state != DNS_FOUND) return state;
	for (unsigned i = 0; !bad && i < r.count && *count < DNS_TXT_MAX; i++) {
		ns_rr rr;
		struct buf text;
		if (!record_get(&r, i, DNS_TXT, &rr, &bad)) continue;
		buf_init_fixed(&text, memory, sizeof memory);
		bad = !txt_join(rr, &text);
		if (bad || text.overflowed || out->len - before + 4 + text.len > DNS_TXT_BYTES) continue;
		buf_put_str(out, buf_view(&text));
		(*count)++;
	}
	return reader_end(bad, count);
}

static void tlsa_keep(ns_rr rr, struct buf *out, size_t *kept)
{
	const unsigned char *at = ns_rr_rdata(rr);
	size_t len = (size_t)ns_rr_rdlen(rr) - 3, before = out->len;
	if (*kept == DNS_TLSA_MAX || before + 3 + 4 + len > DNS_TLSA_BYTES) return;
	buf_bytes(out, (const char *)at, 3);
	buf_put_str(out, (struct str){ (const char *)at + 3, len });
	++*kept;
}

enum dns_state dns_read_tlsa(struct str packet, struct buf *out, size_t *count)
{
	struct dns_reader r;
	enum dns_state state = reader_begin(&r, packet);
	bool bad = false;
	size_t kept = 0;
	*count = 0;
	if (state != DNS_FOUND) return state;
	for (unsigned i = 0; !bad && i < r.count; i++) {
		ns_rr rr;
		if (!record_get(&r, i, DNS_TLSA, &rr, &bad)) continue;
		bad = ns_rr_rdlen(rr) < 3;
		if (bad) break;
		tlsa_keep(rr, out, &kept);
		++*count;
	}
	if (bad) buf_reset(out);
	return reader_end(bad, count);
}

bool dns_tlsa_next(struct cur *c, struct dns_tlsa *record)
{
	if (c->bad || c->left == 0) return false;
	record->usage = cur_u8(c);
	record->selector = cur_u8(c);
	record->matching = cur_u8(c);
	record->data = cur_str(c);
	return !c->bad;
}

bool dns_read_owner(struct str packet, char out[DNS_NAME_MAX], size_t *len)
{
	struct dns_reader r;
	if (reader_begin(&r, packet) != DNS_FOUND) return false;
	struct str name = str_of(r.owner.at);
	if (!dns_name_is_host(name)) return false;
	for (size_t i = 0; i < name.len; i++) out[i] = ascii_lower(name.at[i]);
	*len = name.len;
	return true;
}
