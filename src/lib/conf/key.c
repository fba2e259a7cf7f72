/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between a block's word and its brace: names and networks. */
#include <assert.h>

#include "lib/base/utf8.h"
#include "lib/conf/parser.h"
#include "lib/conf/value_net.h"

/* How every block with a name of its own begins. */
struct named {
	struct conf_origin origin;
	struct str name;
};

static_assert(offsetof(struct conf_listener, name) == offsetof(struct named, name), "");
static_assert(offsetof(struct conf_directory, name) == offsetof(struct named, name), "");
static_assert(offsetof(struct conf_egress, name) == offsetof(struct named, name), "");
static_assert(offsetof(struct conf_route, name) == offsetof(struct named, name), "");
static_assert(offsetof(struct conf_dnsbl, name) == offsetof(struct named, name), "");

/* And every block that stands for domains. */
struct domains {
	struct conf_origin origin;
	struct str *names;
	size_t name_count;
};

static_assert(offsetof(struct conf_domain, names) == offsetof(struct domains, names), "");
static_assert(offsetof(struct conf_domain, name_count) == offsetof(struct domains, name_count), "");
static_assert(offsetof(struct conf_tls_policy, names) == offsetof(struct domains, names), "");
static_assert(offsetof(struct conf_tls_policy, name_count) == offsetof(struct domains, name_count), "");

static bool key_name(struct conf_parser *p, struct named *named, enum conf_block_id id,
		     const struct conf_token *word)
{
	struct conf_quote quote;
	struct str block = conf_blocks[id].word;
	if (!p->value_count) {
		CONF_REPORT(p, word, "'%.*s' needs a name: %.*s NAME { }", STR_ARG(block),
			    STR_ARG(block));
	} else if (!conf_is_name(p->texts[0])) {
		CONF_REPORT(p, &p->values[0],
			    "'%s' is not a name; names have letters, digits, dots, - and "
			    "_, at most 64",
			    conf_quote(&quote, p->texts[0]));
	} else if (p->value_count > 1) {
		CONF_REPORT(p, &p->values[1], "'%.*s' takes one name", STR_ARG(block));
	} else {
		named->name = conf_keep(p, p->texts[0]);
		return true;
	}
	return false;
}

static bool key_zone(struct conf_parser *p, struct named *named,
		     const struct conf_token *word)
{
	enum { ZONE_MAX = 180 };
	struct conf_quote quote;
	if (p->value_count != 1) {
		CONF_REPORT(p, p->value_count ? &p->values[1] : word,
			    "'dnsbl' takes one name: dnsbl list.example { }");
	} else if (!conf_is_domain(p->texts[0]) || p->texts[0].len > ZONE_MAX) {
		CONF_REPORT(p, &p->values[0], "'%s' is not the name of a list",
			    conf_quote(&quote, p->texts[0]));
	} else {
		named->name = conf_keep(p, p->texts[0]);
		return true;
	}
	return false;
}

static bool key_domains(struct conf_parser *p, struct domains *domain, enum conf_block_id id,
			const struct conf_token *word)
{
	struct conf_quote quote;
	if (!p->value_count) {
		struct str block = conf_blocks[id].word;
		CONF_REPORT(p, word, "'%.*s' needs a name: %.*s example.com { }", STR_ARG(block),
			    STR_ARG(block));
		return false;
	}
	domain->names =
		arena_alloc(&p->conf->arena, p->value_count * sizeof *domain->names);
	p->no_memory |= !domain->names;
	if (!domain->names) return false;
	for (size_t i = 0; i < p->value_count; i++) {
		if (!conf_is_domain(p->texts[i])) {
			CONF_REPORT(p, &p->values[i], "'%s' is not a domain name%s",
				    conf_quote(&quote, p->texts[i]),
				    utf8_is_ascii(p->texts[i])
					    ? ""
					    : "; write its ASCII form, which begins with "
					      "xn--");
			return false;
		}
		domain->names[domain->name_count++] = conf_keep(p, p->texts[i]);
	}
	return true;
}

void conf_check_host_bits(struct conf_parser *p, const struct conf_token *word,
			  struct str text)
{
	struct conf_quote quote, read;
	struct ip_net net;
	bool host_bits;
	if (!conf_read_network(text, &net, &host_bits) || !host_bits) return;
	/* Q258140: a rule entered with host bits set matched nobody. */
	struct buf out;
	buf_init_fixed(&out, read.text, sizeof read.text - 1);
	ip_net_write(&out, &net);
	read.text[out.len] = '\0';
	struct conf_place place = conf_parser_place(p, word);
	conf_report(p->errors, CONF_WARNING, &place,
		    "'%s' has bits behind its prefix; it is read as %s",
		    conf_quote(&quote, text), read.text);
}

static bool key_network(struct conf_parser *p, struct conf_host *host,
			const struct conf_token *word, struct str text)
{
	struct conf_quote quote;
	bool host_bits;
	if (!conf_read_network(text, &host->net, &host_bits)) {
		CONF_REPORT(p, word,
			    "'%s' is not a network; write 192.0.2.0/24, 192.0.2.1 or "
			    "2001:db8::/32",
			    conf_quote(&quote, text));
		return false;
	}
	conf_check_host_bits(p, word, text);
	return true;
}

bool conf_read_key(struct conf_parser *p, enum conf_block_id id, void *at,
		   const struct conf_token *word, size_t *used)
{
	*used = 0;
	switch (conf_blocks[id].key) {
	case CONF_KEYED_NAME:
	case CONF_KEYED_ROUTE: *used = p->value_count; return key_name(p, at, id, word);
	case CONF_KEYED_ZONE: *used = p->value_count; return key_zone(p, at, word);
	case CONF_KEYED_DOMAINS: *used = p->value_count; return key_domains(p, at, id, word);
	case CONF_KEYED_NETWORK:
		*used = 1;
		if (p->value_count) return key_network(p, at, &p->values[0], p->texts[0]);
		CONF_REPORT(p, word, "'host' needs a network: host 192.0.2.0/24 accept");
		return false;
	case CONF_KEYED_SENDERS:
		*used = 1;
		if (p->value_count && str_eq(p->texts[0], STR("senders"))) return true;
		CONF_REPORT(p, p->value_count ? &p->values[0] : word,
			    "what is filtered are senders: filter senders { @example.com }");
		return false;
	case CONF_KEYED_NONE:
	case CONF_KEYED_VALUES:
	case CONF_KEYED_FILE: return true;
	}
	return true;
}
