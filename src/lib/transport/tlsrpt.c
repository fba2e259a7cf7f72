/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/transport/tlsrpt.h"

#include "lib/base/json.h"
#include "lib/base/units.h"
#include "lib/smtp/address.h"
#include "lib/transport/record.h"

static const struct str mailto = STR_INIT("mailto:"), https = STR_INIT("https://");

/* --- the record in the DNS ------------------------------------------------------------------ */

bool tlsrpt_is_mail(struct str uri) { return str_starts_nocase(uri, mailto); }

static bool is_uri(struct str s)
{
	if (s.len > TLSRPT_URI_MAX) return false;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_print(s.at[i]) || str_find(STR(" \"<>\\^`{|}"), s.at[i]) >= 0)
			return false;
	return (tlsrpt_is_mail(s) && s.len > mailto.len) ||
	       (str_starts_nocase(s, https) && s.len > https.len);
}

bool tlsrpt_record_parse(struct str text, struct tlsrpt_record *r)
{
	struct str rest = text;
	*r = (struct tlsrpt_record){ .count = 0 };
	if (!str_eq(str_trim(str_cut(&rest, ';')), STR("v=TLSRPTv1"))) return false;
	while (rest.len) {
		struct str field = str_trim(str_cut(&rest, ';')), uris = field;
		if (!str_eq(str_trim(str_cut(&uris, '=')), STR("rua"))) continue;
		while (uris.len && r->count < TLSRPT_RUA_MAX) {
			struct str uri = str_trim(str_cut(&uris, ','));
			if (is_uri(uri)) r->uris[r->count++] = uri;
		}
		break; /* a second one is no part of the grammar */
	}
	return r->count > 0;
}

static bool is_record(struct str text) { return str_starts(text, STR("v=TLSRPTv1;")); }

bool tlsrpt_record_find(struct str texts, struct tlsrpt_record *r)
{
	struct str found;
	return record_only(texts, is_record, &found) && tlsrpt_record_parse(found, r);
}

/* RFC 6068 2: what would mean something else is written as %XX. */
static bool decode(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		int high, low;
		char c = text.at[i];
		if (c == '%') {
			if (text.len - i < 3) return false;
			high = ascii_hex(text.at[i + 1]);
			low = ascii_hex(text.at[i + 2]);
			if (high < 0 || low < 0) return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (!ascii_is_print(c)) return false;
		buf_byte(out, c);
	}
	return !out->overflowed;
}

bool tlsrpt_address(struct str uri, struct buf *out)
{
	char memory[TLSRPT_ADDRESS_MAX + 2];
	struct smtp_path path;
	struct str rest, text = str_from(uri, mailto.len);
	struct buf whole;
	if (!tlsrpt_is_mail(uri)) return false;
	buf_init_fixed(&whole, memory, sizeof memory);
	buf_byte(&whole, '<');
	if (!decode(str_cut(&text, '?'), &whole)) return false;
	buf_byte(&whole, '>');
	if (whole.overflowed ||
	    smtp_path_parse(buf_view(&whole), SMTP_FORWARD_PATH, &path, &rest) != SMTP_PATH_OK ||
	    rest.len || !path.domain.len || path.quoted || path.literal || path.utf8)
		return false;
	buf_str(out, path.whole);
	return !out->overflowed;
}

/* --- the report ----------------------------------------------------------------------------- */

void tlsrpt_id_write(struct buf *out, const struct tlsrpt_head *h, struct str domain)
{
	buf_i64(out, h->begin_ms / 1000);
	buf_byte(out, '.');
	buf_i64(out, h->end_ms / 1000);
	buf_byte(out, '.');
	buf_str(out, domain);
	buf_byte(out, '@');
	buf_str(out, h->host);
}

void tlsrpt_file_write(struct buf *out, const struct tlsrpt_head *h, struct str domain)
{
	buf_str(out, h->host);
	buf_byte(out, '!');
	buf_str(out, domain);
	buf_byte(out, '!');
	buf_i64(out, h->begin_ms / 1000);
	buf_byte(out, '!');
	buf_i64(out, h->end_ms / 1000 - 1);
	buf_str(out, STR(".json.gz"));
}

/* Whole seconds: "2026-11-22T00:00:00Z". */
static void json_time(struct json *j, struct str key, int64_t ms)
{
	char text[40];
	struct buf time;
	buf_init_fixed(&time, text, sizeof text);
	units_second_write(&time, ms);
	json_str_at(j, key, buf_view(&time));
}

static void json_ip(struct json *j, struct str key, struct ip ip)
{
	char text[64];
	struct buf out;
	if (ip_is_none(ip)) return;
	buf_init_fixed(&out, text, sizeof text);
	ip_write(&out, ip);
	json_str_at(j, key, buf_view(&out));
}

static void json_i64_of(struct json *j, struct str key, uint64_t value)
{
	json_i64_at(j, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

/* Lines of the policy; `key` is empty: all; else what stands behind that of them. */
static void json_lines(struct json *j, struct str name, struct str lines, struct str key)
{
	json_key(j, name);
	json_begin_array(j);
	while (lines.len) {
		struct str line = str_cut(&lines, '\n');
		if (line.len && line.at[line.len - 1] == '\r') line.len--;
		if (!line.len || !str_starts_nocase(line, key)) continue;
		json_str(j, str_trim(str_from(line, key.len)));
	}
	json_end_array(j);
}

static void json_policy(struct json *j, const struct result_domain *d,
			const struct result_policy *p)
{
	json_key(j, STR("policy"));
	json_begin_object(j);
	json_str_at(j, STR("policy-type"), transport_policy_word(p->policy));
	if (p->policy != TRANSPORT_NO_POLICY)
		json_lines(j, STR("policy-string"), p->lines, STR(""));
	json_str_at(j, STR("policy-domain"), d->name);
	if (p->policy == TRANSPORT_STS) json_lines(j, STR("mx-host"), p->lines, STR("mx:"));
	json_end_object(j);
	json_key(j, STR("summary"));
	json_begin_object(j);
	json_i64_of(j, STR("total-successful-session-count"), p->good);
	json_i64_of(j, STR("total-failure-session-count"), p->bad);
	json_end_object(j);
}

static void json_failure(struct json *j, const struct result_failure *f)
{
	json_begin_object(j);
	json_str_at(j, STR("result-type"), transport_failure_word(f->failure));
	json_ip(j, STR("sending-mta-ip"), f->own);
	if (f->mx.len) json_str_at(j, STR("receiving-mx-hostname"), f->mx);
	json_ip(j, STR("receiving-ip"), f->peer);
	json_i64_of(j, STR("failed-session-count"), f->count);
	json_end_object(j);
}

static void json_policies(struct json *j, const struct result_domain *d)
{
	json_key(j, STR("policies"));
	json_begin_array(j);
	for (const struct result_policy *p = d->policies; p; p = p->next) {
		json_begin_object(j);
		json_policy(j, d, p);
		if (p->failures) {
			json_key(j, STR("failure-details"));
			json_begin_array(j);
			for (const struct result_failure *f = p->failures; f; f = f->next)
				json_failure(j, f);
			json_end_array(j);
		}
		json_end_object(j);
	}
	json_end_array(j);
}

void tlsrpt_json_write(struct buf *out, const struct tlsrpt_head *h,
		       const struct result_domain *d)
{
	struct json j = { .out = out };
	char text[TLSRPT_ID_MAX];
	struct buf id;
	buf_init_fixed(&id, text, sizeof text);
	tlsrpt_id_write(&id, h, d->name);
	json_begin_object(&j);
	json_str_at(&j, STR("organization-name"), h->organization);
	json_key(&j, STR("date-range"));
	json_begin_object(&j);
	json_time(&j, STR("start-datetime"), h->begin_ms);
	json_time(&j, STR("end-datetime"), h->end_ms - 1000);
	json_end_object(&j);
	json_str_at(&j, STR("contact-info"), h->contact);
	json_str_at(&j, STR("report-id"), buf_view(&id));
	json_policies(&j, d);
	json_end_object(&j);
	if (id.overflowed) out->overflowed = true;
}
