/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/index.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/map.h"

/* The names are the administrator's own, so no secret is needed. */
enum { HASH_SEED = 0x1b5, SLOTS_MIN = 8, V4_PREFIX = 96 };
enum { SENDER_KEY_MAX = 1024 };

struct conf_index *conf_index_new(struct arena *arena, size_t items)
{
	struct conf_index *index = arena_alloc(arena, sizeof *index);
	size_t size = SLOTS_MIN;
	while (size < 2 * items) size *= 2;
	struct conf_slot *slots = index ? arena_alloc(arena, size * sizeof *slots) : NULL;
	if (!slots) return NULL;
	index->slots = slots;
	index->size = size;
	return index;
}

static uint64_t net_hash(const struct ip_net *net)
{
	return ip_hash(net->base, HASH_SEED + net->prefix);
}

/* What has a network each: rules, or the entries of a list. */
struct nets {
	const char *at; /* of the first one's network */
	size_t step;
};

static struct nets nets_of_hosts(const struct conf_host *hosts)
{
	return (struct nets){ hosts ? (const char *)&hosts->net : NULL, sizeof *hosts };
}

static struct nets nets_of_list(const struct conf_networks *list)
{
	return (struct nets){ list->at ? (const char *)&list->at->net : NULL, sizeof *list->at };
}

static const struct ip_net *nets_get(struct nets nets, size_t item)
{
	return (const void *)(nets.at + item * nets.step);
}

static struct conf_slot *net_slot(const struct conf_index *index, struct nets nets,
				  const struct ip_net *net)
{
	size_t at = net_hash(net) & (index->size - 1);
	for (; index->slots[at].item; at = (at + 1) & (index->size - 1)) {
		const struct ip_net *there = nets_get(nets, index->slots[at].item - 1);
		if (there->prefix == net->prefix && ip_eq(there->base, net->base)) break;
	}
	return &index->slots[at];
}

static void prefix_add(struct conf_index *index, unsigned prefix)
{
	size_t at = 0;
	while (at < index->prefix_count && index->prefixes[at] > prefix) at++;
	if (at < index->prefix_count && index->prefixes[at] == prefix) return;
	memmove(index->prefixes + at + 1, index->prefixes + at, index->prefix_count - at);
	index->prefixes[at] = (unsigned char)prefix;
	index->prefix_count++;
}

static ptrdiff_t net_put(struct conf_index *index, struct nets nets, size_t item)
{
	const struct ip_net *net = nets_get(nets, item);
	struct conf_slot *slot = net_slot(index, nets, net);
	if (slot->item) return (ptrdiff_t)slot->item - 1;
	slot->item = (uint32_t)(item + 1);
	prefix_add(index, net->prefix);
	return -1;
}

ptrdiff_t conf_index_host(struct conf_index *index, const struct conf_host *hosts,
			  size_t item)
{
	return net_put(index, nets_of_hosts(hosts), item);
}

void conf_index_networks(struct conf_index *index, const struct conf_networks *list)
{
	for (size_t i = 0; i < list->count; i++) (void)net_put(index, nets_of_list(list), i);
}

static struct ip_net net_of(struct ip ip, unsigned prefix)
{
	struct ip_net net = { ip, prefix };
	for (unsigned i = 0; i < sizeof ip.octets; i++) {
		unsigned bits = prefix > i * 8 ? prefix - i * 8 : 0;
		if (bits < 8) net.base.octets[i] &= (unsigned char)(0xff00u >> bits);
	}
	return net;
}

/* The number of the one with the longest prefix, from 1 on; 0: none. */
static size_t net_find(const struct conf_index *index, struct nets nets, struct ip ip)
{
	for (size_t i = 0; i < index->prefix_count; i++) {
		if (ip_is_v4(ip) && index->prefixes[i] < V4_PREFIX) break;
		struct ip_net net = net_of(ip, index->prefixes[i]);
		const struct conf_slot *slot = net_slot(index, nets, &net);
		if (slot->item) return slot->item;
	}
	return 0;
}

const struct conf_host *conf_host_find(const struct conf *conf, struct ip ip)
{
	size_t found = net_find(conf->host_index, nets_of_hosts(conf->hosts), ip);
	return found ? &conf->hosts[found - 1] : NULL;
}

static struct conf_slot *domain_slot(const struct conf_index *index,
				     const struct conf_domain *domains, struct str name)
{
	size_t at = hash_str_nocase(name, HASH_SEED) & (index->size - 1);
	for (; index->slots[at].item; at = (at + 1) & (index->size - 1)) {
		const struct conf_slot *slot = &index->slots[at];
		if (str_eq_nocase(domains[slot->item - 1].names[slot->name], name)) break;
	}
	return &index->slots[at];
}

ptrdiff_t conf_index_domain(struct conf_index *index, const struct conf_domain *domains,
			    size_t item, size_t name)
{
	struct conf_slot *slot = domain_slot(index, domains, domains[item].names[name]);
	if (slot->item) return (ptrdiff_t)slot->item - 1;
	*slot = (struct conf_slot){ (uint32_t)(item + 1), (uint32_t)name };
	return -1;
}

const struct conf_domain *conf_domain_find(const struct conf *conf, struct str name)
{
	const struct conf_slot *slot =
		domain_slot(conf->domain_index, conf->domains, name);
	return slot->item ? &conf->domains[slot->item - 1] : NULL;
}

const struct conf_network *conf_network_find(const struct conf_networks *list,
					     struct ip ip)
{
	const struct conf_network *best = NULL;
	if (list->index) {
		size_t found = net_find(list->index, nets_of_list(list), ip);
		return found ? &list->at[found - 1] : NULL;
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct ip_net *net = &list->at[i].net;
		if (ip_is_v4(ip) && net->prefix < V4_PREFIX) continue;
		if (ip_net_has(net, ip) && (!best || net->prefix > best->net.prefix)) best = &list->at[i];
	}
	return best;
}

static struct conf_slot *sender_slot(const struct conf_index *index,
				     const struct conf_filter *filters, struct str text)
{
	size_t at = hash_str_nocase(text, HASH_SEED) & (index->size - 1);
	for (; index->slots[at].item; at = (at + 1) & (index->size - 1)) {
		const struct conf_slot *slot = &index->slots[at];
		const struct conf_senders *list = &filters[slot->item - 1].senders;
		if (str_eq_nocase(list->at[slot->name].text, text)) break;
	}
	return &index->slots[at];
}

bool conf_index_sender(struct conf_index *index, const struct conf_filter *filters, size_t item,
		       size_t entry, struct conf_slot *found)
{
	struct conf_slot *slot =
		sender_slot(index, filters, filters[item].senders.at[entry].text);
	*found = *slot;
	if (slot->item) return false;
	*slot = (struct conf_slot){ (uint32_t)(item + 1), (uint32_t)entry };
	return true;
}

/* "<>" for nothing; else the address, "@b.c.d" of it, then "@.c.d", "@.d". */
static const struct conf_slot *sender_find(const struct conf *conf, struct str sender)
{
	const struct conf_index *index = conf->sender_index;
	char text[SENDER_KEY_MAX];
	if (!sender.len) return sender_slot(index, conf->filters, STR("<>"));
	const struct conf_slot *slot = sender_slot(index, conf->filters, sender);
	ptrdiff_t at = str_rfind(sender, '@');
	if (slot->item || at < 0) return slot;
	struct str rest = str_from(sender, (size_t)at);
	slot = sender_slot(index, conf->filters, rest);
	for (ptrdiff_t dot; !slot->item && (dot = str_find(rest, '.')) >= 0;) {
		struct buf key;
		buf_init_fixed(&key, text, sizeof text);
		rest = str_from(rest, (size_t)dot);
		buf_byte(&key, '@');
		buf_str(&key, rest);
		slot = sender_slot(index, conf->filters, buf_view(&key));
		rest = str_from(rest, 1);
	}
	return slot;
}

const struct conf_sender *conf_sender_find(const struct conf *conf, struct str sender,
					   enum conf_filter_action *action)
{
	if (!conf->filter_count) return NULL;
	const struct conf_slot *slot = sender_find(conf, sender);
	if (!slot->item) return NULL;
	const struct conf_filter *filter = &conf->filters[slot->item - 1];
	*action = filter->action;
	return &filter->senders.at[slot->name];
}

struct str conf_directory_secret(const struct conf_directory *d)
{
	return d->ldap.secret.len ? d->ldap.secret : d->postgres.secret;
}

const struct conf_directory *conf_directory_find(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->directory_count; i++)
		if (str_eq(conf->directories[i].name, name)) return &conf->directories[i];
	return NULL;
}

const struct conf_egress *conf_egress_find(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->egress_count; i++)
		if (str_eq(conf->egresses[i].name, name)) return &conf->egresses[i];
	return NULL;
}

const struct conf_route *conf_route_find(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->route_count; i++)
		if (str_eq(conf->routes[i].name, name)) return &conf->routes[i];
	return NULL;
}
