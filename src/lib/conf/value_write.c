/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/value_egress.h"
#include "lib/conf/value_rate.h"
#include "lib/conf/value_score.h"

void conf_value_write_text(struct str text, struct buf *out)
{
	static const struct str special = STR_INIT(" \t{};#\"");
	bool plain = text.len > 0;
	for (size_t i = 0; i < text.len; i++) plain &= str_find(special, text.at[i]) < 0;
	if (plain) {
		buf_str(out, text);
		return;
	}
	buf_byte(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '"' || text.at[i] == '\\') buf_byte(out, '\\');
		buf_byte(out, text.at[i]);
	}
	buf_byte(out, '"');
}

void conf_value_write_address(const struct conf_address *address, struct buf *out)
{
	bool v4 = ip_is_v4(address->ip);
	if (!v4) buf_byte(out, '[');
	ip_write(out, address->ip);
	if (!v4) buf_byte(out, ']');
	buf_byte(out, ':');
	buf_u64(out, address->port);
}

void conf_value_write_hop(const struct conf_hop *hop, struct buf *out)
{
	if (!hop->port) {
		conf_value_write_text(hop->host, out);
		return;
	}
	bool v6 = str_find(hop->host, ':') >= 0;
	if (hop->mx) buf_str(out, STR("mx:"));
	if (v6) buf_byte(out, '[');
	buf_str(out, hop->host);
	if (v6) buf_byte(out, ']');
	buf_byte(out, ':');
	buf_u64(out, hop->port);
	if (hop->weight) buf_str(out, STR(" weight "));
	if (hop->weight) buf_u64(out, hop->weight);
}

static void write_users(const struct conf_users *users, struct buf *out)
{
	if (users->any) buf_str(out, STR("any"));
	else if (users->name.len) conf_value_write_text(users->name, out);
}

static void write_hops(const struct conf_hops *hops, struct buf *out)
{
	for (size_t i = 0; i < hops->count; i++) {
		if (i) buf_byte(out, ' ');
		conf_value_write_hop(&hops->at[i], out);
	}
}

static void write_deliver(const struct conf_deliver *deliver, struct buf *out)
{
	if (deliver->lmtp.count) {
		buf_str(out, STR("lmtp "));
		write_hops(&deliver->lmtp, out);
	} else if (deliver->maildir.len) {
		buf_str(out, STR("maildir "));
		conf_value_write_text(deliver->maildir, out);
	} else if (deliver->held) {
		buf_str(out, deliver->name.len ? STR("hold-for-etrn ") : STR("hold-for-etrn"));
		if (deliver->name.len) conf_value_write_text(deliver->name, out);
	} else if (deliver->name.len) {
		buf_str(out, STR("route "));
		conf_value_write_text(deliver->name, out);
	}
}

/* 0.0.0.0 and [::] side by side are what * became. */
static bool is_both(const struct conf_addresses *list, size_t i)
{
	return i + 1 < list->count && list->at[i].port == list->at[i + 1].port &&
	       ip_eq(list->at[i].ip, ip_of_v4(0)) && ip_is_none(list->at[i + 1].ip);
}

static void write_addresses(const struct conf_addresses *list, struct buf *out)
{
	for (size_t i = 0; i < list->count; i++) {
		if (i) buf_byte(out, ' ');
		if (is_both(list, i)) {
			buf_str(out, STR("*:"));
			buf_u64(out, list->at[i++].port);
		} else {
			conf_value_write_address(&list->at[i], out);
		}
	}
}

static void write_durations(const struct conf_durations *durations, struct buf *out)
{
	for (size_t i = 0; i < durations->count; i++) {
		if (i) buf_byte(out, ' ');
		conf_value_write_duration(durations->at[i], out);
	}
}

static void write_matches(const struct conf_matches *matches, struct buf *out)
{
	for (size_t i = 0; i < matches->count; i++) {
		if (i) buf_byte(out, ' ');
		conf_value_write_text(matches->at[i], out);
	}
}

static void write_texts(const struct conf_texts *texts, struct buf *out)
{
	for (size_t i = 0; i < texts->count; i++) {
		if (i) buf_byte(out, ' ');
		conf_value_write_text(texts->at[i], out);
	}
}

static void write_flags(const struct conf_words *words, unsigned flags, struct buf *out)
{
	/* Not every list has that word. */
	if (flags == (1u << words->count) - 1 && conf_word_find(words, STR("all")) >= 0) {
		buf_str(out, STR("all"));
		return;
	}
	size_t before = out->len;
	for (size_t i = 0; i < words->count; i++) {
		if (!(flags & 1u << i)) continue;
		if (out->len > before) buf_byte(out, ' ');
		buf_str(out, words->at[i].word);
	}
}

void conf_value_write(const struct conf_row *row, const void *field, struct buf *out)
{
	switch (row->type) {
	case CONF_IS_CHOICE:
	case CONF_IS_PROFILE:
		buf_str(out, row->words->at[*(const unsigned *)field].word);
		break;
	case CONF_IS_TEXTS: write_texts(field, out); break;
	case CONF_IS_TEXT:
	case CONF_IS_PATH:
	case CONF_IS_HOSTNAME:
	case CONF_IS_REPLY:
	case CONF_IS_MAILBOX: {
		const struct str *text = field;
		if (text->len) conf_value_write_text(*text, out);
		break;
	}
	case CONF_IS_SIZE: conf_value_write_size(*(const int64_t *)field, out); break;
	case CONF_IS_DURATION:
		conf_value_write_duration(*(const int64_t *)field, out);
		break;
	case CONF_IS_NUMBER: buf_i64(out, *(const int64_t *)field); break;
	case CONF_IS_ADDRESSES:
	case CONF_IS_SERVERS: write_addresses(field, out); break;
	case CONF_IS_DURATIONS: write_durations(field, out); break;
	case CONF_IS_HOPS: write_hops(field, out); break;
	case CONF_IS_NAMES:
	case CONF_IS_OWNERS:
	case CONF_IS_FROM:
	case CONF_IS_HOSTNAMES:
	case CONF_IS_MATCHES: write_matches(field, out); break;
	case CONF_IS_RATE: conf_write_rate(field, out); break;
	case CONF_IS_PREFIXES: conf_write_prefixes(field, out); break;
	case CONF_IS_FLAGS: write_flags(row->words, *(const unsigned *)field, out); break;
	case CONF_IS_USERS: write_users(field, out); break;
	case CONF_IS_DELIVER: write_deliver(field, out); break;
	case CONF_IS_SCORE: conf_write_score(*(const int64_t *)field, out); break;
	case CONF_IS_ANSWERS: conf_write_answers(field, out); break;
	case CONF_IS_IPS: conf_write_ips(field, out); break;
	case CONF_IS_DATE: conf_write_date(*(const int64_t *)field, out); break;
	case CONF_IS_LEVELS:
	case CONF_IS_NETWORKS:
	case CONF_IS_PATHS:
	case CONF_IS_SENDERS:
	case CONF_IS_BLOCK: break;
	}
}
