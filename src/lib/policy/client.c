/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/client.h"

#include "lib/policy/facts.h"
#include "lib/smtp/address.h"

void client_list_name(struct buf *out, struct ip client, struct str zone)
{
	ip_write_reversed(out, client);
	buf_byte(out, '.');
	buf_str(out, zone);
}

void client_ptr_name(struct buf *out, struct ip client)
{
	client_list_name(out, client, ip_is_v4(client) ? STR("in-addr.arpa") : STR("ip6.arpa"));
}

/* --- lists ------------------------------------------------------------------------------ */

static uint32_t number_of(struct ip ip)
{
	const unsigned char *at = ip.octets + 12;
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_wanted(const struct conf_dnsbl *list, uint32_t answer)
{
	if (list->answers.count == 0) return true;
	for (size_t i = 0; i < list->answers.count; i++)
		if (answer >= list->answers.at[i].first && answer <= list->answers.at[i].last)
			return true;
	return false;
}

enum client_listed client_list_read(const struct conf_dnsbl *list, const struct ip *ips,
                                    size_t count)
{
	enum { BLOCKED = 0x7fffff }; /* 127.255.255.0/24 */
	enum client_listed listed = CLIENT_NOT_LISTED;
	for (size_t i = 0; i < count; i++) {
		uint32_t answer = number_of(ips[i]);
		if (!ip_is_v4(ips[i]) || answer >> 24 != 127 || answer >> 8 == BLOCKED)
			return CLIENT_LIST_FAULT;
		if (is_wanted(list, answer)) listed = CLIENT_LISTED;
	}
	return listed;
}

/* --- the name that it gives itself ------------------------------------------------------ */

static bool is_own(const struct facts *f)
{
	return str_eq_nocase(f->helo, f->conf->hostname) || conf_domain_find(f->conf, f->helo);
}

static bool is_own_address(const struct facts *f)
{
	struct str inside = str_sub(f->helo, 1, f->helo.len - 2), tag = STR("IPv6:");
	struct ip ip;
	if (str_starts_nocase(inside, tag)) inside = str_from(inside, tag.len);
	return ip_parse(inside, &ip) && ip_eq(ip, f->client);
}

enum client_helo policy_helo(const struct facts *f)
{
	if (f->helo.len == 0) return CLIENT_HELO_GOOD; /* nothing was said yet */
	if (smtp_literal_is_valid(f->helo))
		return is_own_address(f) ? CLIENT_HELO_GOOD : CLIENT_HELO_LITERAL;
	if (!smtp_domain_is_valid(f->helo)) return CLIENT_HELO_INVALID;
	return is_own(f) ? CLIENT_HELO_OWN : CLIENT_HELO_NAME;
}

/* --- who is looked at ------------------------------------------------------------------- */

/* A rule for everybody says nothing about this one. */
static bool is_vouched(const struct conf_host *host)
{
	enum { V4_ALL = 96 };
	return host && host->action == CONF_HOST_ACCEPT && host->net.prefix != 0 &&
	       !(host->net.prefix == V4_ALL && ip_is_v4(host->net.base));
}

bool policy_is_stranger(const struct facts *f)
{
	return f->listener->role == CONF_ROLE_MX && !policy_right(f) && !is_vouched(f->host) &&
	       !ip_is_loopback(f->client) && !ip_is_private(f->client);
}

/* For the log every name is good that can be had; for the rest, what a rule looks at. */
unsigned policy_asks(const struct facts *f)
{
	const struct conf_check *check = &f->conf->check;
	bool stranger = policy_is_stranger(f);
	unsigned asks = 0;
	if (f->listener->role == CONF_ROLE_MX && check->client_name == CONF_YES_YES &&
	    !ip_is_loopback(f->client))
		asks |= CLIENT_ASK_NAME;
	if (stranger && (check->client.missing || check->client.unverified))
		asks |= CLIENT_ASK_NAME;
	if (stranger && f->conf->dnsbl_count) asks |= CLIENT_ASK_LISTS;
	if (stranger && check->helo.unresolved && policy_helo(f) == CLIENT_HELO_NAME)
		asks |= CLIENT_ASK_HELO;
	if (f->name != CLIENT_NAME_UNKNOWN) asks &= ~(unsigned)CLIENT_ASK_NAME;
	if (f->lists_known) asks &= ~(unsigned)CLIENT_ASK_LISTS;
	if (f->helo_resolves != ANSWER_UNKNOWN) asks &= ~(unsigned)CLIENT_ASK_HELO;
	return asks;
}
