/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/value_net.h"

#include "lib/conf/error.h"
#include "lib/conf/value_match.h"

enum { SMTP_PORT = 25, LMTP_PORT = 24, DNS_PORT = 53 };
/* What the address of a Unix socket holds, and the limits of a list. */
enum { SOCKET_PATH_MAX = 107, LMTP_TARGETS_MAX = 8, NETWORKS_ROOM_MIN = 8 };
enum { HOPS_MAX = 16, WEIGHT_MAX = 1000 };

static bool read_port(struct str s, uint16_t *port)
{
	uint64_t number;
	if (!str_to_u64(s, &number) || number < 1 || number > UINT16_MAX) return false;
	*port = (uint16_t)number;
	return true;
}

/* Cuts "[HOST]:PORT" or "HOST:PORT"; without a port has_port is false. */
static bool split_port(struct str s, struct str *host, struct str *port, bool *bracketed,
		       bool *has_port)
{
	*bracketed = s.len && s.at[0] == '[';
	ptrdiff_t end = *bracketed ? str_find(s, ']') : str_find(s, ':');
	if (*bracketed && end < 0) return false;
	*host = *bracketed ? str_sub(s, 1, (size_t)end - 1)
		: end < 0  ? s
			   : str_sub(s, 0, (size_t)end);
	struct str rest =
		*bracketed ? str_from(s, (size_t)end + 1) : str_from(s, host->len);
	*has_port = rest.len > 0;
	if (*has_port && rest.at[0] != ':') return false;
	*port = str_from(rest, 1);
	return host->len > 0;
}

static bool address_problem(size_t index, struct str value, struct conf_problem *problem)
{
	struct conf_quote quote;
	const char *text = conf_quote(&quote, value);
	struct ip ip;
	if (ip_parse(value, &ip))
		conf_problem_set(problem, index,
				 ip_is_v4(ip) ? "'%s' has no port; write %s:25"
					      : "'%s' has no port; write [%s]:25",
				 text, text);
	else
		conf_problem_set(problem, index,
				 "'%s' is not ADDRESS:PORT; write 192.0.2.1:25, "
				 "[2001:db8::1]:25 or *:25",
				 text);
	return false;
}

bool conf_read_addresses(const struct str *values, size_t count, struct arena *arena,
			 struct conf_addresses *out, struct conf_problem *problem)
{
	struct conf_addresses list = { arena_alloc(arena, 2 * count * sizeof *list.at),
				       0 };
	if (!list.at) return false;
	for (size_t i = 0; i < count; i++) {
		struct conf_address *address = &list.at[list.count++];
		struct str host, port;
		bool bracketed, has_port;
		if (!split_port(values[i], &host, &port, &bracketed, &has_port) ||
		    !has_port || !read_port(port, &address->port))
			return address_problem(i, values[i], problem);
		if (!bracketed && str_eq(host, STR("*"))) {
			address->ip = ip_of_v4(0);
			list.at[list.count++] =
				(struct conf_address){ .port = address->port };
		} else if (!ip_parse(host, &address->ip) ||
			   bracketed != !ip_is_v4(address->ip)) {
			return address_problem(i, values[i], problem);
		}
	}
	*out = list;
	return true;
}

static bool read_server(struct str value, struct conf_address *out)
{
	struct str host, port;
	bool bracketed, has_port;
	out->port = DNS_PORT;
	if (ip_parse(value, &out->ip)) return true;
	if (!split_port(value, &host, &port, &bracketed, &has_port)) return false;
	if (has_port && !read_port(port, &out->port)) return false;
	return ip_parse(host, &out->ip) && bracketed != ip_is_v4(out->ip);
}

bool conf_read_servers(const struct str *values, size_t count, struct arena *arena,
		       struct conf_addresses *out, struct conf_problem *problem)
{
	struct conf_quote quote;
	struct conf_addresses list = { arena_alloc(arena, count * sizeof *list.at),
				       count };
	if (!list.at) return false;
	for (size_t i = 0; i < count; i++) {
		if (read_server(values[i], &list.at[i])) continue;
		conf_problem_set(problem, i,
				 "'%s' is not the address of a server; write 192.0.2.1, "
				 "192.0.2.1:53 or [2001:db8::1]:53",
				 conf_quote(&quote, values[i]));
		return false;
	}
	*out = list;
	return true;
}

static bool read_hop(struct str value, uint16_t default_port, struct arena *arena,
		     struct conf_hop *out)
{
	struct str host, port, rest = value;
	struct ip ip;
	bool bracketed, has_port;
	/* "mx:25" is the port of a host of that name. */
	out->mx = str_starts_nocase(value, STR("mx:")) &&
		  !read_port(str_from(value, 3), &out->port);
	if (out->mx) rest = str_from(value, 3);
	if (!split_port(rest, &host, &port, &bracketed, &has_port)) return false;
	out->port = default_port;
	if (has_port && !read_port(port, &out->port)) return false;
	if (bracketed ? out->mx || !ip_parse(host, &ip) : !conf_is_domain(host)) return false;
	if (out->mx && ip_parse(host, &ip)) return false;
	out->host = arena_str(arena, host);
	return true;
}

/* False with the problem set, or without memory. */
static bool read_next_hop(struct str value, uint16_t default_port, struct arena *arena,
			  struct conf_hop *out, struct conf_problem *problem,
			  size_t index)
{
	struct conf_quote quote;
	struct ip ip;
	bool bare = ip_parse(value, &ip) && !ip_is_v4(ip);
	if (!bare && read_hop(value, default_port, arena, out))
		return out->host.at != NULL;
	conf_quote(&quote, value);
	if (bare)
		conf_problem_set(problem, index,
				 "'%s' is an IPv6 address; write it in brackets: "
				 "[2001:db8::1]:%u",
				 quote.text, default_port);
	else
		conf_problem_set(problem, index, "'%s' is not HOST or HOST:PORT%s", quote.text,
				 str_starts_nocase(value, STR("mx:")) ? ", or mx:NAME" : "");
	return false;
}

/* "weight N" behind the hop number `i`; `used`: 0 or 2 values. */
static bool read_weight(const struct str *values, size_t count, size_t i, struct conf_hop *hop,
			size_t *used, struct conf_problem *problem)
{
	struct conf_quote quote;
	uint64_t weight = 0;
	*used = 0;
	if (i + 1 >= count || !str_eq(values[i + 1], STR("weight"))) return true;
	*used = 2;
	if (i + 2 < count && str_to_u64(values[i + 2], &weight) && weight >= 1 &&
	    weight <= WEIGHT_MAX) {
		hop->weight = (uint16_t)weight;
		return true;
	}
	if (i + 2 < count)
		conf_problem_set(problem, i + 2, "'%s' is no weight; it is 1 to %d",
				 conf_quote(&quote, values[i + 2]), WEIGHT_MAX);
	else conf_problem_set(problem, i + 1, "behind 'weight' stands a number, 1 to %d", WEIGHT_MAX);
	return false;
}

bool conf_read_hops(const struct str *values, size_t count, struct arena *arena,
		    struct conf_hops *out, struct conf_problem *problem)
{
	struct conf_hops list = { arena_alloc(arena, HOPS_MAX * sizeof *list.at), 0 };
	if (!list.at) return false;
	for (size_t i = 0, used; i < count; i += 1 + used) {
		if (list.count == HOPS_MAX) {
			conf_problem_set(problem, i, "'via' takes at most %d hosts", HOPS_MAX);
			return false;
		}
		struct conf_hop *hop = &list.at[list.count++];
		if (!read_next_hop(values[i], SMTP_PORT, arena, hop, problem, i)) return false;
		if (!read_weight(values, count, i, hop, &used, problem)) return false;
	}
	*out = list;
	return true;
}

bool conf_read_lmtp(const struct str *values, size_t count, struct arena *arena,
		    struct conf_hops *out, struct conf_problem *problem)
{
	struct conf_hops list = { arena_alloc(arena, count * sizeof *list.at), count };
	if (!list.at) return false;
	if (count > LMTP_TARGETS_MAX) {
		conf_problem_set(problem, LMTP_TARGETS_MAX,
				 "'deliver lmtp' takes at most %d targets",
				 LMTP_TARGETS_MAX);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		bool path = values[i].len && values[i].at[0] == '/';
		if (path && values[i].len > SOCKET_PATH_MAX) {
			conf_problem_set(problem, i,
					 "the path of a socket has at most %d bytes",
					 SOCKET_PATH_MAX);
			return false;
		}
		if (path) list.at[i].host = arena_str(arena, values[i]);
		if (path && !list.at[i].host.at) return false;
		if (!path &&
		    !read_next_hop(values[i], LMTP_PORT, arena, &list.at[i], problem, i))
			return false;
		if (list.at[i].mx) {
			conf_problem_set(problem, i, "mx: is for the hosts of a route");
			return false;
		}
	}
	*out = list;
	return true;
}

bool conf_is_match(struct str s)
{
	return conf_is_domain(str_from(s, s.len && s.at[0] == '.'));
}

bool conf_read_hostnames(const struct str *values, size_t count, struct arena *arena,
			 struct conf_matches *out, struct conf_problem *problem)
{
	struct conf_quote quote;
	for (size_t i = 0; i < count; i++) {
		if (conf_is_domain(values[i])) continue;
		conf_problem_set(problem, i, "'%s' is not a host name",
				 conf_quote(&quote, values[i]));
		return false;
	}
	return conf_read_matches(values, count, arena, out, problem);
}

static size_t networks_room(size_t count)
{
	size_t room = NETWORKS_ROOM_MIN;
	while (room < count) room *= 2;
	return room;
}

/* The list with room for `more`: moved only when a power of two is passed. */
static bool networks_grow(struct conf_networks *list, size_t more, struct arena *arena)
{
	size_t room = networks_room(list->count + more);
	if (list->count && room == networks_room(list->count)) return true;
	struct conf_network *at = arena_alloc(arena, room * sizeof *at);
	for (size_t i = 0; at && i < list->count; i++) at[i] = list->at[i];
	if (at) list->at = at;
	return at != NULL;
}

bool conf_read_networks(const struct conf_row *row, const struct str *values,
			size_t count, struct arena *arena, struct conf_networks *out,
			struct conf_problem *problem)
{
	struct conf_quote quote;
	struct conf_networks list = *out;
	bool host_bits;
	if (count > (size_t)row->max - list.count) {
		conf_problem_set(problem, (size_t)row->max - list.count,
				 "there are more than %lld networks of '%.*s'",
				 (long long)row->max, STR_ARG(row->word));
		return false;
	}
	if (!networks_grow(&list, count, arena)) return false;
	for (size_t i = 0; i < count; i++) {
		struct conf_network *network = &list.at[list.count++];
		*network = (struct conf_network){ 0 };
		if (conf_read_network(values[i], &network->net, &host_bits)) continue;
		conf_problem_set(
			problem, i,
			"'%s' is not a network; write 192.0.2.0/24, 192.0.2.1 or "
			"2001:db8::/32",
			conf_quote(&quote, values[i]));
		return false;
	}
	*out = list;
	return true;
}

bool conf_read_network(struct str value, struct ip_net *out, bool *host_bits)
{
	struct str rest = value;
	struct ip ip;
	if (!ip_net_parse(value, out) || !ip_parse(str_cut(&rest, '/'), &ip))
		return false;
	*host_bits = !ip_eq(ip, out->base);
	return true;
}
