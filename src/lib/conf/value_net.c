/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/value_net.h"

#include "lib/conf/error.h"

enum { SMTP_PORT = 25 };

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

static bool read_hop(struct str value, struct arena *arena, struct conf_hop *out)
{
	struct str host, port;
	struct ip ip;
	bool bracketed, has_port;
	if (!split_port(value, &host, &port, &bracketed, &has_port)) return false;
	out->port = SMTP_PORT;
	if (has_port && !read_port(port, &out->port)) return false;
	if (bracketed ? !ip_parse(host, &ip) : !conf_is_domain(host)) return false;
	out->host = arena_str(arena, host);
	return true;
}

bool conf_read_hops(const struct str *values, size_t count, struct arena *arena,
		    struct conf_hops *out, struct conf_problem *problem)
{
	struct conf_quote quote;
	struct conf_hops list = { arena_alloc(arena, count * sizeof *list.at), count };
	if (!list.at) return false;
	for (size_t i = 0; i < count; i++) {
		struct ip ip;
		bool bare = ip_parse(values[i], &ip) && !ip_is_v4(ip);
		if (!bare && read_hop(values[i], arena, &list.at[i])) {
			if (!list.at[i].host.at) return false;
			continue;
		}
		conf_problem_set(problem, i,
				 bare ? "'%s' is an IPv6 address; write it in brackets: "
					"[2001:db8::1]:25"
				      : "'%s' is not HOST or HOST:PORT",
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
